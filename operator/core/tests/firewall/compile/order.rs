//! Which rule decides, and what is said of the others.

use super::fixture::World;

#[test]
fn lower_priority_comes_first_and_at_a_tie_drop_then_reject_then_allow() {
    let peer = |n: u32| format!("from: [{{cidr: 10.9.{n}.0/24}}], to: [{{container: db}}], ports: [{{port: 1}}]");
    let world = World::small()
        .rule("a", &format!("{{{}, action: Allow}}", peer(1)))
        .rule("b", &format!("{{{}, action: Drop}}", peer(2)))
        .rule("c", &format!("{{{}, action: Reject}}", peer(3)))
        .rule("d", &format!("{{{}, action: Allow, priority: 100}}", peer(4)))
        .rule("e", &format!("{{{}, action: Drop, priority: 900}}", peer(5)))
        .rule("f", &format!("{{{}, action: Allow, log: info}}", peer(6)));
    assert_eq!(
        world.rules("db"),
        [
            "in ACCEPT tcp 1 10.9.4.0/24",
            "in DROP tcp 1 10.9.2.0/24",
            "in REJECT tcp 1 10.9.3.0/24",
            "in ACCEPT tcp 1 10.9.6.0/24 log=info",
            "in ACCEPT tcp 1 10.9.1.0/24",
            "in DROP tcp 1 10.9.5.0/24",
        ]
    );
}

fn two(first: &str, second: &str) -> World {
    World::small()
        .rule("one", &format!("{{to: [{{container: db}}], {first}}}"))
        .rule("two", &format!("{{to: [{{container: db}}], {second}}}"))
}

#[test]
fn the_opposite_of_the_same_flow_at_one_priority_is_a_conflict_of_both_and_the_one_that_refuses_wins() {
    let allow = "from: [{container: api}], ports: [{port: 5432}, {port: 6432}]";
    for action in ["Drop", "Reject"] {
        let world = two(allow, &format!("from: [{{cidr: 10.10.0.0/16}}], ports: [{{port: 5432}}], action: {action}"));
        for (rule, other) in [("one", "zentoria/two"), ("two", "zentoria/one")] {
            let (reason, message) = world.refused(rule);
            assert_eq!(reason, "Conflict", "{message}");
            for word in [other, "5432/tcp", "500", "another priority"] {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
        assert!(world.rules("db")[0].starts_with(&format!("in {} tcp 5432", action.to_uppercase())));
    }
    let apart = [
        "from: [{container: api}], ports: [{port: 7}], action: Drop",
        "from: [{container: web}], ports: [{port: 5432}], action: Drop",
        "from: [{container: api}], ports: [{port: 5432, protocol: UDP}], action: Drop",
        "from: [{container: api}], ports: [{port: 5432}], action: Drop, priority: 501",
    ];
    for other in apart {
        let world = two(allow, other);
        assert_ne!(world.refused("one").0, "Conflict", "{other}");
        assert_ne!(world.refused("two").0, "Conflict", "{other}");
    }
}

#[test]
fn a_rule_that_others_decide_before_is_shadowed_and_not_written() {
    let drop = "from: [{any: {}}], ports: [{port: 5000, endPort: 6000}], action: Drop, priority: 10";
    let world = two(drop, "from: [{container: api}], ports: [{port: 5432}]");
    assert_eq!(world.refused("two").0, "Shadowed");
    assert_eq!(world.rules("db"), ["in DROP tcp 5000:6000"]);
    let report = world.report("two");
    assert!(
        report.notes.iter().any(|note| note.contains("all of what it matches") && note.contains("rule zentoria/one"))
    );
    assert_eq!((report.rules, report.guests.len()), (0, 0));
    // Only a part of it: it stands whole.
    let world = two(drop, "from: [{container: api}], ports: [{port: 5432}, {port: 6432}]");
    assert_eq!(world.refused("two").0, "Enforced");
    assert_eq!(world.rules("db"), ["in DROP tcp 5000:6000", "in ACCEPT tcp 5432,6432 10.10.40.2"]);
}

#[test]
fn several_together_can_shadow_one() {
    let world = two(
        "from: [{container: api}], ports: [{port: 1, endPort: 100}], action: Drop, priority: 10",
        "from: [{container: web}], ports: [{port: 50}], action: Drop, priority: 20",
    )
    .rule("three", "{to: [{container: db}], from: [{container: api}, {container: web}], ports: [{port: 50}]}");
    assert_eq!(world.refused("three").0, "Shadowed");
    assert_eq!(world.rules("db").len(), 2);
}

#[test]
fn what_is_logged_comes_before_what_is_not() {
    let flow = "from: [{container: api}], ports: [{port: 5432}]";
    let world = two(flow, &format!("{flow}, log: warning"));
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432 10.10.40.2 log=warning"]);
}
