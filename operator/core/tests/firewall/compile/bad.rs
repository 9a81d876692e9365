//! Bad input is said on the rule, stops no other and opens nothing.

use super::fixture::{World, container, rule};

fn world() -> World {
    World::small()
        .with(container("six", "fd00::6/64", "http:80", ""))
        .with(container("lease", "dhcp", "http:80", ""))
        .cluster("{spec: {hosts: [{name: nas, addresses: [10.9.0.1]}]}}")
        .rule("good", "{from: [{container: api}], to: [{container: db}], ports: [{port: 5432}]}")
}

#[test]
fn each_bad_rule_says_what_is_wrong_and_leaves_everything_as_it_is_without_it() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("from: [{container: apl}], to: [{container: db}]", "NotFound", &["spec.from[0]", "apl", "namespace zentoria"]),
        ("from: [{container: api}], to: [{container: bd}]", "NotFound", &["spec.to[0]", "bd", "correct the name"]),
        ("from: [{zone: dta}], to: [{container: db}]", "NotFound", &["zone dta", "app, data, edge"]),
        ("from: [{host: nsa}], to: [{container: db}]", "NotFound", &["host nsa", "spec.hosts", "nas"]),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{service: postgres}]",
            "NotFound",
            &["spec.ports[0]", "db declares no service postgres", "spec.services"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{port: 0}]",
            "InvalidSpec",
            &["spec.ports[0]", "port 0", "between 1 and 65535"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{port: 65536}]",
            "InvalidSpec",
            &["spec.ports[0]", "65536"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{port: 90, endPort: 80}]",
            "InvalidSpec",
            &["spec.ports[0]", "endPort 80 is lower than port 90"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{protocol: ICMP, port: 8}]",
            "InvalidSpec",
            &["spec.ports[0]", "ICMP and ICMPv6 have no ports"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{protocol: UDP}]",
            "InvalidSpec",
            &["spec.ports[0]", "name a port"],
        ),
        (
            "from: [{container: api}], to: [{container: db}], ports: [{port: 80, service: http}]",
            "InvalidSpec",
            &["spec.ports[0]", "either port or service"],
        ),
        (
            "from: [{cidr: 10.9.0.1/8}], to: [{container: db}]",
            "InvalidSpec",
            &["spec.from[0].cidr", "write 10.0.0.0/8"],
        ),
        ("from: [{cidr: 0.0.0.0/0}], to: [{container: db}]", "InvalidSpec", &["spec.from[0].cidr", "write any"]),
        ("from: [{cidr: 10.9.0}], to: [{container: db}]", "InvalidSpec", &["spec.from[0].cidr", "no address"]),
        (
            "from: [{cidr: 'fd00::/64'}], to: [{container: db}]",
            "InvalidSpec",
            &["spec.from[0] (fd00::/64) and db", "no family", "Name addresses of the family"],
        ),
        ("from: [{container: six}], to: [{container: db}]", "InvalidSpec", &["six and db", "IPv6 alone"]),
        ("from: [{container: db}], to: [{container: db}]", "InvalidSpec", &["lets db reach itself"]),
        ("from: [{container: lease}], to: [{container: db}]", "Unresolved", &["lease", "no address"]),
        ("from: [{}], to: [{container: db}]", "InvalidSpec", &["spec.from[0]", "exactly one of"]),
        ("from: [{container: api, zone: app}], to: [{container: db}]", "InvalidSpec", &["exactly one of"]),
        (
            "from: [{namespaceSelector: {}}], to: [{container: db}]",
            "InvalidSpec",
            &["namespaceSelector needs selector"],
        ),
        (
            "from: [{selector: {matchExpressions: [{key: a, operator: Near}]}}], to: [{container: db}]",
            "InvalidSpec",
            &["operator Near"],
        ),
        (
            "from: [{container: api}], to: [{selector: {}, namespaceSelector: {}}]",
            "InvalidSpec",
            &["spec.to[0]", "its own namespace"],
        ),
        ("from: [{container: api}], to: [{cidr: 10.9.0.0/16}]", "InvalidSpec", &["spec.to[0]", "its own namespace"]),
        (
            "from: [{container: api}], to: [{cidr: 10.9.0.0/16}], direction: Egress",
            "InvalidSpec",
            &["spec.ports", "names its ports"],
        ),
        (
            "from: [{container: api}], to: [{cidr: 10.9.0.0/16}], direction: Egress, ports: [{service: http}]",
            "InvalidSpec",
            &["spec.ports[0]", "addresses declare none"],
        ),
        ("from: [], to: [{container: db}]", "InvalidSpec", &["spec.from", "nobody is named"]),
        ("from: [{selector: {matchLabels: {a: b}}}], to: [{container: db}]", "MatchesNothing", &["spec.from[0]"]),
        ("from: [{container: api}], to: [{container: db}], priority: 1001", "InvalidSpec", &["spec.priority", "1001"]),
    ];
    let without = world().compiled();
    for (spec, reason, words) in cases {
        let world = world().rule("bad", &format!("{{{spec}}}"));
        let with = world.compiled();
        assert_eq!(with.guests, without.guests, "{spec}: it changes a guest");
        let (found, message) = world.refused("bad");
        assert_eq!(found, *reason, "{spec}: {message}");
        for word in *words {
            assert!(message.contains(word), "{spec}: {word:?} is not in {message:?}");
        }
        assert_eq!(world.refused("good").0, "Enforced", "{spec}: it harms a good rule");
    }
}

#[test]
fn of_several_peers_those_who_can_be_found_are_opened_and_the_others_are_named() {
    let world = world().rule(
        "x",
        "{from: [{container: api}, {container: ghost}, {container: lease}, {cidr: 'fd00::/64'}], to: [{container: web}], ports: [{port: 80}]}",
    );
    assert_eq!(world.rules("web"), ["in ACCEPT tcp 80 10.10.40.2"]);
    let report = world.report("x");
    assert_eq!(report.unresolved, ["ghost", "lease"]);
    assert_eq!(world.refused("x").0, "NotFound");
    assert!(report.notes.iter().any(|note| note.contains("spec.from[3] (fd00::/64) and web")), "{:?}", report.notes);
}

#[test]
fn a_slip_in_a_rule_that_refuses_does_not_lift_it() {
    let allow = "{from: [{any: {}}], to: [{container: db}], ports: [{port: 5432}], priority: 600}";
    let cases = [
        ("from: [{cidr: 10.9.0.0/16}, {cidr: 10.8.0.1/16}], ports: [{port: 5432}]", true),
        ("from: [{cidr: 10.9.0.0/16}], ports: [{port: 5432}, {port: 0}]", true),
        ("from: [{cidr: 10.9.0.0/16}], ports: [{port: 0}]", false),
    ];
    for (spec, stands) in cases {
        let drop = format!("{{{spec}, to: [{{container: db}}], action: Drop}}");
        let world = World::small().rule("allow", allow).rule("drop", &drop);
        assert_eq!(world.refused("drop").0, "InvalidSpec", "{spec}");
        let rules = world.rules("db");
        assert_eq!(
            rules.first().is_some_and(|rule| rule == "in DROP tcp 5432 10.9.0.0/16"),
            stands,
            "{spec}: {rules:?}"
        );
    }
}

#[test]
fn external_without_networks_opens_nothing() {
    let rule = "{from: [{external: {}}], to: [{container: web}], ports: [{port: 443}]}";
    for (networks, word) in [("[]", "spec.networks"), ("[10.10.0.0/16, 10.9.0.1/16]", "write 10.9.0.0/16")] {
        let world = World::small().cluster(&format!("{{spec: {{networks: {networks}}}}}")).rule("x", rule);
        let (reason, message) = world.refused("x");
        assert_eq!(reason, "InvalidSpec");
        assert!(message.contains(word), "{message}");
        assert!(world.rules("web").is_empty());
    }
}

#[test]
fn a_lease_resolves_once_the_guest_reports_its_address() {
    let world = world().rule("x", "{from: [{container: lease}], to: [{container: db}], ports: [{port: 6432}]}");
    assert_eq!(world.report("x").unresolved, ["lease"]);
    let world = world.change("lease", "{status: {addresses: [10.10.77.1]}}");
    assert!(world.rules("db").contains(&"in ACCEPT tcp 6432 10.10.77.1".to_owned()));
    assert_eq!(world.refused("x").0, "Enforced");
}

#[test]
fn a_rule_that_is_being_deleted_or_looked_away_from_asks_for_nothing() {
    let mut world = world();
    let spec = "{from: [{container: web}], to: [{container: db}], ports: [{port: 5432}]";
    let without = world.compiled();
    let mut deleted = rule("gone", &format!("{spec}}}"));
    deleted.metadata.deletion_timestamp = serde_json::from_str("\"2026-06-01T12:00:00Z\"").ok();
    world.rules.push(deleted);
    assert_eq!(world.compiled().guests, without.guests);
    let world = world.rule("held", &format!("{spec}, suspend: true}}"));
    assert_eq!(world.refused("held").0, "Paused");
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2"]);
    let guests = world.compiled().guests;
    assert!(guests.values().all(|guest| guest.suspended.contains("zentoria/held")));
}

#[test]
fn who_is_on_another_cluster_is_named_as_such_and_a_rule_for_those_alone_is_theirs() {
    let elsewhere = "{spec: {clusterRef: {name: pve2}}}";
    let world = world().with(container("far", "10.10.70.1/16", "http:80", elsewhere));
    let from = world.clone().rule("x", "{from: [{container: far}], to: [{container: db}], ports: [{port: 5432}]}");
    let (reason, message) = from.refused("x");
    assert!(reason == "NotFound" && message.contains("ProxmoxCluster pve2"), "{message}");
    let to = world.rule("x", "{from: [{cidr: 10.9.0.0/16}], to: [{container: far}]}");
    assert!(to.report("x").elsewhere && to.report("x").verdict.is_ok());
}
