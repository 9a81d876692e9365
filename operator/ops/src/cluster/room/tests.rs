use super::*;
use crate::cluster::connect::{Access, Outside, connect};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_core::container::siting::Apart;
use zentoria_core::container::validate::{AsIf, Input, validate};
use zentoria_core::container::want::Identity;
use zentoria_net::Dialer;
use zentoria_pve::{NodeCapacity, Observer, RequestRecord, Resource, StorageCapacity};
use zentoria_types::mark::{ControlPlaneId, EstateId};
use zentoria_types::secret::Secret;

struct Nobody;

impl Observer for Nobody {
    fn on_request(&self, _: &RequestRecord<'_>) {}
}

fn spec() -> ProxmoxClusterSpec {
    serde_json::from_value(json!({
        "estateId": "home", "mode": "Enforce",
        "endpoints": ["https://10.10.0.2:8006"],
        "tls": {"fingerprintSha256": (["AA"; 32].join(":"))},
        "credentials": {"tokenSecretRef": {"name": "token"}},
        "access": [{"namespaceSelector": {}, "vmidRanges": ["400-409"], "cidrs": ["10.10.0.0/16"],
                    "allow": {"storages": ["local", "local-zfs"], "bridges": ["vmbr0"]}}],
        "defaults": {"template": "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst", "storage": "local-zfs",
                     "bridge": "vmbr0"},
    }))
    .unwrap()
}

/// Nothing can be reached from it; it was listed once: three nodes, of which `pve1` has the most room.
fn cluster() -> Cluster {
    let outside = Outside {
        dialer: Dialer::from_rows(&["192.0.2.1:1=127.0.0.1:1".to_owned()]).unwrap(),
        fence: Arc::new(|| false),
        observer: Arc::new(|_| Arc::new(Nobody)),
    };
    let access = Access {
        token_id: "zentoria@pve!operator".into(),
        token_secret: Secret::new("5eed"),
        root_password: None,
        ca: None,
    };
    let cluster = connect("pve", &spec(), access, &outside, Arc::new(|_| ())).unwrap();
    let rows = [("pve1", 64), ("pve2", 32), ("pve3", 16)].into_iter().flat_map(|(name, gib)| {
        let node = node(name);
        let capacity = NodeCapacity {
            node: node.clone(),
            online: true,
            maxcpu: Some(8.0),
            mem: None,
            maxmem: Some(gib << 30),
            disk: None,
            maxdisk: None,
            level: None,
        };
        let storage = StorageCapacity {
            storage: StorageName::new("local-zfs").unwrap(),
            node,
            available: true,
            content: BTreeSet::from(["rootdir".to_owned()]),
            shared: false,
            plugintype: None,
            maxdisk: Some(500 << 30),
            disk: Some(0),
        };
        [Resource::Node(capacity), Resource::Storage(storage)]
    });
    *cluster.inventory.write().unwrap() = Some(Arc::new(Inventory::new(Instant::now(), rows.collect())));
    cluster
}

fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

fn want(name: &str) -> Want {
    let spec = serde_json::from_value(json!({
        "clusterRef": {"name": "pve"}, "resources": {"memory": "1Gi"}, "rootDisk": {"size": "8Gi"},
        "network": {"interfaces": [{"name": "eth0", "ipv4": {"address": "dhcp"}}]},
    }))
    .unwrap();
    let identity = Identity {
        estate: EstateId::new("home").unwrap(),
        key: Key { namespace: "home".into(), name: name.into() },
        control_plane: ControlPlaneId::new("1a2b3c4d").unwrap(),
    };
    let (cluster, labels) = (self::spec(), BTreeMap::new());
    let input = Input {
        identity,
        spec: &spec,
        status: None,
        cluster: &cluster,
        namespace_labels: &labels,
        as_if: AsIf::Recorded,
        wave: None,
    };
    validate(&input).unwrap()
}

/// `web1`, on this node as far as it has one, and whom `web2` must be apart from.
fn neighbours(at: Option<&str>) -> Neighbours {
    let apart = Apart { names: BTreeSet::from(["web1".to_owned()]), required: true };
    Neighbours { nodes: at.map(|at| ("web1".to_owned(), node(at))).into_iter().collect(), apart: vec![apart] }
}

#[test]
fn a_neighbour_that_was_made_since_the_plan_counts_where_the_node_is_booked() {
    let (cluster, want) = (cluster(), want("web2"));
    let site = Site::new(&want.identity.key, &ZentoriaContainerStatus::default(), false);
    // (where the neighbour is when the node is booked, what was planned, what is booked)
    for (at, planned, booked) in [
        (None, "pve1", "pve1"),
        (Some("pve1"), "pve1", "pve2"),
        (Some("pve1"), "pve2", "pve2"),
        (Some("pve2"), "pve2", "pve1"),
    ] {
        cluster.lock().ledger.release(&want.identity.key);
        let planned = node(planned);
        let vmid = Vmid::new(400).unwrap();
        let as_planned = cluster.confirm(&want, &site, &neighbours(at), vmid, &Placing::Chosen(&planned));
        let booking = cluster.lock().ledger.of(&want.identity.key).map(|booking| booking.node.clone());
        assert_eq!((booking, as_planned), (Some(node(booked)), planned.as_ref() == booked), "{at:?} {planned}");
    }
}

#[test]
fn a_neighbour_that_has_only_booked_counts_too() {
    let (cluster, first, second) = (cluster(), want("web1"), want("web2"));
    let confirm = |want: &Want, vmid: u32, at: &str| {
        let site = Site::new(&want.identity.key, &ZentoriaContainerStatus::default(), false);
        cluster.confirm(want, &site, &neighbours(None), Vmid::new(vmid).unwrap(), &Placing::Chosen(&node(at)))
    };
    assert!(confirm(&first, 400, "pve1"));
    assert!(!confirm(&second, 401, "pve1"), "both would be on one node");
    assert!(confirm(&second, 401, "pve2"));
}
