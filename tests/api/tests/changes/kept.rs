//! What is kept of a guest before a change.

use super::{acts, builder, nameserver, told, until_pending, up_to_date};
use serde_json::json;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

async fn with(world: &World, before_change: serde_json::Value, storage: &str) {
    let mut container = world.container("db", 400);
    container.spec.root_disk.as_mut().unwrap().storage = Some(storage.into());
    container.spec.reboot_policy = zentoria_api::container::RebootPolicy::Automatic;
    container.spec.before_change = Some(serde_json::from_value(before_change).unwrap());
    world.create(&container).await;
    world.pve.forget_requests().await;
}

async fn change(world: &World, address: &str, starts: u32) {
    world.patch("db", nameserver(address)).await;
    world
        .guest_until("was rebooted", 400, |guest| guest.starts == starts && guest.option("nameserver") == address)
        .await;
    up_to_date(world, "db").await;
}

#[tokio::test]
async fn a_snapshot_is_taken_before_each_reboot_and_those_beyond_keep_go_but_never_a_persons() {
    let world = builder("snapshot").start().await;
    with(&world, json!({"classes": ["Reboot"], "keep": 2}), "local-zfs").await;
    world.pve.person("snapshot", 400, json!({"name": "by-hand"})).await;
    for (number, address) in ["10.10.0.51", "10.10.0.52", "10.10.0.53", "10.10.0.54"].into_iter().enumerate() {
        world.pve.forget_requests().await;
        change(&world, address, number as u32 + 2).await;
        let acts = acts(&world, 400).await;
        let mut expected = vec!["POST snapshot", "PUT config", "POST reboot"];
        if number >= 2 {
            expected.insert(1, "DELETE (our snapshot)");
        }
        assert_eq!(acts, expected, "change {number}");
    }
    world.pve.person("snapshot", 400, json!({"name": "later"})).await;
    let tasks = world.pve.tasks().await;
    let removed = tasks.iter().filter(|task| task["type"] == "vzdelsnapshot").count();
    assert_eq!(removed, 2);
}

#[tokio::test]
async fn a_storage_that_takes_no_snapshots_is_backed_up_and_the_oldest_backups_of_ours_go() {
    let world = builder("vzdump").cluster(|spec| spec.safety.backup_storage = Some("local".into())).start().await;
    with(&world, json!({"classes": ["Reboot"], "keep": 1}), "dir").await;
    world.pve.person("backup", 400, json!({"storage": "local"})).await;
    change(&world, "10.10.0.51", 2).await;
    assert_eq!(acts(&world, 400).await.iter().filter(|act| *act == "POST vzdump").count(), 1);
    let notes: Vec<String> =
        world.pve.writes().await.iter().filter_map(|request| request.param("notes-template")).collect();
    assert!(notes[0].starts_with("zentoria: before "), "{notes:?}");
    world.pve.forget_requests().await;
    change(&world, "10.10.0.52", 3).await;
    let acts = acts(&world, 400).await;
    assert_eq!(acts, ["POST vzdump", "DELETE (backup)", "PUT config", "POST reboot"]);
}

#[tokio::test]
async fn where_nothing_can_be_kept_the_change_is_refused_or_made_all_the_same_as_the_spec_says() {
    let world = builder("impossible").start().await;
    with(&world, json!({"classes": ["Hot", "Reboot"]}), "dir").await;
    world.patch("db", json!({"resources": {"memory": "1Gi"}})).await;
    let (container, pending) = until_pending(&world, "db", "BeforeChangeImpossible").await;
    assert_eq!((container.truth(READY), pending[0].field.as_str()), ("True", "resources.memory"));
    for part in ["cannot take snapshots", "safety.backupStorage", "onImpossible"] {
        assert!(told(&container).contains(part), "{}", told(&container));
    }
    world.polls(2).await;
    assert_eq!(acts(&world, 400).await, Vec::<String>::new());
    world.patch("db", json!({"beforeChange": {"onImpossible": "Proceed"}})).await;
    world.guest_until("has its memory", 400, |guest| guest.option("memory") == "1024").await;
    up_to_date(&world, "db").await;
}

#[tokio::test]
async fn a_snapshot_that_fails_is_told_in_proxmoxs_words_and_not_tried_again_and_again() {
    let world = builder("snapshot fails").start().await;
    with(&world, json!({"classes": ["Reboot"], "method": "Snapshot"}), "local-zfs").await;
    let fault = json!({"type": "vzsnapshot", "vmid": 400, "message": "out of space", "times": 9, "mode": "before"});
    world.pve.fault("task_fault", json!([]), fault).await;
    world.patch("db", nameserver("10.10.0.53")).await;
    // The reboot's own change is not even stored: all of it waits.
    let container =
        world.until("is held", "db", |container| container.reason(UP_TO_DATE) == "BeforeChangeImpossible").await;
    assert!(told(&container).contains("out of space"), "{}", told(&container));
    world.polls(3).await;
    assert_eq!(acts(&world, 400).await.iter().filter(|act| *act == "POST snapshot").count(), 1);
    assert_eq!(world.pve.guest(400).await.starts, 1);
    world.pve.clear_faults().await;
    // Another spec is another try.
    world.patch("db", nameserver("10.10.0.54")).await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 2).await;
    up_to_date(&world, "db").await;
}
