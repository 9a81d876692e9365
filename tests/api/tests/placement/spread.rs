//! Which node is chosen.

use super::{by_node, counts, sized, three};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::json;
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::{AntiAffinity, Strategy};
use zentoria_api_tests::World;
use zentoria_api_tests::estate::{documents, inventory};
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::Guest;

fn memory(guest: &Guest) -> u64 {
    guest.option("memory").parse().unwrap()
}

#[tokio::test]
async fn the_estate_is_spread_over_three_nodes_by_memory() {
    let world = three("estate on three").without_cluster().start().await;
    for document in documents("manifests/zentoria.yaml", &world.namespace, &world.cluster) {
        apply_any(&world.client, &document).await.unwrap();
    }
    let rows = inventory();
    for row in &rows {
        world.ready(&row.name).await;
    }
    let guests = world.pve.guests().await;
    let nodes = by_node(&guests);
    assert_eq!(nodes.keys().copied().collect::<Vec<_>>(), ["pve1", "pve2", "pve3"]);
    let sums: Vec<u64> = nodes.values().map(|guests| guests.iter().map(|guest| memory(guest)).sum()).collect();
    let largest = guests.iter().map(memory).max().unwrap();
    let (most, least) = (sums.iter().max().unwrap(), sums.iter().min().unwrap());
    assert!(most - least <= largest, "{sums:?} MiB, the largest guest has {largest}");
    for container in world.all().await {
        let status = container.status.clone().unwrap();
        let vmid = status.vmid.unwrap().0;
        let on = guests.iter().find(|guest| guest.vmid == vmid).map(|guest| guest.node.clone());
        assert_eq!(status.node, on);
    }
    // Nobody is moved for balance.
    world.pve.forget_requests().await;
    world.polls(2).await;
    assert!(world.pve.writes().await.is_empty());
    world
        .cluster_until("says what is free", |cluster| {
            let nodes = cluster.status.clone().unwrap_or_default().nodes;
            let free = |memory: &u64| match 64 - memory / 1024 {
                0 => "cores not limited, memory 0Mi".to_owned(),
                gib => format!("cores not limited, memory {gib}.0Gi"),
            };
            nodes.len() == 3
                && nodes.iter().zip(&sums).all(|(node, sum)| node.free.as_deref() == Some(free(sum).as_str()))
        })
        .await;
}

#[tokio::test]
async fn nine_that_are_made_at_once_are_three_on_each_node() {
    let world = three("spread").start().await;
    // By memory alone pve3 would get none of them.
    world.pve.add_guest(json!({"vmid": 900, "name": "other", "node": "pve3", "config": {"memory": 40960}})).await;
    world.polls(1).await;
    for i in 0..9 {
        let mut container = sized(&world, &format!("c{i}"), 400 + i, "1Gi");
        container.spec.placement.strategy = Strategy::Spread;
        world.apply(&container).await;
    }
    for i in 0..9 {
        world.ready(&format!("c{i}")).await;
    }
    let mut guests = world.pve.guests().await;
    guests.retain(|guest| guest.vmid < 900);
    assert_eq!(counts(&guests), [("pve1".to_owned(), 3), ("pve2".to_owned(), 3), ("pve3".to_owned(), 3)]);
}

fn replica(world: &World, i: u32, required: bool) -> ZentoriaContainer {
    let mut container = sized(world, &format!("web{i}"), 400 + i, "512Mi");
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    container.metadata.labels = Some(labels.clone());
    let selector = LabelSelector { match_labels: Some(labels), match_expressions: None };
    container.spec.placement.anti_affinity = vec![AntiAffinity { selector, required }];
    container
}

#[tokio::test]
async fn the_fourth_of_those_that_must_be_apart_waits_and_says_for_what() {
    let world = three("apart").start().await;
    for i in 0..3 {
        world.apply(&replica(&world, i, true)).await;
    }
    for i in 0..3 {
        world.ready(&format!("web{i}")).await;
    }
    assert_eq!(counts(&world.pve.guests().await).len(), 3);

    world.apply(&replica(&world, 3, true)).await;
    let waits = world.says("web3", "NoCapacity").await;
    let message = zentoria_api_tests::world::Conditions::message(&waits);
    assert_eq!(
        message,
        "no node has room: pve1, pve2, pve3: 1 container that it must not share a node with: relax the anti-affinity \
         or add a node"
    );
    // Who does not mind is placed all the same, unless they mind: their terms count for it, too.
    let mut free = sized(&world, "free", 410, "512Mi");
    world.create(&free).await;
    free = sized(&world, "minded", 411, "512Mi");
    free.metadata.labels = Some(BTreeMap::from([("app".to_owned(), "web".to_owned())]));
    world.apply(&free).await;
    world.says("minded", "NoCapacity").await;

    // Its object goes, and with it what it minds.
    let node = world.pve.guest(401).await.node;
    world.delete("web1").await;
    world.gone("web1").await;
    let next = [world.pve.find(403).await, world.pve.find(411).await];
    drop(next);
    super::settled(&world, &["Running", "NoCapacity"]).await;
    let placed = zentoria_api_tests::eventually("one of the two takes the node", || async {
        let guests = [world.pve.find(403).await, world.pve.find(411).await];
        guests.into_iter().flatten().next().ok_or_else(|| "none yet".to_owned())
    })
    .await;
    assert_eq!(placed.node, node);
}

#[tokio::test]
async fn those_that_should_be_apart_share_a_node_where_they_must() {
    let world = three("should be apart").start().await;
    for i in 0..4 {
        world.apply(&replica(&world, i, false)).await;
    }
    for i in 0..4 {
        world.ready(&format!("web{i}")).await;
    }
    let mut sizes: Vec<usize> = counts(&world.pve.guests().await).into_iter().map(|(_, count)| count).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 2]);
}

#[tokio::test]
async fn a_node_that_is_offline_is_avoided_and_used_again_when_it_is_back() {
    let world = three("one offline").start().await;
    world.pve.fault("set_node_offline", json!(["pve2"]), json!({})).await;
    world
        .cluster_until("sees two nodes online", |cluster| {
            cluster.status.as_ref().and_then(|status| status.nodes_summary.as_deref()) == Some("2/3")
        })
        .await;
    for i in 0..4 {
        world.apply(&sized(&world, &format!("c{i}"), 400 + i, "1Gi")).await;
    }
    for i in 0..4 {
        world.ready(&format!("c{i}")).await;
    }
    assert_eq!(counts(&world.pve.guests().await), [("pve1".to_owned(), 2), ("pve3".to_owned(), 2)]);
    world.pve.fault("set_node_offline", json!(["pve2", false]), json!({})).await;
    world
        .cluster_until("sees three nodes online", |cluster| {
            cluster.status.as_ref().and_then(|status| status.nodes_summary.as_deref()) == Some("3/3")
        })
        .await;
    world.create(&sized(&world, "c4", 404, "1Gi")).await;
    assert_eq!(world.pve.guest(404).await.node, "pve2");
}
