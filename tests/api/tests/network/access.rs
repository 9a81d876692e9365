//! Who may use which VLAN and address, and what the operator's token needs for it.

use super::{allow_all, build, with};
use serde_json::json;
use zentoria_api::cluster::VlanRangeField;
use zentoria_api_tests::World;

#[tokio::test]
async fn a_vlan_a_bridge_and_an_address_of_others_are_refused_by_the_interface_that_asks() {
    let world = build("foreign vlan").start().await;
    let first = json!({"name": "eth0", "ipv4": {"address": "dhcp"}});
    let cases = [
        (401, json!({"name": "eth1", "vlan": 21}), ["interfaces[1] VLAN 21", "20, 30, 100-199"]),
        (402, json!({"name": "eth1", "vlan": 20, "trunks": [200]}), ["interfaces[1] VLAN 200", "allow.vlans"]),
        (403, json!({"name": "eth1", "bridge": "vmbr9"}), ["interfaces[1].bridge vmbr9", "vmbr0, vmbr1"]),
        (
            404,
            json!({"name": "eth1", "ipv4": {"address": "10.20.0.4/16"}}),
            ["interfaces[1] address 10.20.0.4/16", "cidrs"],
        ),
        (405, json!({"name": "eth1", "extraAddresses": ["fd01::4"]}), ["extraAddresses fd01::4", "fd00::/64"]),
    ];
    for (vmid, second, _) in &cases {
        world.apply(&with(&world, &format!("c{vmid}"), *vmid, json!([first, second]))).await;
    }
    world.create(&with(&world, "good", 410, json!([first, {"name": "eth1", "vlan": 150}]))).await;
    for (vmid, _, message) in &cases {
        world.refused(&format!("c{vmid}"), "AccessDenied", message).await;
    }
    assert_eq!(world.pve.guests().await.len(), 1, "nothing else was made");
}

#[tokio::test]
async fn an_address_is_one_containers_in_its_vlan_and_anybodys_in_another() {
    let world = build("same address").start().await;
    let in_vlan = |name: &str, vmid, tag: u32| {
        with(&world, name, vmid, json!([{"name": "eth0", "vlan": tag, "ipv4": {"address": "10.10.7.7/16"}}]))
    };
    world.create(&in_vlan("first", 400, 20)).await;
    world.create(&in_vlan("elsewhere", 401, 30)).await;
    world.create(&with(&world, "untagged", 402, json!([{"name": "eth0", "ipv4": {"address": "10.10.7.7/16"}}]))).await;
    world.apply(&in_vlan("second", 403, 20)).await;
    world.refused("second", "Conflict", &["address 10.10.7.7 on vmbr0 VLAN 20", "/first"]).await;
    // What a guest sets up itself is claimed as well.
    let extra = json!([{"name": "eth0", "vlan": 30, "ipv4": {"address": "dhcp"}, "extraAddresses": ["10.10.7.7"]}]);
    world.apply(&with(&world, "extra", 404, extra)).await;
    world.refused("extra", "Conflict", &["VLAN 30", "/elsewhere"]).await;
    world.delete("first").await;
    world.gone("first").await;
    world.ready("second").await;
}

/// A world whose token has of the networks these rights alone.
async fn granted(test: &str, vlans: &'static [&'static str], paths: &[(&str, &str)]) -> World {
    let paths: Vec<_> = paths.iter().map(|(path, right)| (format!("/sdn/zones/{path}"), (*right).to_owned())).collect();
    let build = build(test).seed(|seed| {
        let grants = seed["grants"].as_array_mut().unwrap();
        grants.retain(|grant| grant[1] != "/sdn/zones");
        grants.extend(paths.iter().map(|(path, right)| json!(["zentoria@pve", path, right])));
        seed["vnets"] = json!({"tenants": {"zone": "blue", "tag": 7}});
    });
    let build = build.cluster(|spec| {
        allow_all(spec);
        let allow = &mut spec.access[0].allow;
        allow.bridges = vec!["vmbr0".into(), "tenants".into()];
        allow.vlans = vlans.iter().map(|range| VlanRangeField((*range).into())).collect();
    });
    build.start().await
}

#[tokio::test]
async fn sdn_use_that_is_missing_is_named_by_zone_bridge_and_vlan() {
    let world = granted("sdn bridge", &[], &[("blue/tenants", "SDN.Audit")]).await;
    let cluster = world.cluster_says("MissingPermissions").await;
    let missing = cluster.status.unwrap().missing_permissions;
    assert_eq!(missing, ["/sdn/zones/blue/tenants: SDN.Use", "/sdn/zones/localnetwork/vmbr0: SDN.Use"]);

    let world =
        granted("sdn vlans", &["20", "30-31"], &[("localnetwork/vmbr0/20", "SDN.Use"), ("blue/tenants", "SDN.Use")])
            .await;
    let cluster = world.cluster_says("MissingPermissions").await;
    let missing = cluster.status.unwrap().missing_permissions;
    assert_eq!(missing, ["/sdn/zones/localnetwork/vmbr0/30-31: SDN.Use"]);
}

#[tokio::test]
async fn a_token_that_may_use_one_vlan_makes_guests_in_it_and_says_what_the_others_lack() {
    let world =
        granted("one vlan", &["20"], &[("localnetwork/vmbr0/20", "SDN.Use"), ("blue/tenants", "SDN.Use")]).await;
    world.cluster_says("Ready").await;
    world.create(&with(&world, "tagged", 400, json!([{"name": "eth0", "vlan": 20}]))).await;
    world.create(&with(&world, "tenant", 401, json!([{"name": "eth0", "bridge": "tenants"}]))).await;
    assert_eq!(world.pve.guest(401).await.part("net0", "bridge").as_deref(), Some("tenants"));
    world.apply(&with(&world, "plain", 402, json!([{"name": "eth0"}]))).await;
    world.refused("plain", "PermissionDenied", &["/sdn/zones/localnetwork/vmbr0: SDN.Use"]).await;
    assert_eq!(world.pve.guests().await.len(), 2);
}
