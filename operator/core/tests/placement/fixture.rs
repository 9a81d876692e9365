//! Nodes and wishes in few words.

use zentoria_core::placement::{AntiAffinity, Demand, NodeRoom, Overcommit, Room, StorageRoom, Wish};
use zentoria_types::size::Bytes;
use zentoria_types::{NodeName, StorageName};

pub const ONCE: Overcommit = Overcommit { cpu: Some(1.0), memory: Some(1.0), disk: Some(1.0) };
pub const UNLIMITED: Overcommit = Overcommit { cpu: None, memory: None, disk: None };

pub fn gib(gib: u64) -> Bytes {
    Bytes(gib << 30)
}

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub fn storage(name: &str) -> StorageName {
    StorageName::new(name).unwrap()
}

/// 16 cores, 64 GiB and 500 GiB of `local-zfs`, nothing promised.
pub fn empty() -> NodeRoom {
    NodeRoom {
        online: true,
        cores: Some(16),
        memory: Some(gib(64)),
        storages: [(storage("local-zfs"), sized(500))].into(),
        ..NodeRoom::default()
    }
}

pub fn sized(total: u64) -> StorageRoom {
    StorageRoom { total: Some(gib(total)), ..StorageRoom::default() }
}

/// An empty node with something changed.
pub fn but(change: impl FnOnce(&mut NodeRoom)) -> NodeRoom {
    let mut room = empty();
    change(&mut room);
    room
}

/// `pve1`, `pve2`, and so on.
pub fn room<const N: usize>(nodes: [NodeRoom; N]) -> Room {
    let named = nodes.into_iter().enumerate().map(|(i, room)| (node(&format!("pve{}", i + 1)), room));
    Room { nodes: named.collect(), ..Room::default() }
}

/// 4 cores, 16 GiB, and 40 GiB on `local-zfs`.
pub fn demand() -> Demand {
    Demand { cores: 4, memory: gib(16), disks: [(storage("local-zfs"), gib(40))].into() }
}

pub fn wish() -> Wish {
    Wish { demand: demand(), ..Wish::default() }
}

pub fn only(nodes: &[&str]) -> Wish {
    Wish { allowed: Some(nodes.iter().map(|name| node(name)).collect()), ..wish() }
}

pub fn apart(peers: &[(&str, u32)], required: bool) -> AntiAffinity {
    AntiAffinity { peers_by_node: peers.iter().map(|(name, count)| (node(name), *count)).collect(), required }
}
