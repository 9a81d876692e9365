//! Out of guests.

use super::fixture::{World, container};

const CLOSED: &str = "{spec: {firewall: {outbound: Drop}}}";

fn world() -> World {
    World::small().change("api", CLOSED)
}

#[test]
fn a_source_that_lets_nothing_out_is_let_out_to_what_a_rule_opens_for_it() {
    let world = world().rule("x", "{from: [{all: {}}], to: [{container: db}, {container: web}]}");
    assert_eq!(
        world.rules("api"),
        ["out ACCEPT tcp 80,443 10.10.40.1", "out ACCEPT tcp 5432,6432 10.10.40.3"],
        "each at its own services"
    );
    assert_eq!(world.rules("web"), ["in ACCEPT tcp 80,443 10.10.40.2,10.10.40.3"], "web lets everything out");
    assert_eq!(world.report("x").guests.len(), 3);
}

#[test]
fn only_what_is_allowed_is_let_out_and_only_by_the_own_namespace() {
    let world = world()
        .with(container("other/api", "10.10.50.2/16", "", CLOSED))
        .rule("drop", "{from: [{container: api}], to: [{container: db}], ports: [{port: 1}], action: Drop}")
        .rule("in", "{from: [{selector: {}, namespaceSelector: {}}], to: [{container: db}], ports: [{port: 5432}]}");
    assert_eq!(world.rules("api"), ["out ACCEPT tcp 5432 10.10.40.3"]);
    assert!(world.rules("other/api").is_empty());
    let notes = world.report("in").notes;
    assert!(notes.iter().any(|note| note.contains("other/api") && note.contains("direction Egress")), "{notes:?}");
}

#[test]
fn an_egress_rule_lets_out_and_opens_nobody() {
    let spec = |to: &str, rest: &str| format!("{{direction: Egress, from: [{{container: api}}], to: [{to}]{rest}}}");
    let cases = [
        ("{container: db}", "", vec!["out ACCEPT tcp 5432,6432 10.10.40.3"]),
        ("{container: db}", ", ports: [{service: postgresql}]", vec!["out ACCEPT tcp 5432 10.10.40.3"]),
        ("{all: {}}", ", ports: [{port: 9}]", vec!["out ACCEPT tcp 9 10.10.40.1,10.10.40.3"]),
        (
            "{zone: data}, {cidr: 10.9.0.0/16}",
            ", ports: [{port: 53, protocol: UDP}]",
            vec!["out ACCEPT udp 53 10.9.0.0/16,10.10.40.3"],
        ),
        ("{any: {}}", ", ports: [{protocol: ICMP}]", vec!["out ACCEPT icmp"]),
        ("{any: {}}", ", ports: [{port: 25}], action: Reject", vec!["out REJECT tcp 25"]),
        (
            "{container: db}, {container: web}",
            "",
            vec!["out ACCEPT tcp 80,443 10.10.40.1", "out ACCEPT tcp 5432,6432 10.10.40.3"],
        ),
    ];
    for (to, rest, wanted) in cases {
        let world = world().rule("x", &spec(to, rest));
        assert_eq!(world.rules("api"), wanted, "{to} {rest}");
        assert!(world.rules("db").is_empty() && world.rules("web").is_empty(), "{to} {rest}");
        assert_eq!(world.refused("x").0, "Enforced", "{to} {rest}");
    }
    let world = world().rule("x", &spec("{external: {}}", ", ports: [{port: 443}]"));
    assert!(world.rules("api")[0].starts_with("out ACCEPT tcp 443 {0.0.0.0/5 8.0.0.0/7"), "{:?}", world.rules("api"));
    let families: Vec<bool> =
        world.firewall("api").ipsets.values().flat_map(|set| &set.entries).map(|net| net.addr().is_ipv4()).collect();
    assert!(families.iter().all(|v4| *v4));
}

#[test]
fn what_a_source_is_let_out_to_obeys_its_own_egress_rules_by_priority() {
    let world = world()
        .rule("in", "{from: [{container: api}], to: [{container: db}], ports: [{port: 5432}]}")
        .rule("out", "{direction: Egress, from: [{container: api}], to: [{any: {}}], ports: [{port: 5432}], action: Drop, priority: 1}");
    assert_eq!(world.rules("api"), ["out DROP tcp 5432"]);
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2"]);
    let notes = world.report("in").notes;
    assert!(notes.iter().any(|note| note.contains("a part") && note.contains("rule zentoria/out")), "{notes:?}");
}

#[test]
fn a_target_without_an_address_is_open_and_waits_for_the_way_out() {
    let world = world()
        .with(container("lease", "dhcp", "http:80", ""))
        .rule("x", "{from: [{container: api}], to: [{container: lease}]}");
    assert_eq!(world.rules("lease"), ["in ACCEPT tcp 80 10.10.40.2"]);
    assert!(world.rules("api").is_empty());
    assert_eq!(world.refused("x").0, "Unresolved");
}
