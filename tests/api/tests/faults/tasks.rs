//! Tasks that fail, or of which nobody can tell how they ended.

use super::ends;
use serde_json::{Value, json};
use zentoria_api::conditions::{RECONCILING, STALLED};
use zentoria_api_tests::World;
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::Conditions;

async fn fails(world: &World, kind: &str, mode: &str, message: &str) {
    let fault = json!({"type": kind, "mode": mode, "message": message});
    world.pve.fault("task_fault", json!([]), fault).await;
}

#[tokio::test]
async fn a_creation_that_fails_in_its_task_is_said_with_the_text_and_tried_again() {
    let world = World::new("create fails").await;
    world.cluster_says("Ready").await;
    let causes = [
        "unable to create CT 400 - can't find file '/var/lib/vz/template/cache/x.tar.zst'",
        "unable to create CT 401 - zfs error: cannot create 'rpool/data/subvol-401-disk-0': out of space",
        "unable to create CT 402 - can't lock file '/run/lock/lxc/pve-config-402.lock' - got timeout",
    ];
    for (vmid, cause) in (400u32..).zip(causes) {
        let name = format!("c{vmid}");
        fails(&world, "vzcreate", "before", cause).await;
        world.apply(&world.container(&name, vmid)).await;
        let event = world.event(&name, "TaskFailed").await;
        assert!(event.note.unwrap_or_default().contains(cause));
        let container = world.ready(&name).await;
        assert_eq!((container.truth(RECONCILING), container.truth(STALLED)), ("False", "False"));
        let guest = world.pve.guest(vmid).await;
        assert_eq!((guest.runs(), guest.starts), (true, 1));
    }
    let mut all = ends(&world, "vzcreate").await;
    all.retain(|end| end == "OK");
    assert_eq!((all.len(), world.pve.guests().await.len()), (3, 3), "one guest each");
}

#[tokio::test]
async fn a_guest_that_was_made_although_its_task_failed_is_taken_as_it_is() {
    let world = World::new("made all the same").await;
    world.cluster_says("Ready").await;
    fails(&world, "vzcreate", "after", "cleanup failed").await;
    world.create(&world.container("db", 400)).await;
    assert_eq!(ends(&world, "vzcreate").await, ["cleanup failed"], "it is not made twice");
    assert_eq!(world.pve.guest(400).await.starts, 1);
}

#[tokio::test]
async fn half_a_guest_that_a_failed_creation_left_is_not_touched() {
    let world = World::new("half").await;
    world.cluster_says("Ready").await;
    fails(&world, "vzcreate", "leave", "interrupted").await;
    world.apply(&world.container("db", 400)).await;
    world.refused("db", "StaleLock", &["pct unlock 400", "pct destroy 400"]).await;
    let left = world.pve.guest(400).await;
    world.pve.forget_requests().await;
    world.polls(3).await;
    assert_eq!((world.pve.writes().await.len(), world.pve.guest(400).await), (0, left));
    world.pve.person("vanish", 400, json!({})).await;
    world.ready("db").await;
}

#[tokio::test]
async fn a_start_that_fails_is_said_and_tried_again() {
    let world = World::new("start fails").await;
    world.cluster_says("Ready").await;
    fails(&world, "vzstart", "before", "startup for container '400' failed").await;
    world.apply(&world.container("db", 400)).await;
    let event = world.event("db", "TaskFailed").await;
    assert!(event.note.unwrap_or_default().contains("startup for container '400' failed"));
    world.ready("db").await;
    assert_eq!(ends(&world, "vzcreate").await, ["OK"]);
    assert_eq!(world.pve.guest(400).await.starts, 1);
}

#[tokio::test]
async fn a_guest_that_never_starts_is_tried_again_ever_more_slowly_and_the_others_go_on() {
    let world = World::new("never starts").await;
    let mut container = world.container("bad", 400);
    container.spec.power.state = Some(zentoria_api::container::PowerState::Stopped);
    world.create(&container).await;
    world.pve.set(json!({"vmid": 400, "start_error": "mount failed"})).await;
    world.patch("bad", json!({"power": {"state": "Running"}})).await;
    let container = world.until("says why", "bad", |container| container.message().contains("mount failed")).await;
    assert_eq!((container.truth(RECONCILING), container.truth(STALLED)), ("True", "False"));
    world.create(&world.container("good", 401)).await;
    world.pve.set(json!({"vmid": 400, "start_error": null})).await;
    world.ready("bad").await;
    let tries = ends(&world, "vzstart").await.len();
    assert!(tries < 30, "{tries} starts");
}

#[tokio::test]
async fn a_task_that_ends_with_warnings_has_worked() {
    let world = World::new("warnings").await;
    world.cluster_says("Ready").await;
    for kind in ["vzcreate", "vzstart"] {
        fails(&world, kind, "warn", "old kernel").await;
    }
    world.create(&world.container("db", 400)).await;
    assert_eq!(ends(&world, "vzcreate").await, ["WARNINGS: 1"]);
    assert_eq!(ends(&world, "vzstart").await, ["WARNINGS: 1"]);
    let reasons: Vec<_> = world.events("db").await.into_iter().filter_map(|event| event.reason).collect();
    assert!(!reasons.iter().any(|reason| reason == "TaskFailed"), "{reasons:?}");
}

#[tokio::test]
async fn a_creation_whose_upid_proxmox_ve_has_lost_is_judged_by_the_guest_itself() {
    let world = World::new("lost upid").await;
    world.cluster_says("Ready").await;
    // 2 s.
    world.pve.set(json!({"ct_secs": {"create": 100}})).await;
    world.apply(&world.container("db", 400)).await;
    let running = |tasks: &Vec<Value>| tasks.iter().any(|task| task["type"] == "vzcreate");
    eventually("the create runs", || async { when(world.pve.tasks().await, running).map(|_| ()) }).await;
    world.pve.fault("forget_tasks", json!([]), json!({"vmid": 400})).await;
    world.ready("db").await;
    let creates = world.pve.writes().await.into_iter().filter(|r| r.line() == "POST /nodes/pve1/lxc").count();
    assert_eq!((creates, world.pve.guests().await.len()), (1, 1));
    assert_eq!(world.pve.guest(400).await.starts, 1);
}
