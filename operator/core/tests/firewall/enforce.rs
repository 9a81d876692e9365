//! The steps for each sort of difference, as tables.

use crate::model::Pve;
use std::collections::BTreeMap;
use zentoria_api::firewall::{Action, ForeignRules, LogLevel, Policy, Protocol};
use zentoria_core::firewall::enforce::{Enforcement, Place, RuleRef, Step, guard, plan};
use zentoria_core::firewall::guest::{Ends, GuestFirewall, Ipset, Options, PortRange, Rule, Service, SetName, Way};

pub fn options() -> Options {
    Options {
        policy_in: Policy::Drop,
        policy_out: Policy::Accept,
        ipfilter: false,
        macfilter: true,
        dhcp: false,
        ndp: true,
        radv: false,
        log_level_in: LogLevel::Nolog,
        log_level_out: LogLevel::Nolog,
    }
}

/// A rule that lets an address in at a port of TCP.
pub fn allow(name: &str, port: u16, from: &str) -> Rule {
    let peer = match from.strip_prefix('+') {
        Some(set) => Ends::Set(SetName(set.to_owned())),
        None => Ends::Addresses(from.split(',').map(|net| format!("{net}/32").parse().expect("a network")).collect()),
    };
    Rule {
        way: Way::In,
        action: Action::Allow,
        service: Service::Ports(Protocol::TCP, vec![PortRange { first: port, last: port }]),
        peer,
        log: None,
        comment: format!("zentoria:shop/{name}#0000000{}", name.len()),
    }
}

pub fn wish(rules: Vec<Rule>) -> GuestFirewall {
    GuestFirewall { options: options(), ipsets: BTreeMap::new(), rules }
}

/// Three rules: to the database, to a cache, and for the administrators.
pub fn matrix() -> GuestFirewall {
    wish(vec![allow("db", 5432, "10.10.40.1"), allow("cache", 6379, "10.10.40.2"), allow("admin", 22, "10.10.0.9")])
}

pub fn with_set(entries: &[&str]) -> GuestFirewall {
    let mut want = wish(vec![allow("db", 5432, "+zen-0000000a")]);
    let entries = entries.iter().map(|net| net.parse().expect("a network")).collect();
    want.ipsets.insert(SetName("zen-0000000a".to_owned()), Ipset { comment: "zentoria:shop/db".to_owned(), entries });
    want
}

pub fn enforce(pve: &mut Pve, want: &GuestFirewall, foreign: ForeignRules) -> Enforcement {
    let planned = plan(want, &pve.seen(), foreign);
    guard(&planned.steps, want, &pve.seen(), foreign).expect("the second reader agrees");
    for step in &planned.steps {
        pve.carry_out(step).expect("PVE takes it");
    }
    planned
}

/// A guest that holds this.
pub fn holding(want: &GuestFirewall) -> Pve {
    let mut pve = Pve::default();
    enforce(&mut pve, want, ForeignRules::Keep);
    pve
}

pub fn comments(pve: &Pve) -> Vec<&str> {
    pve.rules.iter().map(|rule| rule.get("comment").map_or("-", |text| text.split('#').next().unwrap_or("-"))).collect()
}

const ORDER: [&str; 3] = ["zentoria:shop/db", "zentoria:shop/cache", "zentoria:shop/admin"];

/// The words of steps, for comparison: `insert`, `move`, ...
pub fn kinds(planned: &Enforcement) -> Vec<&'static str> {
    let kind = |step: &Step| match step {
        Step::CreateSet { .. } => "create set",
        Step::AddEntry { .. } => "add entry",
        Step::InsertRule { .. } => "insert",
        Step::MoveRule { .. } => "move",
        Step::UpdateRule { .. } => "update",
        Step::SetOptions { .. } => "options",
        Step::DeleteRule { .. } => "delete",
        Step::RemoveEntry { .. } => "remove entry",
        Step::DeleteSet { .. } => "delete set",
    };
    planned.steps.iter().map(kind).collect()
}

#[test]
fn a_guest_without_a_file_gets_rules_in_reverse_then_options_and_the_switch_last() {
    let mut pve = Pve::default();
    let planned = enforce(&mut pve, &matrix(), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["insert", "insert", "insert", "options", "options"]);
    assert_eq!(comments(&pve), ORDER);
    let last = planned.steps.last().expect("steps");
    assert_eq!(*last, Step::SetOptions { set: [("enable".to_owned(), "1".to_owned())].into() });
    assert!(pve.rules.iter().all(|rule| rule["enable"] == "1"), "enable is sent: PVE's default is 0");
    let closes: Vec<bool> = planned.steps.iter().map(Step::closes).collect();
    assert_eq!(closes, [false, false, false, true, true], "DROP by itself closes once the switch is on");
}

#[test]
fn a_set_is_made_and_filled_before_the_rule_that_names_it() {
    let mut pve = Pve::default();
    let planned = enforce(&mut pve, &with_set(&["10.10.40.1/32", "10.10.41.0/24"]), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["create set", "add entry", "add entry", "insert", "options", "options"]);
    assert_eq!(pve.ipsets["zen-0000000a"].entries.keys().collect::<Vec<_>>(), ["10.10.40.1", "10.10.41.0/24"]);
    assert_eq!(
        &planned.differences[..3],
        [
            "+ in ACCEPT tcp 5432 from 10.10.40.1, 10.10.41.0/24 (shop/db)",
            "+ set zen-0000000a (shop/db)",
            "+ 10.10.40.1 in set zen-0000000a (shop/db)",
        ]
    );
}

#[test]
fn what_a_person_did_to_a_rule_of_ours_is_undone_with_the_fewest_calls() {
    type Hands = fn(&mut Pve);
    let cases: &[(&str, Hands, &[&str], &[&str])] = &[
        ("nothing", |_| {}, &[], &[]),
        (
            "switched off",
            |pve| drop(pve.rules[1].insert("enable".to_owned(), "0".to_owned())),
            &["update"],
            &["~ in ACCEPT tcp 6379 from 10.10.40.2 (shop/cache): enable 0 -> 1"],
        ),
        (
            "another comment, still ours",
            |pve| drop(pve.rules[1].insert("comment".to_owned(), "zentoria:x".to_owned())),
            &["update"],
            &["~ in ACCEPT tcp 6379 from 10.10.40.2 (shop/cache): comment zentoria:x -> zentoria:shop/cache#00000005"],
        ),
        (
            "a log",
            |pve| drop(pve.rules[1].insert("log".to_owned(), "info".to_owned())),
            &["update"],
            &["~ in ACCEPT tcp 6379 from 10.10.40.2 (shop/cache): log info -> (not set)"],
        ),
        (
            "moved",
            |pve| pve.rules.rotate_left(1),
            &["move"],
            &["~ in ACCEPT tcp 5432 from 10.10.40.1 (shop/db): stands out of order"],
        ),
        (
            "another port",
            |pve| drop(pve.rules[1].insert("dport".to_owned(), "1:65535".to_owned())),
            &["insert", "move", "delete"],
            &[
                "+ in ACCEPT tcp 6379 from 10.10.40.2 (shop/cache)",
                "- in ACCEPT tcp 1:65535 from 10.10.40.2 (shop/cache)",
            ],
        ),
        (
            "removed",
            |pve| drop(pve.rules.remove(2)),
            &["insert", "move"],
            &["+ in ACCEPT tcp 22 from 10.10.0.9 (shop/admin)"],
        ),
        (
            "the first removed",
            |pve| drop(pve.rules.remove(0)),
            &["insert"],
            &["+ in ACCEPT tcp 5432 from 10.10.40.1 (shop/db)"],
        ),
        (
            "twice",
            |pve| pve.rules.insert(0, pve.rules[2].clone()),
            &["delete"],
            &["- in ACCEPT tcp 22 from 10.10.0.9 (shop/admin)"],
        ),
        (
            "all removed",
            |pve| pve.rules.clear(),
            &["insert", "insert", "insert"],
            &[
                "+ in ACCEPT tcp 5432 from 10.10.40.1 (shop/db)",
                "+ in ACCEPT tcp 6379 from 10.10.40.2 (shop/cache)",
                "+ in ACCEPT tcp 22 from 10.10.0.9 (shop/admin)",
            ],
        ),
    ];
    for (what, hands, steps, differences) in cases {
        let mut pve = holding(&matrix());
        hands(&mut pve);
        let planned = enforce(&mut pve, &matrix(), ForeignRules::Keep);
        assert_eq!(kinds(&planned), *steps, "{what}");
        assert_eq!(planned.differences, *differences, "{what}");
        assert_eq!(pve, holding(&matrix()), "{what}");
    }
}

#[test]
fn what_a_person_did_to_options_and_sets_is_undone() {
    type Hands = fn(&mut Pve);
    let want = with_set(&["10.10.40.1/32", "10.10.41.0/24"]);
    let cases: &[(&str, Hands, &[&str], &[&str])] = &[
        (
            "open policy",
            |pve| drop(pve.options.insert("policy_in".to_owned(), "ACCEPT".to_owned())),
            &["options"],
            &["~ policy_in ACCEPT -> DROP"],
        ),
        ("option gone", |pve| drop(pve.options.remove("ndp")), &["options"], &["~ ndp (not set) -> 1"]),
        (
            "switched off",
            |pve| drop(pve.options.insert("enable".to_owned(), "0".to_owned())),
            &["options"],
            &["~ enable 0 -> 1"],
        ),
        ("an option of no meaning to us", |pve| drop(pve.options.insert("ips".to_owned(), "1".to_owned())), &[], &[]),
        (
            "an entry gone",
            |pve| {
                set(pve).remove("10.10.40.1");
            },
            &["add entry"],
            &["+ 10.10.40.1 in set zen-0000000a (shop/db)"],
        ),
        (
            "an entry more",
            |pve| {
                set(pve).insert("0.0.0.0/1".to_owned(), false);
            },
            &["remove entry"],
            &["- 0.0.0.0/1 in set zen-0000000a (shop/db)"],
        ),
        (
            "an alias more",
            |pve| {
                set(pve).insert("dc/office".to_owned(), false);
            },
            &["remove entry"],
            &["- dc/office in set zen-0000000a (shop/db)"],
        ),
        (
            "an entry turned into an exception",
            |pve| {
                set(pve).insert("10.10.40.1".to_owned(), true);
            },
            &["remove entry", "add entry"],
            &["+ 10.10.40.1 in set zen-0000000a (shop/db)", "- !10.10.40.1 in set zen-0000000a (shop/db)"],
        ),
        (
            "an exception more",
            |pve| {
                set(pve).insert("10.10.41.7".to_owned(), true);
            },
            &["remove entry"],
            &["- !10.10.41.7 in set zen-0000000a (shop/db)"],
        ),
        (
            "the set gone",
            |pve| pve.ipsets.clear(),
            &["create set", "add entry", "add entry"],
            &[
                "+ set zen-0000000a (shop/db)",
                "+ 10.10.40.1 in set zen-0000000a (shop/db)",
                "+ 10.10.41.0/24 in set zen-0000000a (shop/db)",
            ],
        ),
    ];
    for (what, hands, steps, differences) in cases {
        let mut pve = holding(&want);
        hands(&mut pve);
        let planned = enforce(&mut pve, &want, ForeignRules::Keep);
        assert_eq!(kinds(&planned), *steps, "{what}");
        assert_eq!(planned.differences, *differences, "{what}");
        pve.options.remove("ips");
        assert_eq!(pve, holding(&want), "{what}");
    }
}

fn set(pve: &mut Pve) -> &mut BTreeMap<String, bool> {
    &mut pve.ipsets.get_mut("zen-0000000a").expect("the set").entries
}

#[test]
fn a_peer_more_is_one_entry_and_a_rule_less_takes_its_set_along() {
    let mut pve = holding(&with_set(&["10.10.40.1/32"]));
    let planned = enforce(&mut pve, &with_set(&["10.10.40.1/32", "10.10.40.2/32"]), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["add entry"]);
    let planned = enforce(&mut pve, &wish(vec![]), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["delete", "delete set"]);
    assert!(pve.ipsets.is_empty() && pve.rules.is_empty());
}

#[test]
fn on_a_guest_that_filters_a_stricter_policy_comes_after_the_new_rules_and_before_what_goes() {
    let mut open = matrix();
    open.options.policy_in = Policy::Accept;
    open.rules.remove(0);
    let mut pve = holding(&open);
    let mut strict = matrix();
    strict.rules.remove(2);
    let planned = enforce(&mut pve, &strict, ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["insert", "options", "delete"]);
}

#[test]
fn a_rule_below_one_that_drops_is_inserted_switched_off_and_switched_on_in_its_place() {
    let mut deny = allow("deny", 5432, "10.10.40.7");
    deny.action = Action::Drop;
    let mut pve = holding(&wish(vec![deny.clone()]));
    let mut all = allow("db", 5432, "10.10.40.1");
    all.peer = Ends::Any;
    let planned = enforce(&mut pve, &wish(vec![deny, all]), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["insert", "move", "update"]);
    assert!(matches!(&planned.steps[0], Step::InsertRule { fields } if fields["enable"] == "0"));
    assert!(matches!(&planned.steps[1], Step::MoveRule { place: Place::After(_), .. }));
}

#[test]
fn two_hundred_rules_take_two_hundred_inserts_and_one_more_takes_two_calls() {
    let rules = |count: u16| -> Vec<Rule> {
        (0..count).map(|index| allow(&format!("r{index}"), 1000 + index * 2, "10.10.40.1")).collect()
    };
    let mut pve = Pve::default();
    let planned = enforce(&mut pve, &wish(rules(200)), ForeignRules::Keep);
    assert_eq!(planned.steps.len(), 202);
    assert_eq!(kinds(&enforce(&mut pve, &wish(rules(200)), ForeignRules::Keep)), Vec::<&str>::new());
    assert_eq!(kinds(&enforce(&mut pve, &wish(rules(201)), ForeignRules::Keep)), ["insert", "move"]);
    let mut turned = rules(201);
    turned.reverse();
    assert_eq!(kinds(&enforce(&mut pve, &wish(turned), ForeignRules::Keep)), vec!["move"; 200]);
}

#[test]
fn a_rule_is_found_by_its_content_however_positions_change() {
    let pve = holding(&matrix());
    let rules = pve.seen().rules;
    let content = |at: usize| RuleRef { fields: pve.rules[at].clone(), nth: 0 };
    assert_eq!(content(1).find(&rules), Some(1), "though PVE tells ipversion with it");
    assert_eq!(Place::Before(content(1)).moveto(&rules), Some(1));
    assert_eq!(Place::After(content(2)).moveto(&rules), Some(3), "the number of the rules: last");
    assert_eq!(RuleRef { nth: 1, ..content(1) }.find(&rules), None);
}
