//! The firewall matrix of `manifests/zentoria.yaml`, and the flows that `manifests/zentoria-flows.yaml` proposes, against
//! the rows of the plan: expanded here without the help of the compiler.

use crate::documents::{Document, containers, read, rules, workspace};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::{Action, Direction, Peer, Port, Protocol};
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};

const ESTATE: &str = "manifests/zentoria.yaml";
const FLOWS: &str = "manifests/zentoria-flows.yaml";
const PREFIX: &str = "zentoria-";

/// From whom, to whom, protocol, port: the words of the table of rows, one port each.
type Flow = (String, String, &'static str, u32);

/// A table of fixtures: column by name.
fn table(name: &str) -> Vec<BTreeMap<String, String>> {
    let path = workspace().join("tests/fixtures/zentoria").join(name);
    let text = std::fs::read_to_string(path).expect("the table");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let columns = lines.next().expect("a header");
    lines.map(|cells| columns.iter().cloned().zip(cells).collect()).collect()
}

fn protocol(word: &str) -> &'static str {
    match word {
        "tcp" => "tcp",
        "udp" => "udp",
        other => panic!("protocol {other}"),
    }
}

/// The containers of the estate, by the words of the table.
fn estate() -> BTreeMap<String, ZentoriaContainer> {
    containers(ESTATE).into_iter().map(|c| (short(c.metadata.name.as_deref().expect("a name")), c)).collect()
}

fn short(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or_else(|| panic!("{name} is none of the estate's names")).to_owned()
}

/// One row as flows; `ALL` is every container but the other end.
fn flows_of_row(row: &BTreeMap<String, String>, everyone: &BTreeSet<String>) -> BTreeSet<Flow> {
    let (first, last) = row["port"].split_once('-').unwrap_or((&row["port"], &row["port"]));
    let ports = first.parse::<u32>().expect("a port")..=last.parse().expect("a port");
    let end = |word: &str| if word == "ALL" { everyone.clone() } else { BTreeSet::from([word.to_owned()]) };
    product(&end(&row["from"]), &end(&row["to"]), protocol(&row["proto"]), &ports.collect())
}

fn product(
    from: &BTreeSet<String>,
    to: &BTreeSet<String>,
    proto: &'static str,
    ports: &BTreeSet<u32>,
) -> BTreeSet<Flow> {
    let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to))).filter(|(from, to)| from != to);
    pairs.flat_map(|(from, to)| ports.iter().map(move |port| (from.clone(), to.clone(), proto, *port))).collect()
}

fn rows(decision: &str, everyone: &BTreeSet<String>) -> BTreeSet<Flow> {
    let of_kind = table("firewall.tsv").into_iter().filter(|row| row["decision"] == decision);
    let needs_rules = of_kind.filter(|row| row["from"] != "control-plane"); // derived from controlPlaneCIDRs
    needs_rules.flat_map(|row| flows_of_row(&row, everyone)).collect()
}

/// The words for a peer.
fn words(peer: &Peer, everyone: &BTreeSet<String>) -> BTreeSet<String> {
    match peer {
        Peer { container: Some(name), .. } => BTreeSet::from([short(name)]),
        Peer { all: Some(_), .. } => everyone.clone(),
        Peer { external: Some(_), .. } => BTreeSet::from(["Internet".to_owned()]),
        Peer { host: Some(name), .. } => BTreeSet::from([name.clone()]),
        other => panic!("the matrix uses no such peer: {other:?}"),
    }
}

fn numbers(port: &Port) -> (&'static str, BTreeSet<u32>) {
    let first = port.port.expect("the matrix names ports by number");
    let proto = match port.protocol.unwrap_or_default() {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        other => panic!("{other:?}"),
    };
    (proto, (first..=port.end_port.unwrap_or(first)).collect())
}

fn declared(container: &ZentoriaContainer) -> BTreeSet<u32> {
    let ports = |s: &zentoria_api::firewall::Service| (s.port..=s.end_port.unwrap_or(s.port)).collect::<Vec<_>>();
    container.spec.services.iter().flat_map(ports).collect()
}

/// A rule as flows.
fn flows_of_rule(rule: &FirewallRule, estate: &BTreeMap<String, ZentoriaContainer>) -> BTreeSet<Flow> {
    assert_eq!(rule.spec.action, Action::Allow, "{:?}", rule.metadata.name);
    let everyone: BTreeSet<String> = estate.keys().cloned().collect();
    let end = |peers: &[Peer]| peers.iter().flat_map(|peer| words(peer, &everyone)).collect::<BTreeSet<_>>();
    let (from, to) = (end(&rule.spec.from), end(&rule.spec.to));
    if rule.spec.ports.is_empty() {
        let one = |name: &String| product(&from, &BTreeSet::from([name.clone()]), "tcp", &declared(&estate[name]));
        return to.iter().flat_map(one).collect();
    }
    let ports = rule.spec.ports.iter().map(numbers);
    ports.flat_map(|(proto, ports)| product(&from, &to, proto, &ports)).collect()
}

fn expanded(path: &str, estate: &BTreeMap<String, ZentoriaContainer>) -> BTreeSet<Flow> {
    rules(path).iter().flat_map(|rule| flows_of_rule(rule, estate)).collect()
}

#[track_caller]
fn same(rules: &BTreeSet<Flow>, rows: &BTreeSet<Flow>) {
    let (much, little) = (rules.difference(rows), rows.difference(rules));
    let (much, little): (Vec<_>, Vec<_>) = (much.collect(), little.collect());
    assert!(much.is_empty() && little.is_empty(), "too much: {much:?}\nmissing: {little:?}");
}

#[test]
fn the_matrix_is_the_decided_rows_and_nothing_else() {
    let estate = estate();
    let everyone = estate.keys().cloned().collect();
    let decided = rows("decided", &everyone);
    assert_eq!(decided.len(), 117, "113 rows, four of them with two ports");
    same(&expanded(ESTATE, &estate), &decided);
}

#[test]
fn the_proposed_flows_are_the_proposed_rows_and_time() {
    let estate = estate();
    let everyone: BTreeSet<String> = estate.keys().cloned().collect();
    let mut proposed = rows("proposed", &everyone);
    // No row has it, but a guest that may not ask for the time drifts.
    proposed.extend(product(&everyone, &BTreeSet::from(["Internet".to_owned()]), "udp", &BTreeSet::from([123])));
    same(&expanded(FLOWS, &estate), &proposed);
}

#[test]
fn no_flow_is_written_twice_but_to_the_internet() {
    let estate = estate();
    let mut seen: BTreeMap<Flow, String> = BTreeMap::new();
    for rule in rules(ESTATE).into_iter().chain(rules(FLOWS)) {
        let name = rule.metadata.name.clone().expect("a name");
        for flow in flows_of_rule(&rule, &estate) {
            let everywhere = |name: &str| name.ends_with("-to-all") || name == "all-to-logs";
            if let Some(other) = seen.insert(flow.clone(), name.clone()) {
                let both_general = everywhere(&other) || everywhere(&name) || flow.1 == "Internet";
                assert!(both_general, "{flow:?} is in {other} and {name}");
            }
        }
    }
}

#[test]
fn zones_and_services_are_those_of_the_table() {
    let (estate, rows) = (estate(), table("services.tsv"));
    let mut expected: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for row in &rows {
        assert_eq!(row["proto"], "tcp");
        let of = expected.entry(row["container"].clone()).or_default();
        assert!(of.insert((row["service"].clone(), row["port"].clone())));
        assert_eq!(estate[&row["container"]].spec.zone.as_deref(), Some(row["zone"].as_str()), "{}", row["container"]);
    }
    let services = |container: &ZentoriaContainer| -> BTreeSet<(String, String)> {
        let services = &container.spec.services;
        assert!(services.iter().all(|s| s.protocol.is_none() && s.end_port.is_none()));
        services.iter().map(|s| (s.name.clone(), s.port.to_string())).collect()
    };
    let found = estate.iter().map(|(name, container)| (name.clone(), services(container))).collect();
    assert_eq!(expected, found);
}

#[test]
fn the_cluster_names_the_control_plane_its_networks_and_the_name_server_that_rules_use() {
    let cluster: Vec<ProxmoxCluster> = read(ESTATE)
        .into_iter()
        .filter_map(|document| match document {
            Document::Cluster(cluster) => Some(*cluster),
            Document::Container(_)
            | Document::Rule(_)
            | Document::Repository(_)
            | Document::Policy(_)
            | Document::Restore(_)
            | Document::Model(_)
            | Document::Namespace => None,
        })
        .collect();
    let spec = &cluster[0].spec;
    assert_eq!(spec.networks, ["10.10.0.0/16"]);
    assert_eq!(spec.control_plane_cidrs, ["10.10.0.10"]);
    let hosts: BTreeSet<&str> = spec.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, BTreeSet::from(["dns"]));
    assert_eq!(spec.hosts[0].addresses, spec.defaults.nameservers, "the one that containers ask");
}

#[test]
fn proposed_rules_carry_their_label_and_decided_ones_do_not() {
    let label = |rule: &FirewallRule| rule.metadata.labels.clone().and_then(|l| l.get("zentoria.ai/matrix").cloned());
    for rule in rules(FLOWS) {
        assert_eq!(label(&rule).as_deref(), Some("proposed"), "{:?}", rule.metadata.name);
    }
    assert!(rules(ESTATE).iter().all(|rule| label(rule).is_none()));
    let names: BTreeSet<_> = rules(ESTATE).into_iter().chain(rules(FLOWS)).map(|rule| rule.metadata.name).collect();
    assert_eq!(names.len(), rules(ESTATE).len() + rules(FLOWS).len(), "each has a name of its own");
}

#[test]
fn rules_out_name_containers_that_are_closed_and_rules_in_open_containers() {
    for rule in rules(ESTATE).iter().chain(&rules(FLOWS)) {
        let name = rule.metadata.name.as_deref().expect("a name");
        assert_eq!(rule.metadata.namespace.as_deref(), Some("zentoria"), "{name}");
        assert_eq!(rule.spec.direction == Direction::Egress, name.starts_with("egress-"), "{name}");
        assert!(rule.spec.description.is_some(), "{name}");
    }
}
