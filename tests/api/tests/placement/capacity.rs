//! Too little room: who waits, with which numbers, and what ends the wait.

use super::{by_node, nodes, settled, sized};
use serde_json::json;
use zentoria_api::conditions::{READY, RECONCILING, STALLED};
use zentoria_api_tests::world::Conditions;

const SMALL: &[(&str, u64)] = &[("pve1", 2048), ("pve2", 2048), ("pve3", 2048)];

#[tokio::test]
async fn a_full_cluster_is_waited_for_with_numbers_until_somebody_makes_room() {
    let world = nodes("full", SMALL).start().await;
    world.pve.add_guest(json!({"vmid": 900, "name": "other", "node": "pve2", "config": {"memory": 1536}})).await;
    world.polls(1).await;
    world.create(&sized(&world, "a", 400, "1536Mi")).await;
    world.create(&sized(&world, "b", 401, "1536Mi")).await;
    world.apply(&sized(&world, "c", 402, "1536Mi")).await;
    let waits = world.says("c", "NoCapacity").await;
    let truths = [READY, RECONCILING, STALLED].map(|kind| waits.truth(kind).to_owned());
    assert_eq!(truths, ["False", "True", "False"]);
    assert_eq!(
        waits.message(),
        "no node has room: pve1, pve2, pve3: memory 1.5Gi needed, 512Mi of 2.0Gi free (overcommit.memory 1): free some, \
         add a node, or raise overcommit.memory"
    );
    assert_eq!(waits.status.unwrap().summary.as_deref(), Some("NoCapacity"));
    world.polls(2).await;
    assert!(world.pve.find(402).await.is_none());

    world.pve.person("destroy", 900, json!({})).await;
    world.ready("c").await;
    assert_eq!(world.pve.guest(402).await.node, "pve2");
}

#[tokio::test]
async fn what_no_node_will_ever_take_is_refused() {
    let world = nodes("too large", SMALL).start().await;
    world.apply(&sized(&world, "a", 400, "4Gi")).await;
    world.refused("a", "InvalidSpec", &["memory 4.0Gi needed, 2.0Gi of 2.0Gi free", "ask for less"]).await;
    world.patch_cluster(json!({"overcommit": {"memory": 2.0}})).await;
    world.ready("a").await;
}

#[tokio::test]
async fn every_node_full_or_offline_is_said_of_each() {
    let world = nodes("full or offline", SMALL).start().await;
    for vmid in [900, 901] {
        let node = format!("pve{}", vmid - 899);
        world.pve.add_guest(json!({"vmid": vmid, "name": "other", "node": node, "config": {"memory": 2048}})).await;
    }
    world.pve.fault("set_node_offline", json!(["pve3"]), json!({})).await;
    world
        .cluster_until("sees a node offline", |cluster| {
            cluster.status.as_ref().and_then(|status| status.nodes_summary.as_deref()) == Some("2/3")
        })
        .await;
    world.apply(&sized(&world, "a", 400, "1Gi")).await;
    let waits = world.says("a", "NoCapacity").await;
    for part in ["pve1, pve2: memory 1.0Gi needed, 0Mi of 2.0Gi free", "pve3: offline", "bring a node back"] {
        assert!(waits.message().contains(part), "{part:?} is not in {:?}", waits.message());
    }
    world.pve.fault("set_node_offline", json!(["pve3", false]), json!({})).await;
    world.ready("a").await;
    assert_eq!(world.pve.guest(400).await.node, "pve3");
}

#[tokio::test]
async fn containers_that_come_at_the_same_moment_do_not_overfill_a_node() {
    let world = nodes("at once", SMALL).start().await;
    // A guest in the making shows without its size for a while, as on a real node.
    world.pve.set(json!({"ct_secs": {"create": 20}})).await;
    for i in 0..8 {
        world.apply(&sized(&world, &format!("c{i}"), 400 + i, "1Gi")).await;
    }
    let said = settled(&world, &["Running", "NoCapacity"]).await;
    assert_eq!(said, [("NoCapacity".to_owned(), 2), ("Running".to_owned(), 6)].into());
    world.polls(2).await;
    let guests = world.pve.guests().await;
    assert!(by_node(&guests).values().all(|guests| guests.len() == 2), "{:?}", super::counts(&guests));
}

#[tokio::test]
async fn a_disk_finds_room_only_where_its_storage_has_some() {
    let world = nodes("disk", SMALL)
        .seed(|seed| seed["storages"]["local-zfs"]["total"] = json!(20_u64 << 30))
        .cluster(|spec| spec.overcommit.disk = Some(1.0))
        .start()
        .await;
    for i in 0..8 {
        world.apply(&sized(&world, &format!("c{i}"), 400 + i, "128Mi")).await;
    }
    let said = settled(&world, &["Running", "NoCapacity"]).await;
    assert_eq!(said, [("NoCapacity".to_owned(), 2), ("Running".to_owned(), 6)].into());
    let all = world.all().await;
    let waits = all.iter().find(|container| container.reason(READY) == "NoCapacity").unwrap();
    assert!(
        waits.message().contains("storage local-zfs 8.0Gi needed, 4.0Gi of 20.0Gi free (overcommit.disk 1)"),
        "{}",
        waits.message()
    );
}

#[tokio::test]
async fn a_node_that_is_named_and_is_not_there_is_not_waited_for() {
    let world = nodes("no such node", SMALL).start().await;
    let mut container = sized(&world, "a", 400, "512Mi");
    container.spec.placement.nodes = vec!["pve8".into(), "pve9".into()];
    world.apply(&container).await;
    world.refused("a", "NotFound", &["pve8, pve9: does not exist", "correct the node's name"]).await;
    container.spec.placement.nodes = vec!["pve2".into(), "pve9".into()];
    world.create(&container).await;
    assert_eq!(world.pve.guest(400).await.node, "pve2");
}
