//! Guests that are elsewhere: followed, moved back where the placement says so, and left where somebody else decides.

use super::{lines, three};
use serde_json::json;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api::container::{PowerState, RebootPolicy};
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

/// A container that belongs on pve1 and is moved back there.
fn bound(world: &World, reboots: RebootPolicy) -> ZentoriaContainer {
    let mut container = world.container("db", 400);
    container.spec.placement.node = Some("pve1".into());
    container.spec.placement.enforce = true;
    container.spec.reboot_policy = reboots;
    container
}

async fn migrate(world: &World, to: &str) {
    world.pve.person("migrate", 400, json!({"to": to, "restart": 1})).await;
    world.pve.forget_requests().await;
}

#[tokio::test]
async fn a_migration_by_hand_is_followed_without_a_write() {
    let world = three("followed").start().await;
    let made = world.create(&world.container("db", 400)).await;
    let from = made.status.unwrap().node.unwrap();
    let to = if from == "pve3" { "pve2" } else { "pve3" };
    migrate(&world, to).await;
    let there = |c: &ZentoriaContainer| c.status.as_ref().and_then(|status| status.node.as_deref()) == Some(to);
    world.until("is followed", "db", there).await;
    let event = world.event("db", "Moved").await;
    assert_eq!(event.note, Some(format!("guest 400 moved from node {from} to {to}")));
    world.ready("db").await;
    world.polls(2).await;
    assert!(world.pve.writes().await.is_empty());
}

#[tokio::test]
async fn a_guest_that_does_not_belong_there_is_moved_back_once_where_reboots_are_allowed() {
    let world = three("moved back").start().await;
    world.create(&bound(&world, RebootPolicy::Automatic)).await;
    migrate(&world, "pve2").await;
    world.guest_until("is back and runs", 400, |guest| guest.node == "pve1" && guest.runs()).await;
    let ready = world.ready("db").await;
    assert_eq!(ready.status.unwrap().node.as_deref(), Some("pve1"));
    world.polls(2).await;
    let writes = world.pve.writes().await;
    assert_eq!(lines(&writes), ["POST /nodes/pve2/lxc/400/migrate"]);
    assert_eq!(writes[0].param("target").as_deref(), Some("pve1"));
    assert_eq!(writes[0].param("restart").as_deref(), Some("1"));
}

#[tokio::test]
async fn by_default_a_move_is_shown_and_waits_for_an_approval() {
    let world = three("move approved").start().await;
    world.create(&bound(&world, RebootPolicy::Never)).await;
    migrate(&world, "pve2").await;
    let shown = world
        .until("shows the move", "db", |c| {
            c.status.as_ref().is_some_and(|status| status.pending_changes.iter().any(|p| p.field == "placement"))
        })
        .await;
    assert_eq!((shown.truth(READY), shown.reason(UP_TO_DATE)), ("True", "RebootRequired"));
    let change = shown.status.unwrap().pending_changes.remove(0);
    assert_eq!((change.from.as_str(), change.to.as_str()), ("pve2", "pve1"));
    world.polls(2).await;
    assert!(world.pve.writes().await.is_empty());
    world.annotate("db", "zentoria.ai/approve", Some(&change.digest)).await;
    world.guest_until("is back and runs", 400, |guest| guest.node == "pve1" && guest.runs()).await;
    world.until("is as it should be", "db", |c| c.reason(UP_TO_DATE) == "NoDifference").await;
}

#[tokio::test]
async fn a_stopped_guest_is_moved_at_once() {
    let world = three("moved stopped").start().await;
    let mut container = bound(&world, RebootPolicy::Never);
    container.spec.power.state = Some(PowerState::Stopped);
    world.create(&container).await;
    migrate(&world, "pve3").await;
    world.guest_until("is back", 400, |guest| guest.node == "pve1" && !guest.runs()).await;
    world.says("db", "Stopped").await;
}

#[tokio::test]
async fn a_guest_under_ha_is_not_moved() {
    let world = three("ha").start().await;
    world.create(&bound(&world, RebootPolicy::Automatic)).await;
    world.stop_operator().await;
    world.pve.person("migrate", 400, json!({"to": "pve2", "restart": 1})).await;
    world.pve.fault("plant_duties", json!([]), json!({"ha": ["ct:400"]})).await;
    world.pve.forget_requests().await;
    world.start_operator().await;
    world.refused("db", "ManagedByHA", &["is on node pve2", "ha-manager relocate ct:400"]).await;
    world.polls(2).await;
    assert!(world.pve.writes().await.is_empty());
}

#[tokio::test]
async fn a_guest_with_replication_jobs_is_not_moved() {
    let world = three("replicated").start().await;
    world.create(&bound(&world, RebootPolicy::Automatic)).await;
    world.stop_operator().await;
    world.pve.person("migrate", 400, json!({"to": "pve2", "restart": 1})).await;
    let job = json!({"guest": 400, "target": "pve3", "schedule": "*/15"});
    world.pve.fault("plant_duties", json!([]), json!({"replication": [job]})).await;
    world.pve.forget_requests().await;
    world.start_operator().await;
    world.refused("db", "Replicated", &["is on node pve2", "pvesr delete 400-0"]).await;
    world.polls(2).await;
    assert!(world.pve.writes().await.is_empty());
}

#[tokio::test]
async fn a_replication_job_that_nobody_knew_of_holds_a_move_back_at_the_last_moment() {
    let world = three("replicated meanwhile").start().await;
    world.create(&bound(&world, RebootPolicy::Automatic)).await;
    let job = json!({"guest": 400, "target": "pve3", "schedule": "*/15"});
    world.pve.fault("plant_duties", json!([]), json!({"replication": [job]})).await;
    migrate(&world, "pve2").await;
    world.refused("db", "Replicated", &["is on node pve2"]).await;
    assert!(world.pve.writes().await.is_empty());
}
