//! Large estates.

use super::fixture::{World, container};
use zentoria_core::firewall::guest::Ends;

/// Five hundred containers, each reached by ten others at a port of its own.
#[test]
fn five_hundred_containers_with_ten_flows_each_hold_ten_rules_each() {
    let mut world = World::small();
    world.containers.clear();
    for n in 0..500 {
        world = world.with(container(
            &format!("c{n}"),
            &format!("10.10.{}.{}/16", 50 + n / 200, n % 200 + 1),
            "web:80",
            "",
        ));
        for k in 1..=10 {
            let (from, port) = ((n + k * 37) % 500, 1000 + k);
            let spec =
                format!("{{from: [{{container: c{from}}}], to: [{{container: c{n}}}], ports: [{{port: {port}}}]}}");
            world = world.rule(&format!("r{n}-{k}"), &spec);
        }
    }
    let compiled = world.compiled();
    assert_eq!((compiled.guests.len(), compiled.rules.len()), (500, 5000));
    for guest in compiled.guests.values() {
        let firewall = guest.wish.as_ref().unwrap();
        assert_eq!((firewall.rules.len(), firewall.ipsets.len()), (11, 0), "ten, and the control plane");
        assert!(firewall.rules.iter().all(|rule| matches!(&rule.peer, Ends::Addresses(nets) if nets.len() == 1)));
    }
    assert!(
        compiled.rules.values().all(|report| report.guests.len() == 1 && report.rules == 1 && report.verdict.is_ok())
    );
}

#[test]
fn everybody_to_everybody_is_one_rule_and_one_set_each() {
    let mut world = World::small().rule("x", "{from: [{all: {}}], to: [{all: {}}], ports: [{port: 80}]}");
    for n in 0..97 {
        world = world.with(container(&format!("c{n}"), &format!("10.10.50.{}/16", n + 1), "", ""));
    }
    for (key, guest) in world.compiled().guests {
        let firewall = guest.wish.unwrap();
        let sizes: Vec<usize> = firewall.ipsets.values().map(|set| set.entries.len()).collect();
        assert_eq!((firewall.rules.len(), sizes), (2, vec![99]), "{key}: itself is not among its sources");
    }
}
