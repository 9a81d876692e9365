//! Whose guest it is, and whose turn to write.

use super::{DB, allow, build, firewall_message, firewall_says, held, is_firewall, option, serving, started};
use serde_json::json;
use zentoria_api_tests::pve::OPERATOR;

#[tokio::test]
async fn the_firewall_of_a_guest_that_lost_its_mark_is_not_written() {
    let (world, hand) = started(build("no mark")).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", super::WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    world.pve.person("edit", DB, json!({"config": {"description": "mine now"}})).await;
    hand.removes(DB, "/db-from-web#").await;
    world.pve.forget_requests().await;
    world.says("db", "VmidTaken").await;
    let container = firewall_says(&world, "db", "NotKnown").await;
    assert!(firewall_message(&container).contains("not this container's"), "{}", firewall_message(&container));
    world.polls(4).await;
    let writes = world.pve.writes_to(DB).await;
    let ours: Vec<String> = writes
        .iter()
        .filter(|request| is_firewall(request) && request.user.as_deref() == Some(OPERATOR))
        .map(|request| request.line())
        .collect();
    assert_eq!(ours, [""; 0]);
    assert!(!held(&world.pve.guest(DB).await).iter().any(|rule| rule.ends_with("db-from-web")));
}

#[tokio::test]
async fn writes_of_many_guests_wait_for_each_other_here_and_not_for_the_lock_of_proxmox_ve() {
    let (world, _hand) = started(build("one lock")).await;
    // A write takes 0.2 s, and whoever waits longer than 0.04 s for the lock is refused.
    world.pve.set(json!({"fw_write_secs": 10, "fw_lock_wait": 2})).await;
    let names: Vec<String> = (0..5).map(|n| format!("db-{n}")).collect();
    for (name, vmid) in names.iter().zip(DB..) {
        if name != "db-0" {
            allow(&world, &format!("{name}-from-first"), "db-0", name).await;
        }
        world.apply(&serving(&world, name, vmid, &[("pg", 5432)])).await;
    }
    for (name, vmid) in names.iter().zip(DB..) {
        world.ready(name).await;
        firewall_says(&world, name, "NotProbed").await;
        assert_eq!(option(&world.pve.guest(vmid).await, "enable"), "1");
    }
    let refused: Vec<String> = world
        .pve
        .writes()
        .await
        .iter()
        .filter(|request| is_firewall(request) && request.status != Some(200))
        .map(|request| format!("{} {:?}", request.line(), request.status))
        .collect();
    assert_eq!(refused, [""; 0]);
}

#[tokio::test]
async fn an_interface_that_does_not_pass_through_the_firewall_is_named() {
    let (world, _hand) = started(build("unfiltered")).await;
    let mut db = serving(&world, "db", DB, &[("pg", 5432)]);
    db.spec.network.interfaces[0].firewall = Some(false);
    world.create(&db).await;
    let container = firewall_says(&world, "db", "InterfaceUnfiltered").await;
    assert!(firewall_message(&container).contains("eth0"), "{}", firewall_message(&container));
    let mut interfaces = serde_json::to_value(&db.spec.network.interfaces).unwrap();
    interfaces[0]["firewall"] = json!(true);
    world.patch("db", json!({"network": {"interfaces": interfaces}})).await;
    firewall_says(&world, "db", "NotProbed").await;
    assert_eq!(world.pve.guest(DB).await.part("net0", "firewall").as_deref(), Some("1"));
}
