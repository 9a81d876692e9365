//! A matrix of a size: ten flows into every container, by two rules; and what it costs by itself, without anybody to ask.

use crate::estate;
use crate::report::median;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;
use zentoria_api::firewall::{FirewallRule, ForeignRules};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::firewall::compile::Compiled;
use zentoria_core::firewall::enforce::plan;
use zentoria_core::firewall::seen::Seen;
use zentoria_core::firewall::{compile, estate as read};

/// Measurements of one time; the median counts.
const RUNS: usize = 9;
/// The port of the rule that is changed, and what it becomes.
const PORTS: (u16, u16) = (8080, 8081);

/// What the matrix of one size costs by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Alone {
    /// Reading the objects, in milliseconds.
    pub read_milliseconds: f64,
    /// Compiling them, in milliseconds.
    pub compile_milliseconds: f64,
    /// Flows: one container into another at one port.
    pub flows: u32,
    /// Rules of Proxmox VE, over all guests.
    pub rules: usize,
    /// Writes from nothing to the whole matrix.
    pub writes: usize,
    /// Guests whose firewall is another one when one rule changes.
    pub guests_of_a_change: usize,
    /// Writes of that change.
    pub writes_of_a_change: usize,
}

/// The ProxmoxCluster of the matrix: the estate's own, with what firewalls need to know.
///
/// # Panics
/// Never: the spec is a constant of ours.
#[must_use]
pub fn cluster(namespace: &str) -> ProxmoxCluster {
    let mut spec = estate::cluster(namespace);
    spec.control_plane_cidrs = vec!["10.10.0.0/24".into()];
    spec.networks = vec!["10.10.0.0/16".into()];
    spec.firewall.manage_datacenter = true;
    ProxmoxCluster::new(namespace, spec)
}

/// The rules: each container is reached by the next eight at one port, and by the ninth at two more.
///
/// # Panics
/// Never: the specs are constants of ours.
#[must_use]
pub fn rules(namespace: &str, size: u32) -> Vec<FirewallRule> {
    let numbers: Vec<u32> = estate::vmids(size).collect();
    let name = |index: usize| estate::name_of(numbers[index % numbers.len()]);
    let into = |index: usize| {
        let from: Vec<_> = (1..=8).map(|step| json!({"container": name(index + step)})).collect();
        let to = json!([{"container": name(index)}]);
        let near = json!({"from": from, "to": to, "ports": [{"port": PORTS.0}]});
        let far =
            json!({"from": [{"container": name(index + 9)}], "to": to, "ports": [{"port": 5432}, {"port": 9090}]});
        [("near", near), ("far", far)].map(|(kind, spec)| {
            let spec = serde_json::from_value(spec).expect("a spec");
            let mut rule = FirewallRule::new(&rule_name(kind, &name(index)), spec);
            rule.metadata.namespace = Some(namespace.to_owned());
            rule
        })
    };
    (0..numbers.len()).flat_map(into).collect()
}

fn rule_name(kind: &str, container: &str) -> String {
    format!("{kind}-to-{container}")
}

/// The rule that is changed, and what is merged into it.
#[must_use]
pub fn change(size: u32) -> (String, serde_json::Value) {
    let vmid = estate::vmids(size).nth(size as usize / 2).unwrap_or_default();
    (rule_name("near", &estate::name_of(vmid)), json!({"spec": {"ports": [{"port": PORTS.1}]}}))
}

/// Measures it.
///
/// # Panics
/// Where a guest of the matrix cannot be compiled.
#[must_use]
pub fn alone(size: u32) -> Alone {
    const NAMESPACE: &str = "bench";
    let cluster = cluster(NAMESPACE);
    let containers: Vec<ZentoriaContainer> =
        estate::vmids(size).map(|vmid| estate::container(NAMESPACE, NAMESPACE, vmid)).collect();
    let mut rules = rules(NAMESPACE, size);
    let (mut reads, mut compiles) = (Vec::new(), Vec::new());
    let mut compiled = None;
    for _ in 0..RUNS {
        let started = Instant::now();
        let estate = read(&cluster, &containers, &rules, &|_| BTreeMap::new());
        reads.push(started.elapsed().as_secs_f64() * 1000.0);
        let started = Instant::now();
        compiled = Some(compile(&estate));
        compiles.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let before = compiled.expect("it was compiled");
    let (changed, _) = change(size);
    let rule = rules.iter_mut().find(|rule| rule.metadata.name.as_deref() == Some(&changed)).expect("the rule");
    rule.spec.ports[0].port = Some(u32::from(PORTS.1));
    let after = compile(&read(&cluster, &containers, &rules, &|_| BTreeMap::new()));
    let (guests_of_a_change, writes_of_a_change) = difference(&before, &after);
    let wishes = || before.guests.values().map(|guest| guest.wish.as_ref().expect("a wish"));
    Alone {
        read_milliseconds: median(reads),
        compile_milliseconds: median(compiles),
        flows: size * 10,
        rules: wishes().map(|wish| wish.rules.len()).sum(),
        writes: wishes().map(|wish| plan(wish, &Seen::default(), ForeignRules::Keep).steps.len()).sum(),
        guests_of_a_change,
        writes_of_a_change,
    }
}

/// How many guests hold something else after, and how many writes that takes.
fn difference(before: &Compiled, after: &Compiled) -> (usize, usize) {
    let mut writes = Vec::new();
    for (key, guest) in &after.guests {
        let wish = guest.wish.as_ref().expect("a wish");
        let held = before.guests[key].wish.as_ref().expect("a wish");
        if wish != held {
            writes.push(plan(wish, &Seen::holding(held), ForeignRules::Keep).steps.len());
        }
    }
    (writes.len(), writes.iter().sum())
}
