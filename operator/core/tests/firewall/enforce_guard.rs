//! The second reader: what it must refuse, each as a plan that a mistaken planner might make.

use crate::enforce::{allow, holding, matrix, wish};
use crate::model::{Pve, fields};
use zentoria_api::firewall::ForeignRules;
use zentoria_core::firewall::enforce::{Place, RuleRef, Step, guard, plan};
use zentoria_core::firewall::guest::{GuestFirewall, Ipset, SetName};

fn refusal(steps: &[Step], want: &GuestFirewall, pve: &Pve) -> String {
    guard(steps, want, &pve.seen(), ForeignRules::Keep).map_or_else(|refusal| refusal.why, |()| "nothing".to_owned())
}

fn of(text: &str) -> RuleRef {
    RuleRef { fields: fields(text), nth: 0 }
}

const FOREIGN: &str = "type=in action=ACCEPT enable=1 proto=tcp dport=80";

fn option(key: &str, value: &str) -> Step {
    Step::SetOptions { set: [(key.to_owned(), value.to_owned())].into() }
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let mut pve = holding(&matrix());
    pve.rules.push(fields(FOREIGN));
    pve.create_set("peers", "by hand").expect("made");
    pve.add_entry("peers", "10.0.0.1", false).expect("added");
    let own = RuleRef { fields: pve.rules[0].clone(), nth: 0 };
    let peers = SetName("peers".to_owned());
    let cases = [
        (Step::DeleteRule { rule: of(FOREIGN) }, "a rule that is not ours is not removed"),
        (Step::MoveRule { rule: of(FOREIGN), place: Place::Before(own) }, "a rule that is not ours is not moved"),
        (
            Step::UpdateRule { rule: of(FOREIGN), set: fields("enable=0"), delete: vec![] },
            "a rule that is not ours is not changed",
        ),
        (Step::DeleteSet { name: peers.clone() }, "the IP set peers is not ours"),
        (Step::RemoveEntry { set: peers.clone(), cidr: "10.0.0.1".to_owned() }, "the IP set peers is not ours"),
        (Step::AddEntry { set: peers, cidr: "10.0.0.2".to_owned() }, "the IP set peers is not ours"),
        (option("ips", "1"), "ips=1 is not wished"),
        (option("policy_in", "ACCEPT"), "policy_in=ACCEPT is not wished"),
        (option("enable", "0"), "enable=0 is not wished"),
        (Step::InsertRule { fields: fields(FOREIGN) }, "no rule of the matrix says so"),
    ];
    for (step, why) in cases {
        assert_eq!(refusal(std::slice::from_ref(&step), &matrix(), &pve), why, "{step:?}");
    }
    let remove = [Step::DeleteRule { rule: of(FOREIGN) }];
    assert_eq!(guard(&remove, &matrix(), &pve.seen(), ForeignRules::Remove), Ok(()));
}

#[test]
fn nothing_closes_while_a_rule_that_opens_is_missing() {
    let nothing = Pve::default();
    let planned = plan(&matrix(), &nothing.seen(), ForeignRules::Keep).steps;
    assert_eq!(refusal(&planned, &matrix(), &nothing), "nothing");
    let missing = "the rule zentoria:shop/admin#00000005 that opens the guest is not there";
    assert_eq!(refusal(&planned[1..], &matrix(), &nothing), missing, "a rule was forgotten");
    let mut early = planned;
    early.rotate_right(1);
    assert!(refusal(&early, &matrix(), &nothing).contains("is not there"), "the switch came first");

    let mut open = matrix();
    open.options.policy_in = zentoria_api::firewall::Policy::Accept;
    open.rules.remove(0);
    let refused = refusal(&[option("policy_in", "DROP")], &matrix(), &holding(&open));
    assert_eq!(refused, "the rule zentoria:shop/db#00000002 that opens the guest is not there");
}

#[test]
fn a_rule_that_opens_does_not_go_before_its_successor_is_in() {
    let pve = holding(&matrix());
    let mut want = matrix();
    want.rules[0] = allow("db", 5433, "10.10.40.1");
    let mut steps = plan(&want, &pve.seen(), ForeignRules::Keep).steps;
    assert_eq!(refusal(&steps, &want, &pve), "nothing");
    steps.reverse();
    assert!(refusal(&steps, &want, &pve).contains("is not there"));
    let needed = Step::DeleteRule { rule: RuleRef { fields: pve.rules[1].clone(), nth: 0 } };
    assert!(refusal(&[needed], &matrix(), &pve).contains("is not there"), "a rule of the wish");
}

#[test]
fn a_set_has_all_its_addresses_before_the_guest_closes() {
    let name = SetName("zen-0000000a".to_owned());
    let mut want = wish(vec![allow("db", 5432, "+zen-0000000a")]);
    let entries = ["10.0.0.1/32", "10.0.0.2/32"].map(|net| net.parse().expect("a network")).into();
    want.ipsets.insert(name.clone(), Ipset { comment: "zentoria:shop/db".to_owned(), entries });
    let mut steps = plan(&want, &Pve::default().seen(), ForeignRules::Keep).steps;
    assert_eq!(refusal(&steps, &want, &Pve::default()), "nothing");
    let forgotten = steps.remove(2);
    assert!(matches!(forgotten, Step::AddEntry { .. }));
    let why = "10.0.0.2/32 is not in the IP set zen-0000000a of the rule zentoria:shop/db#00000002";
    assert_eq!(refusal(&steps, &want, &Pve::default()), why);
    assert_eq!(refusal(&steps[1..], &want, &Pve::default()), "there is no IP set zen-0000000a");

    let pve = holding(&want);
    let cases = [
        (
            Step::RemoveEntry { set: name.clone(), cidr: "10.0.0.1".to_owned() },
            "10.0.0.1 belongs into the IP set zen-0000000a",
        ),
        (
            Step::AddEntry { set: name.clone(), cidr: "10.0.0.0/8".to_owned() },
            "10.0.0.0/8 is not to be in the IP set zen-0000000a",
        ),
        (Step::DeleteSet { name }, "the IP set zen-0000000a is needed"),
    ];
    for (step, why) in cases {
        assert_eq!(refusal(std::slice::from_ref(&step), &want, &pve), why, "{step:?}");
    }
}

#[test]
fn a_step_for_a_rule_that_is_gone_is_refused() {
    let pve = holding(&matrix());
    let gone = RuleRef { fields: pve.rules[0].clone(), nth: 1 };
    assert_eq!(refusal(&[Step::DeleteRule { rule: gone }], &matrix(), &pve), "there is no such rule");
}
