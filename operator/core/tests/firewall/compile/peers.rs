//! Whom a rule opens for whom.

use super::fixture::{World, container, key};
use std::collections::BTreeMap;

const OTHER: &str = "{metadata: {labels: {app: probe}}}";

fn world() -> World {
    let mut world = World::small()
        .change("web", "{metadata: {labels: {tier: front}}}")
        .change("api", "{metadata: {labels: {tier: back, app: probe}}}")
        .with(container("other/api", "10.10.50.2/16", "rest:4000", OTHER))
        .with(container("third/api", "10.10.60.2/16", "rest:4000", OTHER))
        .cluster("{spec: {hosts: [{name: nas, addresses: [10.9.0.1, 10.9.1.0/24]}]}}");
    world.labels.insert("other".into(), BTreeMap::from([("team".into(), "b".into())]));
    world
}

#[test]
fn each_sort_of_peer_opens_exactly_those_whom_it_means() {
    let cases = [
        ("container: api", "10.10.40.2"),
        ("zone: edge", "10.10.40.1"),
        ("all: {}", "10.10.40.1,10.10.40.2"),
        ("selector: {}", "10.10.40.1,10.10.40.2"),
        ("selector: {matchLabels: {tier: front}}", "10.10.40.1"),
        ("selector: {matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}", "10.10.40.2"),
        ("selector: {}, namespaceSelector: {matchLabels: {team: b}}", "10.10.50.2"),
        ("selector: {matchLabels: {app: probe}}, namespaceSelector: {}", "10.10.40.2,10.10.50.2,10.10.60.2"),
        ("host: nas", "10.9.0.1,10.9.1.0/24"),
        ("cidr: 10.9.0.0/16", "10.9.0.0/16"),
        ("cidr: 10.9.0.1", "10.9.0.1"),
        ("any: {}", ""),
    ];
    for (peer, source) in cases {
        let world =
            world().rule("x", &format!("{{from: [{{{peer}}}], to: [{{container: db}}], ports: [{{port: 5432}}]}}"));
        let wanted = format!("in ACCEPT tcp 5432 {source}");
        assert_eq!(world.rules("db"), [wanted.trim_end()], "{peer}");
        for untouched in ["web", "api", "other/api", "third/api"] {
            assert!(world.rules(untouched).is_empty(), "{peer} opens {untouched}");
        }
    }
}

#[test]
fn the_targets_are_those_of_the_own_namespace_and_nobody_is_his_own_source() {
    let cases = [
        ("container: api", vec!["api"]),
        ("zone: data", vec!["db"]),
        ("all: {}", vec!["api", "db"]),
        ("selector: {matchLabels: {app: probe}}", vec!["api"]),
    ];
    for (peer, opened) in cases {
        let world =
            world().rule("x", &format!("{{from: [{{container: web}}], to: [{{{peer}}}], ports: [{{port: 9}}]}}"));
        for name in ["web", "api", "db", "other/api", "third/api"] {
            assert_eq!(!world.rules(name).is_empty(), opened.contains(&name), "{peer}: {name}");
        }
        assert_eq!(world.report("x").guests, opened.into_iter().map(key).collect(), "{peer}");
    }
}

#[test]
fn external_is_what_lies_outside_of_the_networks_and_contains_no_guest() {
    let world = world().rule("x", "{from: [{external: {}}], to: [{container: web}], ports: [{port: 443}]}");
    let firewall = world.firewall("web");
    let set = firewall.ipsets.values().find(|set| set.comment == "zentoria:zentoria/x").unwrap();
    let holds = |text: &str| {
        let address: std::net::IpAddr = text.parse().unwrap();
        set.entries.iter().any(|net| net.contains(&address))
    };
    for (address, outside) in [("8.8.8.8", true), ("203.0.113.7", true), ("10.9.0.1", true), ("10.10.40.2", false)] {
        assert_eq!(holds(address), outside, "{address}");
    }
    assert!(set.entries.iter().all(|net| net.addr().is_ipv4()), "web has no IPv6 address");
    assert!(world.report("x").notes.is_empty(), "{:?}", world.report("x").notes);
    let dual = world.change("web", "{spec: {network: {interfaces: [{name: eth0, ipv4: {address: 10.10.40.1/16}, ipv6: {address: 'fd00::1/64'}}]}}}");
    let firewall = dual.firewall("web");
    let set = firewall.ipsets.values().next().unwrap();
    let inside: std::net::IpAddr = "fd00::2".parse().unwrap();
    assert!(set.entries.iter().any(|net| net.addr().is_ipv6()) && !set.entries.iter().any(|net| net.contains(&inside)));
}

#[test]
fn a_container_outside_of_the_networks_is_told_of_where_external_lets_it_in() {
    let world = World::small()
        .with(container("stray", "192.168.7.7/24", "", ""))
        .rule("x", "{from: [{external: {}}], to: [{container: web}], ports: [{port: 443}]}");
    let notes = world.report("x").notes;
    assert!(notes.len() == 1 && notes[0].contains("zentoria/stray (192.168.7.7)"), "{notes:?}");
}

#[test]
fn a_change_of_an_address_is_a_change_at_all_who_name_the_container_and_at_nobody_else() {
    let before = World::small().rule("x", "{from: [{container: api}], to: [{container: db}], ports: [{port: 5432}]}");
    let moved = "{spec: {network: {interfaces: [{name: eth0, ipv4: {address: 10.10.49.9/16}}]}}}";
    let after = before.clone().change("api", moved);
    assert_eq!(after.rules("db"), ["in ACCEPT tcp 5432 10.10.49.9"]);
    assert_eq!(before.compiled().guests[&key("web")], after.compiled().guests[&key("web")]);
    // Until the guest has the new one, what it has counts as well.
    let between = after.change("api", "{status: {addresses: [10.10.40.2]}}");
    assert_eq!(between.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2,10.10.49.9"]);
}

#[test]
fn who_is_gone_is_in_no_list_any_more() {
    let all: Vec<String> = (1..=20).map(|n| format!("w{n}")).collect();
    let mut world = World::small().rule("x", "{from: [{all: {}}], to: [{container: db}], ports: [{port: 5432}]}");
    for (n, name) in all.iter().enumerate() {
        world = world.with(container(name, &format!("10.10.44.{}/16", n + 1), "", ""));
    }
    let before = world.firewall("db");
    world.containers.retain(|one| one.metadata.name.as_deref() != Some("w7"));
    let after = world.firewall("db");
    assert_eq!(before.rules, after.rules, "one member less of a set is no other rule");
    let (before, after) = (before.ipsets.into_values().next().unwrap(), after.ipsets.into_values().next().unwrap());
    let gone: Vec<String> = before.entries.difference(&after.entries).map(ToString::to_string).collect();
    assert_eq!(gone, ["10.10.44.7/32"]);
}

#[test]
fn two_who_share_an_address_are_told_of_where_a_rule_names_one() {
    let other = "{spec: {network: {interfaces: [{name: eth0, bridge: vmbr9, ipv4: {address: 10.10.40.2/16}}]}}}";
    let world = World::small()
        .with(container("other/twin", "10.10.40.2/16", "", other))
        .rule("x", "{from: [{container: api}], to: [{container: db}], ports: [{port: 5432}]}")
        .rule("y", "{from: [{container: web}], to: [{container: db}], ports: [{port: 5432}]}");
    let notes = world.report("x").notes;
    assert_eq!(
        notes,
        ["other/twin has the address 10.10.40.2 of api too, and what is said of one holds for the other"]
    );
    assert!(world.report("y").notes.is_empty());
}
