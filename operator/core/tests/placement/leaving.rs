//! When a guest that is somewhere has to go somewhere else.

use crate::fixture::{ONCE, apart, but, demand, empty, gib, node, only, room, sized, storage, wish};
use zentoria_core::placement::{Demand, StorageRoom, Why, Wish, should_move};

fn at(name: &str, wish: Wish) -> Wish {
    Wish { current: Some(node(name)), ..wish }
}

#[test]
fn a_guest_stays_where_it_may_be() {
    let full = || but(|n| (n.allocated_memory, n.estate_guests) = (gib(99), 9));
    let avoided = Wish { anti_affinity: vec![apart(&[("pve1", 3)], false)], ..wish() };
    let elsewhere = Wish { anti_affinity: vec![apart(&[("pve2", 3)], true)], ..wish() };
    let cases = [
        ("it is nowhere yet", only(&["pve2"])),
        ("any node will do, also one over its capacity", at("pve1", wish())),
        ("it is on one of its nodes", at("pve1", only(&["pve2", "pve1"]))),
        ("what is only avoided moves nobody", at("pve1", avoided)),
        ("its peers are elsewhere", at("pve1", elsewhere)),
        ("its node is not known, but nothing speaks against it", at("pve9", wish())),
    ];
    for (what, wish) in cases {
        assert_eq!(should_move(&room([full(), empty()]), &wish, &ONCE), None, "{what}");
    }
}

#[test]
fn a_guest_on_a_node_that_is_not_allowed_goes_to_the_best_one() {
    let nodes = || room([empty(), but(|n| n.allocated_memory = gib(8)), empty()]);
    assert_eq!(should_move(&nodes(), &at("pve1", only(&["pve2", "pve3"])), &ONCE), Some(Ok(node("pve3"))));
    assert_eq!(should_move(&nodes(), &at("pve9", only(&["pve2"])), &ONCE), Some(Ok(node("pve2"))));
}

#[test]
fn a_guest_with_a_peer_that_it_must_not_have_leaves_it() {
    let near = Wish { anti_affinity: vec![apart(&[("pve1", 1), ("pve2", 1)], true)], ..wish() };
    assert_eq!(should_move(&room([empty(), empty(), empty()]), &at("pve1", near), &ONCE), Some(Ok(node("pve3"))));
}

#[test]
fn a_guest_that_has_to_go_and_has_nowhere_to_go_says_why() {
    let full = but(|n| n.allocated_memory = gib(60));
    let error = should_move(&room([empty(), full]), &at("pve1", only(&["pve2"])), &ONCE).unwrap().unwrap_err();
    assert_eq!(error.per_node[0], (node("pve1"), vec![Why::NotAllowed]));
    assert_eq!(
        error.to_string(),
        "no node has room: pve1: not among the allowed nodes; pve2: memory 16.0Gi needed, 4.0Gi of 64.0Gi free \
         (overcommit.memory 1): allow another node, free some, add a node, or raise overcommit.memory"
    );
}

#[test]
fn disks_on_a_shared_storage_need_no_room_to_move() {
    let mut room = room([empty(), empty(), empty()]);
    room.shared.insert(storage("ceph"), StorageRoom { allocated: gib(90), used: gib(100), ..sized(100) });
    for name in ["pve1", "pve3"] {
        room.nodes.get_mut(&node(name)).unwrap().shared.insert(storage("ceph"));
    }
    let demand = Demand { disks: [(storage("ceph"), gib(40))].into(), ..demand() };
    let wish = at("pve1", Wish { demand, ..only(&["pve2", "pve3"]) });
    assert_eq!(should_move(&room, &wish, &ONCE), Some(Ok(node("pve3"))), "but only where the storage is");
}
