//! Volumes: made with the guest or added to it, grown, detached, and never another's.

use super::{TANK, furnished, mounts_of, pending, told, with_mounts};
use serde_json::json;
use zentoria_api_tests::World;

#[tokio::test]
async fn volumes_are_part_of_the_call_that_makes_the_guest_and_their_slots_are_remembered() {
    let world = furnished("two volumes").start().await;
    let mounts = json!([
        {"name": "data", "path": "/data", "volume": {"size": "4Gi"}, "backup": true},
        {"name": "logs", "path": "/var/log", "slot": 5, "volume": {"size": "2Gi", "storage": TANK}},
    ]);
    let container = with_mounts(&world, "db", 400, &mounts);
    let ready = world.create(&container).await;
    let guest = world.pve.guest(400).await;
    assert!(guest.option("mp0").starts_with("local-zfs:") && guest.part("mp0", "size").as_deref() == Some("4G"));
    assert_eq!(guest.part("mp0", "backup").as_deref(), Some("1"));
    assert!(guest.option("mp5").starts_with("tank:") && guest.part("mp5", "mp").as_deref() == Some("/var/log"));
    let slots: Vec<String> = told(&ready).iter().map(|mount| format!("{} {}", mount.name, mount.slot)).collect();
    assert_eq!(slots, ["data mp0", "logs mp5"]);
    let calls: Vec<String> = world.pve.writes_to(400).await.iter().map(|call| call.line()).collect();
    assert!(!calls.iter().any(|call| call.starts_with("PUT /nodes/pve1/lxc/400/config")), "{calls:?}");

    // Another order of the same is no difference.
    world.pve.forget_requests().await;
    let mut turned = mounts.as_array().unwrap().clone();
    turned.reverse();
    world.patch("db", json!({"mounts": turned})).await;
    world.ready("db").await;
    world.polls(3).await;
    assert!(world.pve.writes().await.is_empty());
}

#[tokio::test]
async fn a_volume_is_added_to_a_running_guest_grows_and_is_detached_and_kept() {
    let world = furnished("volume").start().await;
    world.create(&world.container("db", 400)).await;
    let mount = |size: &str| json!({"mounts": [{"name": "data", "path": "/data", "volume": {"size": size}}]});
    world.patch("db", mount("2Gi")).await;
    let guest = world.guest_until("has its volume", 400, |guest| guest.config.contains_key("mp0")).await;
    let volume = guest.option("mp0").split(',').next().unwrap().to_owned();
    world.patch("db", mount("6Gi")).await;
    world.guest_until("has a larger volume", 400, |guest| guest.part("mp0", "size").as_deref() == Some("6G")).await;
    world.ready("db").await;

    // Smaller is said, and not done.
    world.patch("db", mount("1Gi")).await;
    let small = world
        .until("shows what cannot be done", "db", |container| pending(container, "mounts[data].volume.size").is_some())
        .await;
    assert!(pending(&small, "mounts[data].volume.size").unwrap().contains("cannot shrink"));

    // The mount goes at the next stop of the guest; the volume stays on it.
    world.patch("db", json!({"mounts": []})).await;
    world.until("shows what waits", "db", |container| pending(container, "mounts[data]").is_some()).await;
    assert_eq!(world.pve.guest(400).await.option("mp0").split(',').next(), Some(volume.as_str()));
    world.patch("db", json!({"power": {"state": "Stopped"}})).await;
    world.guest_until("kept its volume", 400, |guest| guest.option("unused0") == volume).await;
    let settled = world.until("forgets the mount", "db", |container| told(container).is_empty()).await;
    let shown = &settled.status.as_ref().unwrap().unmodelled;
    assert!(shown.contains(&format!("unused0={volume}")), "{shown:?}");
}

#[tokio::test]
async fn a_slot_that_is_taken_and_a_path_that_stands_twice_are_refused_and_the_rest_goes_on() {
    let world = furnished("taken").start().await;
    world.create(&with_mounts(&world, "db", 400, &json!([]))).await;
    world.pve.person_sets(400, json!({"mp3": "tank:1,mp=/theirs"})).await;
    let theirs = world.pve.guest(400).await.option("mp3");
    world
        .patch("db", json!({"mounts": [{"name": "data", "slot": 3, "path": "/data", "volume": {"size": "2Gi"}}]}))
        .await;
    world.refused("db", "InvalidSpec", &["spec.mounts[data]", "slot mp3 is taken", "/theirs"]).await;
    let twice = json!([
        {"name": "a", "path": "/data", "volume": {"size": "1Gi"}},
        {"name": "b", "path": "/data//", "volume": {"size": "1Gi"}},
    ]);
    world.apply(&with_mounts(&world, "twice", 401, &twice)).await;
    world.refused("twice", "InvalidSpec", &["mounts[b].path", "/data", "mounts[a]"]).await;
    assert_eq!(world.pve.guest(400).await.option("mp3"), theirs);

    // A free slot is taken, and what a person attached is shown and stays.
    world.patch("db", json!({"mounts": [{"name": "data", "path": "/data", "volume": {"size": "2Gi"}}]})).await;
    let ready = world.ready("db").await;
    world.create(&world.container("good", 410)).await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.option("mp3"), guest.part("mp0", "mp").as_deref()), (theirs.clone(), Some("/data")));
    let shown = ready.status.unwrap().unmodelled;
    assert!(shown.contains(&format!("mp3={theirs}")), "{shown:?}");
}

#[tokio::test]
async fn a_volume_that_a_person_detached_is_not_replaced_by_an_empty_one() {
    let world = furnished("detached").start().await;
    let mut container =
        with_mounts(&world, "db", 400, &json!([{"name": "data", "path": "/data", "volume": {"size": "2Gi"}}]));
    container.spec.power.state = Some(zentoria_api::container::PowerState::Stopped);
    let ready = world.create(&container).await;
    let volume = told(&ready)[0].volume.clone();
    world.pve.person("set", 400, json!({"delete": "mp0"})).await;
    let held =
        world.until("says what became of it", "db", |container| pending(container, "mounts[data]").is_some()).await;
    let message = pending(&held, "mounts[data]").unwrap();
    assert!(message.contains(&volume) && message.contains("unused0"), "{message}");
    world.pve.person_sets(400, json!({"mp0": format!("{volume},mp=/data")})).await;
    world.until("is content again", "db", |container| pending(container, "mounts[data]").is_none()).await;
    assert_eq!(mounts_of(&json!(container.spec.mounts)).len(), 1);
}

#[tokio::test]
async fn what_an_adopted_guest_has_is_not_touched() {
    let world = furnished("adopted mounts").start().await;
    world
        .pve
        .add_guest(json!({"vmid": 400, "name": "old", "status": "running", "config": {
            "mp0": "tank:subvol-400-disk-1,mp=/srv,backup=1,size=3G", "dev0": "/dev/kfd"}}))
        .await;
    world.polls(1).await;
    let mut container = world.container("old", 400);
    container.spec.adoption = zentoria_api::container::Adoption::IfExists;
    container.spec.root_disk = None;
    container.spec.network.interfaces.clear();
    container.spec.resources = Default::default();
    let before = world.pve.guest(400).await;
    world.apply(&container).await;
    let ready = adopted(&world).await;
    let after = world.pve.guest(400).await;
    for key in ["mp0", "dev0", "rootfs"] {
        assert_eq!(after.option(key), before.option(key));
    }
    let shown = ready.status.unwrap().unmodelled;
    assert!(shown.iter().any(|line| line == "dev0=/dev/kfd"), "{shown:?}");
    assert!(shown.iter().any(|line| line.starts_with("mp0=tank:subvol-400-disk-1,mp=/srv")), "{shown:?}");
}

async fn adopted(world: &World) -> zentoria_api::ZentoriaContainer {
    world
        .until("shows what is not modelled", "old", |container| {
            container.status.as_ref().is_some_and(|status| !status.unmodelled.is_empty())
        })
        .await
}
