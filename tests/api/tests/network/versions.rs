//! Older versions of Proxmox VE: what they can, what they cannot, and which are not served.

use super::{all_ready, apply_estate, build, lines, with};
use serde_json::json;
use zentoria_api::conditions::{REACHABLE, READY, STALLED};
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn the_estate_lives_on_version_8_4() {
    let world = World::builder("pve 8").without_cluster().seed(|seed| seed["version"] = "8.4.1".into()).start().await;
    apply_estate(&world).await;
    all_ready(&world, 17).await;
    let cluster = world.cluster_says("Ready").await;
    assert_eq!(cluster.status.unwrap().version.as_deref(), Some("8.4.1"));
    world.patch("zentoria-db", json!({"resources": {"memory": "8Gi"}})).await;
    world.guest_until("has 8 GiB", 404, |guest| guest.option("memory") == "8192").await;
    world.pve.person("stop", 410, json!({})).await;
    world.says("zentoria-redis", "StoppedExternally").await;
    world.patch_cluster(json!({"safety": {"finalBackup": "None"}})).await;
    world.patch("zentoria-docs", json!({"deletionPolicy": "Delete"})).await;
    world.ready("zentoria-docs").await;
    world.delete("zentoria-docs").await;
    world.gone("zentoria-docs").await;
    assert_eq!(world.pve.find(418).await, None);
}

#[tokio::test]
async fn host_managed_interfaces_need_9_1_and_an_upgrade_is_noticed() {
    let world = build("host managed").seed(|seed| seed["version"] = "9.0.11".into()).start().await;
    let managed = json!([{"name": "eth0", "ipv4": {"address": "10.10.4.1/16"}, "hostManaged": true}]);
    world.apply(&with(&world, "web", 400, managed)).await;
    world.refused("web", "NotSupported", &["network.interfaces[0].hostManaged", "9.1"]).await;
    assert!(world.pve.guests().await.is_empty());
    world.create(&with(&world, "plain", 401, json!([{"name": "eth0", "hostManaged": false}]))).await;
    world.pve.set(json!({"version": "9.1.0"})).await;
    world.ready("web").await;
    assert_eq!(world.pve.guest(400).await.part("net0", "host-managed").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_version_before_8_is_refused_and_nothing_is_written_to_it() {
    let world = World::builder("pve 7").seed(|seed| seed["version"] = "7.4.1".into()).start().await;
    world.apply(&world.container("db", 400)).await;
    let cluster = world.cluster_says("NotSupported").await;
    let truths = [READY, STALLED, REACHABLE].map(|kind| cluster.truth(kind).to_owned());
    assert_eq!(truths, ["False", "True", "True"]);
    assert!(cluster.message().contains("7.4.1") && cluster.message().contains("8.0"), "{}", cluster.message());
    assert_eq!(cluster.status.unwrap().version.as_deref(), Some("7.4.1"));
    world.says("db", "ClusterNotReady").await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
}
