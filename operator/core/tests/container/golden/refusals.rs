//! Specs that cannot work, or may not.

use super::compare;
use crate::fixture::spec;
use crate::model::World;
use std::fmt::Write;

#[test]
fn refusals() {
    let net = |rest: &str| format!("vmid: 404, network: {{interfaces: [{{{rest}}}]}}");
    let mut cases: Vec<String> = [
        "vmid: 99",
        "vmid: 500",
        "hostname: a_b",
        "hostname: -a",
        "placement: {node: ../etc}",
        "resources: {memory: 1G}",
        "resources: {memory: 1000Ki}",
        "resources: {swap: 1.5Gi}",
        "rootDisk: {size: 10G}",
        "rootDisk: {size: 1536Mi}",
        "rootDisk: {size: 8Gi, storage: ceph}",
        "rootDisk: {size: 8Gi, storage: 1x}",
        "source: {template: {volume: 'nfs:vztmpl/debian.tar'}}",
        "source: {clone: {vmid: 901}}",
        "source: {clone: {vmid: 5}}",
        "source: {clone: {vmid: 900, container: golden}}",
        "source: {clone: {}}",
        "features: {mknod: true}",
        "features: {mount: [nfs]}",
        "unprivileged: false",
        "network: {dns: {nameservers: [ns.example.test]}}",
    ]
    .map(str::to_owned)
    .to_vec();
    let mounts = |rest: &str| format!("vmid: 404, mounts: [{rest}]");
    cases.extend(
        [
            "{name: a, path: /a, volume: {size: 1Gi}}, {name: b, path: /a/, volume: {size: 1Gi}}",
            "{name: a, path: /a, slot: 1, volume: {size: 1Gi}}, {name: b, path: /b, slot: 1, volume: {size: 1Gi}}",
            "{name: a, path: /a/../etc, volume: {size: 1Gi}}",
            "{name: a, path: /a, volume: {size: 1500Mi}}",
            "{name: a, path: /a, volume: {size: 1Gi, storage: ceph}}",
            "{name: a, path: /a, bind: {path: /srv/database}}",
            "{name: a, path: /a, bind: {path: /etc}}",
            "{name: a, path: /a, bind: {path: /srv/data/../../etc}}",
            "{name: a, path: /a, bind: {path: /srv/data/x}, backup: true}",
        ]
        .map(mounts),
    );
    cases.extend(
        [
            "devices: [{path: /dev/sda}]",
            "devices: [{path: /dev/kfd}, {path: /dev/kfd}]",
            "hookscript: 'local:snippets/x.sh'",
        ]
        .map(|rest| format!("vmid: 404, {rest}")),
    );
    cases.extend(
        [
            "ipv4: {address: 10.20.0.4/16}",
            "ipv4: {address: 10.10.0.0/16}",
            "ipv4: {address: 10.10.255.255/16}",
            "ipv4: {address: 10.10.40.4}",
            "ipv4: {address: 'fd00::4/64'}",
            "ipv4: {address: 10.10.40.4/24, gateway: 10.10.0.1}",
            "ipv4: {address: 10.10.40.4/16, gateway: gateway}",
            "ipv4: {address: 10.10.0.1/16}",
            "ipv6: {address: 'fd00::/64'}",
            "ipv6: {address: 'fd01::4/64'}",
            "ipv6: {address: 'fd00::4/64', gateway: 'fd01::1'}",
            "ipv6: {address: 10.10.40.4/16}",
            "bridge: vmbr9",
            "bridge: 'a,b'",
            "mac: '01:00:5E:00:00:01'",
            "vlan: 21",
            "vlan: 20, trunks: [100, 200]",
            "extraAddresses: [10.20.0.4]",
            "extraAddresses: [10.10.40.4/16]",
            "ipv4: {address: 10.10.40.4/16}, extraAddresses: [10.10.40.4]",
            "ipv4: {address: 10.10.40.4/16, gateway: 10.10.0.1}}, {name: eth1, ipv4: {address: 10.10.41.4/24, gateway: 10.10.41.1}",
            "ipv6: {address: 'fd00::4/64', gateway: 'fd00::1'}}, {name: eth1, ipv6: {address: 'fd00::5/64', gateway: 'fd00::1'}",
            "mac: 'bc:24:11:00:00:01'}, {name: eth1, mac: 'BC:24:11:00:00:01'",
            "ipv4: {address: 10.10.40.4/16}}, {name: eth1, ipv4: {address: 10.10.40.4/24}",
            "name: eth1}, {name: eth1",
            "bridge: vmbr0}, {name: eth1, bridge: vmbr9",
            "ipv4: {address: dhcp}}, {name: eth1, ipv4: {address: 10.20.0.4/16}",
        ]
        .map(net),
    );
    let mut page = String::new();
    let mut refused = |title: &str, world: &World| {
        let refusal = world.want().expect_err(title);
        writeln!(page, "wish: {title}\nsays: {}: {}\n", refusal.reason, refusal.message).unwrap();
    };
    for wish in &cases {
        refused(wish, &World::new(spec(wish)));
    }
    let cluster = |change: fn(&mut World)| {
        let mut world = World::new(spec("vmid: 404, network: {interfaces: [{ipv4: {address: 10.10.40.4/16}}]}"));
        change(&mut world);
        world
    };
    refused("(no entry of access)", &cluster(|world| world.cluster.access.clear()));
    refused(
        "(no entry for this namespace)",
        &cluster(|world| {
            let labels = world.cluster.access[0].namespace_selector.match_labels.as_mut().unwrap();
            labels.insert("estate".into(), "office".into());
        }),
    );
    refused("(no range of addresses)", &cluster(|world| world.cluster.access[0].cidrs.clear()));
    refused(
        "(a range that cannot be read)",
        &cluster(|world| world.cluster.access[0].cidrs = vec!["10.10.0.0".into()]),
    );
    refused(
        "(a VMID range that cannot be read)",
        &cluster(|world| {
            world.cluster.access[0].vmid_ranges[0].0 = "409-400".into();
        }),
    );
    refused("(no bridge at all)", &cluster(|world| world.cluster.defaults.bridge = None));
    refused(
        "(a default storage that is not allowed)",
        &cluster(|world| world.cluster.defaults.storage = Some("ceph".into())),
    );
    refused(
        "(the VMID of an outsider)",
        &cluster(|world| {
            let host = serde_json::json!({"name": "nas", "vmid": 404, "addresses": ["10.10.0.9"]});
            world.cluster.hosts = vec![serde_json::from_value(host).unwrap()];
        }),
    );
    compare("refusals", &page);
}
