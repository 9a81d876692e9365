//! Guests restored from backups: whose they may be, and that nothing of the old guest goes live twice.

use super::{made_from, may_keep};
use serde_json::{Value, json};
use zentoria_api::common::VmidField;
use zentoria_api::container::Origin;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::{Guest, Request};

const OLD_MAC: &str = "BC:24:11:AA:04:04";
/// 2026-05-01 and 2026-05-02, at 02:00 UTC.
const FIRST: u64 = 1_777_600_800;
const SECOND: u64 = FIRST + 86_400;

fn mark(namespace: &str, name: &str, vmid: u32) -> String {
    format!("<!-- zentoria.ai/v1 cp=00000000 estate=test name={name} ns={namespace} vmid={vmid} -->")
}

/// An archive of a guest with a static address, two interfaces, a volume and firewall rules.
fn archive(vmid: u32, time: u64, memory: u32, description: &str) -> Value {
    json!({
        "vmid": vmid, "time": time,
        "config": {
            "hostname": "old", "memory": memory, "cores": 1, "unprivileged": 1, "onboot": 1, "arch": "amd64",
            "ostype": "ubuntu", "description": description, "tags": "zentoria",
            "rootfs": format!("local-zfs:subvol-{vmid}-disk-0,size=8G"),
            "mp0": format!("local-zfs:subvol-{vmid}-disk-1,mp=/data,size=2G"),
            "net0": format!("name=eth0,bridge=vmbr0,hwaddr={OLD_MAC},ip=10.10.9.9/16,gw=10.10.0.1,type=veth"),
            "net1": "name=eth1,bridge=vmbr0,hwaddr=BC:24:11:AA:04:05,ip=10.20.9.9/16,type=veth",
        },
        "firewall": {"rules": [{"type": "in", "action": "ACCEPT", "enable": 1}], "options": {"enable": 1}},
    })
}

async fn world(test: &str, archives: impl FnOnce(&str) -> Vec<Value>) -> World {
    let world = World::builder(test).seed(may_keep).start().await;
    let archives = archives(&world.namespace);
    let mut seed = zentoria_api_tests::pve::seed();
    may_keep(&mut seed);
    seed["backups"] = json!({"local": archives});
    world.pve.ctl.json("POST", "/ctl/reset", Some(&seed)).await;
    world
}

fn nothing_old_is_live(guest: &Guest) {
    let text = format!("{:?}", guest.config);
    assert!(!text.contains("10.10.9.9") && !text.contains("10.20.9.9"), "{text}");
    assert_eq!(guest.option("net1"), "");
    assert!(!guest.is_filtered(), "{:?}", guest.firewall);
}

async fn started_clean(world: &World, vmid: u32) {
    let writes = world.pve.writes_to(vmid).await;
    assert_eq!(writes[0].param("onboot").as_deref(), Some("0"), "its node does not start it before it is finished");
    let at = |part: &str| writes.iter().position(|row| row.line().contains(part));
    let start = at("/status/start").expect("it is started");
    let cleared = at("/firewall/").expect("its firewall is cleared");
    assert!(cleared < start, "{:?}", writes.iter().map(|row| row.line()).collect::<Vec<_>>());
    let deleted = writes.iter().position(|row| row.param("delete").is_some_and(|keys| keys.contains("net1")));
    assert!(deleted.expect("the second interface goes") < start);
}

#[tokio::test]
async fn the_latest_backup_of_a_guest_that_is_gone_comes_back_under_its_vmid() {
    let world = world("restore latest", |namespace| {
        let mark = mark(namespace, "db", 400);
        vec![archive(400, FIRST, 512, &mark), archive(400, SECOND, 1024, &mark)]
    })
    .await;
    let mut container = made_from(world.container("db", 400), json!({"backup": {"storage": "local", "vmid": 400}}));
    container.spec.resources.memory = None;
    let container = world.create(&container).await;
    let status = container.status.unwrap();
    assert_eq!(status.created.unwrap().origin, Origin::Backup);
    let from = status.defaults.unwrap().template.unwrap();
    assert!(from.starts_with("local:backup/vzdump-lxc-400-2026_05_02"), "{from}");
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.option("memory"), guest.option("hostname")), ("1024".to_owned(), "db".to_owned()));
    assert_eq!(guest.part("net0", "hwaddr").as_deref(), Some(OLD_MAC), "its own MAC address comes back with it");
    assert!(guest.option("mp0").contains("mp=/data"), "the volumes of the backup stay: {}", guest.option("mp0"));
    assert!(guest.mark().is_some());
    nothing_old_is_live(&guest);
    started_clean(&world, 400).await;
}

#[tokio::test]
async fn a_guest_is_restored_as_it_was_at_a_time() {
    let world = world("restore time", |namespace| {
        let mark = mark(namespace, "db", 400);
        vec![archive(400, FIRST, 512, &mark), archive(400, SECOND, 1024, &mark)]
    })
    .await;
    let source = json!({"backup": {"storage": "local", "vmid": 400, "time": "2026-05-01T12:00:00Z"}});
    let mut container = made_from(world.container("db", 400), source);
    container.spec.resources.memory = None;
    world.create(&container).await;
    assert_eq!(world.pve.guest(400).await.option("memory"), "512");
    let early = json!({"backup": {"storage": "local", "vmid": 400, "time": "2026-04-01T12:00:00Z"}});
    world.delete("db").await;
    world.gone("db").await;
    world.pve.ctl.json("POST", "/ctl/person", Some(&json!({"act": "vanish", "vmid": 400}))).await;
    world.apply(&made_from(world.container("db", 400), early)).await;
    world.refused("db", "NotFound", &["there is no backup of guest 400", "2026-04-01T12:00:00Z", "2026_05_02"]).await;
}

#[tokio::test]
async fn a_backup_of_a_sibling_becomes_another_guest_with_its_own_address_and_mac() {
    let world =
        world("restore sibling", |namespace| vec![archive(401, FIRST, 512, &mark(namespace, "old", 401))]).await;
    world.create(&world.container("old", 401)).await;
    let source = json!({"backup": {"storage": "local", "vmid": 401}});
    world.create(&made_from(world.container("new", 400), source)).await;
    let guest = world.pve.guest(400).await;
    assert_ne!(guest.part("net0", "hwaddr").as_deref(), Some(OLD_MAC));
    assert_eq!(guest.part("net0", "ip").as_deref(), Some("10.10.4.1/16"));
    nothing_old_is_live(&guest);
    started_clean(&world, 400).await;
}

#[tokio::test]
async fn what_a_namespace_may_not_restore_is_not_even_looked_for() {
    let world = world("restore foreign", |namespace| {
        vec![
            archive(450, FIRST, 512, &mark("office", "payroll", 450)),
            archive(400, FIRST, 512, &mark("office", "payroll", 400)),
            archive(460, FIRST, 512, &mark(namespace, "mine", 460)),
        ]
    })
    .await;
    world.apply(&made_from(world.container("other", 401), json!({"backup": {"storage": "local", "vmid": 450}}))).await;
    world.refused("other", "AccessDenied", &["450", "cloneSources"]).await;
    let volume = "local:backup/vzdump-lxc-450-2026_05_01-02_00_00.tar.zst";
    world.apply(&made_from(world.container("by-volume", 402), json!({"backup": {"volume": volume}}))).await;
    world.refused("by-volume", "AccessDenied", &["450", "cloneSources"]).await;
    // Its path and parameters alone: a time of day has any digits.
    let asked = |request: &Request| format!("{} {:?}", request.line(), request.params);
    let named: Vec<String> = world.pve.requests().await.iter().map(asked).filter(|text| text.contains("450")).collect();
    assert!(named.is_empty(), "no call names that guest: {named:?}");
    // A VMID that had another owner before.
    world.apply(&made_from(world.container("heir", 400), json!({"backup": {"storage": "local", "vmid": 400}}))).await;
    world.refused("heir", "AccessDenied", &["office/payroll"]).await;
    world.apply(&made_from(world.container("nfs", 403), json!({"backup": {"storage": "nas", "vmid": 403}}))).await;
    world.refused("nfs", "AccessDenied", &["storage nas", "allow.storages"]).await;
    assert!(world.pve.writes().await.is_empty(), "{:?}", world.pve.writes().await);
    let mut spec = world.get_cluster().await.spec;
    spec.access[0].allow.clone_sources = vec![VmidField(450)];
    world.apply_cluster(spec).await;
    world.ready("other").await;
}

#[tokio::test]
async fn a_backup_with_a_static_address_needs_an_interface_in_the_spec() {
    let world = world("restore static", |namespace| vec![archive(400, FIRST, 512, &mark(namespace, "db", 400))]).await;
    let mut container = made_from(world.container("db", 400), json!({"backup": {"storage": "local", "vmid": 400}}));
    container.spec.network.interfaces.clear();
    world.apply(&container).await;
    world.refused("db", "InvalidSpec", &["static address", "spec.network.interfaces"]).await;
    assert!(world.pve.writes().await.is_empty());
}
