//! The matrix of the estate in `manifests/`: what it compiles to, and that exactly its rows pass.

#[path = "../../common/golden.rs"]
mod golden;

use super::agreement::{OUTSIDERS, agree, configuration, named_ports};
use super::fixture::{World, shown};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use zentoria_api::firewall::{FirewallMode, LogLevel};
use zentoria_core::firewall::compile::{CompiledGuest, RuleReport};
use zentoria_core::firewall::evaluate::{Packet, verdict};
use zentoria_core::firewall::guest::{Options, plain, policy_word};

/// How many flows the rows that are decided come to.
const DECIDED: usize = 117;
const PREFIX: &str = "zentoria-";

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The estate of these manifests.
fn manifests(files: &[&str]) -> World {
    let mut world = World { containers: Vec::new(), ..World::small() };
    for file in files {
        let text = std::fs::read_to_string(workspace().join("manifests").join(file)).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        for document in documents {
            let take = |kind: &str| document["kind"] == kind;
            let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if take("ProxmoxCluster") {
                world.cluster = serde_json::from_value(document).unwrap();
            } else if take("ZentoriaContainer") {
                world.containers.push(serde_json::from_value(document).unwrap());
            } else if take("FirewallRule") {
                world.rules.push(serde_json::from_value(document).unwrap());
            } else if take("Namespace") {
                let label = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), name.clone())]);
                world.labels.insert(name, label);
            }
        }
    }
    world
}

fn estate() -> World {
    manifests(&["zentoria.yaml"])
}

/// From, to, protocol, port.
type Flow = (String, String, String, u16);

/// The rows with this decision, one port each.
fn rows(decision: &str) -> BTreeSet<Flow> {
    let text = std::fs::read_to_string(workspace().join("tests/fixtures/zentoria/firewall.tsv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("id\tfrom\tto\tport\tproto\tdecision"));
    let cells = lines.map(|line| line.split('\t').collect::<Vec<_>>()).filter(|cells| cells[5] == decision);
    cells
        .flat_map(|cells| {
            let (first, last) = cells[3].split_once('-').unwrap_or((cells[3], cells[3]));
            let ports = first.parse::<u16>().unwrap()..=last.parse().unwrap();
            let [from, to, proto] = [cells[1], cells[2], cells[4]].map(str::to_owned);
            ports.map(move |port| (from.clone(), to.clone(), proto.clone(), port))
        })
        .collect()
}

/// The containers by the words of the table, and their addresses.
fn addresses(world: &World) -> BTreeMap<String, IpAddr> {
    let of = |text: &str| text.split('/').next().unwrap().parse().unwrap();
    let one = |one: &zentoria_api::ZentoriaContainer| {
        let name = one.metadata.name.as_deref().unwrap().strip_prefix(PREFIX).unwrap().to_owned();
        (name, of(&one.spec.network.interfaces[0].ipv4.as_ref().unwrap().address))
    };
    world.containers.iter().map(one).collect()
}

#[test]
fn every_row_of_the_matrix_passes_and_nothing_else_does() {
    let world = estate();
    let config = configuration(&world);
    let mut decided = rows("decided");
    let mut ends = addresses(&world);
    assert_eq!((ends.len(), decided.len()), (17, DECIDED));
    ends.insert("Internet".into(), "203.0.113.7".parse().unwrap());
    let ports: BTreeSet<u16> = decided.iter().map(|(.., port)| *port).chain([22, 53, 1, 2375, 8006, 65535]).collect();
    for (from, source) in &ends {
        for (to, dest) in ends.iter().filter(|(to, _)| *to != from && *to != "Internet") {
            for (proto, port) in ports.iter().flat_map(|port| ["tcp", "udp"].map(|proto| (proto, *port))) {
                let wanted = decided.remove(&(from.clone(), to.clone(), proto.to_owned(), port));
                let packet = Packet { proto: proto.to_owned(), ..Packet::tcp(*source, *dest, port) };
                let found = verdict(&config, &packet);
                assert_eq!(found.accepts(), wanted, "{from} to {to} {proto} {port}: {found:?}");
            }
        }
    }
    assert!(decided.is_empty(), "rows that no pair of ends has: {decided:?}");
}

#[test]
fn the_operator_reaches_the_server_of_every_model_of_the_estate_and_no_stranger_does() {
    let world = estate();
    let (config, addresses) = (configuration(&world), addresses(&world));
    let operator: IpAddr = world.cluster.spec.control_plane_cidrs[0].split('/').next().unwrap().parse().unwrap();
    let text = std::fs::read_to_string(workspace().join("tests/fixtures/zentoria/models.tsv")).unwrap();
    let servers: BTreeSet<(&str, &str)> = text.lines().skip(1).map(cells).collect();
    assert_eq!(servers.len(), 2, "{servers:?}");
    for (container, service) in servers {
        let host = world.containers.iter().find(|one| one.metadata.name.as_deref() == Some(container)).unwrap();
        let port = host.spec.services.iter().find(|known| known.name == service).unwrap().port.try_into().unwrap();
        let dest = addresses[container.strip_prefix(PREFIX).unwrap()];
        let accepts = |source: IpAddr| verdict(&config, &Packet::tcp(source, dest, port)).accepts();
        assert!(accepts(operator), "{container} {service}");
        assert!(!accepts("10.10.99.9".parse().unwrap()), "{container} {service}");
    }
}

/// Container and service of a model.
fn cells(line: &str) -> (&str, &str) {
    let mut cells = line.split('\t').skip(1);
    (cells.next().unwrap(), cells.next().unwrap())
}

#[test]
fn both_readings_of_the_estate_agree_at_every_port_that_is_named_anywhere() {
    let world = estate();
    let ports = named_ports(&world).into_iter().filter(|port| port % 2 == 0).collect();
    agree(&world, &OUTSIDERS[..5], &ports).unwrap();
    let odd = named_ports(&world).into_iter().filter(|port| port % 2 == 1).collect();
    agree(&world, &["1.1.1.1"], &odd).unwrap();
}

#[test]
fn with_the_proposals_and_every_way_out_closed_both_readings_agree_too() {
    let mut world = manifests(&["zentoria.yaml", "zentoria-flows.yaml"]);
    let names: Vec<String> = world.containers.iter().map(|one| one.metadata.name.clone().unwrap()).collect();
    for name in names {
        world = world.change(&name, "{spec: {firewall: {outbound: Drop}}}");
    }
    let ports: BTreeSet<u32> = named_ports(&world).into_iter().step_by(3).chain([53, 80, 123, 443]).collect();
    agree(&world, &["8.8.8.8", "10.10.0.1", "10.10.0.10"], &ports).unwrap();
}

#[test]
fn no_rule_of_the_manifests_has_anything_wrong_with_it() {
    for files in [&["zentoria.yaml"][..], &["zentoria.yaml", "zentoria-flows.yaml"]] {
        for (key, report) in manifests(files).compiled().rules {
            assert!(report.verdict.is_ok(), "{key}: {report:?}");
            // One row of the plan is to a port at which nothing listens.
            let flagged = key.name == "waf-to-proxy";
            assert_eq!(
                report.notes.iter().any(|note| note.contains("declares no service")),
                flagged,
                "{key}: {report:?}"
            );
        }
    }
}

#[test]
fn the_firewalls_of_the_estate() {
    let world = estate();
    let compiled = world.compiled();
    let mut page = String::from("# What the firewall matrix of manifests/zentoria.yaml compiles to.\n");
    for (key, guest) in &compiled.guests {
        let _ = write!(page, "\n{}\n{}", key.name, guest_page(guest));
    }
    page.push_str("\n# What kubectl get fwr says of each rule: from, to, ports, guests, rules, notes\n");
    for (key, report) in &compiled.rules {
        let RuleReport { from, to, ports, guests, rules, notes, .. } = report;
        let cells =
            [key.name.clone(), from.clone(), to.clone(), ports.clone(), guests.len().to_string(), rules.to_string()];
        let _ = writeln!(page, "{}", [cells.join("  "), notes.join("; ")].join("  ").trim_end());
    }
    golden::compare("firewall", "zentoria", &page);
}

fn guest_page(guest: &CompiledGuest) -> String {
    let firewall = guest.wish.as_ref().unwrap();
    let Options { policy_in, policy_out, ipfilter, macfilter, dhcp, ndp, radv, log_level_in, log_level_out } =
        firewall.options;
    assert_eq!((guest.mode, log_level_in, log_level_out), (FirewallMode::Enforce, LogLevel::Nolog, LogLevel::Nolog));
    let switches = [("ipfilter", ipfilter), ("macfilter", macfilter), ("dhcp", dhcp), ("ndp", ndp), ("radv", radv)];
    let on: Vec<&str> = switches.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let mut page = format!("  in {}, out {}, {}\n", policy_word(policy_in), policy_word(policy_out), on.join(", "));
    for rule in &firewall.rules {
        let line = rule.fields();
        let set = firewall.ipsets.keys().find(|name| line.values().any(|value| *value == format!("+{name}")));
        let shown = match set {
            Some(name) => format!("{} +{name}", shown(rule, firewall).split(" {").next().unwrap()),
            None => shown(rule, firewall),
        };
        let _ = writeln!(page, "  {shown}  # {}", rule.comment);
    }
    for (name, set) in &firewall.ipsets {
        let entries: Vec<String> = set.entries.iter().map(plain).collect();
        let _ = writeln!(page, "  {name} = {}  # {}", entries.join(" "), set.comment);
    }
    page
}
