//! SIGKILL before and after every call of a create, a clone, an adoption and a deletion: afterwards there is one guest,
//! and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod calls;
mod ending;
mod locks;
mod making;
mod many;
mod points;

use kube::api::{DeleteParams, Patch, PatchParams};
use points::Point;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::VmidField;
use zentoria_api_tests::World;
use zentoria_api_tests::builders::clone_of;
use zentoria_api_tests::pve::{Guest, OPERATOR};

const VMID: u32 = 400;
const SOURCE: u32 = 450;
const NAME: &str = "db";

/// No operator yet, and one that looks at the cluster only once: every later call is of the container itself, and what
/// a crash left has to be found without a second poll.
async fn world(test: &str) -> World {
    polled(test, "10m").await
}

async fn polled(test: &str, interval: &'static str) -> World {
    let build = World::builder(test).without_operator().cluster(move |spec| {
        spec.poll.interval.0 = interval.into();
        spec.poll.full_resync.0 = "10m".into();
        spec.access[0].allow.clone_sources = vec![VmidField(SOURCE)];
        spec.safety.final_backup = FinalBackup::None;
        spec.safety.max_destroys_per_hour = 1000;
    });
    let build = build.seed(|seed| {
        seed["containers"] = json!([source()]);
        // Left by a guest that was here before: it has to be gone before ours starts.
        let rule = json!({"type": "in", "action": "ACCEPT", "enable": 1});
        seed["firewall"] = json!({"400": {"rules": [rule], "options": {"enable": 1}}});
    });
    build.start().await
}

/// Whether the guest has no firewall settings, or an empty file of them.
fn has_no_firewall(guest: &Guest) -> bool {
    let empty = |file: &Value, key: &str| match &file[key] {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    };
    guest
        .firewall
        .as_ref()
        .is_none_or(|file| ["rules", "options", "ipset", "aliases"].iter().all(|key| empty(file, key)))
}

/// A guest of somebody: what a clone is made of.
fn source() -> Value {
    json!({
        "vmid": SOURCE, "name": "golden", "node": "pve1", "status": "stopped",
        "config": {
            "arch": "amd64", "ostype": "ubuntu", "cores": 2, "memory": 1024, "swap": 0, "unprivileged": 1,
            "rootfs": format!("local-zfs:subvol-{SOURCE}-disk-0,size=8G"),
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.10.9.9/16,type=veth",
        },
    })
}

fn by_template(world: &World) -> ZentoriaContainer {
    world.container(NAME, VMID)
}

fn by_clone(world: &World) -> ZentoriaContainer {
    let mut container = by_template(world);
    container.spec.source = Some(clone_of(SOURCE));
    container
}

/// PVE as at the start, and no object. The operator must be dead.
async fn anew(world: &World) {
    let api = world.containers();
    if api.get_opt(NAME).await.unwrap().is_some() {
        let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.patch(NAME, &PatchParams::default(), &strip).await.unwrap();
        // It may have gone with its finalizers.
        let _ = api.delete(NAME, &DeleteParams::default()).await;
        world.gone(NAME).await;
    }
    world.pve.ctl.json("POST", "/ctl/reset", Some(&json!({}))).await;
}

async fn arm(world: &World, point: &Point, when: &str) {
    let body = json!({"at": point.at, "when": when, "user": OPERATOR, "method": point.method, "path": point.path});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
}

/// Starts the operator, kills it at the point, and starts it again.
async fn crash_at(world: &World, point: &Point, when: &str) {
    arm(world, point, when).await;
    world.start_operator().await;
    crash(world, point, when).await;
    world.start_operator().await;
}

async fn crash(world: &World, point: &Point, when: &str) {
    let hit = world.pve.barrier_hit(30).await;
    assert!(hit.is_some(), "the operator never came to {point} ({when})");
    world.kill_operator().await;
    world.pve.release_barrier().await;
}

async fn tasks(world: &World, kind: &str) -> Vec<String> {
    let end = |task: &Value| task["exitstatus"].as_str().unwrap_or("running").to_owned();
    world.pve.tasks().await.iter().filter(|task| task["type"] == kind).map(end).collect()
}

/// The configuration without what is chosen at random.
fn config(guest: &Guest) -> BTreeMap<String, String> {
    let without_mac = |key: &str| {
        let value = guest.option(key);
        let parts: Vec<&str> = value.split(',').filter(|part| !part.starts_with("hwaddr=")).collect();
        parts.join(",")
    };
    guest.config.keys().map(|key| (key.clone(), without_mac(key))).collect()
}
