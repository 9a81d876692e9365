//! The time in the trash is over.

use super::{backed, builder, disposable, held, listed, tasks, thrown_away, writes};
use serde_json::json;
use zentoria_api_tests::eventually;

#[tokio::test]
async fn a_guest_whose_time_is_over_is_backed_up_and_then_destroyed() {
    let world = backed("expiry", "3s").start().await;
    world.create(&disposable(&world, "db", 400)).await;
    world.create(&world.container("other", 401)).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.gone("db").await;
    let rows = listed(&world, "the guest", |trash| !trash.is_empty()).await;
    world.guest_gone(400).await;
    let lines = writes(&world).await;
    let expected = [
        "POST /nodes/pve1/lxc/400/status/shutdown",
        "PUT /nodes/pve1/lxc/400/config",
        "POST /nodes/pve1/vzdump",
        "DELETE /nodes/pve1/lxc/400",
    ];
    assert_eq!(lines, expected);
    let calls = world.pve.requests().await;
    let at = |line: &str| calls.iter().find(|call| call.line() == line).map(|call| call.time).unwrap();
    assert!(at(expected[2]) >= rows[0].until.0.as_second() as f64, "backed up before its time was over");
    let proof = calls.iter().filter(|call| call.line() == "GET /nodes/pve1/storage/local/content");
    let seen = proof.map(|call| call.time).any(|time| time > at(expected[2]) && time < at(expected[3]));
    assert!(seen, "destroyed before its backup was seen in the list");
    assert_eq!(world.get_cluster().await.status.unwrap().destroys.len(), 1);
    assert!(world.pve.guest(401).await.runs());
    listed(&world, "nothing", <[_]>::is_empty).await;
}

#[tokio::test]
async fn the_breaker_holds_what_is_too_much_for_an_hour() {
    let world = builder("expiry rationed", "1s").start().await;
    for (name, vmid) in [("a", 400), ("b", 401), ("c", 402)] {
        world.apply(&disposable(&world, name, vmid)).await;
    }
    for name in ["a", "b", "c"] {
        world.ready(name).await;
        world.delete(name).await;
    }
    eventually("two of three are destroyed", || async {
        let left = world.pve.guests().await.len();
        if left == 1 { Ok(()) } else { Err(format!("{left} are left")) }
    })
    .await;
    let left = world.pve.guests().await[0].vmid;
    held(&world, left, "maxDestroysPerHour").await;
    world.polls(2).await;
    assert_eq!(world.get_cluster().await.status.unwrap().destroys.len(), 2);
    world.restart_operator().await;
    held(&world, left, "maxDestroysPerHour").await;
    world.patch_cluster(json!({"safety": {"maxDestroysPerHour": 3}})).await;
    world.guest_gone(left).await;
}

#[tokio::test]
async fn a_time_that_cannot_be_read_never_comes_and_observe_destroys_nothing() {
    let world = builder("expiry unreadable", "1h").start().await;
    thrown_away(&world, "db", 400).await;
    let guest = world.pve.guest(400).await;
    let until = |text: &str| {
        let mark = guest.mark().unwrap();
        let words: Vec<String> = mark
            .split(' ')
            .map(|word| if word.starts_with("trashUntil=") { format!("trashUntil={text}") } else { word.to_owned() })
            .collect();
        json!({"config": {"description": words.join(" ")}})
    };
    world.pve.person("edit", 400, until("tomorrow")).await;
    held(&world, 400, "is no instant").await;
    world.patch_cluster(json!({"mode": "Observe"})).await;
    world.pve.person("edit", 400, until("2026-01-01T00:00:00Z")).await;
    held(&world, 400, "mode is Observe").await;
    world.polls(2).await;
    assert_eq!(tasks(&world, "vzdestroy").await, Vec::<String>::new());
    world.patch_cluster(json!({"mode": "Enforce"})).await;
    world.guest_gone(400).await;
}

#[tokio::test]
async fn what_holds_a_deletion_holds_the_end_of_the_trash() {
    let world = builder("expiry held", "1s").cluster(|spec| spec.safety.max_destroys_per_hour = 0).start().await;
    thrown_away(&world, "db", 400).await;
    held(&world, 400, "maxDestroysPerHour").await;
    world.pve.person_sets(400, json!({"protection": 1})).await;
    world.patch_cluster(json!({"safety": {"maxDestroysPerHour": 2}})).await;
    held(&world, 400, "pct set 400 --protection 0").await;
    eventually("an Event says what holds it", || async {
        let events = world.cluster_events().await;
        let notes: Vec<String> = events.into_iter().filter_map(|event| event.note).collect();
        let told = notes.iter().any(|note| note.contains("stays in the trash") && note.contains("--protection 0"));
        if told { Ok(()) } else { Err(format!("{notes:?}")) }
    })
    .await;
    world.pve.person("start", 400, json!({})).await;
    world.pve.person_sets(400, json!({"protection": 0})).await;
    held(&world, 400, "pct shutdown 400").await;
    world.pve.fault("plant_duties", json!([]), json!({"replication": [{"guest": 400, "target": "pve2"}]})).await;
    world.pve.person("stop", 400, json!({})).await;
    held(&world, 400, "pvesr delete 400-0").await;
    world.polls(2).await;
    assert_eq!(tasks(&world, "vzdestroy").await, Vec::<String>::new());
    assert!(world.get_cluster().await.status.unwrap().destroys.is_empty());
}
