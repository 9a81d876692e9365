//! The fewest rules and sets that say it.

use super::fixture::{World, container};
use std::collections::BTreeSet;

fn ports(list: &str) -> World {
    World::small().rule("x", &format!("{{from: [{{container: api}}], to: [{{container: db}}], ports: [{list}]}}"))
}

#[test]
fn ports_that_touch_or_overlap_are_one_range() {
    let cases: &[(&str, &[&str])] = &[
        ("{port: 80}, {port: 443}, {port: 80}", &["tcp 80,443"]),
        ("{port: 80}, {port: 81}, {port: 82}", &["tcp 80:82"]),
        ("{port: 80, endPort: 90}, {port: 85, endPort: 95}, {port: 96}", &["tcp 80:96"]),
        ("{port: 53, protocol: UDP}, {port: 53}", &["tcp 53", "udp 53"]),
        ("{protocol: ICMP}, {port: 53, protocol: SCTP}", &["sctp 53", "icmp"]),
        ("{service: postgresql}, {port: 5432}", &["tcp 5432"]),
        ("{port: 1, endPort: 65535}", &["tcp 1:65535"]),
    ];
    for (list, wanted) in cases {
        let wanted: Vec<String> = wanted.iter().map(|one| format!("in ACCEPT {one} 10.10.40.2")).collect();
        assert_eq!(ports(list).rules("db"), wanted, "{list}");
    }
}

#[test]
fn more_than_fifteen_ports_are_several_rules_and_share_one_set() {
    let list: Vec<String> = (0..20).map(|n| format!("{{port: {}}}", 1000 + 2 * n)).collect();
    let mut world = ports(&list.join(", "));
    let rules = world.rules("db");
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].matches(',').count(), 14, "{rules:?}");
    for n in 0..16 {
        world = world.with(container(&format!("w{n}"), &format!("10.10.44.{n}/16"), "", ""));
    }
    world.rules.clear();
    let world =
        world.rule("x", &format!("{{from: [{{all: {{}}}}], to: [{{container: db}}], ports: [{}]}}", list.join(", ")));
    let firewall = world.firewall("db");
    assert_eq!((world.rules("db").len(), firewall.ipsets.len()), (2, 1));
    let comments: BTreeSet<&String> = firewall.rules.iter().map(|rule| &rule.comment).collect();
    assert_eq!(comments.len(), firewall.rules.len(), "each rule has its own comment");
}

#[test]
fn fifteen_sources_are_a_list_and_sixteen_a_set() {
    for (count, sets) in [(15, 0), (16, 1)] {
        let mut world =
            World::small().rule("x", "{from: [{zone: many}], to: [{container: db}], ports: [{port: 5432}]}");
        for n in 0..count {
            world = world.with(container(&format!("w{n}"), &format!("10.10.44.{n}/16"), "", "{spec: {zone: many}}"));
        }
        let firewall = world.firewall("db");
        assert_eq!((world.rules("db").len(), firewall.ipsets.len()), (1, sets), "{count}");
    }
}

#[test]
fn both_families_are_one_rule_with_a_set_where_the_target_has_both() {
    let dual = World::small().with(container("a", "10.10.44.1/16 fd00::1/64", "", "")).with(container(
        "b",
        "10.10.44.2/16 fd00::2/64",
        "http:80",
        "",
    ));
    let to = |target: &str| {
        format!(
            "{{from: [{{container: a}}], to: [{{container: {target}}}], ports: [{{port: 80}}, {{protocol: ICMP}}, {{protocol: ICMPv6}}]}}"
        )
    };
    let both = dual.clone().rule("x", &to("b"));
    assert_eq!(
        both.rules("b"),
        ["in ACCEPT tcp 80 {10.10.44.1 fd00::1}", "in ACCEPT icmp 10.10.44.1", "in ACCEPT ipv6-icmp fd00::1"]
    );
    assert_eq!(dual.rule("x", &to("web")).rules("web"), ["in ACCEPT tcp 80 10.10.44.1", "in ACCEPT icmp 10.10.44.1"]);
}

#[test]
fn a_source_inside_a_named_network_is_not_said_twice() {
    let world = World::small().rule(
        "x",
        "{from: [{container: api}, {cidr: 10.10.40.0/24}, {cidr: 10.10.40.128/25}, {cidr: 10.9.0.1}], to: [{container: db}], ports: [{port: 1}]}",
    );
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 1 10.9.0.1,10.10.40.0/24"]);
    let world =
        World::small().rule("x", "{from: [{container: api}, {any: {}}], to: [{container: db}], ports: [{port: 1}]}");
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 1"]);
}

#[test]
fn two_who_say_the_same_are_one_rule_with_two_owners_and_either_alone_keeps_it() {
    let spec = "{from: [{container: api}], to: [{container: db}], ports: [{port: 5432}]}";
    let a = World::small().rule("a", spec);
    let b = World::small().rule("b", spec);
    let both = a.clone().rule("b", spec);
    let last = |world: &World| world.firewall("db").rules.last().unwrap().clone();
    assert_eq!(both.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2"]);
    assert_eq!(last(&both).comment, format!("{}+1", last(&a).comment));
    let owners = &both.compiled().guests[&super::fixture::key("db")].owners[&last(&both).comment];
    assert_eq!(*owners, BTreeSet::from(["zentoria/a".into(), "zentoria/b".into()]));
    assert_eq!(last(&b).comment.split('#').next().unwrap(), "zentoria:zentoria/b");
    assert_eq!((both.refused("a").0, both.refused("b").0), ("Enforced".into(), "Enforced".into()));
    assert_eq!((both.report("a").rules, both.report("b").rules), (1, 1));
    assert!(both.report("b").notes.iter().any(|note| note.contains("rule zentoria/a")), "{:?}", both.report("b").notes);
}

#[test]
fn a_rule_equal_to_a_derived_one_leaves_the_derived_one_when_it_goes() {
    let spec = "{from: [{cidr: 10.10.0.10}], to: [{container: db}], ports: [{port: 22}]}";
    let with = World::small().rule("ssh", spec);
    let derived = |world: &World| world.firewall("db").rules[0].clone();
    let (before, after) = (derived(&World::small()), derived(&with));
    assert_eq!(after.comment, format!("{}+1", before.comment));
    assert_eq!(with.firewall("db").rules.len(), 1);
    assert_eq!(with.refused("ssh").0, "Enforced");
    // And the other way: the derived one goes, the written one stays.
    let alone = with.cluster("{spec: {controlPlaneCIDRs: [10.10.0.11]}}");
    assert_eq!(alone.rules("db"), ["in ACCEPT tcp 22 10.10.0.10"]);
}

#[test]
fn a_comment_names_the_owner_and_changes_with_the_content_alone() {
    let comment = |world: &World| world.firewall("db").rules.last().unwrap().comment.clone();
    let one = comment(&ports("{port: 5432}"));
    let (owner, hash) = one.split_once('#').unwrap();
    assert_eq!(owner, "zentoria:zentoria/x");
    assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
    assert_eq!(one, comment(&ports("{service: postgresql}")), "the same said otherwise");
    assert_ne!(one, comment(&ports("{port: 5433}")));
    let described = World::small().rule(
        "x",
        "{from: [{zone: app}], to: [{container: db}], ports: [{port: 5432}], description: text, priority: 7}",
    );
    assert_eq!(one, comment(&described));
}
