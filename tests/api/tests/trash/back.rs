//! Into the trash and back.

use super::{builder, disposable, listed, thrown_away, writes};
use serde_json::json;
use zentoria_api::container::{Origin, Startup};
use zentoria_api_tests::eventually;

#[tokio::test]
async fn a_guest_in_the_trash_is_stopped_and_comes_back_with_the_same_manifest_as_it_was() {
    let world = builder("trash", "1h").start().await;
    let mut container = disposable(&world, "db", 400);
    container.spec.startup = Some(Startup { on_boot: Some(true), ..Startup::default() });
    world.create(&container).await;
    let before = world.pve.guest(400).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(writes(&world).await, ["POST /nodes/pve1/lxc/400/status/shutdown", "PUT /nodes/pve1/lxc/400/config"]);
    let trashed = world.pve.guest(400).await;
    let mark = trashed.mark().unwrap();
    assert!(mark.contains(" onboot=1 ") && mark.contains(" trashUntil="), "{mark}");
    assert!(!trashed.runs() && trashed.option("onboot") == "0", "{trashed:?}");
    let rows = listed(&world, "the guest", |trash| !trash.is_empty()).await;
    assert_eq!((rows[0].vmid.0, rows[0].of.as_str()), (400, format!("{}/db", world.namespace).as_str()));
    assert_eq!(rows[0].held, None);
    world
        .cluster_until("counts it", |cluster| {
            let guests = cluster.status.as_ref().and_then(|status| status.guests.clone()).unwrap_or_default();
            guests.trashed == 1 && guests.managed == 0
        })
        .await;
    let note = world.event("db", "Deleted").await.note.unwrap();
    assert!(note.contains("in the trash until") && note.contains("same manifest"), "{note}");

    world.pve.forget_requests().await;
    let back = world.create(&container).await;
    assert_eq!(back.status.unwrap().created.unwrap().origin, Origin::TakenBack);
    assert_eq!(writes(&world).await, ["PUT /nodes/pve1/lxc/400/config", "POST /nodes/pve1/lxc/400/status/start"]);
    let after = world.pve.guest(400).await;
    assert_eq!(after.config, before.config);
    assert!(after.runs());
    listed(&world, "nothing", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_manifest_without_a_vmid_finds_its_guest_in_the_trash() {
    let world = builder("trash by name", "1h").start().await;
    let mut container = disposable(&world, "db", 400);
    container.spec.vmid = None;
    let made = world.create(&container).await.status.unwrap().vmid.unwrap();
    let mac = world.pve.guest(made.0).await.part("net0", "hwaddr");
    world.delete("db").await;
    world.gone("db").await;
    let back = world.create(&container).await.status.unwrap();
    assert_eq!((back.vmid, back.created.unwrap().origin), (Some(made), Origin::TakenBack));
    assert_eq!(world.pve.guest(made.0).await.part("net0", "hwaddr"), mac);
    assert_eq!(world.pve.guests().await.len(), 1);
}

#[tokio::test]
async fn a_guest_whose_time_is_over_and_that_is_still_there_is_taken_back() {
    let world = builder("trash late", "1s").cluster(|spec| spec.safety.max_destroys_per_hour = 0).start().await;
    let container = thrown_away(&world, "db", 400).await;
    super::held(&world, 400, "maxDestroysPerHour").await;
    world.apply(&container).await;
    world.patch_cluster(json!({"safety": {"maxDestroysPerHour": 2}})).await;
    world.ready("db").await;
    world.polls(3).await;
    assert!(world.pve.guest(400).await.runs());
    assert_eq!(super::tasks(&world, "vzdestroy").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_manifest_that_comes_while_its_guest_expires_keeps_the_guest() {
    let world = super::backed("trash race", "1s").start().await;
    let container = disposable(&world, "db", 400);
    world.create(&container).await;
    world.delete("db").await;
    world.gone("db").await;
    // Everything stands still after the backup and before the destruction.
    let body = json!({"at": 1, "when": "before", "user": zentoria_api_tests::pve::OPERATOR, "method": "DELETE"});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
    assert!(world.pve.barrier_hit(60).await.is_some(), "nothing was destroyed");
    world.apply(&container).await;
    world.pve.release_barrier().await;
    world.ready("db").await;
    world.polls(3).await;
    let guest = world.pve.guest(400).await;
    assert!(guest.runs() && !guest.mark().unwrap().contains("trashUntil"), "{guest:?}");
    assert_eq!(super::tasks(&world, "vzdestroy").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_person_restores_after_its_time_is_kept_until_its_manifest_comes() {
    let world = super::backed("trash restored", "1s").start().await;
    let container = thrown_away(&world, "db", 400).await;
    world.guest_gone(400).await;
    let note = eventually("an Event says what is left", || async {
        let events = world.cluster_events().await;
        let note = events.iter().find(|event| event.reason.as_deref() == Some("TrashDestroyed"));
        note.and_then(|event| event.note.clone()).ok_or_else(|| format!("{} events", events.len()))
    })
    .await;
    let archive = note.rsplit(' ').next().unwrap().to_owned();
    assert!(archive.starts_with("local:backup/vzdump-lxc-400-"), "{note}");
    world.pve.person("restore", 400, json!({"archive": archive, "storage": "local-zfs"})).await;
    super::held(&world, 400, "was restored").await;
    world.polls(3).await;
    assert!(world.pve.guest(400).await.mark().unwrap().contains("trashUntil"));
    world.create(&container).await;
    assert!(world.pve.guest(400).await.runs());
    assert_eq!(super::tasks(&world, "vzdestroy").await, ["OK"]);
}
