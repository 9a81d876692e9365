//! What is known of a guest without asking: where it is, whether it runs, whose it is and how its interfaces are placed.

use crate::cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::container::interfaces::{slots, unfiltered};
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::want::Identity;
use zentoria_pve::{GuestKind, RunState};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// A guest, as the last poll and the last look at its configuration left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Its node.
    pub node: NodeName,
    /// Whether it runs.
    pub running: bool,
    /// Whether it carries our mark; true where its configuration was not read yet, for every write reads it first.
    pub ours: bool,
    /// The slots of its interfaces, by their name inside the guest.
    pub slots: BTreeMap<String, u32>,
    /// Interfaces that do not pass through the firewall.
    pub unfiltered: BTreeSet<String>,
}

/// The scene; `None` where the cluster does not list such a container, or its node is offline.
#[must_use]
pub fn scene(cluster: &Cluster, identity: &Identity, vmid: Vmid) -> Option<Scene> {
    let inventory = cluster.inventory()?;
    let row = inventory.guest(vmid).filter(|row| row.kind == GuestKind::Lxc)?;
    inventory.node(&row.node).filter(|node| node.online)?;
    let known = cluster.known(vmid);
    let config = known.as_ref().map(|known| &known.config);
    let running = cluster.known_live(vmid).map_or(row.state == RunState::Running, |live| live.running);
    let ours = |description: &str| matches!(ownership(identity, vmid, description), Ownership::Ours(_));
    Some(Scene {
        node: row.node.clone(),
        running,
        ours: config.is_none_or(|config| ours(config.description())),
        slots: config.map(slots).unwrap_or_default(),
        unfiltered: config.map(unfiltered).unwrap_or_default(),
    })
}
