//! `kubectl zentoria` on firewalls: what it answers is what is compiled, or what Proxmox VE holds, and what it plans is done.

use super::{DB, WEB, allow, build, firewall_says, serving, started};
use serde_json::Value;
use zentoria_api_tests::World;
use zentoria_api_tests::cli::Said;
use zentoria_api_tests::pve::Request;

async fn can_connect(world: &World, source: &str, target: &str, more: &[&str]) -> Said {
    world.kubectl_zentoria(&[&["can-connect", source, target], more].concat()).await
}

#[tokio::test]
async fn questions_are_answered_from_the_cluster_and_from_what_proxmox_ve_holds() {
    let (world, hand) = started(build("fw cli")).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    for name in ["web", "db"] {
        world.ready(name).await;
        firewall_says(&world, name, "NotProbed").await;
    }
    world.pve.forget_requests().await;
    let rule = format!("rule {}/db-from-web", world.namespace);
    let map = world.pve.dial_map();
    let live = ["--live", "--dial-map", &map, "--operator-namespace", &world.system];

    can_connect(&world, "web", "db:pg", &[]).await.with(0).has(&rule);
    can_connect(&world, "web", "db:5432", &live).await.with(0).has(&rule);
    can_connect(&world, "db", "web:80", &[]).await.with(2).has("no rule names it, and firewall.inbound is Drop");
    can_connect(&world, "db", "web:80", &live).await.with(2).has("into web: dropped");
    can_connect(&world, "db", "gone:80", &[]).await.with(1).has("there is no container gone");

    let page = world.kubectl_zentoria(&["matrix"]).await.with(0);
    page.has("db-from-web");
    let csv = world.kubectl_zentoria(&["matrix", "-o", "csv"]).await.with(0).out;
    assert!(csv.contains(&format!("{0}/db,in,{0}/web,tcp,5432,Allow,{0}/db-from-web", world.namespace)), "{csv}");
    world.kubectl_zentoria(&["matrix", "--of", "db"]).await.with(0).has("5432/tcp");
    world.plan(&[]).await.with(0).has("Nothing would change (2 containers).");

    hand.switch(false).await;
    let off = can_connect(&world, "db", "web:80", &live).await.with(0);
    off.has("the datacenter's firewall is off");
    let ours: Vec<String> = world.pve.writes_to(DB).await.iter().map(Request::line).collect();
    assert_eq!(ours, Vec::<String>::new(), "questions write nothing");
}

#[tokio::test]
async fn a_plan_tells_the_firewalls_that_the_operator_then_writes() {
    let world = build("fw plan").start().await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    let plan = world.plan(&["-o", "json"]).await.with(2);
    let document: Value = serde_json::from_str(&plan.out).unwrap();
    let firewalls = document["firewalls"].as_array().unwrap();
    assert_eq!(firewalls.len(), 2, "{document:#}");
    let db = firewalls.iter().find(|firewall| firewall["name"] == "db").unwrap();
    assert_eq!((db["vmid"].as_u64(), db["empty"].as_bool()), (Some(400), Some(true)), "{db:#}");
    let told = db["differences"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>();
    assert!(told.iter().any(|line| line.starts_with("+ ") && line.contains("5432")), "{told:?}");
    assert_eq!(told.last(), Some(&"~ enable 0 -> 1"), "{told:?}");
    world.plan(&[]).await.with(2).has("the datacenter's firewall of ProxmoxCluster");
}
