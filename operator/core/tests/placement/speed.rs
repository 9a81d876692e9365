//! How long an estate takes. It prints; what is too long is for the benchmark to judge.

use crate::fixture::{ONCE, gib, node, sized, storage};
use std::collections::BTreeMap;
use std::time::Instant;
use zentoria_core::placement::{AntiAffinity, Demand, NodeRoom, Room, Strategy, Wish, place};

const NODES: usize = 10;
const GUESTS: usize = 500;

fn cluster() -> Room {
    let nodes = (0..NODES).map(|i| {
        let room = NodeRoom {
            online: true,
            cores: Some(128),
            memory: Some(gib(512)),
            storages: [(storage("local-zfs"), sized(4096)), (storage("tank"), sized(8192))].into(),
            shared: [storage("ceph")].into(),
            ..NodeRoom::default()
        };
        (node(&format!("pve{i}")), room)
    });
    Room { nodes: nodes.collect(), shared: [(storage("ceph"), sized(65536))].into() }
}

/// Guest `i`, which avoids the others of its own fifty and must not be with those of its own five.
fn wish(i: usize, peers: [&BTreeMap<zentoria_types::NodeName, u32>; 2]) -> Wish {
    let term = |i: usize, required| AntiAffinity { peers_by_node: peers[i].clone(), required };
    let disk = storage(["local-zfs", "tank", "ceph"][i % 3]);
    Wish {
        strategy: if i.is_multiple_of(2) { Strategy::MostFree } else { Strategy::Spread },
        anti_affinity: vec![term(0, true), term(1, false)],
        demand: Demand {
            cores: 1 + (i % 3) as u32,
            memory: gib(1 + (i % 8) as u64),
            disks: [(disk, gib(8 + (i % 5) as u64)), (storage("ceph"), gib(4))].into(),
        },
        ..Wish::default()
    }
}

#[test]
fn five_hundred_containers_find_a_place_on_ten_nodes() {
    let mut room = cluster();
    let (mut fives, mut fifties) = (vec![BTreeMap::new(); GUESTS / 5], vec![BTreeMap::new(); GUESTS / 50]);
    let started = Instant::now();
    for i in 0..GUESTS {
        let wish = wish(i, [&fives[i / 5], &fifties[i / 50]]);
        let node = place(&room, &wish, &ONCE).unwrap_or_else(|error| panic!("guest {i}: {error}"));
        room.book(&node, &wish.demand);
        for peers in [&mut fives[i / 5], &mut fifties[i / 50]] {
            *peers.entry(node.clone()).or_default() += 1;
        }
    }
    println!("{GUESTS} containers on {NODES} nodes placed in {:?}", started.elapsed());
    assert!(fives.iter().all(|peers| peers.values().all(|count| *count == 1)), "{fives:?}");
}
