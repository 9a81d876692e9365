//! Networks of containers: several interfaces, VLANs and rights, the boot order, and older versions of Proxmox VE.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod access;
mod boot;
mod interfaces;
mod versions;

use serde_json::{Value, json};
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::{ProxmoxClusterSpec, VlanRangeField};
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::estate::documents;
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::{Builder, Conditions};

/// A world with two bridges, of which both may be used, with the VLANs 20, 30 and 100 to 199, and with IPv6.
fn build(test: &str) -> Builder {
    World::builder(test).seed(|seed| seed["bridges"] = json!(["vmbr0", "vmbr1"])).cluster(allow_all)
}

fn allow_all(spec: &mut ProxmoxClusterSpec) {
    let access = &mut spec.access[0];
    access.allow.bridges.push("vmbr1".into());
    access.allow.vlans = ["20", "30", "100-199"].map(|range| VlanRangeField(range.into())).into();
    access.cidrs.push("fd00::/64".into());
}

/// A container with these interfaces, as a manifest has them.
fn with(world: &World, name: &str, vmid: u32, interfaces: Value) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.network.interfaces = serde_json::from_value(interfaces).unwrap();
    container
}

fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::line).collect()
}

/// The whole estate of the demo.
async fn apply_estate(world: &World) {
    for document in documents("manifests/zentoria.yaml", &world.namespace, &world.cluster) {
        apply_any(&world.client, &document).await.unwrap();
    }
}

async fn all_ready(world: &World, count: usize) {
    eventually(&format!("{count} containers are Ready"), || async {
        let all = world.all().await;
        let waiting: Vec<String> = all
            .iter()
            .filter(|container| container.truth(READY) != "True")
            .map(|container| format!("{:?}: {}", container.metadata.name, container.message()))
            .collect();
        if all.len() == count && waiting.is_empty() { Ok(()) } else { Err(waiting.join("\n")) }
    })
    .await;
}
