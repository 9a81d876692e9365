//! A guest that begins to filter must go on answering whom it answered before.

use super::{DB, Hand, build, firewall_says, option, serving};
use serde_json::json;
use tokio::net::TcpListener;
use zentoria_api::conditions::FIREWALL_ENFORCED;
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

/// A guest that runs without a firewall and whose port 22 leads to a listener, and that listener.
async fn answering(test: &str) -> (World, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = build(test).start().await;
    world.launch.dial_map.push(format!("10.10.4.1:22={}", listener.local_addr().unwrap()));
    Hand::of(&world).switch(true).await;
    world.start_operator().await;
    let mut db = serving(&world, "db", DB, &[("pg", 5432)]);
    db.spec.firewall = Some(serde_json::from_value(json!({"mode": "Off"})).unwrap());
    world.create(&db).await;
    firewall_says(&world, "db", "Off").await;
    (world, listener)
}

async fn enforce(world: &World) {
    world.patch("db", json!({"firewall": {"mode": "Enforce"}})).await;
    world.guest_until("filters", DB, |guest| option(guest, "enable") == "1").await;
}

#[tokio::test]
async fn a_port_that_answers_before_and_after_is_named() {
    let (world, _listener) = answering("lockout well").await;
    enforce(&world).await;
    let trying = world.get("db").await;
    assert_eq!((trying.reason(FIREWALL_ENFORCED), trying.truth(FIREWALL_ENFORCED)), ("Enforcing", "False"));
    let container = firewall_says(&world, "db", "Enforced").await;
    let firewall = container.status.unwrap().firewall.unwrap();
    assert_eq!((firewall.answers.as_deref(), firewall.probe), (Some("10.10.4.1:22"), None));
    assert_eq!(option(&world.pve.guest(DB).await, "enable"), "1");
}

#[tokio::test]
async fn a_port_that_answers_no_more_takes_the_policy_back_and_holds_it_until_something_changes() {
    let (world, listener) = answering("lockout badly").await;
    let at = listener.local_addr().unwrap();
    enforce(&world).await;
    drop(listener);
    // In the middle of it another operator takes over: it knows of the probe from status alone.
    world.kill_operator().await;
    world.start_operator().await;
    let container = firewall_says(&world, "db", "WouldLockOut").await;
    assert_eq!(container.truth(FIREWALL_ENFORCED), "False");
    world.event("db", "WouldLockOut").await;
    let guest = world.pve.guest(DB).await;
    assert_ne!(option(&guest, "enable"), "1");
    let writes = world.pve.writes_to(DB).await.len();
    world.polls(6).await;
    assert_eq!(world.pve.writes_to(DB).await.len(), writes, "it is held");

    let _listener = TcpListener::bind(at).await.unwrap();
    world.annotate("db", "zentoria.ai/acknowledge", Some("the sshd is back")).await;
    firewall_says(&world, "db", "Enforced").await;
    assert_eq!(option(&world.pve.guest(DB).await, "enable"), "1");
}
