//! The matrix of the whole estate as Proxmox VE holds it, and what a guest with many rules holds.

use super::{DB, WEB, apply_rule, build, firewall_says, hand, held, rule_says, serving, started};
use crate::hand::Hand;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api_tests::World;
use zentoria_api_tests::estate::{documents, inventory};
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::Guest;
use zentoria_api_tests::wait::eventually;
use zentoria_core::firewall::evaluate::{self, Datacenter, Interface, IpsetConfig, Packet, PveFirewall, verdict};
use zentoria_core::firewall::seen::Fields;

/// Somebody outside of the estate's networks.
const INTERNET: &str = "203.0.113.7";

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(object: &Value) -> Fields {
    object.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// A guest as the double holds it, for the evaluator.
fn judged(guest: &Guest) -> evaluate::Guest {
    let file = guest.firewall.clone().unwrap_or_default();
    let entries = |set: &Value| -> IpsetConfig {
        let rows = set.as_array().or_else(|| set["entries"].as_array()).cloned().unwrap_or_default();
        rows.iter().map(|row| (text(&row["cidr"]), text(&row["nomatch"]) == "1")).collect()
    };
    let address = guest.part("net0", "ip").unwrap().split('/').next().unwrap().parse().unwrap();
    evaluate::Guest {
        name: guest.option("hostname"),
        interfaces: vec![Interface {
            name: "net0".to_owned(),
            firewall: guest.part("net0", "firewall").as_deref() == Some("1"),
            addresses: vec![address],
            more: Vec::new(),
        }],
        options: texts(&file["options"]),
        rules: file["rules"].as_array().into_iter().flatten().map(texts).collect(),
        ipsets: file["ipset"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, set)| (name.clone(), entries(set)))
            .collect(),
        aliases: BTreeMap::new(),
    }
}

/// The rows that are decided, each port by itself: from, to, protocol, port.
fn decided() -> BTreeSet<(String, String, String, u16)> {
    let path = zentoria_api_tests::workspace().join("tests/fixtures/zentoria/firewall.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|cells| cells[5] == "decided")
        .filter(|cells| !cells[3].is_empty())
        .flat_map(|cells| {
            let (first, last) = cells[3].split_once('-').unwrap_or((cells[3], cells[3]));
            let ports = first.parse::<u16>().unwrap()..=last.parse().unwrap();
            let name = |word: &str| if word == "Internet" { word.to_owned() } else { format!("zentoria-{word}") };
            let (from, to, proto) = (name(cells[1]), name(cells[2]), cells[4].to_owned());
            ports.map(move |port| (from.clone(), to.clone(), proto.clone(), port))
        })
        .collect()
}

#[tokio::test]
async fn in_proxmox_ve_every_row_of_the_matrix_passes_and_nothing_else_between_the_containers_does() {
    let world = World::builder("the matrix").without_cluster().seed(hand::seed).start().await;
    Hand::of(&world).switch(true).await;
    for document in documents("manifests/zentoria.yaml", &world.namespace, &world.cluster) {
        apply_any(&world.client, &document).await.unwrap();
    }
    let rows = inventory();
    for row in &rows {
        world.ready(&row.name).await;
        firewall_says(&world, &row.name, "NotProbed").await;
    }
    let guests = world.pve.guests().await;
    let config = PveFirewall {
        datacenter: Some(Datacenter { enabled: true, ..Datacenter::default() }),
        guests: guests.iter().map(judged).collect(),
    };
    let mut rest = decided();
    let mut ends: BTreeMap<&str, IpAddr> =
        rows.iter().map(|row| (row.name.as_str(), row.ip.parse().unwrap())).collect();
    ends.insert("Internet", INTERNET.parse().unwrap());
    let ports: BTreeSet<u16> = rest.iter().map(|(.., port)| *port).chain([22, 53, 2375, 8006]).collect();
    for (from, source) in &ends {
        for (to, dest) in ends.iter().filter(|(to, _)| *to != from && **to != "Internet") {
            for (proto, port) in ports.iter().flat_map(|port| ["tcp", "udp"].map(|proto| (proto, *port))) {
                let wanted = rest.remove(&((*from).to_owned(), (*to).to_owned(), proto.to_owned(), port));
                let found = verdict(&config, &Packet { proto: proto.to_owned(), ..Packet::tcp(*source, *dest, port) });
                assert_eq!(found.accepts(), wanted, "{from} to {to} {proto} {port}: {found:?}");
            }
        }
    }
    assert!(rest.is_empty(), "rows that no pair of ends has: {rest:?}");
}

#[tokio::test]
async fn two_hundred_rules_of_one_guest_are_held_in_their_order_and_two_that_are_edited_at_once_are_set_right() {
    const COUNT: u32 = 200;
    let (world, hand) = started(build("two hundred")).await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    // Neighbours differ in what they do, so that no two can be one.
    for n in 0..COUNT {
        let action = if n % 2 == 0 { "Allow" } else { "Reject" };
        let spec = json!({
            "from": [{"container": "web"}], "to": [{"container": "db"}], "ports": [{"port": 10_000 + 2 * n}],
            "action": action, "priority": n,
        });
        apply_rule(&world, &format!("rule-{n:03}"), spec).await;
    }
    world.ready("db").await;
    rule_says(&world, &format!("rule-{:03}", COUNT - 1), "Enforced").await;
    firewall_says(&world, "db", "NotProbed").await;
    let ours =
        |guest: &Guest| -> Vec<String> { held(guest).into_iter().filter(|rule| rule.contains(" rule-")).collect() };
    let before = ours(&world.pve.guest(DB).await);
    let names: Vec<&str> = before.iter().map(|rule| rule.rsplit(' ').next().unwrap()).collect();
    assert_eq!(names, (0..COUNT).map(|n| format!("rule-{n:03}")).collect::<Vec<_>>());

    hand.changes(DB, "/rule-020#", &[("dport", "1")], &[]).await;
    hand.removes(DB, "/rule-140#").await;
    eventually("both are as they were", || async {
        let now = ours(&world.pve.guest(DB).await);
        if now == before { Ok(()) } else { Err(format!("{} of {} rules", now.len(), before.len())) }
    })
    .await;
}
