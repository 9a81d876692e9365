//! A Proxmox VE, or one of its nodes, that does not answer.

use super::{container_versions, has_a_gib, wish_for_a_gib, writes};
use serde_json::json;
use std::time::Duration;
use zentoria_api::conditions::{READY, RECONCILING};
use zentoria_api_tests::World;
use zentoria_api_tests::wait::within;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn while_proxmox_ve_is_down_a_settled_container_stays_as_it_is_and_a_new_one_waits() {
    let world = World::new("down").await;
    world.create(&world.container("db", 400)).await;
    world.settled().await;
    world.pve.forget_requests().await;
    let before = container_versions(&world).await;
    world.pve.fault("go_down", json!([]), json!({})).await;
    let cluster = world.cluster_says("Unreachable").await;
    assert_eq!(cluster.truth(RECONCILING), "True");
    assert_eq!(container_versions(&world).await, before, "nothing is written to a settled container");
    world.apply(&world.container("new", 401)).await;
    let container = world.says("new", "ClusterNotReady").await;
    assert!(container.message().contains("Unreachable"), "{}", container.message());

    world.pve.fault("listen", json!([]), json!({})).await;
    world.ready("new").await;
    world.cluster_says("Ready").await;
    world.polls(2).await;
    let after = container_versions(&world).await;
    assert_eq!(after["zc/db"], before["zc/db"], "not even when it is back");
    let expected = ["POST /nodes/pve1/lxc", "POST /nodes/pve1/lxc/401/status/start"];
    assert_eq!(writes(&world).await, expected);
}

#[tokio::test]
async fn connections_that_break_change_nothing_and_pass() {
    let world = World::new("dropped").await;
    world.create(&world.container("db", 400)).await;
    let before = world.pve.guests().await;
    world.pve.forget_requests().await;
    world.pve.fault("flaky_network", json!([]), json!({"drop_rate": 1.0})).await;
    world.cluster_says("Unreachable").await;
    wish_for_a_gib(&world, "db").await;
    world.says("db", "ClusterNotReady").await;
    assert_eq!(world.pve.guests().await, before);
    world.pve.fault("flaky_network", json!([]), json!({"drop_rate": 0.0})).await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
}

#[tokio::test]
async fn half_of_all_connections_may_break_and_there_is_still_one_guest_of_each() {
    let world = World::new("flaky").await;
    world.cluster_says("Ready").await;
    world.pve.fault("flaky_network", json!([]), json!({"drop_rate": 0.3, "seed": 7})).await;
    for (name, vmid) in [("a", 400), ("b", 401), ("c", 402)] {
        world.apply(&world.container(name, vmid)).await;
    }
    // Half of the looks at the cluster fail as well, and while one has failed nothing is done: it takes its time.
    for name in ["a", "b", "c"] {
        let is_ready = || async {
            let container = world.get(name).await;
            if container.truth(READY) == "True" { Ok(()) } else { Err(container.message().to_owned()) }
        };
        within(Duration::from_secs(300), &format!("{name}: is Ready"), is_ready).await;
    }
    world.pve.fault("flaky_network", json!([]), json!({"drop_rate": 0.0})).await;
    for guest in world.pve.guests().await {
        assert!((400..403).contains(&guest.vmid) && guest.runs() && guest.starts == 1, "{guest:#?}");
    }
    assert_eq!(super::ends(&world, "vzcreate").await, ["OK"; 3]);
}

/// Two nodes, and a container on each.
async fn two_nodes(test: &str) -> World {
    let build = World::builder(test).seed(|seed| {
        seed["nodes"] = json!(["pve1", "pve2"]);
        seed["cluster_name"] = json!("home");
    });
    let world = build.start().await;
    for (name, vmid, node) in [("near", 400, "pve1"), ("far", 401, "pve2")] {
        let mut container = world.container(name, vmid);
        container.spec.placement.node = Some(node.into());
        world.apply(&container).await;
    }
    for name in ["near", "far"] {
        world.ready(name).await;
    }
    world.settled().await;
    world.pve.forget_requests().await;
    world
}

#[tokio::test]
async fn a_node_that_does_not_answer_holds_its_own_guests_and_no_other() {
    let world = two_nodes("595").await;
    world.pve.fault("set_node_offline", json!(["pve2"]), json!({})).await;
    world
        .cluster_until("shows the node", |cluster| {
            let nodes = cluster.status.as_ref().map(|status| status.nodes.clone()).unwrap_or_default();
            nodes.iter().any(|node| node.name == "pve2" && !node.online)
        })
        .await;
    wish_for_a_gib(&world, "near").await;
    wish_for_a_gib(&world, "far").await;
    has_a_gib(&world, 400).await;
    world.ready("near").await;
    let container = world.says("far", "NodeOffline").await;
    assert!(container.message().contains("pve2"), "{}", container.message());
    let mut new = world.container("new", 402);
    new.spec.placement.node = Some("pve1".into());
    world.create(&new).await;
    let far = |line: &String| line.contains("pve2");
    assert!(!writes(&world).await.iter().any(far), "{:?}", writes(&world).await);

    world.pve.fault("set_node_offline", json!(["pve2", false]), json!({})).await;
    has_a_gib(&world, 401).await;
    let container = world.ready("far").await;
    assert_eq!(container.status.unwrap().node.as_deref(), Some("pve2"));
    assert_eq!(world.pve.guests().await.len(), 3);
}

#[tokio::test]
async fn a_node_that_is_slow_holds_up_nobody_elsewhere() {
    let world = two_nodes("slow").await;
    // Two minutes: longer than any deadline of the client.
    world.pve.fault("slow_network", json!([6000.0]), json!({"node": "pve2"})).await;
    wish_for_a_gib(&world, "far").await;
    wish_for_a_gib(&world, "near").await;
    has_a_gib(&world, 400).await;
    world.ready("near").await;
    let mut new = world.container("new", 402);
    new.spec.placement.node = Some("pve1".into());
    world.create(&new).await;
    world.pve.fault("slow_network", json!([0.0]), json!({"node": "pve2"})).await;
    has_a_gib(&world, 401).await;
    world.ready("far").await;
}
