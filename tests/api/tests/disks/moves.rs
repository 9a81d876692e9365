//! Disks that move to another storage: only while the guest is stopped, and only when that is allowed.

use super::{TANK, furnished, pending};
use serde_json::json;

#[tokio::test]
async fn a_root_disk_moves_with_a_stop_when_reboots_are_allowed() {
    let world = furnished("move").start().await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"rootDisk": {"storage": TANK, "size": "8Gi"}})).await;
    let held = world.until("shows the move", "db", |container| pending(container, "rootDisk.storage").is_some()).await;
    let message = pending(&held, "rootDisk.storage").unwrap();
    assert!(message.starts_with("Reboot: moves rootfs"), "{message}");
    world.polls(2).await;
    assert!(world.pve.guest(400).await.runs());

    world.pve.forget_requests().await;
    world.patch("db", json!({"rebootPolicy": "Automatic"})).await;
    world.guest_until("is on the other storage", 400, |guest| guest.option("rootfs").starts_with("tank:")).await;
    world.guest_until("runs again", 400, zentoria_api_tests::pve::Guest::runs).await;
    let ready = world.ready("db").await;
    assert_eq!(pending(&ready, "rootDisk.storage"), None);
    let calls: Vec<String> = world.pve.writes_to(400).await.iter().map(|call| call.line()).collect();
    let path = "/nodes/pve1/lxc/400";
    let expected = ["status/shutdown", "move_volume", "status/start"].map(|call| format!("POST {path}/{call}"));
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn snapshots_are_listed_and_keep_a_disk_where_it_is() {
    let world = furnished("snapshots").start().await;
    let mut container = world.container("db", 400);
    container.spec.reboot_policy = zentoria_api::container::RebootPolicy::Automatic;
    world.create(&container).await;
    for name in ["before-upgrade", "after-upgrade"] {
        world.pve.person("snapshot", 400, json!({"name": name})).await;
    }
    let names = ["after-upgrade", "before-upgrade"];
    world
        .until("lists the snapshots", "db", |container| {
            container.status.as_ref().is_some_and(|status| status.snapshots == names)
        })
        .await;
    world.patch("db", json!({"rootDisk": {"storage": TANK, "size": "8Gi"}})).await;
    let held = world.until("says why not", "db", |container| pending(container, "rootDisk.storage").is_some()).await;
    let message = pending(&held, "rootDisk.storage").unwrap();
    assert!(message.starts_with("Impossible") && message.contains("after-upgrade, before-upgrade"), "{message}");
    world.polls(2).await;
    assert!(world.pve.guest(400).await.runs());
}
