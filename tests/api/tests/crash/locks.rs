//! A guest that its own creation locks.

use super::making::{CLONE, CREATE, Making};
use super::points::Point;
use super::{NAME, VMID, anew, arm, by_template, crash, crash_at, polled, tasks};
use serde_json::json;
use zentoria_api::conditions::{READY, STALLED};
use zentoria_api::container::TaskAction;
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::Conditions;

/// The call that makes the guest.
fn making(making: &Making) -> Point {
    let path = if making.task == "vzclone" { "/clone" } else { "/nodes/pve1/lxc" };
    Point { method: "POST".into(), path: path.into(), at: 1 }
}

#[tokio::test]
async fn a_guest_that_its_own_create_still_locks_is_known_as_ours_and_left_alone_until_it_is_made() {
    let world = polled("in flight", "1s").await;
    for (kind, action) in [(CREATE, TaskAction::Create), (CLONE, TaskAction::Clone)] {
        anew(&world).await;
        // 8 s: longer than an operator takes to start.
        world.pve.set(json!({"ct_secs": {"create": 400, "clone": 400}})).await;
        world.apply(&(kind.container)(&world)).await;
        crash_at(&world, &making(&kind), "after").await;
        let container = world
            .until("knows the task", NAME, |container| {
                let task = container.status.as_ref().and_then(|status| status.task.clone());
                task.is_some_and(|task| task.upid.is_some())
            })
            .await;
        let lock = world.pve.guest(VMID).await.lock;
        assert_eq!(lock.as_deref(), Some("create"), "the task still runs");
        assert_eq!((container.reason(READY), container.truth(STALLED)), ("Creating", "False"));
        let task = container.status.unwrap().task.unwrap();
        assert!(task.action == action && task.upid.unwrap().contains(kind.task));
        assert_eq!(world.pve.writes_to(VMID).await.len(), 1, "nothing but the call that makes it");

        world.ready(NAME).await;
        world.stop_operator().await;
        assert_eq!(tasks(&world, kind.task).await, ["OK"]);
        assert_eq!(world.pve.guest(VMID).await.starts, 1);
        let reasons: Vec<_> = world.events(NAME).await.into_iter().filter_map(|event| event.reason).collect();
        assert!(!reasons.iter().any(|reason| reason == "StaleLock" || reason == "VmidTaken"), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_lock_that_no_task_holds_any_more_is_said_with_its_remedy_and_not_touched() {
    let world = polled("stale lock", "1s").await;
    world.pve.fault("task_fault", json!([]), json!({"type": "vzcreate", "mode": "leave"})).await;
    world.apply(&by_template(&world)).await;
    arm(&world, &making(&CREATE), "after").await;
    world.start_operator().await;
    crash(&world, &making(&CREATE), "after").await;
    eventually("the create ends", || async {
        when(tasks(&world, "vzcreate").await, |ends| ends != &["running"]).map(|_| ())
    })
    .await;
    world.pve.fault("forget_tasks", json!([]), json!({"vmid": VMID})).await;
    let left = world.pve.guest(VMID).await;
    assert_eq!(left.lock.as_deref(), Some("create"));

    world.pve.forget_requests().await;
    world.start_operator().await;
    world.refused(NAME, "StaleLock", &["pct unlock 400", "pct destroy 400"]).await;
    world.polls(3).await;
    assert_eq!(world.pve.writes().await.len(), 0);
    assert_eq!(world.pve.guest(VMID).await, left);

    world.pve.person("vanish", VMID, json!({})).await;
    world.ready(NAME).await;
    assert_eq!(world.pve.guests().await.len(), 2);
}
