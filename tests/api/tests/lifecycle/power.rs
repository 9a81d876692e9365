//! Power: whose stop is respected, what is started again, and guests that are gone or elsewhere.

use super::lines;
use serde_json::json;
use zentoria_api::conditions::{READY, RECONCILING, RUNNING, STALLED};
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn a_guest_that_a_person_stopped_is_left_alone_and_the_status_says_who() {
    let world = World::new("stopped by hand").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.person("stop", 400, json!({})).await;
    let container = world.says("db", "StoppedExternally").await;
    assert!(container.message().contains("root@pam"), "{}", container.message());
    let truths = [READY, RECONCILING, STALLED, RUNNING].map(|kind| container.truth(kind).to_owned());
    assert_eq!(truths, ["False", "False", "False", "False"]);
    let status = container.status.unwrap();
    assert_eq!(status.summary.as_deref(), Some("StoppedBy root@pam"));
    assert_eq!(status.power.unwrap().stopped_by.as_deref(), Some("root@pam"));
    world.polls(3).await;
    // A restart of the operator does not forget it.
    world.restart_operator().await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    assert!(!world.pve.guest(400).await.runs());
    world.says("db", "StoppedExternally").await;

    world.pve.person("start", 400, json!({})).await;
    let status = world.ready("db").await.status.unwrap();
    assert_eq!(status.power.unwrap().stopped_by, None);
}

#[tokio::test]
async fn a_stop_while_the_operator_was_down_is_respected_too() {
    let world = World::new("stopped while down").await;
    world.create(&world.container("db", 400)).await;
    world.stop_operator().await;
    world.pve.person_as("anna@pve", "shutdown", 400, json!({})).await;
    world.pve.forget_requests().await;
    world.start_operator().await;
    let container = world.says("db", "StoppedExternally").await;
    assert_eq!(container.status.unwrap().summary.as_deref(), Some("StoppedBy anna@pve"));
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_person_s_stop_is_undone_where_the_spec_asks_for_it() {
    let world = World::new("restart").await;
    let mut container = world.container("db", 400);
    container.spec.power.on_external_stop = zentoria_api::container::OnExternalStop::Restart;
    world.create(&container).await;
    world.pve.person("stop", 400, json!({})).await;
    world.guest_until("runs again", 400, |guest| guest.runs() && guest.starts == 2).await;
    world.ready("db").await;
}

#[tokio::test]
async fn a_guest_that_crashed_is_started_again() {
    let world = World::new("crash").await;
    world.create(&world.container("db", 400)).await;
    world.pve.person("crash", 400, json!({})).await;
    world.guest_until("runs again", 400, |guest| guest.runs() && guest.starts == 2).await;
    world.ready("db").await;
}

#[tokio::test]
async fn power_follows_the_spec_down_and_up_and_a_start_by_hand_is_undone() {
    let world = World::new("power").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"power": {"state": "Stopped"}})).await;
    world.guest_until("is stopped", 400, |guest| !guest.runs()).await;
    let container = world.ready("db").await;
    assert_eq!((container.reason(READY), container.truth(RUNNING)), ("Stopped", "False"));
    world.pve.person("start", 400, json!({})).await;
    world.guest_until("is stopped again", 400, |guest| !guest.runs() && guest.starts == 2).await;
    world.ready("db").await;
    world.patch("db", json!({"power": {"state": "Running"}})).await;
    world.guest_until("runs", 400, |guest| guest.runs() && guest.starts == 3).await;
    world.ready("db").await;
}

#[tokio::test]
async fn a_guest_that_was_migrated_by_hand_is_followed() {
    let world = World::builder("migrated")
        .seed(|seed| seed["nodes"] = json!(["pve1", "pve2"]))
        .cluster(|spec| spec.defaults.node = Some("pve1".into()))
        .start()
        .await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.person("migrate", 400, json!({"to": "pve2"})).await;
    world
        .until("is on pve2", "db", |container| {
            container.status.as_ref().is_some_and(|status| status.node.as_deref() == Some("pve2"))
        })
        .await;
    world.ready("db").await;
    world.event("db", "Moved").await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new(), "it is not moved back");
    world.patch("db", json!({"resources": {"memory": "1Gi"}})).await;
    world.guest_until("has 1 GiB", 400, |guest| guest.option("memory") == "1024" && guest.node == "pve2").await;
}

#[tokio::test]
async fn a_guest_that_is_gone_is_said_and_made_anew_only_where_the_spec_asks_for_it() {
    let world = World::new("missing").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world.pve.person("vanish", 400, json!({})).await;
    world.refused("db", "GuestMissing", &["400", "onMissing: Recreate"]).await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.patch("db", json!({"onMissing": "Recreate"})).await;
    world.ready("db").await;
    let guest = world.pve.guest(400).await;
    assert!(guest.runs() && guest.mark().is_some());
}

#[tokio::test]
async fn many_guests_gone_at_once_hold_every_write_until_a_person_has_looked() {
    let world = World::new("many missing").await;
    for vmid in 400..404 {
        let mut container = world.container(&format!("c{vmid}"), vmid);
        container.spec.on_missing = zentoria_api::container::OnMissing::Recreate;
        world.apply(&container).await;
    }
    for vmid in 400..404 {
        world.ready(&format!("c{vmid}")).await;
    }
    // As when rights are lost: the list comes back filtered.
    world.pve.forget_requests().await;
    world.pve.fault("set_grants", json!([[["zentoria@pve", "/", "Sys.Audit"]]]), json!({})).await;
    world.cluster_until("stops writing", |cluster| cluster.truth(READY) != "True").await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new(), "nothing is made anew");
    world.pve.fault("restore_access", json!([]), json!({})).await;
    world.cluster_says("Ready").await;
    for vmid in 400..404 {
        world.ready(&format!("c{vmid}")).await;
        assert_eq!(world.pve.guest(vmid).await.starts, 1);
    }
    // Three of four really vanish: a fault until somebody has acknowledged just these.
    for vmid in 400..403 {
        world.pve.person("vanish", vmid, json!({})).await;
    }
    let cluster = world.cluster_says("MissingGuests").await;
    let breaker = cluster.status.unwrap().breaker.unwrap();
    assert_eq!(breaker.missing.len(), 3);
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.annotate_cluster("zentoria.ai/acknowledge", Some(&breaker.digest)).await;
    world.cluster_says("Ready").await;
    for vmid in 400..404 {
        world.ready(&format!("c{vmid}")).await;
        assert!(world.pve.guest(vmid).await.runs());
    }
}
