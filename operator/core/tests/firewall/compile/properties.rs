//! What holds for every estate.

use super::fixture::{World, cluster, container, rule};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::firewall::FirewallRule;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "other/e", "other/f"];
const PORTS: [u32; 7] = [22, 80, 81, 82, 443, 5432, 8000];

/// An estate of six containers in two namespaces, with up to eight rules that name them in all ways.
pub fn worlds() -> impl Strategy<Value = World> {
    let containers = NAMES.iter().enumerate().map(|(n, name)| one_container(n, name)).collect::<Vec<_>>();
    (containers, prop::collection::vec(spec(), 0..8), any::<bool>()).prop_map(|(containers, specs, wide)| {
        let networks = if wide { "[10.0.0.0/8, 'fd00::/8']" } else { "[10.10.40.0/24]" };
        let patch = format!(
            "{{spec: {{networks: {networks}, hosts: [{{name: nas, addresses: [10.9.0.1, 10.9.2.0/24, 'fd09::1']}}]}}}}"
        );
        let named = |(n, (namespace, spec)): (usize, (&str, String))| rule(&format!("{namespace}/r{n}"), &spec);
        World {
            cluster: cluster(&patch),
            containers,
            rules: specs.into_iter().enumerate().map(named).collect(),
            labels: BTreeMap::from([
                ("zentoria".into(), BTreeMap::from([("team".into(), "a".into())])),
                ("other".into(), BTreeMap::from([("team".into(), "b".into())])),
            ]),
        }
    })
}

fn one_container(n: usize, name: &'static str) -> impl Strategy<Value = ZentoriaContainer> + use<> {
    let addresses = select(vec![
        format!("10.10.40.{}/16", n + 1),
        format!("10.10.40.{}/16 fd00::{}/64", n + 1, n + 1),
        format!("10.10.41.{}/16 fd00::{}/64", n + 1, n + 1),
    ]);
    let services = subsequence(vec!["http:80-82", "https:443", "db:5432", "dns:53/UDP"], 0..=3);
    let policy = |words: Vec<&'static str>| select(words);
    let inbound = policy(vec!["Drop", "Drop", "Reject", "Accept"]);
    let outbound = policy(vec!["Accept", "Accept", "Drop", "Reject"]);
    let (zone, app) = (select(vec!["left", "right"]), select(vec!["p", "q"]));
    (addresses, services, inbound, outbound, zone, app).prop_map(move |(addresses, services, inbound, outbound, zone, app)| {
        let patch = format!(
            "{{metadata: {{labels: {{app: {app}}}}}, spec: {{zone: {zone}, firewall: {{inbound: {inbound}, outbound: {outbound}}}}}}}"
        );
        container(name, &addresses, &services.join(" "), &patch)
    })
}

/// A namespace, and a rule in it.
fn spec() -> impl Strategy<Value = (&'static str, String)> {
    let own = select(vec![
        "container: a",
        "container: b",
        "container: c",
        "container: e",
        "zone: left",
        "zone: right",
        "all: {}",
        "selector: {}",
        "selector: {matchLabels: {app: p}}",
    ]);
    let peer = select(vec![
        "container: a",
        "container: b",
        "container: d",
        "container: f",
        "container: ghost",
        "zone: left",
        "all: {}",
        "selector: {matchLabels: {app: q}}",
        "selector: {}, namespaceSelector: {}",
        "selector: {matchLabels: {app: p}}, namespaceSelector: {matchLabels: {team: b}}",
        "host: nas",
        "cidr: 10.10.40.0/30",
        "cidr: 10.9.0.0/16",
        "cidr: 'fd00::/64'",
        "any: {}",
        "external: {}",
    ]);
    let port = prop_oneof![
        select(PORTS.to_vec()).prop_map(|port| format!("{{port: {port}}}")),
        (select(PORTS.to_vec()), 0u32..400)
            .prop_map(|(port, more)| format!("{{port: {port}, endPort: {}}}", port + more)),
        select(vec![53u32, 80]).prop_map(|port| format!("{{port: {port}, protocol: UDP}}")),
        select(vec!["http", "db", "none"]).prop_map(|name| format!("{{service: {name}}}")),
        select(vec!["ICMP", "ICMPv6"]).prop_map(|protocol| format!("{{protocol: {protocol}}}")),
    ];
    let action = select(vec!["Allow", "Allow", "Allow", "Drop", "Reject"]);
    let log = select(vec!["", "", ", log: info"]);
    let ends = |one: proptest::sample::Select<&'static str>| prop::collection::vec(one, 1..3);
    let rest = (action, select(vec![100u32, 500, 500, 900]), log);
    let all = (
        select(vec!["zentoria", "other"]),
        any::<bool>(),
        ends(own),
        ends(peer),
        prop::collection::vec(port, 0..4),
        rest,
    );
    all.prop_map(|(namespace, egress, own, peer, ports, (action, priority, log))| {
        let list = |ends: &[&str]| ends.iter().map(|end| format!("{{{end}}}")).collect::<Vec<_>>().join(", ");
        let (from, to) = if egress { (list(&own), list(&peer)) } else { (list(&peer), list(&own)) };
        let direction = if egress { "Egress" } else { "Ingress" };
        let ports = ports.join(", ");
        let spec = format!(
            "{{direction: {direction}, from: [{from}], to: [{to}], ports: [{ports}], action: {action}, priority: {priority}{log}}}"
        );
        (namespace, spec)
    })
}

/// A rule that cannot work.
fn bad() -> impl Strategy<Value = FirewallRule> {
    let spec = select(vec![
        "{from: [{container: ghost}], to: [{all: {}}]}",
        "{from: [{any: {}}], to: [{container: ghost}]}",
        "{from: [{any: {}}], to: [{zone: nowhere}], ports: [{port: 22}]}",
        "{from: [{any: {}}], to: [{all: {}}], ports: [{port: 0}]}",
        "{from: [{any: {}}], to: [{all: {}}], ports: [{port: 22}, {port: 9, endPort: 8}]}",
        "{from: [{any: {}}, {cidr: 10.0.0.1/8}], to: [{all: {}}], ports: [{port: 22}]}",
        "{from: [{cidr: '::/0'}], to: [{all: {}}], ports: [{port: 22}]}",
        "{from: [{any: {}}], to: [{all: {}}], ports: [{port: 22}, {protocol: UDP}]}",
        "{from: [{container: a}], to: [{container: a}], ports: [{port: 22}]}",
        "{from: [{any: {}}], to: [{selector: {}, namespaceSelector: {}}], ports: [{port: 22}]}",
        "{from: [{any: {}}], to: [{all: {}}], ports: [{service: unheard-of}]}",
        "{from: [{host: unknown}], to: [{all: {}}], ports: [{port: 22}]}",
        "{from: [{any: {}, all: {}}], to: [{all: {}}], ports: [{port: 22}]}",
        "{direction: Egress, from: [{all: {}}], to: [{any: {}}]}",
        "{direction: Egress, from: [{any: {}}], to: [{all: {}}], ports: [{port: 22}]}",
    ]);
    spec.prop_map(|spec| rule("bad", spec))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_order_of_the_input_never_matters(world in worlds(), seed in any::<u64>()) {
        let mut other = world.clone();
        let turn = |n: usize| usize::try_from(seed).unwrap_or(usize::MAX) % n.max(1);
        other.containers.rotate_left(turn(world.containers.len()));
        other.containers.reverse();
        other.rules.rotate_left(turn(world.rules.len()));
        if seed % 2 == 0 {
            other.rules.reverse();
        }
        for one in &mut other.rules {
            one.spec.from.reverse();
            one.spec.to.reverse();
            one.spec.ports.reverse();
        }
        let (a, b) = (world.compiled(), other.compiled());
        prop_assert_eq!(a.guests, b.guests);
        prop_assert_eq!(a.notes, b.notes);
    }

    #[test]
    fn a_bad_rule_changes_nothing_and_is_told_of(world in worlds(), bad in bad()) {
        let before = world.compiled();
        let mut with = world;
        with.rules.push(bad);
        let after = with.compiled();
        prop_assert_eq!(before.guests, after.guests);
        prop_assert!(with.report("bad").verdict.is_err());
        for (key, report) in &before.rules {
            prop_assert_eq!(report, &after.rules[key]);
        }
    }

    #[test]
    fn what_is_written_is_what_pve_takes_and_nothing_twice(world in worlds()) {
        for (key, guest) in world.compiled().guests {
            let Ok(firewall) = guest.wish else { continue };
            let mut seen = std::collections::BTreeSet::new();
            for rule in &firewall.rules {
                let mut fields = rule.fields();
                let comment = fields.remove("comment").unwrap();
                prop_assert!(guest.owners.contains_key(&comment), "{key}: {comment}");
                prop_assert!(seen.insert(fields.clone()), "{key}: twice {fields:?}");
                if let Some(list) = fields.get("dport") {
                    let numbers = list.split([',', ':']).count();
                    prop_assert!(numbers <= 15, "{key}: {list}");
                }
                let end = fields.get("source").or(fields.get("dest"));
                if let Some(set) = end.and_then(|end| end.strip_prefix('+')) {
                    prop_assert!(firewall.ipsets.keys().any(|name| name.0 == *set), "{key}: no set {set}");
                } else if let Some(end) = end {
                    prop_assert!(end.split(',').count() <= 15);
                    prop_assert!(end.contains(':') != end.contains('.'), "{key}: both families in {end}");
                }
            }
            for (name, set) in &firewall.ipsets {
                prop_assert!(!set.entries.is_empty() && set.entries.iter().all(|net| net.prefix_len() > 0), "{key}: {name}");
                let used = firewall.rules.iter().any(|rule| rule.fields().values().any(|value| *value == format!("+{name}")));
                prop_assert!(used || name.0.starts_with("ipfilter-"), "{key}: {name} is not used");
            }
        }
    }

    #[test]
    fn to_take_a_rule_away_and_put_it_back_gives_the_same(world in worlds()) {
        let whole = world.compiled();
        for n in 0..world.rules.len() {
            let mut less = world.clone();
            let one = less.rules.remove(n);
            let gone = format!("{}/{}", one.metadata.namespace.as_ref().unwrap(), one.metadata.name.as_ref().unwrap());
            for guest in less.compiled().guests.values() {
                prop_assert!(!guest.owners.values().any(|owners| owners.contains(&gone)));
            }
            less.rules.insert(0, one);
            prop_assert_eq!(&whole.guests, &less.compiled().guests);
        }
    }
}
