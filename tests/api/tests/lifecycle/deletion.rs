//! What happens to a guest whose object is deleted.

use super::lines;
use serde_json::json;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::{DeletionPolicy, Origin};
use zentoria_api_tests::World;

/// A world where `deletionPolicy: Delete` destroys.
async fn world(test: &str) -> World {
    World::builder(test).cluster(|spec| spec.safety.final_backup = FinalBackup::None).start().await
}

fn to_be_destroyed(world: &World, name: &str, vmid: u32) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.deletion_policy = DeletionPolicy::Delete;
    container
}

#[tokio::test]
async fn a_retained_guest_goes_on_with_a_tombstone_and_the_same_manifest_takes_it_back() {
    let world = World::new("retain").await;
    let container = world.container("db", 400);
    world.create(&container).await;
    let made = world.pve.guest(400).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.gone("db").await;
    let retained = world.pve.guest(400).await;
    assert!(retained.mark().unwrap().contains("retained="), "{:?}", retained.mark());
    assert_eq!((retained.runs(), retained.starts), (true, 1));
    assert_eq!(lines(&world.pve.writes().await), ["PUT /nodes/pve1/lxc/400/config"]);
    world
        .cluster_until("counts it as retained", |cluster| {
            cluster.status.as_ref().and_then(|status| status.guests.clone()).is_some_and(|guests| guests.retained == 1)
        })
        .await;

    let back = world.create(&container).await;
    assert_eq!(back.status.unwrap().created.unwrap().origin, Origin::TakenBack);
    let guest = world.pve.guest(400).await;
    assert_eq!(guest.mark(), made.mark());
    assert_eq!((guest.runs(), guest.starts), (true, 1), "it was never stopped");
}

#[tokio::test]
async fn a_guest_to_be_destroyed_is_shut_down_and_destroyed_with_nothing_else() {
    let world = world("destroy").await;
    world.create(&to_be_destroyed(&world, "db", 400)).await;
    world.create(&world.container("other", 401)).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(world.pve.find(400).await, None);
    assert!(world.pve.guest(401).await.runs());
    let writes = world.pve.writes().await;
    assert_eq!(lines(&writes), ["POST /nodes/pve1/lxc/400/status/shutdown", "DELETE /nodes/pve1/lxc/400"]);
    assert_eq!(writes[1].param("destroy-unreferenced-disks").unwrap_or("0".into()), "0");
    assert_ne!(writes[1].param("force").as_deref(), Some("1"));
}

#[tokio::test]
async fn without_a_final_backup_a_destruction_is_held_until_the_policy_allows_it() {
    let world = World::new("final backup").await;
    world.create(&to_be_destroyed(&world, "db", 400)).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    let message = ["safety.finalBackup", "Retain"];
    world.refused("db", "FinalBackupNotAvailable", &message).await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    assert!(world.pve.guest(400).await.runs());
    world.patch("db", json!({"deletionPolicy": "Retain"})).await;
    world.gone("db").await;
    assert!(world.pve.guest(400).await.runs());
}

#[tokio::test]
async fn no_more_guests_are_destroyed_within_an_hour_than_the_cluster_allows() {
    let world = world("breaker").await;
    for (name, vmid) in [("a", 400), ("b", 401), ("c", 402)] {
        world.apply(&to_be_destroyed(&world, name, vmid)).await;
    }
    for name in ["a", "b", "c"] {
        world.ready(name).await;
    }
    for name in ["a", "b", "c"] {
        world.delete(name).await;
    }
    let left = zentoria_api_tests::eventually("one object is left, held by the breaker", || async {
        let all = world.all().await;
        match all.as_slice() {
            [one] => Ok(one.metadata.name.clone().unwrap()),
            more => Err(format!("{} are left", more.len())),
        }
    })
    .await;
    let held = world.says(&left, "DeletionBreaker").await;
    world.polls(2).await;
    let vmid = held.status.unwrap().vmid.unwrap().0;
    assert!(world.pve.guest(vmid).await.runs());
    assert_eq!(world.pve.guests().await.len(), 1);
    assert_eq!(world.get_cluster().await.status.unwrap().destroys.len(), 2);
    // The count survives a restart of the operator, and a higher limit lets the rest go.
    world.restart_operator().await;
    world.polls(2).await;
    assert_eq!(world.pve.guests().await.len(), 1);
    world.patch_cluster(json!({"safety": {"maxDestroysPerHour": 3}})).await;
    world.gone(&left).await;
    assert_eq!(world.pve.guests().await.len(), 0);
}

#[tokio::test]
async fn volumes_that_would_go_with_the_guest_hold_its_destruction() {
    let world = world("unused").await;
    world.create(&to_be_destroyed(&world, "db", 400)).await;
    world.pve.person("edit", 400, json!({"config": {"unused0": "local-zfs:subvol-400-disk-7"}})).await;
    world.delete("db").await;
    world.refused("db", "RetainedVolumes", &["unused0"]).await;
    world.polls(2).await;
    assert!(world.pve.guest(400).await.runs());
    world.pve.person("edit", 400, json!({"drop": ["unused0"]})).await;
    world.gone("db").await;
    assert_eq!(world.pve.find(400).await, None);
}

#[tokio::test]
async fn a_protected_guest_is_not_destroyed() {
    let world = world("protected").await;
    let mut container = to_be_destroyed(&world, "db", 400);
    container.spec.protection = Some(true);
    world.create(&container).await;
    world.delete("db").await;
    world.refused("db", "Protected", &["pct set 400 --protection 0"]).await;
    assert!(world.pve.guest(400).await.runs());
    world.pve.person_sets(400, json!({"protection": 0})).await;
    world.gone("db").await;
    assert_eq!(world.pve.find(400).await, None);
}

#[tokio::test]
async fn an_object_deleted_before_its_guest_was_made_leaves_nothing() {
    let world = world("deleted early").await;
    let mut container = to_be_destroyed(&world, "db", 400);
    container.spec.depends_on = vec![zentoria_api_tests::builders::after("ghost")];
    world.apply(&container).await;
    world.says("db", "DependencyMissing").await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(world.pve.guests().await.len(), 0);
}

#[tokio::test]
async fn a_guest_that_is_being_made_is_finished_before_it_is_let_go() {
    let world = World::builder("deleted while made")
        .cluster(|spec| spec.safety.final_backup = FinalBackup::None)
        .seed(|seed| seed["ct_secs"]["create"] = json!(60))
        .start()
        .await;
    world.apply(&to_be_destroyed(&world, "db", 400)).await;
    world
        .until("is being created", "db", |container| {
            container.status.as_ref().is_some_and(|status| status.task.as_ref().is_some_and(|task| task.upid.is_some()))
        })
        .await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(world.pve.guests().await.len(), 0, "no orphan");
}
