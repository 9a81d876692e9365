//! SIGKILL before and after every write to a firewall: a guest never filters without its allow rules.

use super::{DB, Hand, allow, build, firewall_says, held, option, serving};
use serde_json::json;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::{Guest, OPERATOR};

/// A container that runs, without a firewall, and no operator.
async fn bare(world: &World, name: &str, vmid: u32) {
    let mut container = serving(world, name, vmid, &[("pg", 5432)]);
    container.spec.firewall = Some(serde_json::from_value(json!({"mode": "Off"})).unwrap());
    world.start_operator().await;
    allow(world, &format!("{name}-from-web"), "web", name).await;
    world.create(&container).await;
    firewall_says(world, name, "Off").await;
    world.stop_operator().await;
}

/// What must be there as soon as the guest filters.
fn is_safe(guest: &Guest, rule: &str) -> bool {
    let filters = option(guest, "enable") == "1" && option(guest, "policy_in") != "ACCEPT";
    let rules = held(guest);
    let allows =
        |part: &str| rules.iter().any(|held| held.contains("ACCEPT") && !held.contains("(off)") && held.contains(part));
    !filters || (allows(rule) && allows("10.10.99.0/24"))
}

#[tokio::test]
async fn a_crash_around_any_write_never_leaves_a_guest_that_filters_without_its_allow_rules() {
    let world = build("firewall crash").start().await;
    Hand::of(&world).switch(true).await;
    world.start_operator().await;
    world.create(&serving(&world, "web", super::WEB, &[])).await;
    firewall_says(&world, "web", "NotProbed").await;
    world.stop_operator().await;
    let mut vmid = DB + 10;
    let mut writes = 0;
    'all: for at in 1..40 {
        for when in ["before", "after"] {
            let name = format!("db-{at}-{when}");
            vmid += 1;
            bare(&world, &name, vmid).await;
            world.patch(&name, json!({"firewall": {"mode": "Enforce"}})).await;
            let path = format!("/lxc/{vmid}/firewall/");
            let body = json!({"at": at, "when": when, "user": OPERATOR, "mutating_only": true, "path": path});
            world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
            world.start_operator().await;
            let hit = world.pve.barrier_hit(5).await;
            world.kill_operator().await;
            world.pve.release_barrier().await;
            let rule = format!("{name}-from-web");
            let guest = world.pve.guest(vmid).await;
            assert!(is_safe(&guest, &rule), "{when} write {at} ({hit:?}): {:#?}", held(&guest));
            world.start_operator().await;
            firewall_says(&world, &name, "NotProbed").await;
            let guest = world.pve.guest(vmid).await;
            assert_eq!((option(&guest, "enable").as_str(), option(&guest, "policy_in").as_str()), ("1", "DROP"));
            assert!(is_safe(&guest, &rule), "{:#?}", held(&guest));
            let again = held(&guest);
            assert_eq!(again.iter().filter(|held| held.ends_with(&rule)).count(), 1, "no rule twice: {again:#?}");
            world.stop_operator().await;
            if hit.is_none() {
                break 'all;
            }
            writes = at;
        }
    }
    assert!(writes >= 4, "only {writes} writes");
}

#[tokio::test]
async fn a_crash_around_any_write_of_a_new_guests_firewall_starts_it_once_and_with_all_its_rules() {
    let world = build("first firewall crash").start().await;
    Hand::of(&world).switch(true).await;
    world.start_operator().await;
    world.create(&serving(&world, "web", super::WEB, &[])).await;
    world.stop_operator().await;
    let mut vmid = DB + 10;
    let mut writes = 0;
    'all: for at in 1..40 {
        for when in ["before", "after"] {
            let name = format!("new-{at}-{when}");
            vmid += 1;
            allow(&world, &format!("{name}-from-web"), "web", &name).await;
            world.apply(&serving(&world, &name, vmid, &[("pg", 5432)])).await;
            let path = format!("/lxc/{vmid}/firewall/");
            let body = json!({"at": at, "when": when, "user": OPERATOR, "mutating_only": true, "path": path});
            world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
            world.start_operator().await;
            let hit = world.pve.barrier_hit(5).await;
            world.kill_operator().await;
            world.pve.release_barrier().await;
            assert!(hit.is_none() || world.pve.guest(vmid).await.starts == 0, "{when} write {at}: started before");
            world.start_operator().await;
            world.ready(&name).await;
            firewall_says(&world, &name, "NotProbed").await;
            let guest = world.pve.guest(vmid).await;
            let rule = format!("{name}-from-web");
            assert_eq!((option(&guest, "enable").as_str(), guest.starts), ("1", 1), "{when} write {at}");
            assert!(is_safe(&guest, &rule), "{when} write {at}: {:#?}", held(&guest));
            assert_eq!(held(&guest).iter().filter(|held| held.ends_with(&rule)).count(), 1, "{:#?}", held(&guest));
            world.stop_operator().await;
            if hit.is_none() {
                break 'all;
            }
            writes = at;
        }
    }
    assert!(writes >= 4, "only {writes} writes");
}
