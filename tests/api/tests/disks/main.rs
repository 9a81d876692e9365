//! Disks and devices of containers: volumes, directories and devices of the node, moves, and what is not modelled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod inventory;
mod moves;
mod node;
mod volumes;

use serde_json::{Value, json};
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::{Mount, MountStatus};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::world::Builder;

/// A second storage for volumes.
const TANK: &str = "tank";

/// A PVE with two storages for volumes, and a namespace that may use both and some of the node.
fn furnished(test: &str) -> Builder {
    let build = World::builder(test).seed(|seed| {
        seed["storages"][TANK] =
            json!({"type": "zfspool", "pool": "tank", "content": "images,rootdir", "total": 1_099_511_627_776_u64});
    });
    build.cluster(|spec| {
        let allow = &mut spec.access[0].allow;
        allow.storages.push(TANK.into());
        allow.bind_paths = vec!["/srv/data".into()];
        allow.devices = vec!["/dev/dri/*".into(), "/dev/kfd".into()];
    })
}

/// Gives the cluster the password of root@pam.
async fn with_root(world: &World) {
    put_secret(&world.client, &world.system, "pve-root", &[("password", "secret")]).await;
    world.patch_cluster(json!({"credentials": {"rootSecretRef": {"name": "pve-root"}}})).await;
}

/// A container with these mounts.
fn with_mounts(world: &World, name: &str, vmid: u32, mounts: &Value) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.mounts = mounts_of(mounts);
    container
}

fn mounts_of(mounts: &Value) -> Vec<Mount> {
    serde_json::from_value(mounts.clone()).expect("mounts")
}

/// What the status says of the mounts.
fn told(container: &ZentoriaContainer) -> Vec<MountStatus> {
    container.status.as_ref().map(|status| status.mounts.clone()).unwrap_or_default()
}

/// The change that is pending for a field, as message.
fn pending(container: &ZentoriaContainer, field: &str) -> Option<String> {
    let status = container.status.as_ref()?;
    let change = status.pending_changes.iter().find(|change| change.field == field)?;
    Some(format!("{:?}: {}", change.class, change.message))
}
