//! Guests that come from elsewhere: a firewall goes with a guest to another node, and comes from no copy and no backup.

use super::{DB, WEB, allow, apply_rule, build, firewall_says, held, is_firewall, option, serving, started};
use serde_json::{Value, json};
use zentoria_api::ZentoriaContainer;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;

/// Whose token the operator has.
const OPERATOR_USER: &str = "zentoria@pve";
const GOLDEN: u32 = 450;
const ARCHIVED: u32 = 460;
/// 2026-05-01, at 02:00 UTC.
const THEN: u64 = 1_777_600_800;

fn from(mut container: ZentoriaContainer, source: Value) -> ZentoriaContainer {
    container.spec.source = Some(serde_json::from_value(source).unwrap());
    container
}

/// The guest filters by our rules alone, and did so before it was started for the first time.
async fn has_its_own_rules_alone(world: &World, vmid: u32) {
    let guest = world.pve.guest(vmid).await;
    let rules = ["in ACCEPT tcp 22,5432 <- 10.10.99.0/24 control-plane", "in ACCEPT tcp 5432 <- 10.10.4.2 db-from-web"];
    assert_eq!(held(&guest), rules);
    assert_eq!((option(&guest, "enable").as_str(), option(&guest, "policy_in").as_str()), ("1", "DROP"));
    let writes = world.pve.writes_to(vmid).await;
    let start = writes.iter().position(|row| row.path.ends_with("/status/start")).expect("it was started");
    let enabled = writes.iter().position(|row| is_firewall(row) && row.param("enable").as_deref() == Some("1"));
    assert!(enabled.expect("its firewall was switched on") < start);
}

#[tokio::test]
async fn a_guest_that_was_migrated_keeps_its_firewall_and_is_looked_at_where_it_is_now() {
    let build = build("migrated").seed(|seed| seed["nodes"] = json!(["pve1", "pve2"]));
    let (world, _hand) = started(build.cluster(|spec| spec.defaults.node = Some("pve1".into()))).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("web").await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    world.settled().await;
    let before = world.pve.guest(DB).await.firewall;

    world.pve.forget_requests().await;
    world.pve.person("migrate", DB, json!({"to": "pve2"})).await;
    let there = |c: &ZentoriaContainer| c.status.as_ref().is_some_and(|status| status.node.as_deref() == Some("pve2"));
    world.until("is on pve2", "db", there).await;
    world.ready("db").await;
    world.settled().await;
    assert_eq!(world.pve.guest(DB).await.firewall, before, "its file goes with it");
    assert_eq!(world.pve.writes().await.iter().filter(|row| is_firewall(row)).count(), 0);

    let ports = json!({"from": [{"container": "web"}], "to": [{"container": "db"}], "ports": [{"port": 5433}]});
    apply_rule(&world, "db-from-web", ports).await;
    let has_it = |rules: &[String]| rules.iter().any(|rule| rule == "in ACCEPT tcp 5433 <- 10.10.4.2 db-from-web");
    world.guest_until("has the new port", DB, |guest| has_it(&held(guest))).await;
    let writes = world.pve.writes().await;
    let nodes = writes.iter().filter(|row| is_firewall(row) && row.user.as_deref() == Some(OPERATOR));
    assert!(nodes.clone().count() > 0 && nodes.clone().all(|row| row.path.starts_with("/nodes/pve2/")));
}

#[tokio::test]
async fn a_copy_has_its_own_rules_before_its_first_start_and_none_of_its_source() {
    let (world, _hand) = started(build("copied").seed(|seed| {
        seed["grants"].as_array_mut().unwrap().push(json!([OPERATOR_USER, "/vms", "VM.Snapshot"]));
    }))
    .await;
    allow(&world, "golden-from-web", "web", "golden").await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "golden", GOLDEN, &[("pg", 5432)])).await;
    world.ready("golden").await;
    firewall_says(&world, "golden", "NotProbed").await;
    let source = held(&world.pve.guest(GOLDEN).await);

    let copy = from(serving(&world, "db", DB, &[("pg", 5432)]), json!({"clone": {"container": "golden"}}));
    world.apply(&copy).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    has_its_own_rules_alone(&world, DB).await;
    assert_eq!(held(&world.pve.guest(GOLDEN).await), source);
}

#[tokio::test]
async fn a_restored_guest_has_its_own_rules_before_its_first_start_and_none_of_its_backup() {
    let archive = json!({
        "vmid": ARCHIVED, "time": THEN,
        "config": {
            "hostname": "old", "memory": 512, "unprivileged": 1, "arch": "amd64", "ostype": "ubuntu",
            "rootfs": format!("local-zfs:subvol-{ARCHIVED}-disk-0,size=8G"),
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:04:04,ip=10.10.9.9/16,type=veth",
        },
        "firewall": {"rules": [{"type": "in", "action": "ACCEPT", "enable": 1}], "options": {"enable": 1}},
    });
    let build = build("restored").seed(|seed| {
        seed["grants"].as_array_mut().unwrap().push(json!([OPERATOR_USER, "/vms", "VM.Backup"]));
        seed["backups"] = json!({"local": [archive]});
    });
    let build =
        build.cluster(|spec| spec.access[0].allow.clone_sources = vec![zentoria_api::common::VmidField(ARCHIVED)]);
    let (world, _hand) = started(build).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    let volume = "local:backup/vzdump-lxc-460-2026_05_01-02_00_00.tar.zst";
    let mut container = from(serving(&world, "db", DB, &[("pg", 5432)]), json!({"backup": {"volume": volume}}));
    container.spec.resources.memory = None;
    world.apply(&container).await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    has_its_own_rules_alone(&world, DB).await;
}
