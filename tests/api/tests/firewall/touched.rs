//! Who is touched by a change, and who is not.

use super::{
    DB, WEB, allow, apply_rule, build, firewall_says, held, is_firewall, option, remove_rule, rounds, rule_says,
    serving, started,
};
use serde_json::json;
use std::collections::BTreeSet;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;

const CACHE: u32 = 402;

async fn three(test: &str) -> (World, super::Hand) {
    let build = build(test).cluster(|spec| spec.safety.final_backup = zentoria_api::cluster::FinalBackup::None);
    let (world, hand) = started(build).await;
    allow(&world, "db-from-web", "web", "db").await;
    allow(&world, "cache-from-web", "web", "cache").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.apply(&serving(&world, "cache", CACHE, &[("redis", 6379)])).await;
    for name in ["web", "db", "cache"] {
        world.ready(name).await;
        firewall_says(&world, name, "NotProbed").await;
    }
    (world, hand)
}

/// Guests whose firewall the operator wrote to since the journal was emptied.
async fn written(world: &World) -> BTreeSet<u32> {
    let writes = world.pve.writes().await;
    let ours = writes.iter().filter(|request| is_firewall(request) && request.user.as_deref() == Some(OPERATOR));
    ours.filter_map(|request| request.path.split('/').nth(4)?.parse().ok()).collect()
}

#[tokio::test]
async fn a_changed_rule_touches_its_guests_alone_and_a_removed_one_takes_its_rules_along() {
    let (world, _hand) = three("touched").await;
    world.pve.forget_requests().await;
    let ports = json!({"from": [{"container": "web"}], "to": [{"container": "db"}], "ports": [{"port": 5433}]});
    apply_rule(&world, "db-from-web", ports).await;
    let moved = |rules: &[String]| rules.iter().any(|rule| rule == "in ACCEPT tcp 5433 <- 10.10.4.2 db-from-web");
    world.guest_until("has the new port", DB, |guest| moved(&held(guest))).await;
    rule_says(&world, "db-from-web", "Enforced").await;
    rounds(&world, CACHE, 2).await;
    assert_eq!(written(&world).await, BTreeSet::from([DB]));

    world.pve.forget_requests().await;
    remove_rule(&world, "db-from-web").await;
    let has_one = |rules: &[String]| rules.iter().any(|rule| rule.ends_with("db-from-web"));
    let guest = world.guest_until("has no such rule", DB, |guest| !has_one(&held(guest))).await;
    assert_eq!((option(&guest, "enable"), option(&guest, "policy_in")), ("1".into(), "DROP".into()));
    assert_eq!(written(&world).await, BTreeSet::from([DB]));
}

#[tokio::test]
async fn nothing_is_written_while_nothing_differs_and_a_look_takes_three_calls() {
    let (world, _hand) = three("quiet").await;
    rounds(&world, CACHE, 2).await;
    let before = world.settled().await;
    world.pve.forget_requests().await;
    rounds(&world, CACHE, 3).await;
    assert_eq!(written(&world).await, BTreeSet::new());
    assert_eq!(world.versions().await, before);
    let requests = world.pve.requests().await;
    let of = |vmid: u32| requests.iter().filter(|r| r.path.contains(&format!("/lxc/{vmid}/firewall/"))).count();
    let looks =
        |vmid: u32| requests.iter().filter(|r| r.path.ends_with(&format!("/lxc/{vmid}/firewall/options"))).count();
    for vmid in [DB, WEB, CACHE] {
        // One look may have begun before the count did.
        assert!(of(vmid) <= 3 * looks(vmid) + 2, "guest {vmid}: {} calls in {} looks", of(vmid), looks(vmid));
    }
}

#[tokio::test]
async fn a_container_that_is_destroyed_leaves_the_rules_of_the_others() {
    let (world, _hand) = three("destroyed").await;
    world.patch("web", json!({"deletionPolicy": "Delete"})).await;
    world.delete("web").await;
    world.gone("web").await;
    let named = |rules: &[String]| rules.iter().any(|rule| rule.contains("10.10.4.2"));
    world.guest_until("names it no more", DB, |guest| !named(&held(guest))).await;
    world.guest_until("names it no more", CACHE, |guest| !named(&held(guest))).await;
    rule_says(&world, "db-from-web", "NotFound").await;
}

#[tokio::test]
async fn a_new_guest_has_nothing_of_what_an_earlier_one_left() {
    let build = build("leftovers").seed(|seed| {
        let rule = json!({"type": "in", "action": "ACCEPT", "enable": 1, "comment": "of an earlier guest"});
        let ours = json!({"type": "in", "action": "ACCEPT", "enable": 1, "comment": "zentoria:old/rule#01234567"});
        seed["firewall"] = json!({"400": {"rules": [rule, ours], "options": {"enable": 1, "policy_in": "ACCEPT"}}});
    });
    let (world, _hand) = started(build).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    let guest = world.pve.guest(DB).await;
    assert_eq!(option(&guest, "policy_in"), "DROP");
    let rules = held(&guest);
    assert!(!rules.iter().any(|rule| rule.contains("earlier") || rule.ends_with(" rule")), "{rules:#?}");
    assert_eq!(guest.starts, 1);
}
