//! SIGKILL before and after every write to a firewall: a guest never filters without its allow rules.

use super::{DB, Hand, allow, build, firewall_says, held, option, serving};
use serde_json::json;
use zentoria_api::conditions::FIREWALL_ENFORCED;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::{Guest, OPERATOR};
use zentoria_api_tests::world::Conditions;

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

/// A write to the firewall of a guest: the `at`-th of this operator's run.
struct Write<'a> {
    name: &'a str,
    vmid: u32,
    at: u32,
    when: &'a str,
}

/// Starts the operator and kills it at the write; whether it came to it, or everything was written before.
async fn killed_at(world: &World, write: &Write<'_>) -> bool {
    let path = format!("/lxc/{}/firewall/", write.vmid);
    let body = json!({"at": write.at, "when": write.when, "user": OPERATOR, "mutating_only": true, "path": path});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
    world.start_operator().await;
    let enforced = async || world.get(write.name).await.reason(FIREWALL_ENFORCED) == "NotProbed";
    let hit = world.hit_or_done(enforced).await;
    world.kill_operator().await;
    world.pve.release_barrier().await;
    hit.is_some()
}

/// Crashes before and after each write, as many as there are. `prepare` makes the container whose guest is written to,
/// `killed` looks at it right after the crash, `again` once the next operator is done.
async fn at_every_write(
    world: &World,
    prepare: impl AsyncFn(&str, u32),
    killed: impl AsyncFn(&Write<'_>, bool),
    again: impl AsyncFn(&Write<'_>),
) {
    let mut vmid = DB + 10;
    for at in 1..40 {
        for when in ["before", "after"] {
            vmid += 1;
            let name = format!("db-{at}-{when}");
            prepare(&name, vmid).await;
            let write = Write { name: &name, vmid, at, when };
            let hit = killed_at(world, &write).await;
            killed(&write, hit).await;
            world.start_operator().await;
            world.ready(&name).await;
            firewall_says(world, &name, "NotProbed").await;
            again(&write).await;
            world.stop_operator().await;
            if !hit {
                assert!(at > 4, "only {} writes", at - 1);
                return;
            }
        }
    }
    panic!("no end to the writes");
}

/// The one rule of the container, once; and the guest filters.
async fn has_all(world: &World, write: &Write<'_>) -> Guest {
    let guest = world.pve.guest(write.vmid).await;
    let (rule, about) = (format!("{}-from-web", write.name), format!("{} write {}", write.when, write.at));
    assert_eq!((option(&guest, "enable").as_str(), option(&guest, "policy_in").as_str()), ("1", "DROP"), "{about}");
    assert!(is_safe(&guest, &rule), "{about}: {:#?}", held(&guest));
    let all = held(&guest);
    assert_eq!(all.iter().filter(|held| held.ends_with(&rule)).count(), 1, "{about}: no rule twice: {all:#?}");
    guest
}

/// A world with a peer, and no operator.
async fn with_web(test: &str) -> World {
    let world = build(test).start().await;
    Hand::of(&world).switch(true).await;
    world.start_operator().await;
    world.create(&serving(&world, "web", super::WEB, &[])).await;
    firewall_says(&world, "web", "NotProbed").await;
    world.stop_operator().await;
    world
}

#[tokio::test]
async fn a_crash_around_any_write_never_leaves_a_guest_that_filters_without_its_allow_rules() {
    let world = with_web("firewall crash").await;
    let prepare = async |name: &str, vmid: u32| {
        bare(&world, name, vmid).await;
        world.patch(name, json!({"firewall": {"mode": "Enforce"}})).await;
    };
    let killed = async |write: &Write<'_>, _: bool| {
        let guest = world.pve.guest(write.vmid).await;
        assert!(is_safe(&guest, &format!("{}-from-web", write.name)), "{}: {:#?}", write.name, held(&guest));
    };
    let again = async |write: &Write<'_>| drop(has_all(&world, write).await);
    at_every_write(&world, prepare, killed, again).await;
}

#[tokio::test]
async fn a_crash_around_any_write_of_a_new_guests_firewall_starts_it_once_and_with_all_its_rules() {
    let world = with_web("first firewall crash").await;
    let prepare = async |name: &str, vmid: u32| {
        allow(&world, &format!("{name}-from-web"), "web", name).await;
        world.apply(&serving(&world, name, vmid, &[("pg", 5432)])).await;
    };
    let killed = async |write: &Write<'_>, hit: bool| {
        assert!(!hit || world.pve.guest(write.vmid).await.starts == 0, "{}: started before", write.name);
    };
    let again = async |write: &Write<'_>| assert_eq!(has_all(&world, write).await.starts, 1, "{}", write.name);
    at_every_write(&world, prepare, killed, again).await;
}
