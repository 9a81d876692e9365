//! What is said of a rule.

use super::fixture::{World, container};

#[test]
fn ends_and_ports_are_short_words() {
    let cases = [
        ("from: [{container: api}]", "ports: [{port: 5432}]", "api", "5432"),
        ("from: [{zone: data}]", "ports: [{port: 4000, endPort: 4001}]", "zone data", "4000-4001"),
        ("from: [{all: {}}]", "ports: [{service: postgresql}]", "all", "postgresql"),
        ("from: [{external: {}}]", "ports: []", "external", "services"),
        ("from: [{any: {}}]", "ports: [{port: 53, protocol: UDP}]", "any", "53/udp"),
        ("from: [{cidr: 10.0.0.0/8}]", "ports: [{protocol: ICMP}]", "10.0.0.0/8", "icmp"),
        ("from: [{host: nas}, {cidr: 10.9.0.1}]", "ports: [{port: 80}, {port: 443}]", "host nas, 10.9.0.1", "80, 443"),
        ("from: [{selector: {matchLabels: {app: x}}}]", "ports: [{protocol: ICMPv6}]", "app=x", "icmpv6"),
        (
            "from: [{selector: {}, namespaceSelector: {matchLabels: {team: b}}}]",
            "ports: [{port: 1}, {port: 2}, {port: 3}, {port: 4}, {port: 5}]",
            "* in team=b",
            "1, 2, 3, +2",
        ),
        (
            "from: [{selector: {matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: d, operator: Exists}]}}]",
            "ports: [{port: 1}, {port: 2}, {port: 3}, {port: 4}]",
            "a in (b,c),d",
            "1, 2, 3, 4",
        ),
        ("from: [{}]", "ports: [{port: 0}]", "?", "0"),
    ];
    for (from, ports, shown, shown_ports) in cases {
        let report = World::small().rule("x", &format!("{{{from}, to: [{{container: db}}], {ports}}}")).report("x");
        assert_eq!((report.from.as_str(), report.to.as_str(), report.ports.as_str()), (shown, "db", shown_ports));
    }
}

#[test]
fn a_port_that_the_target_does_not_declare_is_pointed_out_and_opened_all_the_same() {
    let world = World::small()
        .rule("x", "{from: [{container: api}], to: [{container: web}], ports: [{port: 80}, {port: 8080}]}");
    let report = world.report("x");
    assert_eq!(report.notes, ["web declares no service at 8080/tcp: nothing may listen there"]);
    assert_eq!(world.refused("x").0, "Enforced");
    assert_eq!(world.rules("web"), ["in ACCEPT tcp 80,8080 10.10.40.2"]);
    let quiet = [
        "ports: [{port: 80}, {port: 443}]",
        "ports: [{service: http}]",
        "ports: [{protocol: ICMP}]",
        "ports: [{port: 8080}], action: Drop",
        "ports: []",
    ];
    for ports in quiet {
        let world =
            World::small().rule("x", &format!("{{from: [{{container: api}}], to: [{{container: web}}], {ports}}}"));
        assert!(world.report("x").notes.is_empty(), "{ports}: {:?}", world.report("x").notes);
    }
}

#[test]
fn a_rule_without_ports_means_the_services_of_each_target_and_grows_with_them() {
    let world = World::small()
        .with(container("bare", "10.10.40.9/16", "", ""))
        .rule("x", "{from: [{container: api}], to: [{all: {}}]}");
    assert_eq!(world.rules("web"), ["in ACCEPT tcp 80,443 10.10.40.2"]);
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432,6432 10.10.40.2"]);
    assert!(world.rules("bare").is_empty() && world.rules("api").is_empty());
    assert_eq!(world.report("x").notes, ["bare declares no services: the rule does nothing there"]);
    let grown = world.change("bare", "{spec: {services: [{name: a, port: 7}]}}");
    assert_eq!(grown.rules("bare"), ["in ACCEPT tcp 7 10.10.40.2"]);
}

#[test]
fn a_service_is_opened_where_it_is_declared_at_the_port_that_it_has_there() {
    let world = World::small()
        .with(container("db2", "10.10.40.9/16", "postgresql:5433", "{spec: {zone: data}}"))
        .with(container("cache", "10.10.40.8/16", "redis:6379", "{spec: {zone: data}}"))
        .rule("x", "{from: [{container: api}], to: [{zone: data}], ports: [{service: postgresql}]}");
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2"]);
    assert_eq!(world.rules("db2"), ["in ACCEPT tcp 5433 10.10.40.2"]);
    assert!(world.rules("cache").is_empty());
    assert_eq!(
        world.report("x").notes,
        ["spec.ports[0]: cache declares no service postgresql: the rule does nothing there"]
    );
}

#[test]
fn it_counts_guests_and_rules_and_says_where_it_is_not_in_force() {
    let world = World::small()
        .rule("x", "{from: [{cidr: 10.9.0.0/16}], to: [{all: {}}], ports: [{port: 1}, {port: 1, protocol: UDP}]}");
    let report = world.report("x");
    assert_eq!((report.guests.len(), report.rules), (3, 6));
    let world = world.change("db", "{spec: {firewall: {mode: 'Off'}}}");
    let report = world.report("x");
    assert_eq!((report.guests.len(), report.rules), (2, 4));
    assert!(report.notes.contains(&"not in force at db: firewall.mode is Off there".to_owned()), "{:?}", report.notes);
    let world = world.change("web", "{spec: {firewall: {mode: Observe}}}");
    assert_eq!(world.refused("x").0, "ObserveOnly");
}

#[test]
fn a_service_that_cannot_be_read_is_pointed_out_and_the_others_are_opened() {
    let bad = "{spec: {services: [{name: a, port: 0}, {name: b, port: 9, endPort: 8}, {name: c, port: 7}, {name: d, port: 1, protocol: ICMP}]}}";
    let world = World::small().change("db", bad).rule("x", "{from: [{container: api}], to: [{container: db}]}");
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 7 10.10.40.2"]);
    let notes = world.report("x").notes.join("\n");
    for word in ["spec.services[0]: service a: port 0", "service b: endPort 8 is lower", "service d: ICMP"] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
}
