//! Whole containers, backed up by Proxmox VE: what others leave there, what the operator begins, and the jobs that Proxmox
//! VE keeps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod estate;
mod job;
mod observe;
mod operator;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use zentoria_api::backup::BackupPolicy;
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::{Request, seed};
use zentoria_api_tests::wait::eventually;

/// The user of the operator's token.
const USER: &str = "zentoria@pve";

/// A world whose operator may back guests up, with these archives on the storage `local`.
async fn world(test: &str, rights: &[&str], archives: impl FnOnce(&str) -> Vec<Value>) -> World {
    let keep = |seed: &mut Value| grant(seed, json!([USER, "/vms", "VM.Backup", "VM.Snapshot"]));
    let world = World::builder(test).seed(keep).start().await;
    let mut data = seed();
    keep(&mut data);
    for row in rights {
        grant(&mut data, json!([USER, "/", "Sys.Audit", row]));
    }
    data["backups"] = json!({"local": archives(&world.namespace)});
    world.pve.ctl.json("POST", "/ctl/reset", Some(&data)).await;
    world
}

fn grant(seed: &mut Value, row: Value) {
    seed["grants"].as_array_mut().unwrap().push(row);
}

fn ago(span: SignedDuration) -> Timestamp {
    Timestamp::now().checked_sub(span).unwrap()
}

/// An archive of a guest with this description, of some time ago.
fn archive(vmid: u32, hours: i64, description: &str, notes: &str) -> Value {
    let time = ago(SignedDuration::from_hours(hours)).as_second();
    let config = json!({
        "hostname": "old", "memory": 512, "cores": 1, "unprivileged": 1, "arch": "amd64", "ostype": "ubuntu",
        "description": description, "rootfs": format!("local-zfs:subvol-{vmid}-disk-0,size=8G"),
    });
    json!({"vmid": vmid, "time": time, "config": config, "notes": notes})
}

fn mark(namespace: &str, name: &str, vmid: u32) -> String {
    format!("<!-- zentoria.ai/v1 cp=00000000 estate=test name={name} ns={namespace} vmid={vmid} -->")
}

fn notes(namespace: &str, policy: &str, tier: &str) -> String {
    format!("zentoria.ai/backup estate=test policy={namespace}/{policy} tier={tier}")
}

fn policies(world: &World) -> Api<BackupPolicy> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// Applies a policy of vzdump with one tier.
async fn apply(world: &World, name: &str, vzdump: Value, tier: Value, more: Value) {
    let mut spec = json!({"source": {"vzdump": vzdump}, "tiers": [tier]});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": name, "namespace": world.namespace, "labels": {"zentoria.ai/shard": world.cluster}},
        "spec": spec,
    });
    apply_any(&world.client, &object).await.unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn weekly() -> Value {
    json!({"name": "weekly", "schedule": "0 4 * * 0", "keep": "4w"})
}

/// Waits until a policy is as `holds` says.
async fn until(world: &World, what: &str, name: &str, holds: impl Fn(&BackupPolicy) -> bool) -> BackupPolicy {
    eventually(&format!("{name}: {what}"), || async {
        let policy = policies(world).get(name).await.map_err(|error| error.to_string())?;
        if holds(&policy) { Ok(policy) } else { Err(format!("{:#?}", policy.status)) }
    })
    .await
}

/// Waits until Ready has this reason, by a status that speaks of the current spec.
async fn says(world: &World, name: &str, reason: &str) -> BackupPolicy {
    until(world, &format!("says {reason}"), name, |policy| {
        let observed = policy.status.as_ref().and_then(|status| status.observed_generation);
        observed == policy.metadata.generation && ready(policy).is_some_and(|one| one.reason == reason)
    })
    .await
}

fn ready(policy: &BackupPolicy) -> Option<Condition> {
    policy.status.as_ref()?.conditions.iter().find(|one| one.type_ == READY).cloned()
}

fn message(policy: &BackupPolicy) -> String {
    ready(policy).map(|one| one.message).unwrap_or_default()
}

/// Merges into the spec.
async fn patch(world: &World, name: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    policies(world).patch(name, &PatchParams::default(), &patch).await.unwrap();
}

async fn delete(world: &World, name: &str) {
    policies(world).delete(name, &DeleteParams::default()).await.unwrap();
    eventually(&format!("{name} is gone"), || async {
        match policies(world).get_opt(name).await.map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(policy) => Err(message(&policy)),
        }
    })
    .await;
}

/// The calls that begin a backup.
async fn dumps(world: &World) -> Vec<Request> {
    let mut rows = world.pve.writes().await;
    rows.retain(|row| row.method == "POST" && row.path.ends_with("/vzdump"));
    rows
}

/// The backups that lie on the storages.
async fn volumes(world: &World) -> Vec<Value> {
    world.pve.ctl.json("GET", "/ctl/backups", None).await.as_array().unwrap().clone()
}

/// The jobs that Proxmox VE keeps.
async fn jobs(world: &World) -> Vec<Value> {
    world.pve.ctl.json("GET", "/ctl/backup-jobs", None).await.as_array().unwrap().clone()
}
