//! Looking without writing: modes, pauses, and guests that were adopted.

use super::{DB, WEB, allow, build, firewall_says, is_firewall, rounds, serving, started};
use serde_json::json;
use zentoria_api::conditions::FIREWALL_ENFORCED;
use zentoria_api::container::Adoption;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;
use zentoria_api_tests::world::Conditions;

/// Writes of the operator to firewalls since the journal was emptied.
async fn firewall_writes(world: &World) -> Vec<String> {
    let writes = world.pve.writes().await;
    let ours = writes.iter().filter(|request| is_firewall(request) && request.user.as_deref() == Some(OPERATOR));
    ours.map(|request| request.line()).collect()
}

#[tokio::test]
async fn in_mode_observe_differences_are_shown_and_nothing_is_written() {
    let (world, _hand) = started(build("observe")).await;
    allow(&world, "db-from-web", "web", "db").await;
    let mut db = serving(&world, "db", DB, &[("pg", 5432)]);
    db.spec.firewall = Some(serde_json::from_value(json!({"mode": "Observe"})).unwrap());
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&db).await;
    world.ready("db").await;
    let container = firewall_says(&world, "db", "ObserveOnly").await;
    assert_eq!(container.truth(FIREWALL_ENFORCED), "False");
    let shown = container.status.unwrap().firewall.unwrap();
    assert!(shown.differences.iter().any(|line| line.starts_with('+') && line.contains("5432")), "{shown:#?}");
    assert!(!world.pve.guest(DB).await.is_filtered());
}

#[tokio::test]
async fn a_cluster_in_mode_observe_and_a_paused_container_are_not_corrected() {
    let (world, hand) = started(build("observe cluster")).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;

    world.annotate("db", "zentoria.ai/paused", Some("true")).await;
    world.paused("db").await;
    hand.removes(DB, "/db-from-web#").await;
    world.pve.forget_requests().await;
    world.polls(5).await;
    assert_eq!(firewall_writes(&world).await, [""; 0]);

    world.patch_cluster(json!({"mode": "Observe"})).await;
    world.cluster_says("Ready").await;
    world.annotate("db", "zentoria.ai/paused", None).await;
    let container = firewall_says(&world, "db", "ObserveOnly").await;
    let shown = container.status.unwrap().firewall.unwrap();
    assert!(shown.differences.iter().any(|line| line.contains("5432")), "{shown:#?}");
    assert_eq!(firewall_writes(&world).await, [""; 0]);

    world.patch_cluster(json!({"mode": "Enforce"})).await;
    firewall_says(&world, "db", "NotProbed").await;
}

#[tokio::test]
async fn an_adopted_guest_is_observed_and_its_firewall_is_not_touched() {
    let build = build("adopted").seed(|seed| {
        seed["containers"] = json!([{
            "vmid": DB, "name": "db", "node": "pve1", "status": "running",
            "config": {
                "arch": "amd64", "ostype": "ubuntu", "memory": 512, "rootfs": "local-zfs:subvol-400-disk-0,size=8G",
                "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.10.4.1/16,type=veth",
            },
        }]);
        let rule =
            json!({"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "22", "enable": 1, "comment": "mine"});
        seed["firewall"] = json!({"400": {"rules": [rule], "options": {"enable": 1}}});
    });
    let (world, _hand) = started(build).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    let mut db = serving(&world, "db", DB, &[("pg", 5432)]);
    db.spec.adoption = Adoption::IfExists;
    db.spec.resources = Default::default();
    db.spec.root_disk = None;
    let before = world.pve.guest(DB).await.firewall;
    world.apply(&db).await;
    world.ready("db").await;
    let container = firewall_says(&world, "db", "ObserveOnly").await;
    let shown = container.status.unwrap().firewall.unwrap();
    assert!(shown.differences.iter().any(|line| line.contains("5432")), "{shown:#?}");
    assert_eq!(shown.foreign_rules.len(), 1, "{shown:#?}");
    rounds(&world, DB, 2).await;
    assert_eq!(world.pve.guest(DB).await.firewall, before);
}

#[tokio::test]
async fn what_a_suspended_rule_has_written_stays_as_it_is() {
    let (world, hand) = started(build("suspended")).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    let spec = json!({"from": [{"container": "web"}], "to": [{"container": "db"}], "suspend": true});
    super::apply_rule(&world, "db-from-web", spec).await;
    rounds(&world, DB, 2).await;
    let of_rule = |rules: Vec<String>| rules.into_iter().filter(|rule| rule.ends_with("db-from-web")).count();
    assert_eq!(of_rule(super::held(&world.pve.guest(DB).await)), 1);
    hand.removes(DB, "/db-from-web#").await;
    rounds(&world, DB, 3).await;
    assert_eq!(of_rule(super::held(&world.pve.guest(DB).await)), 0, "nothing is added for it");
    allow(&world, "db-from-web", "web", "db").await;
    world.guest_until("has the rule again", DB, |guest| of_rule(super::held(guest)) == 1).await;
}
