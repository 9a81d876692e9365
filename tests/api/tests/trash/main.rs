//! Guests that were given up: the trash and the way back, the final backup, and what holds a destruction.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod back;
mod crash;
mod expiry;
mod final_backup;
mod holds;

use serde_json::json;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::{FinalBackup, Trashed};
use zentoria_api::container::DeletionPolicy;
use zentoria_api_tests::World;
use zentoria_api_tests::world::Builder;

/// A world whose operator may back up to storage `local`, with no final backup asked for, and whose trash keeps a guest so
/// long.
fn builder(test: &str, retention: &'static str) -> Builder {
    let build = World::builder(test).seed(|seed| {
        seed["grants"].as_array_mut().unwrap().push(json!(["zentoria@pve", "/vms", "VM.Backup"]));
    });
    build.cluster(move |spec| {
        spec.safety.trash_retention.0 = retention.into();
        spec.safety.final_backup = FinalBackup::None;
    })
}

/// The same, with a final backup on storage `local`.
fn backed(test: &str, retention: &'static str) -> Builder {
    builder(test, retention).cluster(|spec| {
        spec.safety.final_backup = FinalBackup::Required;
        spec.safety.backup_storage = Some("local".into());
    })
}

fn with_policy(world: &World, name: &str, vmid: u32, policy: DeletionPolicy) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.deletion_policy = policy;
    container
}

/// A container whose guest goes into the trash.
fn disposable(world: &World, name: &str, vmid: u32) -> ZentoriaContainer {
    with_policy(world, name, vmid, DeletionPolicy::Trash)
}

/// Makes a guest and puts it into the trash; its object is gone.
async fn thrown_away(world: &World, name: &str, vmid: u32) -> ZentoriaContainer {
    let container = disposable(world, name, vmid);
    world.create(&container).await;
    world.delete(name).await;
    world.gone(name).await;
    container
}

/// What the status of the ProxmoxCluster lists, once it is as `holds` says.
async fn listed(world: &World, what: &str, holds: impl Fn(&[Trashed]) -> bool) -> Vec<Trashed> {
    let trash = |cluster: &zentoria_api::ProxmoxCluster| cluster.status.clone().unwrap_or_default().trash;
    trash(&world.cluster_until(&format!("lists {what} in the trash"), |cluster| holds(&trash(cluster))).await)
}

/// Waits until the status says what holds a guest in the trash.
async fn held(world: &World, vmid: u32, why: &str) {
    listed(world, &format!("{vmid} as held for {why:?}"), |trash| {
        trash.iter().any(|row| row.vmid.0 == vmid && row.held.as_ref().is_some_and(|held| held.contains(why)))
    })
    .await;
}

/// The ends of all tasks of a type.
async fn tasks(world: &World, kind: &str) -> Vec<String> {
    let all = world.pve.tasks().await;
    let ends = all.iter().filter(|task| task["type"] == kind);
    ends.map(|task| task["exitstatus"].as_str().unwrap_or("running").to_owned()).collect()
}

/// The writes so far, as `DELETE /nodes/pve1/lxc/400`.
async fn writes(world: &World) -> Vec<String> {
    world.pve.writes().await.iter().map(zentoria_api_tests::pve::Request::line).collect()
}
