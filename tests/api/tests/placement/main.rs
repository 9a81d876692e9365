//! Several nodes: where a guest is made, what it waits for, who may not share a node, and what a namespace may have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod capacity;
mod moving;
mod quota;
mod spread;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::{Guest, Request};
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::{Builder, Conditions};

/// A world with nodes of this much memory in MiB.
fn nodes(test: &str, memory: &[(&str, u64)]) -> Builder {
    let nodes: serde_json::Map<String, Value> =
        memory.iter().map(|(name, mib)| ((*name).to_owned(), json!({"maxmem": mib << 20}))).collect();
    World::builder(test).seed(|seed| {
        seed["nodes"] = Value::Object(nodes);
        seed["grants"].as_array_mut().unwrap().push(json!(["zentoria@pve", "/vms", "VM.Migrate"]));
    })
}

/// A world with three nodes of 64 GiB.
fn three(test: &str) -> Builder {
    nodes(test, &[("pve1", 64 << 10), ("pve2", 64 << 10), ("pve3", 64 << 10)])
}

/// Guests by node.
fn by_node(guests: &[Guest]) -> BTreeMap<&str, Vec<&Guest>> {
    let mut nodes: BTreeMap<&str, Vec<&Guest>> = BTreeMap::new();
    for guest in guests {
        nodes.entry(&guest.node).or_default().push(guest);
    }
    nodes
}

/// How many guests each node has.
fn counts(guests: &[Guest]) -> Vec<(String, usize)> {
    by_node(guests).into_iter().map(|(node, guests)| (node.to_owned(), guests.len())).collect()
}

/// A container with this much memory.
fn sized(world: &World, name: &str, vmid: u32, memory: &str) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.resources.memory = Some(zentoria_api_tests::size(memory));
    container
}

/// Waits until every container says one of these reasons, and returns how many say each.
async fn settled(world: &World, reasons: &[&str]) -> BTreeMap<String, usize> {
    eventually(&format!("every container says one of {reasons:?}"), || async {
        let all = world.all().await;
        let said: Vec<String> = all.iter().map(|c| c.reason(zentoria_api::conditions::READY).to_owned()).collect();
        if said.iter().any(|reason| !reasons.contains(&reason.as_str())) {
            return Err(format!("{said:?}"));
        }
        let mut count = BTreeMap::new();
        for reason in said {
            *count.entry(reason).or_default() += 1;
        }
        Ok(count)
    })
    .await
}

fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::line).collect()
}
