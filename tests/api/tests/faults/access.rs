//! Credentials, rights and certificates.

use super::{asked, container_versions, has_a_gib, wish_for_a_gib, writes};
use serde_json::json;
use zentoria_api::cluster::Tls;
use zentoria_api::conditions::{AUTHORIZED, READY, STALLED};
use zentoria_api::container::OnMissing;
use zentoria_api_tests::World;
use zentoria_api_tests::builders::cluster_spec;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::pve::OPERATOR;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn a_revoked_token_stops_everything_and_a_restored_one_goes_on_where_it_stopped() {
    let world = World::new("revoked").await;
    world.create(&world.container("db", 400)).await;
    world.settled().await;
    world.pve.forget_requests().await;
    let before = container_versions(&world).await;
    world.pve.fault("revoke_token", json!([OPERATOR]), json!({})).await;
    let cluster = world.cluster_says("Unauthenticated").await;
    assert_eq!((cluster.truth(STALLED), cluster.truth(AUTHORIZED)), ("True", "False"));
    assert_eq!(container_versions(&world).await, before, "a settled container is not written to");

    wish_for_a_gib(&world, "db").await;
    let container = world.says("db", "ClusterNotReady").await;
    assert!(container.message().contains("Unauthenticated"), "{}", container.message());
    assert_eq!(writes(&world).await, Vec::<String>::new());
    world.pve.fault("restore_token", json!([OPERATOR]), json!({})).await;
    world.cluster_says("Ready").await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
    assert_eq!(world.pve.guest(400).await.starts, 1);
}

/// Two containers whose guests would be made again if they were gone.
async fn recreating(test: &str) -> World {
    let world = World::new(test).await;
    for (name, vmid) in [("db", 400), ("web", 401)] {
        let mut container = world.container(name, vmid);
        container.spec.on_missing = OnMissing::Recreate;
        world.apply(&container).await;
    }
    for name in ["db", "web"] {
        world.ready(name).await;
    }
    world.settled().await;
    world.pve.forget_requests().await;
    world
}

#[tokio::test]
async fn lists_that_come_back_filtered_are_no_proof_that_a_guest_is_gone() {
    let world = recreating("filtered").await;
    let before = world.pve.guests().await;
    let revoke = json!(["zentoria@pve", "VM.Audit"]);
    world.pve.fault("revoke_privilege", revoke, json!({"path": "/vms"})).await;
    let cluster = world.cluster_until("is held", |cluster| cluster.truth(READY) == "False").await;
    assert!(["MissingPermissions", "MissingGuests"].contains(&cluster.reason(READY)), "{}", cluster.reason(READY));
    world.polls(4).await;
    wish_for_a_gib(&world, "db").await;
    world.until("is held", "db", |container| container.observed() == container.metadata.generation).await;
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    assert_eq!(world.pve.guests().await, before);

    world.pve.fault("restore_access", json!([]), json!({})).await;
    world.cluster_says("Ready").await;
    has_a_gib(&world, 400).await;
    for name in ["db", "web"] {
        world.ready(name).await;
    }
    assert_eq!(writes(&world).await, ["PUT /nodes/pve1/lxc/400/config"]);
}

#[tokio::test]
async fn a_token_without_any_right_writes_nothing_and_loses_nothing() {
    let world = recreating("no rights").await;
    let before = world.pve.guests().await;
    world.pve.fault("set_grants", json!([[]]), json!({})).await;
    world.cluster_until("is held", |cluster| cluster.truth(READY) == "False").await;
    asked(&world, "/version", 3).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    assert_eq!(world.pve.guests().await, before);
    world.pve.fault("restore_access", json!([]), json!({})).await;
    world.cluster_says("Ready").await;
    for name in ["db", "web"] {
        world.ready(name).await;
    }
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_guest_that_alone_is_hidden_from_us_is_not_made_again() {
    let world = recreating("hidden").await;
    let before = world.pve.guests().await;
    // An entry for the guest itself replaces what is inherited from /vms.
    world.pve.fault("grant", json!(["zentoria@pve", "/vms/400", "VM.Console"]), json!({})).await;
    let container = world
        .until("is not seen", "db", |container| {
            container.message().contains("VM.Audit") && container.message().contains("/vms/400")
        })
        .await;
    assert_eq!(container.truth(STALLED), "False", "{}", container.message());
    world.polls(3).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    assert_eq!(world.pve.guests().await, before);
    world.ready("web").await;
    world.pve.fault("restore_access", json!([]), json!({})).await;
    world.ready("db").await;
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_stops_everything_until_its_fingerprint_is_in_the_spec() {
    let world = World::builder("pinned").without_cluster().start().await;
    let mut spec = cluster_spec(&world.namespace);
    spec.tls = Tls::FingerprintSha256(world.pve.fingerprint.clone());
    world.apply_cluster(spec.clone()).await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    let before = container_versions(&world).await;
    world.pve.fault("replace_certificate", json!(["new"]), json!({})).await;
    let tls = world.pve.ctl.json("GET", "/ctl/tls", None).await;
    let new = tls["fingerprint"].as_str().unwrap().to_owned();
    let cluster = world.cluster_says("CertificateChanged").await;
    assert!(cluster.message().contains(&new), "the new one is shown, to be compared: {}", cluster.message());
    assert_eq!(container_versions(&world).await, before, "a settled container is not written to");
    wish_for_a_gib(&world, "db").await;
    world.says("db", "ClusterNotReady").await;
    assert_eq!(writes(&world).await, Vec::<String>::new());

    spec.tls = Tls::FingerprintSha256(new);
    world.apply_cluster(spec).await;
    world.cluster_says("Ready").await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
}

#[tokio::test]
async fn another_proxmox_ve_at_the_same_address_is_not_written_to_until_a_person_says_that_it_is_meant() {
    let world = World::builder("identity").seed(|seed| seed["cluster_name"] = json!("home")).start().await;
    world.create(&world.container("db", 400)).await;
    let home = world.cluster_says("Ready").await.status.unwrap().identity.unwrap();
    world.pve.forget_requests().await;
    world.pve.fault("change_identity", json!([]), json!({"cluster_name": "other"})).await;
    world.cluster_says("CertificateChanged").await;
    let tls = world.pve.ctl.json("GET", "/ctl/tls", None).await;
    put_secret(&world.client, &world.system, "pve-ca", &[("ca.crt", tls["ca"].as_str().unwrap())]).await;
    let cluster = world.cluster_says("IdentityChanged").await;
    assert!(cluster.message().contains("other") && cluster.message().contains("home"), "{}", cluster.message());
    let status = cluster.status.unwrap();
    assert_eq!(status.identity.as_ref(), Some(&home), "it is not taken for ours");
    wish_for_a_gib(&world, "db").await;
    world.refused("db", "BreakerOpen", &["acknowledge"]).await;
    world.apply(&world.container("new", 401)).await;
    world.refused("new", "BreakerOpen", &["acknowledge"]).await;
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());

    let digest = status.breaker.unwrap().digest;
    world.annotate_cluster("zentoria.ai/acknowledge", Some("stale")).await;
    world.polls(2).await;
    assert_eq!(world.get_cluster().await.reason(READY), "IdentityChanged", "another digest opens nothing");
    world.annotate_cluster("zentoria.ai/acknowledge", Some(&digest)).await;
    let cluster = world.cluster_says("Ready").await;
    assert_eq!(cluster.status.unwrap().identity.unwrap().name, "other");
    has_a_gib(&world, 400).await;
    world.ready("new").await;
}
