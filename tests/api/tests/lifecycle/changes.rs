//! Changes of the spec: in place where that is possible, pending where it takes a reboot, refused where it loses data.

use super::lines;
use serde_json::json;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api::container::ChangeClass;
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn a_disk_grows_and_a_smaller_one_is_refused() {
    let world = World::new("disk").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"rootDisk": {"size": "10Gi"}})).await;
    world.guest_until("has 10 GiB", 400, |guest| guest.part("rootfs", "size").as_deref() == Some("10G")).await;
    world.ready("db").await;
    world.pve.forget_requests().await;
    world.patch("db", json!({"rootDisk": {"size": "9Gi"}})).await;
    let container = world
        .until("says that a disk cannot shrink", "db", |container| container.reason(UP_TO_DATE) == "ChangeImpossible")
        .await;
    assert_eq!((container.truth(READY), container.truth(UP_TO_DATE)), ("True", "False"));
    let pending = container.status.unwrap().pending_changes;
    assert_eq!(pending.len(), 1);
    let change = &pending[0];
    assert_eq!((change.field.as_str(), change.class), ("rootDisk.size", ChangeClass::Impossible));
    assert!(change.message.contains("cannot shrink"), "{}", change.message);
    world.event("db", "PendingChange").await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.patch("db", json!({"rootDisk": {"size": "10Gi"}})).await;
    world.until("is up to date", "db", |container| container.truth(UP_TO_DATE) == "True").await;
}

#[tokio::test]
async fn a_change_that_takes_a_reboot_waits_for_a_person_and_is_done_where_the_policy_says_so() {
    let world = World::new("reboot").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"network": {"dns": {"nameservers": ["10.10.0.53"]}}})).await;
    let container =
        world.until("waits for a reboot", "db", |container| container.reason(UP_TO_DATE) == "RebootRequired").await;
    let status = container.status.clone().unwrap();
    assert_eq!((container.truth(READY), status.summary.as_deref()), ("True", Some("RebootRequired")));
    assert_eq!(status.pending_summary.as_deref(), Some("1 (reboot)"));
    assert_eq!(status.pending_changes[0].field, "network.dns.nameservers");
    world.polls(2).await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.starts, guest.pending.len()), (1, 1), "nothing reboots by default");

    world.patch("db", json!({"rebootPolicy": "Automatic"})).await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 2 && guest.pending.is_empty()).await;
    let container = world.until("is up to date", "db", |container| container.truth(UP_TO_DATE) == "True").await;
    assert_eq!(container.status.unwrap().pending_summary, None);
    world.ready("db").await;
    assert_eq!(world.pve.guest(400).await.option("nameserver"), "10.10.0.53");
    world.polls(2).await;
    assert_eq!(world.pve.guest(400).await.starts, 2, "once is enough");
}

#[tokio::test]
async fn a_reboot_by_a_person_ends_the_waiting() {
    let world = World::new("reboot by hand").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"timezone": "Europe/Paris"})).await;
    world.until("waits for a reboot", "db", |container| container.reason(UP_TO_DATE) == "RebootRequired").await;
    world.pve.person("reboot", 400, json!({})).await;
    world.until("is up to date", "db", |container| container.truth(UP_TO_DATE) == "True").await;
    assert_eq!(world.ready("db").await.reason(READY), "Running");
}

#[tokio::test]
async fn a_change_of_source_is_shown_and_never_a_replacement() {
    let world = World::builder("source")
        .seed(|seed| {
            seed["templates"]["local"] = json!(["ubuntu-24.04-standard_24.04-2_amd64.tar.zst", "debian-13.tar.zst"])
        })
        .start()
        .await;
    world.create(&world.container("db", 400)).await;
    let before = world.pve.guest(400).await;
    world.patch("db", json!({"source": {"template": {"volume": "local:vztmpl/debian-13.tar.zst"}}})).await;
    let container =
        world.until("shows the change", "db", |container| container.reason(UP_TO_DATE) == "ReplaceRequired").await;
    assert_eq!(container.truth(READY), "True");
    assert!(container.status.unwrap().pending_changes[0].message.contains("SourceChanged"));
    world.polls(2).await;
    assert_eq!(world.pve.guest(400).await, before);
}

#[tokio::test]
async fn a_container_that_is_suspended_or_paused_is_not_looked_at() {
    let world = World::new("suspend").await;
    world.create(&world.container("suspended", 400)).await;
    world.create(&world.container("paused", 401)).await;
    world.patch("suspended", json!({"suspend": true})).await;
    world.annotate("paused", "zentoria.ai/paused", Some("true")).await;
    for name in ["suspended", "paused"] {
        let container = world.paused(name).await;
        assert_eq!(container.truth(READY), "True", "Ready keeps what it said");
    }
    world.pve.forget_requests().await;
    for vmid in [400, 401] {
        world.pve.person_sets(vmid, json!({"memory": 1024})).await;
    }
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.patch("suspended", json!({"suspend": false})).await;
    world.annotate("paused", "zentoria.ai/paused", None).await;
    for vmid in [400, 401] {
        world.guest_until("has its memory back", vmid, |guest| guest.option("memory") == "512").await;
    }
    world.ready("suspended").await;
    world.ready("paused").await;
}

#[tokio::test]
async fn a_suspended_cluster_is_not_asked_and_goes_on_where_it_stopped() {
    let world = World::new("suspend cluster").await;
    world.create(&world.container("db", 400)).await;
    world.annotate_cluster("zentoria.ai/paused", Some("true")).await;
    world
        .cluster_until("is paused", |cluster| {
            cluster.status.as_ref().is_some_and(|status| status.summary.as_deref() == Some("Paused"))
        })
        .await;
    world.pve.person_sets(400, json!({"memory": 1024})).await;
    world.pve.forget_requests().await;
    // Another cluster's poll, in a world of its own, tells that enough time went by.
    let other = World::new("suspend clock").await;
    other.polls(3).await;
    assert_eq!(lines(&world.pve.requests().await), Vec::<String>::new());
    world.annotate_cluster("zentoria.ai/paused", None).await;
    world.guest_until("has its memory back", 400, |guest| guest.option("memory") == "512").await;
}
