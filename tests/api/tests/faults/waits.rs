//! What others hold: a lock, a lock file, the quorum. It is waited for, and nothing is forced.

use super::{has_a_gib, wish_for_a_gib, writes};
use serde_json::json;
use zentoria_api::conditions::{RECONCILING, STALLED};
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn a_guest_that_a_backup_locks_is_waited_for() {
    let world = World::new("backup").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.fault("snapshot_lock", json!([400, "backup"]), json!({})).await;
    wish_for_a_gib(&world, "db").await;
    let container = world.says("db", "GuestLocked").await;
    assert!(container.message().contains("backup"), "{}", container.message());
    assert_eq!((container.truth(RECONCILING), container.truth(STALLED)), ("True", "False"));
    world.polls(3).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    world.pve.fault("unlock", json!([400]), json!({})).await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
    assert_eq!(writes(&world).await, ["PUT /nodes/pve1/lxc/400/config"]);
}

#[tokio::test]
async fn a_settled_guest_that_a_backup_locks_for_a_while_is_left_alone() {
    let world = World::new("backup only").await;
    world.create(&world.container("db", 400)).await;
    world.settled().await;
    world.pve.forget_requests().await;
    world.pve.fault("snapshot_lock", json!([400, "backup"]), json!({})).await;
    world.polls(3).await;
    world.pve.fault("unlock", json!([400]), json!({})).await;
    world.polls(2).await;
    world.ready("db").await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_lock_file_that_is_not_free_is_waited_for() {
    let world = World::new("lock file").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.fault("hold_config_lock", json!([400, null]), json!({})).await;
    wish_for_a_gib(&world, "db").await;
    eventually("a PUT came too late for the lock", || async {
        let late = |request: &Request| request.method == "PUT" && request.status == Some(500);
        when(world.pve.requests().await, |requests| requests.iter().any(late)).map(|_| ())
    })
    .await;
    let container = world.says("db", "PveError").await;
    assert!(container.message().contains("lock"), "{}", container.message());
    assert_eq!(container.truth(STALLED), "False");
    world.pve.fault("release_config_lock", json!([400]), json!({})).await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
}

#[tokio::test]
async fn without_quorum_nothing_is_written_until_it_is_back() {
    let world = World::builder("quorum").seed(|seed| seed["cluster_name"] = json!("home")).start().await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.fault("lose_quorum", json!([]), json!({})).await;
    let cluster = world.cluster_says("NoQuorum").await;
    assert_eq!((cluster.truth(RECONCILING), cluster.truth(STALLED)), ("True", "False"));
    wish_for_a_gib(&world, "db").await;
    world.apply(&world.container("new", 401)).await;
    for name in ["db", "new"] {
        let container = world
            .until("waits", name, |container| {
                container.observed() == container.metadata.generation && container.message().contains("quorum")
            })
            .await;
        assert_eq!(container.truth(STALLED), "False");
    }
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    world.pve.fault("regain_quorum", json!([]), json!({})).await;
    has_a_gib(&world, 400).await;
    world.ready("new").await;
    world.cluster_says("Ready").await;
}
