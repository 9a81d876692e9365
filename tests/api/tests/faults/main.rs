//! What goes wrong around the operator: rights and certificates lost, a Proxmox VE that is away or talks nonsense, tasks
//! that fail, guests that others hold. Nothing is lost by it, nothing is written that rests on it, and it heals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod access;
mod answers;
mod network;
mod tasks;
mod waits;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::wait::{eventually, when};

/// What writes so far, as lines.
async fn writes(world: &World) -> Vec<String> {
    world.pve.writes().await.iter().map(Request::line).collect()
}

/// How the tasks of a type ended.
async fn ends(world: &World, kind: &str) -> Vec<String> {
    let end = |task: &Value| task["exitstatus"].as_str().unwrap_or("running").to_owned();
    world.pve.tasks().await.iter().filter(|task| task["type"] == kind).map(end).collect()
}

/// Asks for 1 GiB in place of the 512 MiB that a container was made with.
async fn wish_for_a_gib(world: &World, name: &str) {
    world.patch(name, json!({"resources": {"memory": "1Gi"}})).await;
}

/// Waits until a guest has the 1 GiB.
async fn has_a_gib(world: &World, vmid: u32) {
    world.guest_until("has 1 GiB", vmid, |guest| guest.option("memory") == "1024").await;
}

/// Waits until the operator has asked for a path so many more times.
async fn asked(world: &World, path: &str, count: usize) {
    let so_far = async || world.pve.requests().await.iter().filter(|request| request.path == path).count();
    let before = so_far().await;
    eventually(&format!("{count} more calls of {path}"), || async {
        when(so_far().await, |now| *now >= before + count).map(|_| ())
    })
    .await;
}

/// The versions of the containers alone: who writes to them changes them.
async fn container_versions(world: &World) -> BTreeMap<String, String> {
    let mut versions = world.versions().await;
    versions.retain(|name, _| name.starts_with("zc/"));
    versions
}
