//! The room that a cluster has: what its nodes and storages offer, and what is promised of it.

use super::refusal::rounded_down;
use super::{Demand, Overcommit};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_types::size::Bytes;
use zentoria_types::{NodeName, StorageName};

/// A cluster as placement sees it. It is also the ledger of a round: what is decided is booked, and the next decision
/// sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The nodes.
    pub nodes: BTreeMap<NodeName, NodeRoom>,
    /// Storages that are one and the same on every node that has them (`shared` in Proxmox VE): counted once.
    pub shared: BTreeMap<StorageName, StorageRoom>,
}

/// A node as placement sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRoom {
    /// Whether the cluster sees it.
    pub online: bool,
    /// Its cores (`maxcpu`); unknown where the token lacks Sys.Audit, without which Proxmox VE leaves the figure out.
    pub cores: Option<u32>,
    /// Its memory (`maxmem`); unknown as above.
    pub memory: Option<Bytes>,
    /// Cores promised to its guests, virtual machines and other people's among them, stopped or not.
    pub allocated_cores: u32,
    /// Memory promised to them.
    pub allocated_memory: Bytes,
    /// Its own storages that take disks of containers (content `rootdir`).
    pub storages: BTreeMap<StorageName, StorageRoom>,
    /// Which of the shared ones it has.
    pub shared: BTreeSet<StorageName>,
    /// Containers of this estate on it.
    pub estate_guests: u32,
}

/// A storage as placement sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageRoom {
    /// Its size; unknown while it is not active.
    pub total: Option<Bytes>,
    /// What is written on it: of guests, backups, templates and everything else.
    pub used: Bytes,
    /// The sum of the sizes of all disks on it, written or not.
    pub allocated: Bytes,
    /// Disks promised since those figures were read.
    pub booked: Bytes,
}

impl Room {
    /// A storage that a node has, its own or a shared one.
    pub(super) fn storage(&self, node: &NodeRoom, name: &StorageName) -> Option<StorageRoom> {
        let shared = || self.shared.get(name).filter(|_| node.shared.contains(name));
        node.storages.get(name).or_else(shared).copied()
    }

    /// Takes room for a guest of the estate. A node or storage that is not known here is passed over.
    pub fn book(&mut self, node: &NodeName, demand: &Demand) {
        let Some(room) = self.nodes.get_mut(node) else { return };
        room.allocated_cores = room.allocated_cores.saturating_add(demand.cores);
        room.allocated_memory = plus(room.allocated_memory, demand.memory);
        room.estate_guests = room.estate_guests.saturating_add(1);
        self.each_disk(node, demand, |storage, size| storage.booked = plus(storage.booked, size));
    }

    /// Gives it back: the reverse of [`Room::book`], for a guest that was booked or counted when the room was read.
    pub fn release(&mut self, node: &NodeName, demand: &Demand) {
        let Some(room) = self.nodes.get_mut(node) else { return };
        room.allocated_cores = room.allocated_cores.saturating_sub(demand.cores);
        room.allocated_memory = minus(room.allocated_memory, demand.memory);
        room.estate_guests = room.estate_guests.saturating_sub(1);
        self.each_disk(node, demand, |storage, size| {
            let rest = minus(size, storage.booked);
            storage.booked = minus(storage.booked, size);
            storage.allocated = minus(storage.allocated, rest);
        });
    }

    fn each_disk(&mut self, node: &NodeName, demand: &Demand, change: impl Fn(&mut StorageRoom, Bytes)) {
        let Some(room) = self.nodes.get_mut(node) else { return };
        for (name, size) in &demand.disks {
            let shared = self.shared.get_mut(name).filter(|_| room.shared.contains(name));
            if let Some(storage) = room.storages.get_mut(name).or(shared) {
                change(storage, *size);
            }
        }
    }
}

impl NodeRoom {
    /// What is left for new guests, for people: `cores 12.0, memory 48.0Gi`. None where the node's size is not known.
    #[must_use]
    pub fn free(&self, overcommit: &Overcommit) -> Option<String> {
        let left = |factor: Option<f64>, capacity: u64, allocated: u64| {
            factor.map(|factor| limit(capacity, factor).saturating_sub(allocated))
        };
        let cores = left(overcommit.cpu, u64::from(self.cores?), u64::from(self.allocated_cores));
        let memory = left(overcommit.memory, self.memory?.0, self.allocated_memory.0);
        let cores = cores.map_or_else(|| "not limited".to_owned(), |cores| format!("{cores}.0"));
        let memory = memory.map_or_else(|| "not limited".to_owned(), rounded_down);
        Some(format!("cores {cores}, memory {memory}"))
    }

    /// The share of the memory that may be promised that is free once `needs` is taken of it too: 1 is all, below 0 it
    /// is over capacity. A node whose memory is not known comes last.
    pub(super) fn free_memory_share(&self, needs: Bytes, overcommit: &Overcommit) -> f64 {
        let limit = self.memory.map_or(0, |memory| limit(memory.0, overcommit.memory.unwrap_or(1.0)));
        if limit == 0 {
            return f64::NEG_INFINITY;
        }
        1.0 - plus(self.allocated_memory, needs).0 as f64 / limit as f64
    }
}

impl StorageRoom {
    /// What cannot be promised again. Disks may be thin, so more may be promised than written; and others may have
    /// written what nobody promised: the larger of the two counts.
    pub(super) fn committed(&self) -> Bytes {
        plus(self.used.max(self.allocated), self.booked)
    }

    /// Not even a thin disk has room.
    pub(super) fn is_full(&self) -> bool {
        self.total.is_some_and(|total| self.used >= total)
    }
}

/// How much of a capacity may be promised, in whole cores or bytes. The factor counts by its first six decimals, in
/// integers, so that 0.29 of 100 is 29; one that is no number or negative is 0.
pub(super) fn limit(capacity: u64, factor: f64) -> u64 {
    const ONE: u32 = 1_000_000;
    let millionths = (factor * f64::from(ONE)).round() as u64;
    let product = u128::from(capacity) * u128::from(millionths) / u128::from(ONE);
    u64::try_from(product).unwrap_or(u64::MAX)
}

fn plus(a: Bytes, b: Bytes) -> Bytes {
    Bytes(a.0.saturating_add(b.0))
}

fn minus(a: Bytes, b: Bytes) -> Bytes {
    Bytes(a.0.saturating_sub(b.0))
}
