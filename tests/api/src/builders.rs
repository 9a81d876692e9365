//! Specs, short.

use serde_json::json;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::common::Size;
use zentoria_api::container::{
    CloneSource, Dependency, DependencyCondition, Interface, Ipv4, RootDisk, Source, ZentoriaContainer,
    ZentoriaContainerSpec,
};

/// A size: `size("2Gi")`.
#[must_use]
pub fn size(text: &str) -> Size {
    Size(text.to_owned())
}

/// `eth0` with a static IPv4 address: `interface("10.10.40.4/16")`.
#[must_use]
pub fn interface(address: &str) -> Interface {
    Interface {
        name: "eth0".into(),
        ipv4: Some(Ipv4 { address: address.into(), gateway: None }),
        ..Interface::default()
    }
}

/// A hard dependency.
#[must_use]
pub fn after(name: &str) -> Dependency {
    Dependency { name: name.into(), condition: DependencyCondition::Ready, soft: false }
}

/// A full copy of a VMID.
#[must_use]
pub fn clone_of(vmid: u32) -> Source {
    Source::Clone(CloneSource {
        vmid: Some(zentoria_api::common::VmidField(vmid)),
        container: None,
        full: true,
        snapshot: None,
    })
}

/// A small container on `cluster`. Its address follows from its VMID, so that no two are the same.
#[must_use]
pub fn container(cluster: &str, namespace: &str, name: &str, vmid: u32) -> ZentoriaContainer {
    let spec = json!({"clusterRef": {"name": cluster}, "vmid": vmid});
    let mut spec: ZentoriaContainerSpec = serde_json::from_value(spec).expect("a spec");
    spec.resources.cores = Some(1);
    spec.resources.memory = Some(size("512Mi"));
    spec.root_disk = Some(RootDisk { storage: None, size: size("8Gi") });
    spec.network.interfaces = vec![interface(&address_of(vmid))];
    let mut container = ZentoriaContainer::new(name, spec);
    container.metadata.namespace = Some(namespace.to_owned());
    container
}

/// The address that [`container`] gives to a VMID: `10.10.4.0/16` for 400.
#[must_use]
pub fn address_of(vmid: u32) -> String {
    format!("10.10.{}.{}/16", vmid / 100, vmid % 100 + 1)
}

/// The spec of a ProxmoxCluster that a namespace may use, with a fast poll.
#[must_use]
pub fn cluster_spec(namespace: &str) -> ProxmoxClusterSpec {
    let spec = json!({
        "estateId": "test",
        "mode": "Enforce",
        "endpoints": [format!("https://{}:8006", crate::pve::ADDRESS)],
        "tls": {"caSecretRef": {"name": "pve-ca"}},
        "credentials": {"tokenSecretRef": {"name": "pve-token"}},
        "access": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "vmidRanges": ["400-499"],
            "cidrs": ["10.10.0.0/16"],
            "allow": {"storages": ["local-zfs", "local"], "bridges": ["vmbr0"], "features": ["nesting"]},
        }],
        "defaults": {
            "template": crate::pve::TEMPLATE,
            "storage": "local-zfs",
            "bridge": "vmbr0",
            "gateway": "10.10.0.1",
            "nameservers": ["10.10.0.1"],
            "searchDomain": "test.local",
        },
        "poll": {"interval": "1s", "fullResync": "2s"},
    });
    serde_json::from_value(spec).expect("a spec")
}
