//! A guest is made anew: with its VMID and MAC, after a backup, and never with anything that would be lost.

use super::{acts, approve, builder, told, until_pending, up_to_date};
use serde_json::{Value, json};
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;
use zentoria_api_tests::world::Conditions;

async fn world(test: &str) -> World {
    let build = builder(test).cluster(|spec| spec.safety.backup_storage = Some("local".into()));
    let world = build.start().await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    world
}

fn anew() -> Value {
    json!({"unprivileged": false, "replacePolicy": "Recreate"})
}

#[tokio::test]
async fn a_replacement_keeps_vmid_and_mac_and_makes_a_backup_first() {
    let world = world("replace").await;
    let before = world.pve.guest(400).await;
    let version = world.get("db").await.metadata.uid;
    world.patch("db", anew()).await;
    world.guest_until("is privileged and runs", 400, |guest| guest.option("unprivileged") != "1" && guest.runs()).await;
    let container = up_to_date(&world, "db").await;
    world.ready("db").await;
    let after = world.pve.guest(400).await;
    assert_eq!(after.part("net0", "hwaddr"), before.part("net0", "hwaddr"));
    assert_eq!((after.part("net0", "ip"), after.mark()), (before.part("net0", "ip"), before.mark()));
    assert_eq!(container.metadata.uid, version);
    let status = world.get("db").await.status.unwrap();
    assert_eq!((status.vmid.unwrap().0, status.replacing), (400, None));
    let acts = acts(&world, 400).await;
    assert_eq!(&acts[..5], ["POST vzdump", "POST shutdown", "DELETE 400", "POST lxc", "POST start"], "{acts:?}");
    let destroys = world.get_cluster().await.status.unwrap().destroys;
    assert_eq!(destroys.iter().map(|destroy| destroy.vmid.0).collect::<Vec<_>>(), [400], "it counts for the breaker");
}

#[tokio::test]
async fn a_replacement_by_policy_never_is_made_once_a_person_approves_it() {
    let world = world("replace approved").await;
    world.patch("db", json!({"unprivileged": false})).await;
    let (container, pending) = until_pending(&world, "db", "ReplaceRequired").await;
    assert_eq!(container.truth(READY), "True");
    world.polls(2).await;
    assert_eq!(acts(&world, 400).await, Vec::<String>::new());
    approve(&world, "db", &pending[0].digest).await;
    world.guest_until("is privileged", 400, |guest| guest.option("unprivileged") != "1" && guest.runs()).await;
    let container = up_to_date(&world, "db").await;
    assert!(!told(&container).contains("approve"), "a used approval is inert");
}

#[tokio::test]
async fn nothing_is_replaced_that_has_a_mount_a_snapshot_or_protection_or_no_backup_or_beyond_the_ration() {
    let world = world("replace refused").await;
    world.pve.person_sets(400, json!({"mp0": "local-zfs:1,mp=/data"})).await;
    world.patch("db", anew()).await;
    let says = async |what: &str| {
        world.until(&format!("is kept: {what}"), "db", |container| told(container).contains(what)).await;
    };
    says("mp0").await;
    world.polls(2).await;
    let volume = world.pve.guest(400).await.option("mp0").split(',').next().unwrap().to_owned();
    world.pve.person("edit", 400, json!({"config": {"unused0": volume}, "drop": ["mp0"]})).await;
    says("unused0").await;
    let lines = acts(&world, 400).await;
    assert!(lines.iter().all(|act| !act.starts_with("DELETE") && act != "POST shutdown"), "{lines:?}");
    world.patch_cluster(json!({"safety": {"maxDestroysPerHour": 0, "backupStorage": null}})).await;
    world.pve.person("edit", 400, json!({"drop": ["unused0"]})).await;
    says("DeletionBreaker").await;
    world.pve.person("snapshot", 400, json!({"name": "by-hand"})).await;
    says("by-hand").await;
    world.polls(2).await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.starts, guest.runs()), (1, true));
}

#[tokio::test]
async fn an_operator_that_is_killed_between_destruction_and_creation_makes_the_guest_anew() {
    // The shutdown is the first POST about guests, the creation the second.
    for (method, path, at, when) in [
        ("DELETE", "/lxc/400", 1, "before"),
        ("DELETE", "/lxc/400", 1, "after"),
        ("POST", "/lxc", 2, "before"),
        ("POST", "/lxc", 2, "after"),
    ] {
        let world = world("replace crash").await;
        let before = world.pve.guest(400).await;
        let path = format!("/nodes/pve1{path}");
        let barrier = json!({"at": at, "when": when, "user": OPERATOR, "method": method, "path": path});
        world.pve.ctl.json("POST", "/ctl/barrier", Some(&barrier)).await;
        world.patch("db", anew()).await;
        let hit = world.pve.barrier_hit(60).await;
        assert!(hit.is_some(), "the operator never came to {method} {path}");
        world.kill_operator().await;
        world.pve.release_barrier().await;
        world.start_operator().await;
        world.guest_until("is privileged", 400, |guest| guest.option("unprivileged") != "1" && guest.runs()).await;
        world.ready("db").await;
        up_to_date(&world, "db").await;
        let after = world.pve.guest(400).await;
        assert_eq!(after.part("net0", "hwaddr"), before.part("net0", "hwaddr"), "{when} {method} {path}");
        let done = |kind: &'static str| async {
            let tasks = world.pve.tasks().await;
            tasks.iter().filter(|task| task["type"] == *kind && task["exitstatus"] == "OK").count()
        };
        assert_eq!((done("vzdestroy").await, done("vzcreate").await), (1, 2), "{when} {method} {path}");
        world.stop_operator().await;
    }
}
