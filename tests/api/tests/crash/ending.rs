//! Crashes around every call of a deletion and of an adoption.

use super::points::{Point, points, writes};
use super::{NAME, SOURCE, VMID, anew, by_template, crash_at, source, tasks, world};
use serde_json::{Value, json};
use zentoria_api::container::{Adoption, DeletionPolicy, PowerState};
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Guest;

/// Calls that write and were worked on.
async fn worked_on(world: &World) -> Vec<String> {
    let rows = world.pve.ctl.json("GET", "/ctl/requests?mutating=1", None).await;
    let rows: Vec<&Value> = rows.as_array().unwrap().iter().collect();
    let done = rows.into_iter().filter(|row| row["held"].is_null() || row["held"] == "after");
    done.map(|row| format!("{} {}", row["method"].as_str().unwrap(), row["path"].as_str().unwrap())).collect()
}

/// A container that is Ready and about to be deleted, and no operator.
async fn doomed(world: &World, policy: DeletionPolicy) -> Guest {
    anew(world).await;
    let mut container = by_template(world);
    container.spec.deletion_policy = policy;
    world.apply(&container).await;
    world.start_operator().await;
    world.ready(NAME).await;
    world.stop_operator().await;
    world.delete(NAME).await;
    world.pve.forget_requests().await;
    world.pve.guest(VMID).await
}

/// The calls of a deletion without a crash.
async fn deletion(world: &World, policy: DeletionPolicy) -> Vec<Point> {
    doomed(world, policy).await;
    world.start_operator().await;
    world.gone(NAME).await;
    world.stop_operator().await;
    points(&world.pve.requests().await)
}

#[tokio::test]
async fn a_crash_around_any_call_of_a_destruction_destroys_the_guest_once_and_no_other() {
    let world = world("crash destroy").await;
    let points = deletion(&world, DeletionPolicy::Delete).await;
    let expected = ["POST /nodes/pve1/lxc/400/status/shutdown", "DELETE /nodes/pve1/lxc/400"];
    assert_eq!(writes(&points), expected);
    for point in points.iter().filter(|point| point.path.contains("400") || point.path.contains(':')) {
        for when in ["before", "after"] {
            doomed(&world, DeletionPolicy::Delete).await;
            crash_at(&world, point, when).await;
            world.gone(NAME).await;
            world.stop_operator().await;
            let vmids: Vec<u32> = world.pve.guests().await.iter().map(|guest| guest.vmid).collect();
            assert_eq!(vmids, [SOURCE], "{when} {point}");
            assert_eq!(tasks(&world, "vzdestroy").await, ["OK"], "{when} {point}");
        }
    }
}

#[tokio::test]
async fn a_crash_around_any_call_of_a_retention_leaves_the_guest_with_one_tombstone() {
    let world = world("crash retain").await;
    let points = deletion(&world, DeletionPolicy::Retain).await;
    assert_eq!(writes(&points), ["PUT /nodes/pve1/lxc/400/config"]);
    for point in points.iter().filter(|point| point.path.contains("400")) {
        for when in ["before", "after"] {
            let before = doomed(&world, DeletionPolicy::Retain).await;
            crash_at(&world, point, when).await;
            world.gone(NAME).await;
            world.stop_operator().await;
            let after = world.pve.guest(VMID).await;
            assert_eq!(after.option("description").matches("retained=").count(), 1, "{when} {point}");
            assert_eq!(worked_on(&world).await, ["PUT /nodes/pve1/lxc/400/config"], "{when} {point}");
            assert_eq!((after.runs(), after.starts, after.option("tags")), (true, 1, before.option("tags")));
        }
    }
}

#[tokio::test]
async fn a_crash_around_any_call_of_an_adoption_leaves_one_put_in_all() {
    let world = world("crash adopt").await;
    let adopting = || {
        let mut container = by_template(&world);
        container.spec.adoption = Adoption::IfExists;
        container.spec.resources = Default::default();
        container.spec.root_disk = None;
        container.spec.network.interfaces.clear();
        container.spec.power.state = Some(PowerState::Stopped);
        container
    };
    let prepared = async || {
        anew(&world).await;
        let mut guest = source();
        guest["vmid"] = json!(VMID);
        guest["config"]["rootfs"] = json!("local-zfs:subvol-400-disk-0,size=8G");
        guest["config"]["description"] = json!("by hand\n");
        world.pve.add_guest(guest).await;
        world.apply(&adopting()).await;
        world.pve.guest(VMID).await
    };
    prepared().await;
    world.start_operator().await;
    world.ready(NAME).await;
    world.stop_operator().await;
    let points = points(&world.pve.requests().await);
    assert_eq!(writes(&points), ["PUT /nodes/pve1/lxc/400/config"]);
    // How often its firewall is looked at is a matter of time; the first look is that of every run.
    let of_time = |point: &Point| point.path.contains("/firewall/") && point.at > 1;
    for point in points.iter().filter(|point| point.path.contains("400") && !of_time(point)) {
        for when in ["before", "after"] {
            let before = prepared().await;
            crash_at(&world, point, when).await;
            let container = world.ready(NAME).await;
            world.stop_operator().await;
            let about = format!("{when} {point}");
            assert_eq!(worked_on(&world).await, ["PUT /nodes/pve1/lxc/400/config"], "{about}");
            let after = world.pve.guest(VMID).await;
            assert!(after.option("description").starts_with("by hand\n<!-- zentoria.ai/v1"), "{about}");
            let rest = |guest: &Guest| {
                let mut config = guest.config.clone();
                config.retain(|key, _| key != "description" && key != "tags");
                config
            };
            assert_eq!(rest(&after), rest(&before), "{about}");
            assert_eq!((&after.status, after.starts), (&before.status, before.starts), "{about}");
            assert!(container.status.unwrap().created.unwrap().finished_at.is_some(), "{about}");
        }
    }
}
