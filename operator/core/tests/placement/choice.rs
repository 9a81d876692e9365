//! Which of the nodes that have room is taken.

use crate::fixture::{ONCE, UNLIMITED, apart, but, empty, gib, node, only, room, storage, wish};
use zentoria_core::placement::{Overcommit, Room, Strategy, Wish, place};

#[test]
fn the_strategy_chooses_among_the_nodes_that_have_room() {
    let spread = || Wish { strategy: Strategy::Spread, ..wish() };
    let guests = |count: u32| but(|n| n.estate_guests = count);
    let used = |memory: u64| but(|n| n.allocated_memory = gib(memory));
    let both = |memory, count| but(|n| (n.allocated_memory, n.estate_guests) = (gib(memory), count));
    let small = || but(|n| n.memory = Some(gib(32)));
    let cases: [(&str, Room, Wish, &str); 13] = [
        ("equal nodes: by name", room([empty(), empty()]), wish(), "pve1"),
        ("most memory free", room([used(8), used(4), used(6)]), wish(), "pve2"),
        ("the share counts, not the sum", room([used(20), small()]), wish(), "pve2"),
        ("as much is free: fewer guests", room([both(8, 3), both(8, 1)]), wish(), "pve2"),
        ("memory before guests", room([both(0, 9), both(8, 0)]), wish(), "pve1"),
        ("spread: fewest guests", room([guests(2), guests(1), guests(3)]), spread(), "pve2"),
        ("spread: guests before memory", room([both(0, 2), both(40, 1)]), spread(), "pve2"),
        ("spread: as many guests, most free", room([both(8, 1), both(4, 1)]), spread(), "pve2"),
        ("one with room", room([used(60), used(48), used(50)]), wish(), "pve2"),
        ("only where allowed", room([empty(), used(8)]), only(&["pve2"]), "pve2"),
        ("an allowed node that does not exist is no obstacle", room([empty()]), only(&["pve1", "pve9"]), "pve1"),
        ("a node that is full keeps what it has", room([used(99)]), at("pve1", wish()), "pve1"),
        ("and one that is not allowed", room([empty(), empty()]), at("pve2", only(&["pve1"])), "pve2"),
    ];
    for (what, room, wish, expected) in cases {
        assert_eq!(place(&room, &wish, &ONCE), Ok(node(expected)), "{what}");
    }
}

fn at(name: &str, wish: Wish) -> Wish {
    Wish { current: Some(node(name)), ..wish }
}

#[test]
fn a_node_with_a_peer_is_avoided_and_taken_only_where_no_other_has_room() {
    for strategy in [Strategy::MostFree, Strategy::Spread] {
        let near = |peers: &[(&str, u32)]| Wish { strategy, anti_affinity: vec![apart(peers, false)], ..wish() };
        let busy = but(|n| (n.allocated_memory, n.estate_guests) = (gib(40), 7));
        let full = but(|n| n.allocated_memory = gib(60));
        let two = room([empty(), busy]);
        assert_eq!(place(&two, &near(&[("pve1", 1)]), &ONCE), Ok(node("pve2")), "{strategy:?}");
        assert_eq!(place(&two, &near(&[("pve1", 2), ("pve2", 3)]), &ONCE), Ok(node("pve1")), "{strategy:?}");
        assert_eq!(place(&room([empty(), full]), &near(&[("pve1", 1)]), &ONCE), Ok(node("pve1")), "{strategy:?}");
    }
}

#[test]
fn a_node_with_a_peer_of_a_required_term_is_refused_whatever_else_is_avoided() {
    let terms = vec![apart(&[("pve1", 1)], true), apart(&[("pve2", 5)], false)];
    assert_eq!(
        place(&room([empty(), empty()]), &Wish { anti_affinity: terms, ..wish() }, &ONCE),
        Ok(node("pve2")),
        "avoiding is no reason to break what is required"
    );
}

#[test]
fn what_has_no_limit_is_no_obstacle() {
    let crowded = but(|n| {
        (n.allocated_cores, n.allocated_memory) = (99, gib(999));
        n.storages.get_mut(&storage("local-zfs")).unwrap().allocated = gib(9999);
    });
    assert_eq!(place(&room([crowded]), &wish(), &UNLIMITED), Ok(node("pve1")));
    let unknown = but(|n| {
        (n.cores, n.memory) = (None, None);
        n.storages.get_mut(&storage("local-zfs")).unwrap().total = None;
    });
    assert_eq!(place(&room([unknown.clone()]), &wish(), &UNLIMITED), Ok(node("pve1")));
    assert_eq!(
        place(&room([unknown, but(|n| n.allocated_memory = gib(63))]), &wish(), &UNLIMITED),
        Ok(node("pve2")),
        "a node of which nothing is known comes last"
    );
}

#[test]
fn overcommit_stretches_each_resource_and_below_one_keeps_a_reserve() {
    let cases = [
        (None, 64, true),
        (Some(1.0), 48, true),
        (Some(1.0), 49, false),
        (Some(1.5), 80, true),
        (Some(1.5), 81, false),
        (Some(0.5), 16, true),
        (Some(0.5), 17, false),
        (Some(0.0), 0, false),
        (Some(-1.0), 0, false),
        (Some(f64::NAN), 0, false),
        (Some(f64::INFINITY), 64, true),
    ];
    for (factor, allocated, fits) in cases {
        let room = room([but(|n| n.allocated_memory = gib(allocated))]);
        let overcommit = Overcommit { memory: factor, ..UNLIMITED };
        assert_eq!(place(&room, &wish(), &overcommit).is_ok(), fits, "{factor:?} {allocated}");
    }
}

#[test]
fn a_factor_counts_as_it_is_written_not_as_a_processor_rounds_it() {
    // 0.29 * 100 is 28.999999999999996 to a processor.
    let room = room([but(|n| (n.cores, n.allocated_cores) = (Some(100), 25))]);
    assert!(place(&room, &wish(), &Overcommit { cpu: Some(0.29), ..UNLIMITED }).is_ok());
    assert!(place(&room, &wish(), &Overcommit { cpu: Some(0.28), ..UNLIMITED }).is_err());
}
