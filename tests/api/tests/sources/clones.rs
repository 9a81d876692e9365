//! Copies of containers that run, by way of a snapshot that goes again.

use super::{made_from, may_keep};
use serde_json::{Value, json};
use std::time::Duration;
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::wait::{eventually, within};
use zentoria_api_tests::world::Conditions;

fn of_container(name: &str) -> Value {
    json!({"clone": {"container": name}})
}

async fn snapshots(world: &World, vmid: u32) -> Vec<String> {
    let guest = world.pve.ctl.json("GET", &format!("/ctl/guests/{vmid}"), None).await;
    serde_json::from_value(guest["snapshots"].clone()).unwrap()
}

fn acts(rows: &[zentoria_api_tests::pve::Request]) -> Vec<String> {
    rows.iter()
        .filter(|row| row.path.contains("/snapshot") || row.path.ends_with("/clone"))
        .map(|row| format!("{} {}", row.method, row.path.split("/snapshot/").next().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn a_container_that_runs_is_copied_from_a_snapshot_that_goes_again() {
    let world = World::builder("clone live").seed(may_keep).start().await;
    world.create(&world.container("golden", 450)).await;
    let source = world.pve.guest(450).await;
    let copy = world.create(&made_from(world.container("copy", 400), of_container("golden"))).await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.option("hostname").as_str(), guest.starts), ("copy", 1));
    assert_ne!(guest.part("net0", "hwaddr"), source.part("net0", "hwaddr"));
    assert_eq!(guest.part("net0", "ip").as_deref(), Some("10.10.4.1/16"));
    assert!(world.pve.guest(450).await.runs(), "the source ran all the time");
    assert_eq!(snapshots(&world, 450).await, Vec::<String>::new());
    assert_eq!(
        acts(&world.pve.writes().await),
        ["POST /nodes/pve1/lxc/450/snapshot", "POST /nodes/pve1/lxc/450/clone", "DELETE /nodes/pve1/lxc/450"]
    );
    assert_eq!(copy.status.unwrap().defaults.unwrap().template.as_deref(), Some("clone 450 (golden)"));
    assert_eq!(world.pve.guest(450).await.starts, 1);
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_copy_leaves_one_copy_and_no_snapshot() {
    let world = World::builder("clone crash").seed(may_keep).start().await;
    world.create(&world.container("golden", 450)).await;
    world.create(&made_from(world.container("dry", 401), of_container("golden"))).await;
    let calls = world.pve.writes_to(401).await.len() + 2;
    world.stop_operator().await;
    for (number, when) in (1..=calls).flat_map(|number| [(number, "before"), (number, "after")]) {
        let (name, vmid) =
            (format!("copy{number}{when}"), 402 + u32::try_from(number * 2).unwrap() + u32::from(when == "after"));
        world.pve.arm_barrier(number, when, true).await;
        world.start_operator().await;
        world.apply(&made_from(world.container(&name, vmid), of_container("golden"))).await;
        let hit = world.pve.barrier_hit(20).await;
        world.kill_operator().await;
        world.pve.release_barrier().await;
        world.start_operator().await;
        world.ready(&name).await;
        let guest = world.pve.guest(vmid).await;
        assert_eq!(guest.starts, 1, "{number} {when}: {hit:?}");
        assert_eq!(snapshots(&world, 450).await, Vec::<String>::new(), "{number} {when}: {hit:?}");
        assert!(!guest.is_filtered());
        world.stop_operator().await;
    }
    let guests = world.pve.guests().await.len();
    assert_eq!(guests, 2 + calls * 2, "no orphan, no duplicate");
}

#[tokio::test]
async fn a_copy_that_is_given_up_at_any_call_leaves_no_snapshot() {
    let world = World::builder("clone given up").seed(may_keep).start().await;
    world.create(&world.container("golden", 450)).await;
    world.stop_operator().await;
    for number in 1..=3 {
        let name = format!("copy{number}");
        world.pve.arm_barrier(number, "after", true).await;
        world.start_operator().await;
        world.apply(&made_from(world.container(&name, 400 + number as u32), of_container("golden"))).await;
        let hit = world.pve.barrier_hit(20).await;
        world.kill_operator().await;
        world.delete(&name).await;
        world.pve.release_barrier().await;
        world.start_operator().await;
        world.gone(&name).await;
        eventually(&format!("no snapshot is left of {number}: {hit:?}"), || async {
            let left = snapshots(&world, 450).await;
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
        world.ready("golden").await;
        world.stop_operator().await;
    }
    assert_eq!(world.pve.guest(450).await.starts, 1, "the source ran all the time");
}

#[tokio::test]
async fn a_guest_of_others_that_runs_is_not_touched_for_a_copy() {
    let world = World::builder("clone foreign")
        .seed(may_keep)
        .cluster(|spec| spec.access[0].allow.clone_sources = vec![zentoria_api::common::VmidField(460)])
        .start()
        .await;
    let config = json!({"memory": 512, "unprivileged": 1, "rootfs": "local-zfs:subvol-460-disk-0,size=8G"});
    world
        .pve
        .add_guest(json!({"vmid": 460, "name": "theirs", "node": "pve1", "status": "running", "config": config}))
        .await;
    world.apply(&made_from(world.container("copy", 400), json!({"clone": {"vmid": 460}}))).await;
    world.refused("copy", "SourceUnusable", &["460", "runs", "source.clone.snapshot", "stop it"]).await;
    let missing = json!({"clone": {"vmid": 460, "snapshot": "monday"}});
    world.apply(&made_from(world.container("of-monday", 401), missing)).await;
    world.refused("of-monday", "NotFound", &["monday", "460"]).await;
    let linked = json!({"clone": {"vmid": 460, "full": false}});
    world.apply(&made_from(world.container("linked", 402), linked)).await;
    world.refused("linked", "SourceUnusable", &["full: false", "template"]).await;
    assert!(world.pve.writes().await.is_empty());
    // A snapshot that a person took may be copied.
    let snapshot = json!({"act": "snapshot", "vmid": 460, "name": "monday", "wait": true});
    world.pve.ctl.json("POST", "/ctl/person", Some(&snapshot)).await;
    world.patch("of-monday", json!({"description": "looked at again"})).await;
    world.ready("of-monday").await;
    assert_eq!(snapshots(&world, 460).await, ["monday"], "it is theirs, and stays");
}

#[tokio::test]
async fn fifty_copies_of_one_guest_are_made_one_after_the_other() {
    let world = World::builder("clone fifty")
        .seed(|seed| {
            may_keep(seed);
            seed["ct_secs"]["clone"] = json!(2);
        })
        .cluster(|spec| spec.limits.tasks_per_node = 8)
        .start()
        .await;
    let mut golden = world.container("golden", 450);
    golden.spec.power.state = Some(zentoria_api::container::PowerState::Stopped);
    world.create(&golden).await;
    for number in 0..50 {
        let vmid = 400 + number + u32::from(number >= 50);
        let container = world.container(&format!("copy{number}"), vmid);
        world.apply(&made_from(container, of_container("golden"))).await;
    }
    // One after the other, each with its first start: more than other waits.
    within(Duration::from_secs(300), "50 copies are Ready", || async {
        let all = world.all().await;
        let ready = all.iter().filter(|c| c.truth(READY) == "True").count();
        if ready == 51 { Ok(()) } else { Err(format!("{ready} of 51")) }
    })
    .await;
    let clones: Vec<_> = world.pve.writes().await.into_iter().filter(|row| row.path.ends_with("/clone")).collect();
    let refused: Vec<_> = clones.iter().filter(|row| row.status != Some(200)).map(|row| row.line()).collect();
    assert_eq!((clones.len(), refused), (50, Vec::new()), "Proxmox VE never had to refuse one");
}
