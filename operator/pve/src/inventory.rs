//! One snapshot of everything in a cluster, to be shared by all who ask.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use zentoria_types::{NodeName, StorageName, Vmid};

use crate::resources::{Guest, NodeCapacity, Resource, StorageCapacity};

/// What `/cluster/resources` said at one moment.
#[derive(Debug, Clone)]
pub struct Inventory {
    taken_at: Instant,
    guests: BTreeMap<Vmid, Guest>,
    nodes: BTreeMap<NodeName, NodeCapacity>,
    storages: BTreeMap<(NodeName, StorageName), StorageCapacity>,
}

impl Inventory {
    /// A snapshot of these rows. `taken_at` is when the read began: what happened later may be missing.
    #[must_use]
    pub fn new(taken_at: Instant, rows: Vec<Resource>) -> Self {
        let mut inventory =
            Self { taken_at, guests: BTreeMap::new(), nodes: BTreeMap::new(), storages: BTreeMap::new() };
        for row in rows {
            match row {
                Resource::Guest(guest) => {
                    inventory.guests.insert(guest.vmid, guest);
                }
                Resource::Node(node) => {
                    inventory.nodes.insert(node.node.clone(), node);
                }
                Resource::Storage(storage) => {
                    inventory.storages.insert((storage.node.clone(), storage.storage.clone()), storage);
                }
            }
        }
        inventory
    }

    /// When the read began.
    #[must_use]
    pub fn taken_at(&self) -> Instant {
        self.taken_at
    }

    /// The guest with this number. None is no proof that it is gone: lists are filtered when rights are lost.
    #[must_use]
    pub fn guest(&self, vmid: Vmid) -> Option<&Guest> {
        self.guests.get(&vmid)
    }

    /// All guests, by number.
    pub fn guests(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    /// The guests of a node, by number.
    pub fn on_node<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = &'a Guest> {
        self.guests.values().filter(move |guest| guest.node == *node)
    }

    /// A node.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Option<&NodeCapacity> {
        self.nodes.get(name)
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeCapacity> {
        self.nodes.values()
    }

    /// A storage of a node.
    #[must_use]
    pub fn storage(&self, node: &NodeName, storage: &StorageName) -> Option<&StorageCapacity> {
        self.storages.get(&(node.clone(), storage.clone()))
    }

    /// All storages, by node and name.
    pub fn storages(&self) -> impl Iterator<Item = &StorageCapacity> {
        self.storages.values()
    }

    /// The guests that came, went, moved, restarted or look different in `newer`.
    #[must_use]
    pub fn changed(&self, newer: &Self) -> BTreeSet<Vmid> {
        let all: BTreeSet<Vmid> = self.guests.keys().chain(newer.guests.keys()).copied().collect();
        all.into_iter()
            .filter(|vmid| match (self.guests.get(vmid), newer.guests.get(vmid)) {
                (Some(old), Some(new)) => differs(old, new),
                (None, None) => false,
                (Some(_), None) | (None, Some(_)) => true,
            })
            .collect()
    }
}

/// Whether anything but the running clock and the use of its disk changed; a clock that went back is a restart.
fn differs(old: &Guest, new: &Guest) -> bool {
    let restarted = new.uptime < old.uptime;
    let same_use = Guest { uptime: new.uptime, disk: new.disk, ..old.clone() };
    restarted || same_use != *new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{GuestKind, RunState};

    fn guest(vmid: u32) -> Guest {
        Guest {
            vmid: Vmid::new(vmid).unwrap(),
            kind: GuestKind::Lxc,
            node: "pve1".parse().unwrap(),
            name: Some(format!("ct{vmid}")),
            state: RunState::Running,
            lock: None,
            tags: zentoria_types::Tags::default(),
            template: false,
            maxmem: Some(1 << 30),
            maxcpu: Some(2.0),
            maxdisk: Some(1 << 33),
            disk: Some(1 << 30),
            uptime: Some(100),
            pool: None,
            hastate: None,
        }
    }

    fn inventory(guests: Vec<Guest>) -> Inventory {
        Inventory::new(Instant::now(), guests.into_iter().map(Resource::Guest).collect())
    }

    #[test]
    fn only_what_changed_is_different() {
        let old = inventory((101..=108).chain([110]).map(guest).collect());
        let new = inventory(vec![
            Guest { uptime: Some(110), disk: Some(1 << 31), ..guest(101) },
            Guest { uptime: Some(3), ..guest(102) },
            Guest { state: RunState::Stopped, uptime: Some(0), ..guest(103) },
            Guest { node: "pve2".parse().unwrap(), ..guest(104) },
            Guest { lock: Some("backup".to_owned()), ..guest(105) },
            Guest { maxmem: Some(1 << 31), ..guest(106) },
            Guest { tags: zentoria_types::Tags::parse("a"), ..guest(107) },
            guest(109),
            Guest { hastate: Some("started".to_owned()), ..guest(110) },
        ]);
        let changed: Vec<u32> = old.changed(&new).into_iter().map(Vmid::get).collect();
        assert_eq!(changed, [102, 103, 104, 105, 106, 107, 108, 109, 110]);
    }

    #[test]
    fn guests_are_found_by_number_and_by_node() {
        let moved = Guest { node: "pve2".parse().unwrap(), ..guest(102) };
        let inventory = inventory(vec![guest(101), moved]);
        assert!(inventory.guest(Vmid::new(101).unwrap()).is_some());
        assert!(inventory.guest(Vmid::new(103).unwrap()).is_none());
        let here: Vec<u32> = inventory.on_node(&"pve2".parse().unwrap()).map(|guest| guest.vmid.get()).collect();
        assert_eq!(here, [102]);
    }
}
