//! Approvals: by the digest of just one meaning, for one time.

use super::{acts, approve, builder, nameserver, told, until_pending, up_to_date};
use serde_json::json;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api::container::{Approval, ChangeClass};
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn an_approval_of_something_else_is_refused_and_the_right_one_reboots_once_and_only_once() {
    let world = World::new("approve").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", nameserver("10.10.0.53")).await;
    let (container, pending) = until_pending(&world, "db", "RebootRequired").await;
    assert_eq!((container.truth(READY), pending[0].class), ("True", ChangeClass::Reboot));
    let digest = pending[0].digest.clone();
    assert!(pending[0].message.contains(&format!("kubectl zentoria approve zc/db {digest}")), "{}", pending[0].message);

    approve(&world, "db", "0123456789ab").await;
    let event = world.event("db", "ApprovalStale").await;
    let note = event.note.unwrap_or_default();
    assert!(note.contains("0123456789ab") && note.contains(&digest), "{note}");
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let container =
        world.until("tells of it", "db", |container| told(container).contains("zentoria.ai/approve names")).await;
    assert_eq!(container.truth(READY), "True");
    world.polls(2).await;
    assert_eq!(world.pve.guest(400).await.starts, 1, "an approval of something else does nothing");

    approve(&world, "db", &format!("0123456789ab, {digest}")).await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 2 && guest.pending.is_empty()).await;
    world.until("is up to date", "db", |container| container.truth(UP_TO_DATE) == "True").await;

    // The same change once more: its approval was for one time.
    world.patch("db", nameserver("10.10.0.1")).await;
    let (_, back) = until_pending(&world, "db", "RebootRequired").await;
    assert_ne!(back[0].digest, digest);
    approve(&world, "db", &format!("{digest},{}", back[0].digest)).await;
    world.guest_until("was rebooted again", 400, |guest| guest.starts == 3).await;
    up_to_date(&world, "db").await;
    world.patch("db", nameserver("10.10.0.53")).await;
    let (container, again) = until_pending(&world, "db", "RebootRequired").await;
    assert_eq!(again[0].digest, digest);
    assert!(container.status.unwrap().spent_approvals.contains(&digest));
    world.polls(2).await;
    assert_eq!(world.pve.guest(400).await.starts, 3);

    // Taken away and given anew, it holds again.
    world.annotate("db", "zentoria.ai/approve", None).await;
    world.until("forgets it", "db", |container| container.status.as_ref().unwrap().spent_approvals.is_empty()).await;
    approve(&world, "db", &digest).await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 4).await;
    up_to_date(&world, "db").await;
}

#[tokio::test]
async fn a_creation_waits_for_its_approval_and_another_source_makes_it_stale() {
    let world = builder("approve creation")
        .seed(|seed| {
            seed["templates"]["local"] = json!(["ubuntu-24.04-standard_24.04-2_amd64.tar.zst", "debian-13.tar.zst"])
        })
        .start()
        .await;
    let mut container = world.container("db", 400);
    container.spec.approval = Approval::Required;
    world.apply(&container).await;
    let held = world.refused("db", "ApprovalRequired", &["approve with: kubectl zentoria approve zc/db "]).await;
    let first = held.status.clone().unwrap().pending_changes[0].clone();
    assert_eq!((first.field.as_str(), first.class), ("source", ChangeClass::Create));
    assert_eq!(held.reason(UP_TO_DATE), "ApprovalRequired");
    world.polls(2).await;
    assert_eq!(acts(&world, 400).await, Vec::<String>::new());

    world.patch("db", json!({"source": {"template": {"volume": "local:vztmpl/debian-13.tar.zst"}}})).await;
    let held = world
        .until("asks for the other", "db", |container| {
            container.status.as_ref().is_some_and(|status| {
                status.pending_changes.first().is_some_and(|change| change.digest != first.digest)
            })
        })
        .await;
    let second = held.status.unwrap().pending_changes[0].digest.clone();
    approve(&world, "db", &first.digest).await;
    world.event("db", "ApprovalStale").await;
    world.polls(2).await;
    assert!(world.pve.find(400).await.is_none());

    approve(&world, "db", &second).await;
    world.ready("db").await;
    assert_eq!(world.pve.guest(400).await.starts, 1);
}
