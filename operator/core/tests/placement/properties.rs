//! What holds for every cluster and every wish.

use crate::fixture::{ONCE, UNLIMITED, empty, node};
use crate::strategies::{FACTORS, Member, choices, demands, members, overcommits, rooms, wish_among, wishes};
use proptest::prelude::*;
use proptest::test_runner::Config as Settings;
use std::collections::BTreeMap;
use zentoria_core::placement::{
    Demand, NodeRoom, Overcommit, Room, StorageRoom, Strategy as Choice, Wish, place, should_move,
};
use zentoria_types::NodeName;
use zentoria_types::size::Bytes;

/// As many cases as `PROPTEST_CASES` says.
fn settings() -> Settings {
    Settings { failure_persistence: None, ..Settings::default() }
}

/// Whether `committed` is within a capacity, by cross multiplication.
fn within(committed: u64, capacity: Option<u64>, factor: Option<f64>) -> bool {
    let Some(factor) = factor else { return true };
    let (_, times, over) = FACTORS.iter().find(|(known, _, _)| *known == factor).unwrap();
    capacity.is_some_and(|capacity| committed * over <= capacity * times)
}

fn storage_fits(storage: Option<&StorageRoom>, needs: Bytes, overcommit: &Overcommit) -> bool {
    let Some(StorageRoom { total, used, allocated, booked }) = storage else { return false };
    let brim = total.is_some_and(|total| used.0 >= total.0);
    let committed = used.0.max(allocated.0) + booked.0 + needs.0;
    needs.0 == 0 || (!brim && within(committed, total.map(|t| t.0), overcommit.disk))
}

/// By brute force, in the words of the contract.
fn fits(room: &Room, name: &NodeName, wish: &Wish, overcommit: &Overcommit) -> bool {
    let NodeRoom { online, cores, memory, allocated_cores, allocated_memory, storages, shared, estate_guests: _ } =
        &room.nodes[name];
    let Demand { cores: more_cores, memory: more_memory, disks } = &wish.demand;
    let disks_fit = disks.iter().all(|(disk, size)| {
        let own = storages.get(disk);
        let found = if shared.contains(disk) { own.or(room.shared.get(disk)) } else { own };
        storage_fits(found, *size, overcommit)
    });
    let parted = wish
        .anti_affinity
        .iter()
        .filter(|term| term.required)
        .all(|term| term.peers_by_node.get(name).is_none_or(|peers| *peers == 0));
    *online
        && wish.allowed.as_ref().is_none_or(|allowed| allowed.contains(name))
        && parted
        && disks_fit
        && (*more_cores == 0 || within(u64::from(allocated_cores + more_cores), cores.map(u64::from), overcommit.cpu))
        && (more_memory.0 == 0 || within(allocated_memory.0 + more_memory.0, memory.map(|m| m.0), overcommit.memory))
}

/// Places what has a place, one after the other.
fn settle(room: &mut Room, members: &[Member], overcommit: &Overcommit) -> BTreeMap<usize, (usize, NodeName)> {
    let mut placed = BTreeMap::new();
    for (i, member) in members.iter().enumerate() {
        let wish = wish_among(member, &placed, i);
        if let Ok(node) = place(room, &wish, overcommit) {
            room.book(&node, &wish.demand);
            placed.insert(i, (member.group, node));
        }
    }
    placed
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn the_node_has_room_and_where_none_is_found_none_has(
        room in rooms(), wish in wishes(), overcommit in overcommits()
    ) {
        match place(&room, &wish, &overcommit) {
            Ok(node) => prop_assert!(fits(&room, &node, &wish, &overcommit), "{node} has no room"),
            Err(error) => {
                for (name, whys) in &error.per_node {
                    prop_assert!(!whys.is_empty(), "{name} is refused without a reason");
                }
                for name in room.nodes.keys() {
                    prop_assert!(!fits(&room, name, &wish, &overcommit), "{name} has room: {error}");
                    prop_assert!(error.per_node.iter().any(|(told, _)| told == name), "{name} is not told of");
                }
                let text = error.to_string();
                prop_assert!(!text.contains('\n') && !text.ends_with(": "), "{text}");
            }
        }
    }

    #[test]
    fn no_other_node_with_room_is_better(room in rooms(), wish in wishes(), overcommit in overcommits()) {
        let Ok(chosen) = place(&room, &wish, &overcommit) else { return Ok(()) };
        let avoided = |name: &NodeName| -> u32 {
            let terms = wish.anti_affinity.iter().filter(|term| !term.required);
            terms.filter_map(|term| term.peers_by_node.get(name)).sum()
        };
        for other in room.nodes.keys().filter(|name| fits(&room, name, &wish, &overcommit)) {
            prop_assert!(avoided(&chosen) <= avoided(other), "{other} has fewer peers than {chosen}");
            let guests = |name: &NodeName| room.nodes[name].estate_guests;
            if wish.strategy == Choice::Spread && avoided(&chosen) == avoided(other) {
                prop_assert!(guests(&chosen) <= guests(other), "{other} has fewer guests than {chosen}");
            }
        }
    }

    #[test]
    fn nothing_depends_on_the_order_of_what_is_given(
        room in rooms(), wish in wishes(), overcommit in overcommits(), shuffled in any::<prop::sample::Index>()
    ) {
        let mut nodes: Vec<_> = room.nodes.clone().into_iter().collect();
        let mut turned = wish.clone();
        turned.anti_affinity.reverse();
        if !nodes.is_empty() {
            let turn = shuffled.index(nodes.len());
            nodes.rotate_left(turn);
        }
        let again = Room { nodes: nodes.into_iter().rev().collect(), shared: room.shared.clone() };
        prop_assert_eq!(place(&room, &wish, &overcommit), place(&again, &turned, &overcommit));
    }

    #[test]
    fn nodes_that_do_not_fit_change_nothing(room in rooms(), wish in wishes(), overcommit in overcommits()) {
        let mut fitting = room.clone();
        fitting.nodes.retain(|name, _| fits(&room, name, &wish, &overcommit));
        prop_assert_eq!(place(&room, &wish, &overcommit).ok(), place(&fitting, &wish, &overcommit).ok());
    }

    #[test]
    fn a_whole_estate_never_takes_more_than_there_is(
        room in rooms(), members in members(), overcommit in overcommits()
    ) {
        let mut after = room.clone();
        settle(&mut after, &members, &overcommit);
        for (name, node) in &after.nodes {
            let before = &room.nodes[name];
            // What was over capacity before is not ours, but nothing may have been added to it.
            let cores = (u64::from(node.allocated_cores), u64::from(before.allocated_cores));
            prop_assert!(cores.0 == cores.1 || within(cores.0, node.cores.map(u64::from), overcommit.cpu));
            let memory = (node.allocated_memory.0, before.allocated_memory.0);
            prop_assert!(memory.0 == memory.1 || within(memory.0, node.memory.map(|m| m.0), overcommit.memory));
        }
        let own = |room: &Room| -> Vec<StorageRoom> {
            room.nodes.values().flat_map(|node| node.storages.values()).chain(room.shared.values()).copied().collect()
        };
        for (after, before) in own(&after).into_iter().zip(own(&room)) {
            let committed = after.used.0.max(after.allocated.0) + after.booked.0;
            prop_assert!(after == before || within(committed, after.total.map(|t| t.0), overcommit.disk), "{after:?}");
        }
    }

    #[test]
    fn those_that_must_be_apart_are_apart(mut room in rooms(), members in members(), overcommit in overcommits()) {
        let placed = settle(&mut room, &members, &overcommit);
        let mut seen = std::collections::BTreeSet::new();
        for (group, node) in placed.values().filter(|(group, _)| group.is_multiple_of(2)) {
            prop_assert!(seen.insert((group, node)), "two of group {group} are on {node}");
        }
    }

    #[test]
    fn the_same_demands_again_move_nobody(mut room in rooms(), members in members(), overcommit in overcommits()) {
        let placed = settle(&mut room, &members, &overcommit);
        for (i, (_, node)) in &placed {
            let wish = wish_among(&members[*i], &placed, *i);
            prop_assert_eq!(&place(&room, &wish, &overcommit).unwrap(), node);
            prop_assert_eq!(should_move(&room, &wish, &overcommit), None);
        }
    }

    #[test]
    fn who_has_to_move_goes_where_it_may_stay(
        room in rooms(), wish in wishes(), overcommit in overcommits(), from in crate::strategies::nodes()
    ) {
        let wish = Wish { current: Some(from.clone()), ..wish };
        if let Some(Ok(target)) = should_move(&room, &wish, &overcommit) {
            prop_assert_ne!(&target, &from);
            let there = Wish { current: Some(target), ..wish };
            prop_assert_eq!(should_move(&room, &there, &overcommit), None, "it would move for ever");
        }
    }

    #[test]
    fn spread_over_equal_nodes_differs_by_one_at_most(nodes in 1..8usize, demands in prop::collection::vec(demands(), 1..40)) {
        let nodes = (0..nodes).map(|i| (node(&format!("pve{i}")), empty()));
        let mut room = Room { nodes: nodes.collect(), ..Room::default() };
        for demand in demands {
            let demand = Demand { disks: BTreeMap::new(), ..demand };
            let wish = Wish { strategy: Choice::Spread, demand, ..Wish::default() };
            let node = place(&room, &wish, &UNLIMITED).unwrap();
            room.book(&node, &wish.demand);
            let counts = || room.nodes.values().map(|node| node.estate_guests);
            prop_assert!(counts().max().unwrap() - counts().min().unwrap() <= 1);
        }
    }

    #[test]
    fn equal_guests_fill_equal_nodes_to_the_last_place(strategy in choices(), nodes in 1..6usize) {
        let nodes = (0..nodes).map(|i| (node(&format!("pve{i}")), empty()));
        let mut room = Room { nodes: nodes.collect(), ..Room::default() };
        let wish = Wish { strategy, ..crate::fixture::wish() };
        let mut count = 0;
        while let Ok(node) = place(&room, &wish, &ONCE) {
            room.book(&node, &wish.demand);
            count += 1;
        }
        prop_assert_eq!(count, 4 * room.nodes.len(), "four of 16Gi on each node of 64Gi");
    }

    #[test]
    fn what_is_booked_and_released_leaves_no_trace(room in rooms(), demand in demands(), at in crate::strategies::nodes()) {
        let mut after = room.clone();
        after.book(&at, &demand);
        after.release(&at, &demand);
        prop_assert_eq!(after, room);
    }
}
