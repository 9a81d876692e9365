//! What people put beside ours: kept where it stands, shown, and judged.

use crate::enforce::{allow, comments, enforce, holding, kinds, matrix, wish, with_set};
use crate::model::{Pve, fields};
use zentoria_api::firewall::{Action, ForeignRules};
use zentoria_core::firewall::enforce::plan;
use zentoria_core::firewall::guest::{Ends, Ipset, Rule, SetName};

#[test]
fn foreign_rules_keep_their_places_and_what_stands_on_top_stays_on_top() {
    let mut pve = holding(&matrix());
    pve.post_rule(&fields("type=in action=DROP enable=1 comment=emergency")).expect("taken");
    pve.rules.insert(2, fields("type=in action=ACCEPT enable=1 proto=tcp dport=80"));
    let mut more = matrix();
    more.rules.insert(0, allow("first", 25, "10.10.40.3"));
    let planned = enforce(&mut pve, &more, ForeignRules::Keep);
    assert_eq!(
        comments(&pve),
        ["emergency", "zentoria:shop/first", "zentoria:shop/db", "-", "zentoria:shop/cache", "zentoria:shop/admin"]
    );
    let told: Vec<(&str, bool)> =
        planned.foreign.iter().map(|foreign| (foreign.text.as_str(), foreign.widens.is_some())).collect();
    assert_eq!(told, [("in DROP from anywhere \"emergency\"", false), ("in ACCEPT tcp 80 from anywhere", true)]);
    let planned = enforce(&mut pve, &more, ForeignRules::Remove);
    assert_eq!(kinds(&planned), ["delete", "delete"]);
    assert_eq!(planned.foreign, []);
}

#[test]
fn a_foreign_rule_widens_exactly_where_it_opens_what_ours_do_not() {
    let mut want = matrix();
    want.rules.push(Rule { peer: Ends::Any, ..allow("web", 443, "10.10.40.1") });
    let cases: &[(&str, Option<&str>)] = &[
        ("type=in action=ACCEPT enable=1 proto=tcp dport=22 source=10.0.0.5", Some("opens tcp 22 from 10.0.0.5")),
        ("type=in action=ACCEPT enable=1 proto=tcp dport=22 source=10.10.0.9", None),
        ("type=in action=ACCEPT enable=1 proto=tcp dport=22 source=10.10.0.8/31", Some("opens tcp 22 from 10.10.0.8")),
        ("type=in action=ACCEPT enable=1 macro=HTTPS", None),
        ("type=in action=ACCEPT enable=1 macro=HTTPS source=10.3.3.3", None),
        ("type=in action=ACCEPT enable=1 macro=HTTP source=10.3.3.3", Some("opens tcp 80 from 10.3.3.3")),
        ("type=in action=ACCEPT enable=1 macro=Ping source=10.3.3.3", Some("opens icmp echo-request from 10.3.3.3")),
        (
            "type=in action=ACCEPT enable=1 macro=Unheard source=10.3.3.3",
            Some("what it opens is not known here: it cannot be said whether rule in ACCEPT matches"),
        ),
        ("type=in action=ACCEPT enable=0", None),
        ("type=in action=DROP enable=1", None),
        ("type=in action=REJECT enable=1 proto=tcp dport=443", None),
        ("type=out action=ACCEPT enable=1", None),
        ("type=group action=web enable=1", Some("what the security group web opens is not known here")),
        ("type=group action=web enable=0", None),
        ("type=in action=ACCEPT enable=1 proto=udp sport=53", Some("opens udp 0 from port 53 from 1.0.0.0")),
        (
            "type=in action=ACCEPT enable=1 proto=tcp dport=5432 source=+dc/office",
            Some("what it opens is not known here: it cannot be said whether rule in ACCEPT matches"),
        ),
        ("type=in action=ACCEPT enable=1 proto=tcp dport=443 source=+dc/office", None),
        ("type=in action=ACCEPT enable=1 proto=tcp dport=440:443", Some("opens tcp 440 from 1.0.0.0")),
        ("type=in action=ACCEPT enable=1 proto=tcp dport=443 iface=net1", None),
        ("type=in action=ACCEPT enable=1 dest=10.10.40.4 proto=tcp dport=1", Some("opens tcp 1 from 1.0.0.0")),
    ];
    for (rule, widens) in cases {
        let mut pve = holding(&want);
        pve.rules.insert(0, fields(rule));
        let planned = plan(&want, &pve.seen(), ForeignRules::Keep);
        assert_eq!(planned.steps, vec![], "{rule}");
        assert_eq!(planned.foreign[0].widens.as_deref(), *widens, "{rule}");
    }
}

#[test]
fn a_foreign_rule_below_one_of_ours_that_drops_the_same_does_not_widen() {
    let mut deny = allow("deny", 5432, "10.10.40.7");
    deny.action = Action::Drop;
    let want = wish(vec![deny]);
    let mut pve = holding(&want);
    pve.rules.push(fields("type=in action=ACCEPT enable=1 proto=tcp dport=5432 source=10.10.40.7"));
    assert_eq!(plan(&want, &pve.seen(), ForeignRules::Keep).foreign[0].widens, None);
    pve.rules.reverse();
    assert!(plan(&want, &pve.seen(), ForeignRules::Keep).foreign[0].widens.is_some(), "above it, it does");
}

#[test]
fn a_filter_of_addresses_that_is_not_ours_is_shown_and_left() {
    let mut want = matrix();
    want.options.ipfilter = true;
    let name = SetName("ipfilter-net0".to_owned());
    let entries = ["10.10.40.40/32".parse().expect("a network")].into();
    want.ipsets.insert(name, Ipset { comment: "zentoria:derived/address".to_owned(), entries });
    let mut pve = Pve::default();
    pve.create_set("ipfilter-net0", "by hand").expect("made");
    pve.add_entry("ipfilter-net0", "10.10.40.99", false).expect("added");
    let planned = enforce(&mut pve, &want, ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["insert", "insert", "insert", "options", "options"]);
    assert_eq!(planned.foreign[0].text, "set ipfilter-net0 with 1 entries");
    assert_eq!(planned.foreign[0].widens.as_deref(), Some("the guest may send from 10.10.40.99"));
    let planned = enforce(&mut pve, &want, ForeignRules::Remove);
    assert_eq!(kinds(&planned), ["add entry", "remove entry"]);
    assert_eq!(plan(&want, &pve.seen(), ForeignRules::Remove).foreign, []);
}

#[test]
fn a_set_of_ours_that_a_foreign_rule_names_stays() {
    let mut pve = holding(&with_set(&["10.10.40.1/32"]));
    pve.rules.push(fields("type=in action=ACCEPT enable=1 proto=tcp dport=80 source=+zen-0000000a"));
    let planned = enforce(&mut pve, &wish(vec![]), ForeignRules::Keep);
    assert_eq!(kinds(&planned), ["delete"]);
    assert_eq!(plan(&wish(vec![]), &pve.seen(), ForeignRules::Keep).differences, Vec::<String>::new());
}
