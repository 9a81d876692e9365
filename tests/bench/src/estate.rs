//! The same estate for both sides: containers without dependencies, the names and numbers of one size.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api_tests::pve::{ADDRESS, TEMPLATE};

/// The first VMID.
const FIRST: u32 = 1000;
/// Tasks at once on the node, on both sides: the default of `spec.limits`.
pub const PARALLEL: usize = 4;

/// VMIDs of an estate of this size.
pub fn vmids(size: u32) -> impl Iterator<Item = u32> {
    FIRST..FIRST + size
}

/// The name of a guest.
#[must_use]
pub fn name_of(vmid: u32) -> String {
    format!("bench-{vmid}")
}

fn address_of(vmid: u32) -> String {
    format!("10.10.{}.{}/16", 100 + (vmid - FIRST) / 200, (vmid - FIRST) % 200 + 1)
}

/// What the bare client sends to create a guest.
#[must_use]
pub fn options(vmid: u32) -> BTreeMap<String, String> {
    let net0 = format!("name=eth0,bridge=vmbr0,firewall=1,ip={},gw=10.10.0.1", address_of(vmid));
    let options: [(&str, &str); 8] = [
        ("hostname", &name_of(vmid)),
        ("cores", "1"),
        ("memory", "512"),
        ("swap", "0"),
        ("rootfs", "local-zfs:8"),
        ("net0", &net0),
        ("unprivileged", "1"),
        ("onboot", "1"),
    ];
    options.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The same guest as an object.
///
/// # Panics
/// Never: the spec is a constant of ours.
#[must_use]
pub fn container(cluster: &str, namespace: &str, vmid: u32) -> ZentoriaContainer {
    let spec = json!({
        "clusterRef": {"name": cluster},
        "vmid": vmid,
        "description": "a guest of the benchmark",
        "resources": {"cores": 1, "memory": "512Mi"},
        "rootDisk": {"size": "8Gi"},
        "network": {"interfaces": [{"name": "eth0", "ipv4": {"address": address_of(vmid)}}]},
    });
    let mut container = ZentoriaContainer::new(&name_of(vmid), serde_json::from_value(spec).expect("a spec"));
    container.metadata.namespace = Some(namespace.to_owned());
    container
}

/// The ProxmoxCluster: limits and poll are the defaults.
///
/// # Panics
/// Never: the spec is a constant of ours.
#[must_use]
pub fn cluster(namespace: &str) -> ProxmoxClusterSpec {
    let spec = json!({
        "estateId": "bench",
        "mode": "Enforce",
        "endpoints": [format!("https://{ADDRESS}:8006")],
        "tls": {"caSecretRef": {"name": "pve-ca"}},
        "credentials": {"tokenSecretRef": {"name": "pve-token"}},
        "access": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "vmidRanges": ["1000-1999"],
            "cidrs": ["10.10.0.0/16"],
            "allow": {"storages": ["local-zfs", "local"], "bridges": ["vmbr0"], "features": ["nesting"]},
        }],
        "defaults": {
            "template": TEMPLATE,
            "storage": "local-zfs",
            "bridge": "vmbr0",
            "gateway": "10.10.0.1",
            "nameservers": ["10.10.0.1"],
            "searchDomain": "bench.local",
        },
    });
    serde_json::from_value(spec).expect("a spec")
}

/// The name of a node, from 1 on.
#[must_use]
pub fn node_name(number: u32) -> String {
    format!("pve{number}")
}

/// What the double holds at the start of each run: the demo's seed on so many nodes, a second of PVE is a real one, and
/// tasks last as the aims say.
#[must_use]
pub fn seed(nodes: u32) -> Value {
    let mut seed = zentoria_api_tests::pve::seed();
    seed["nodes"] = (1..=nodes).map(node_name).collect();
    seed["node"]["maxmem"] = json!(1_u64 << 40);
    seed["storages"]["local-zfs"]["total"] = json!(64_u64 << 40);
    seed["ct_secs"]["create"] = json!(0.2);
    seed["ct_secs"]["start"] = json!(0.06);
    // To switch the datacenter's firewall on, where it is told to.
    let switch = json!(["zentoria@pve", "/", "Sys.Audit", "Sys.Modify"]);
    seed["grants"].as_array_mut().expect("grants").push(switch);
    seed["settings"] = json!({"time_scale": 1.0, "close_protected": false});
    seed
}
