//! What somebody changes by hand is corrected where it is ours, and shown where it is not.

use super::{
    DB, Hand, WEB, allow, apply_rule, build, firewall_message, firewall_says, held, option, rounds, serving, sets, started,
};
use serde_json::{Value, json};
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Guest;
use zentoria_api_tests::wait::eventually;

/// Two containers that run, a rule with a list and one with an IP set, all in force.
async fn enforced(test: &str) -> (World, Hand) {
    let (world, hand) = started(build(test)).await;
    allow(&world, "db-from-web", "web", "db").await;
    // Too many for one rule: PVE takes 15.
    let networks: Vec<Value> = (0..17).map(|n| json!({"cidr": format!("192.168.{}.0/24", 2 * n)})).collect();
    apply_rule(&world, "db-from-branches", json!({"from": networks, "to": [{"container": "db"}]})).await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    world.ready("web").await;
    firewall_says(&world, "db", "NotProbed").await;
    (world, hand)
}

/// What a guest's firewall comes to, without digests.
fn content(guest: &Guest) -> Value {
    let options = ["enable", "policy_in", "policy_out"].map(|key| option(guest, key));
    json!({"rules": held(guest), "options": options, "sets": sets(guest)})
}

async fn corrected(world: &World, before: &Value, what: &str) {
    eventually(&format!("{what} is corrected"), || async {
        let now = content(&world.pve.guest(DB).await);
        if now == *before { Ok(()) } else { Err(format!("{now:#}")) }
    })
    .await;
}

#[tokio::test]
async fn a_rule_of_ours_that_is_edited_moved_disabled_or_removed_is_set_right() {
    let (world, hand) = enforced("drift rules").await;
    let before = content(&world.pve.guest(DB).await);
    let count = before["rules"].as_array().unwrap().len() as u64;
    hand.changes(DB, "/db-from-web#", &[("dport", "5433")], &[]).await;
    corrected(&world, &before, "an edited port").await;
    hand.changes(DB, "/db-from-web#", &[("source", "0.0.0.0/0")], &[]).await;
    corrected(&world, &before, "an opened source").await;
    hand.changes(DB, "/db-from-web#", &[("enable", "0")], &[]).await;
    corrected(&world, &before, "a disabled rule").await;
    hand.moves(DB, "/db-from-web#", count).await;
    corrected(&world, &before, "a rule moved to the end").await;
    hand.removes(DB, "/db-from-web#").await;
    corrected(&world, &before, "a removed rule").await;
    world.event("db", "FirewallCorrected").await;
    firewall_says(&world, "db", "NotProbed").await;
}

#[tokio::test]
async fn an_option_that_is_changed_and_an_entry_that_is_removed_are_set_right() {
    let (world, hand) = enforced("drift options").await;
    let before = content(&world.pve.guest(DB).await);
    hand.sets(DB, &[("policy_in", "ACCEPT")]).await;
    corrected(&world, &before, "an open policy").await;
    hand.sets(DB, &[("enable", "0")]).await;
    corrected(&world, &before, "a firewall that was switched off").await;
    let (set, entries) = sets(&world.pve.guest(DB).await).into_iter().next().expect("an IP set");
    hand.removes_entry(DB, &set, &entries[3]).await;
    corrected(&world, &before, "an entry that was removed").await;
}

#[tokio::test]
async fn a_rule_of_a_person_survives_and_one_that_opens_more_is_reported() {
    let (world, hand) = enforced("foreign").await;
    hand.adds(DB, &[("type", "in"), ("action", "DROP"), ("source", "10.10.66.6"), ("enable", "1"), ("comment", "mine")])
        .await;
    let container = world
        .until("shows the rule", "db", |container| {
            let firewall = container.status.as_ref().and_then(|status| status.firewall.clone());
            firewall.is_some_and(|firewall| firewall.foreign_rules.len() == 1)
        })
        .await;
    let shown = container.status.unwrap().firewall.unwrap();
    assert!(shown.foreign_rules[0].contains("10.10.66.6") && shown.foreign_rules[0].contains("mine"), "{shown:?}");
    firewall_says(&world, "db", "NotProbed").await;

    hand.adds(DB, &[("type", "in"), ("action", "ACCEPT"), ("proto", "tcp"), ("dport", "9999"), ("enable", "1")]).await;
    let container = firewall_says(&world, "db", "ForeignRuleWidens").await;
    assert!(firewall_message(&container).contains("9999"), "{}", firewall_message(&container));
    world.event("db", "ForeignRuleWidens").await;
    rounds(&world, DB, 3).await;
    assert_eq!(held(&world.pve.guest(DB).await).iter().filter(|rule| rule.contains("9999")).count(), 1);

    world.patch_cluster(json!({"firewall": {"foreignRules": "Remove"}})).await;
    firewall_says(&world, "db", "NotProbed").await;
    let rules = held(&world.pve.guest(DB).await);
    assert!(!rules.iter().any(|rule| rule.contains("9999") || rule.contains("mine")), "{rules:#?}");
}
