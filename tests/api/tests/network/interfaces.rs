//! Several interfaces: made, changed while the guest runs, each with its MAC address.

use super::{build, lines, with};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api_tests::pve::Guest;
use zentoria_api_tests::world::Conditions;

fn three() -> Value {
    json!([
        {"name": "eth0", "bridge": "vmbr0", "ipv4": {"address": "10.10.4.1/16"},
         "ipv6": {"address": "fd00::4/64", "gateway": "fd00::1"}},
        {"name": "eth1", "bridge": "vmbr1", "vlan": 20, "ipv4": {"address": "10.10.5.1/24"},
         "ipv6": {"address": "auto"}, "mtu": 1400, "rate": 12.5},
        {"name": "lan", "bridge": "vmbr1", "trunks": [101, 100], "ipv6": {"address": "dhcp"}, "linkDown": true,
         "firewall": false, "mac": "bc:24:11:00:00:07", "extraAddresses": ["10.10.9.9"]},
    ])
}

/// MAC addresses by the name of the interface.
fn macs(guest: &Guest) -> BTreeMap<String, String> {
    let slots = (0..8).map(|slot| format!("net{slot}"));
    slots.filter_map(|slot| Some((guest.part(&slot, "name")?, guest.part(&slot, "hwaddr")?))).collect()
}

fn parts(guest: &Guest, slot: &str, keys: [&str; 6]) -> [String; 6] {
    keys.map(|key| guest.part(slot, key).unwrap_or_default())
}

#[tokio::test]
async fn three_interfaces_with_vlans_and_both_families_are_made_as_the_spec_has_them() {
    let world = build("three interfaces").start().await;
    let container = world.create(&with(&world, "web", 400, three())).await;
    let guest = world.pve.guest(400).await;
    let of = |slot, keys| parts(&guest, slot, keys);
    let eth0 = of("net0", ["name", "bridge", "ip", "gw", "ip6", "gw6"]);
    assert_eq!(eth0, ["eth0", "vmbr0", "10.10.4.1/16", "10.10.0.1", "fd00::4/64", "fd00::1"]);
    let eth1 = of("net1", ["name", "bridge", "tag", "ip6", "mtu", "rate"]);
    assert_eq!(eth1, ["eth1", "vmbr1", "20", "auto", "1400", "12.5"]);
    let lan = of("net2", ["name", "trunks", "ip6", "link_down", "ip", "hwaddr"]);
    assert_eq!(lan, ["lan", "100;101", "dhcp", "1", "", "BC:24:11:00:00:07"]);
    let addresses = container.status.unwrap().addresses;
    assert_eq!(addresses, ["10.10.4.1", "fd00::4", "10.10.5.1", "10.10.9.9"]);
    world.pve.forget_requests().await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
}

#[tokio::test]
async fn interfaces_of_a_running_guest_come_and_go_and_change_places_and_keep_their_mac_addresses() {
    let world = build("hot interfaces").start().await;
    world.create(&with(&world, "web", 400, three())).await;
    let made = macs(&world.pve.guest(400).await);
    assert_eq!(made.keys().collect::<Vec<_>>(), ["eth0", "eth1", "lan"]);

    // Another order is no change.
    world.pve.forget_requests().await;
    let mut turned = three();
    turned.as_array_mut().unwrap().reverse();
    world.patch("web", json!({"network": {"interfaces": turned}})).await;
    world.ready("web").await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());

    // One goes, one changes, one comes: one PUT.
    let changed = json!([
        {"name": "new", "bridge": "vmbr0", "ipv4": {"address": "dhcp"}},
        {"name": "lan", "bridge": "vmbr1", "vlan": 30},
        {"name": "eth0", "bridge": "vmbr1", "ipv4": {"address": "10.10.4.2/16"}},
    ]);
    world.patch("web", json!({"network": {"interfaces": changed}})).await;
    let has = |guest: &Guest| macs(guest).into_keys().collect::<Vec<_>>() == ["eth0", "lan", "new"];
    let guest = world.guest_until("has eth0, lan and new", 400, has).await;
    world.ready("web").await;
    assert_eq!(lines(&world.pve.writes().await), ["PUT /nodes/pve1/lxc/400/config"]);
    let now = macs(&guest);
    assert_eq!((&now["eth0"], &now["lan"]), (&made["eth0"], &made["lan"]));
    assert_eq!(guest.part("net0", "bridge").as_deref(), Some("vmbr1"));
    assert_eq!(guest.part("net0", "ip6"), None, "an address that the spec does not have is not kept");
    assert_eq!((guest.part("net2", "tag").as_deref(), guest.part("net2", "trunks")), (Some("30"), None));
    assert_eq!((guest.starts, guest.runs()), (1, true));
    world.polls(2).await;
    assert_eq!(world.pve.writes().await.len(), 1);
}

#[tokio::test]
async fn a_bridge_that_is_not_there_is_said_and_not_written_and_the_rest_of_the_change_is_made() {
    let world = build("missing bridge").cluster(|spec| spec.access[0].allow.bridges.push("vmbr9".into())).start().await;
    world.create(&with(&world, "web", 400, three())).await;
    let before = macs(&world.pve.guest(400).await);
    for state in ["Running", "Stopped"] {
        world.patch("web", json!({"power": {"state": state}})).await;
        world.ready("web").await;
        let mut interfaces = three();
        interfaces[1]["bridge"] = "vmbr9".into();
        interfaces.as_array_mut().unwrap().push(json!({"name": "more", "bridge": "vmbr9"}));
        let memory = if state == "Running" { "1Gi" } else { "2Gi" };
        world.patch("web", json!({"network": {"interfaces": interfaces}, "resources": {"memory": memory}})).await;
        world.refused("web", "NotFound", &["network.interfaces[1]", "bridge vmbr9", "vmbr0, vmbr1"]).await;
        let mib = if state == "Running" { "1024" } else { "2048" };
        let guest = world.guest_until("has the memory", 400, |guest| guest.option("memory") == mib).await;
        assert_eq!(guest.part("net1", "bridge").as_deref(), Some("vmbr1"));
        assert_eq!(macs(&guest), before);
        world.patch("web", json!({"network": {"interfaces": three()}})).await;
        world.ready("web").await;
    }
}

#[tokio::test]
async fn interfaces_of_an_adopted_guest_that_the_spec_does_not_name_stay_as_they_are() {
    let world = build("adopted interfaces").start().await;
    let net = |name: &str, more: &str| format!("name={name},bridge=vmbr0,hwaddr=BC:24:11:AA:BB:0{},{more}", name.len());
    world
        .pve
        .add_guest(json!({
            "vmid": 420, "name": "old", "node": "pve1", "status": "running",
            "config": {"arch": "amd64", "ostype": "debian", "unprivileged": 1, "rootfs": "local-zfs:subvol-420-disk-0,size=8G",
                "net0": net("wan", "ip=10.10.7.7/16,tag=77,type=veth"), "net1": net("eth0", "ip=dhcp,type=veth")},
        }))
        .await;
    let before = world.pve.guest(420).await;
    let mut container = with(&world, "old", 420, json!([{"name": "eth0", "ipv4": {"address": "10.10.7.8/16"}}]));
    container.spec.adoption = zentoria_api::container::Adoption::IfExists;
    container.spec.resources = Default::default();
    container.spec.root_disk = None;
    world.apply(&container).await;
    let guest = world
        .guest_until("has the address", 420, |guest| guest.part("net1", "ip").as_deref() == Some("10.10.7.8/16"))
        .await;
    assert_eq!(guest.option("net0"), before.option("net0"));
    assert_eq!(guest.part("net1", "hwaddr"), before.part("net1", "hwaddr"));
    world.until("is settled", "old", |container| container.truth(UP_TO_DATE) == "True").await;
    // One that it does not have, and that names no bridge, would be an interface to nowhere.
    world
        .patch("old", json!({"network": {"interfaces": [{"name": "eth7", "ipv4": {"address": "10.10.7.8/16"}}]}}))
        .await;
    let container = world.refused("old", "InvalidSpec", &["eth7", "wan, eth0"]).await;
    assert_eq!(container.truth(READY), "False");
    assert_eq!(world.pve.guest(420).await.option("net1"), guest.option("net1"));
}
