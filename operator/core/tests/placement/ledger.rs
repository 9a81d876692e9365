//! What is decided is booked, and the next decision sees it.

use crate::fixture::{ONCE, demand, empty, gib, node, room, sized, storage, wish};
use zentoria_core::placement::{Demand, Room, StorageRoom, Wish, place};

/// Two empty nodes and `ceph`, 100 GiB that both have.
fn with_ceph() -> Room {
    let mut room = room([empty(), empty()]);
    room.shared.insert(storage("ceph"), sized(100));
    for node in room.nodes.values_mut() {
        node.shared.insert(storage("ceph"));
    }
    room
}

fn on_ceph(size: u64) -> Demand {
    Demand { cores: 1, memory: gib(1), disks: [(storage("ceph"), gib(size))].into() }
}

#[test]
fn a_shared_storage_is_counted_once_for_the_cluster() {
    let mut room = with_ceph();
    let wish = Wish { demand: on_ceph(40), ..wish() };
    let mut places = Vec::new();
    while let Ok(node) = place(&room, &wish, &ONCE) {
        room.book(&node, &wish.demand);
        places.push(node);
    }
    assert_eq!(places, [node("pve1"), node("pve2")], "two of 40Gi on 100Gi, whatever the number of nodes");
    assert_eq!(room.shared[&storage("ceph")].booked, gib(80));
}

#[test]
fn a_shared_storage_that_a_node_does_not_have_is_not_used_there() {
    let mut room = with_ceph();
    room.nodes.get_mut(&node("pve1")).unwrap().shared.clear();
    assert_eq!(place(&room, &Wish { demand: on_ceph(40), ..wish() }, &ONCE), Ok(node("pve2")));
    room.book(&node("pve1"), &on_ceph(40));
    assert_eq!(room.shared[&storage("ceph")].booked, gib(0));
}

#[test]
fn a_storage_of_its_own_is_counted_on_its_node() {
    let mut room = with_ceph();
    room.book(&node("pve2"), &demand());
    let booked = |name: &str| room.nodes[&node(name)].storages[&storage("local-zfs")].booked;
    assert_eq!((booked("pve1"), booked("pve2")), (gib(0), gib(40)));
}

#[test]
fn what_was_booked_and_released_leaves_no_trace() {
    let before = with_ceph();
    let mut room = before.clone();
    for demand in [demand(), on_ceph(30)] {
        room.book(&node("pve1"), &demand);
        assert_ne!(room, before);
        room.release(&node("pve1"), &demand);
        assert_eq!(room, before);
    }
}

#[test]
fn what_was_there_when_the_room_was_read_can_be_released_too() {
    let mut room = with_ceph();
    room.shared.insert(storage("ceph"), StorageRoom { allocated: gib(50), booked: gib(10), ..sized(100) });
    room.release(&node("pve1"), &on_ceph(30));
    assert_eq!(
        room.shared[&storage("ceph")],
        StorageRoom { allocated: gib(30), ..sized(100) },
        "what is booked goes first"
    );
}

#[test]
fn disks_booked_between_two_polls_add_up_also_beside_what_others_have_written() {
    let mut room = with_ceph();
    room.shared.insert(storage("ceph"), StorageRoom { used: gib(70), allocated: gib(10), ..sized(100) });
    let wish = Wish { demand: on_ceph(20), ..wish() };
    room.book(&place(&room, &wish, &ONCE).unwrap(), &wish.demand);
    assert!(place(&room, &wish, &ONCE).is_err(), "70Gi are written and 20Gi promised: 10Gi are left");
}

#[test]
fn a_node_or_storage_that_is_not_known_is_passed_over() {
    let before = with_ceph();
    let mut room = before.clone();
    room.book(&node("pve9"), &demand());
    room.release(&node("pve9"), &demand());
    assert_eq!(room, before);
    let strange = Demand { disks: [(storage("tank"), gib(1))].into(), ..Demand::default() };
    room.book(&node("pve1"), &strange);
    room.release(&node("pve1"), &strange);
    assert_eq!(room, before);
}
