//! Generators: clusters that are small and crowded, so that every reason to refuse comes up.

use crate::fixture::{node, storage};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::placement::{
    AntiAffinity, Demand, NodeRoom, Overcommit, Room, StorageRoom, Strategy as Choice, Wish,
};
use zentoria_types::size::Bytes;
use zentoria_types::{NodeName, StorageName};

const NODES: [&str; 5] = ["pve1", "pve2", "pve3", "pve4", "pve5"];
const OWN: [&str; 2] = ["local-zfs", "tank"];
const SHARED: [&str; 2] = ["ceph", "nfs"];

/// Factors as numerator and denominator too, so that a test need not count as the code does.
pub const FACTORS: [(f64, u64, u64); 5] = [(0.5, 1, 2), (1.0, 1, 1), (1.1, 11, 10), (1.5, 3, 2), (4.0, 4, 1)];

fn names(of: &'static [&'static str]) -> impl Strategy<Value = StorageName> {
    select(of).prop_map(storage)
}

pub fn nodes() -> impl Strategy<Value = NodeName> {
    select(&NODES[..]).prop_map(node)
}

/// Small numbers: a hundred bytes are a disk here.
fn size(most: u64) -> impl Strategy<Value = Bytes> {
    (0..=most).prop_map(Bytes)
}

fn storage_room() -> impl Strategy<Value = StorageRoom> {
    let total = prop_oneof![9 => size(100).prop_map(Some), 1 => Just(None)];
    (total, size(60), size(60), size(20)).prop_map(|(total, used, allocated, booked)| StorageRoom {
        total,
        used,
        allocated,
        booked,
    })
}

fn node_room() -> impl Strategy<Value = NodeRoom> {
    (
        prop::bool::weighted(0.85),
        prop_oneof![9 => (0..=16u32).prop_map(Some), 1 => Just(None)],
        prop_oneof![9 => size(64).prop_map(Some), 1 => Just(None)],
        0..=12u32,
        size(50),
        btree_map(names(&OWN), storage_room(), 0..=2),
        btree_set(names(&SHARED), 0..=2),
        0..=4u32,
    )
        .prop_map(|(online, cores, memory, allocated_cores, allocated_memory, storages, shared, estate_guests)| {
            NodeRoom { online, cores, memory, allocated_cores, allocated_memory, storages, shared, estate_guests }
        })
}

pub fn rooms() -> impl Strategy<Value = Room> {
    let shared = btree_map(names(&SHARED), storage_room(), 0..=2);
    (btree_map(nodes(), node_room(), 0..=5), shared).prop_map(|(nodes, shared)| Room { nodes, shared })
}

pub fn demands() -> impl Strategy<Value = Demand> {
    let disks = prop_oneof![
        3 => btree_map(names(&OWN), size(30), 0..=1),
        2 => btree_map(prop_oneof![names(&OWN), names(&SHARED)], size(30), 0..=2),
    ];
    (0..=6u32, size(20), disks).prop_map(|(cores, memory, disks)| Demand { cores, memory, disks })
}

pub fn choices() -> impl Strategy<Value = Choice> {
    select(vec![Choice::MostFree, Choice::Spread])
}

fn terms() -> impl Strategy<Value = AntiAffinity> {
    (btree_map(nodes(), 0..=2u32, 0..=3), any::<bool>())
        .prop_map(|(peers_by_node, required)| AntiAffinity { peers_by_node, required })
}

fn allowed() -> impl Strategy<Value = Option<BTreeSet<NodeName>>> {
    option::weighted(0.3, btree_set(nodes(), 0..=4))
}

/// A wish of a guest that is nowhere yet.
pub fn wishes() -> impl Strategy<Value = Wish> {
    (allowed(), choices(), vec(terms(), 0..=2), demands()).prop_map(|(allowed, strategy, anti_affinity, demand)| Wish {
        allowed,
        strategy,
        anti_affinity,
        demand,
        current: None,
    })
}

pub fn overcommits() -> impl Strategy<Value = Overcommit> {
    let factor = || option::weighted(0.8, select(&FACTORS[..]).prop_map(|(factor, _, _)| factor));
    (factor(), factor(), factor()).prop_map(|(cpu, memory, disk)| Overcommit { cpu, memory, disk })
}

/// A guest of one of a few groups, whose members must not, or had better not, share a node.
#[derive(Clone, Debug)]
pub struct Member {
    pub group: usize,
    pub wish: Wish,
}

/// How many groups there are; the even ones must be apart, the odd ones had better be.
pub const GROUPS: usize = 4;

pub fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (0..GROUPS, wishes()).prop_map(|(group, wish)| Member { group, wish });
    vec(member, 1..24)
}

/// The wish of a member, among those that have a place.
pub fn wish_among(member: &Member, placed: &BTreeMap<usize, (usize, NodeName)>, own: usize) -> Wish {
    let mut peers_by_node = BTreeMap::new();
    for (_, (_, node)) in placed.iter().filter(|(i, (group, _))| **i != own && *group == member.group) {
        *peers_by_node.entry(node.clone()).or_default() += 1;
    }
    let term = AntiAffinity { peers_by_node, required: member.group.is_multiple_of(2) };
    let current = placed.get(&own).map(|(_, node)| node.clone());
    Wish { anti_affinity: vec![term], current, ..member.wish.clone() }
}
