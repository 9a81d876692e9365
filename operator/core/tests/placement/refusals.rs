//! Why no node takes a guest, and what a person reads then.

use crate::fixture::{ONCE, UNLIMITED, apart, but, demand, empty, gib, node, only, room, sized, storage, wish};
use zentoria_core::placement::{Demand, NodeRoom, Overcommit, Resource, Room, StorageRoom, Why, Wish, place};
use zentoria_types::size::Bytes;

fn local_zfs(change: impl FnOnce(&mut StorageRoom)) -> NodeRoom {
    but(|n| change(n.storages.get_mut(&storage("local-zfs")).unwrap()))
}

fn short(resource: Resource, needs: u64, free: u64, of: u64, overcommit: Option<f64>) -> Why {
    Why::Short { resource, needs, free, of, overcommit }
}

/// What it shows, the only node, the wish, the limits; the reasons, and whether waiting can help.
type Case = (&'static str, NodeRoom, Wish, Overcommit, Vec<Why>, bool);

#[test]
fn each_reason_has_its_numbers_and_says_whether_waiting_can_help() {
    let disk = || Resource::Disk(storage("local-zfs"));
    let bytes = |size| gib(size).0;
    let near = Wish { anti_affinity: vec![apart(&[("pve1", 1)], true), apart(&[("pve1", 2)], true)], ..wish() };
    let twice = Overcommit { cpu: Some(2.0), memory: Some(2.0), disk: Some(2.0) };
    let with = |change: fn(&mut Demand)| {
        let mut demand = demand();
        change(&mut demand);
        Wish { demand, ..wish() }
    };
    let cases: [Case; 16] = [
        ("offline", but(|n| n.online = false), wish(), ONCE, vec![Why::Offline], true),
        ("not allowed, and offline too", but(|n| n.online = false), only(&[]), ONCE, vec![Why::NotAllowed], false),
        ("a peer", empty(), near, ONCE, vec![Why::AntiAffinity { peers: 3 }], true),
        (
            "no such storage",
            but(|n| n.storages.clear()),
            wish(),
            UNLIMITED,
            vec![Why::NoSuchStorage(storage("local-zfs"))],
            false,
        ),
        (
            "cores",
            but(|n| n.allocated_cores = 13),
            wish(),
            ONCE,
            vec![short(Resource::Cores, 4, 3, 16, Some(1.0))],
            true,
        ),
        (
            "cores, over capacity",
            but(|n| n.allocated_cores = 40),
            wish(),
            twice,
            vec![short(Resource::Cores, 4, 0, 32, Some(2.0))],
            true,
        ),
        (
            "more cores than the node has",
            empty(),
            with(|d| d.cores = 17),
            ONCE,
            vec![short(Resource::Cores, 17, 16, 16, Some(1.0))],
            false,
        ),
        ("cores not known", but(|n| n.cores = None), wish(), ONCE, vec![Why::Unmeasured(Resource::Cores)], true),
        (
            "memory",
            but(|n| n.allocated_memory = gib(60)),
            wish(),
            ONCE,
            vec![short(Resource::Memory, bytes(16), bytes(4), bytes(64), Some(1.0))],
            true,
        ),
        (
            "more memory than the node has",
            empty(),
            with(|d| d.memory = gib(129)),
            twice,
            vec![short(Resource::Memory, bytes(129), bytes(128), bytes(128), Some(2.0))],
            false,
        ),
        ("memory not known", but(|n| n.memory = None), wish(), ONCE, vec![Why::Unmeasured(Resource::Memory)], true),
        (
            "disk promised",
            local_zfs(|s| (s.allocated, s.used) = (gib(470), gib(100))),
            wish(),
            ONCE,
            vec![short(disk(), bytes(40), bytes(30), bytes(500), Some(1.0))],
            true,
        ),
        (
            "disk written by others",
            local_zfs(|s| (s.allocated, s.used, s.booked) = (gib(10), gib(460), gib(5))),
            wish(),
            ONCE,
            vec![short(disk(), bytes(40), bytes(35), bytes(500), Some(1.0))],
            true,
        ),
        (
            "a storage that is full is full without limit too",
            local_zfs(|s| s.used = gib(500)),
            wish(),
            UNLIMITED,
            vec![short(disk(), bytes(40), 0, bytes(500), None)],
            true,
        ),
        ("disk not known", local_zfs(|s| s.total = None), wish(), ONCE, vec![Why::Unmeasured(disk())], true),
        (
            "all at once",
            but(|n| (n.allocated_cores, n.allocated_memory) = (15, gib(63))),
            wish(),
            ONCE,
            vec![
                short(Resource::Cores, 4, 1, 16, Some(1.0)),
                short(Resource::Memory, bytes(16), bytes(1), bytes(64), Some(1.0)),
            ],
            true,
        ),
    ];
    for (what, seen, wish, overcommit, whys, can_come) in cases {
        let error = place(&room([seen]), &wish, &overcommit).unwrap_err();
        assert_eq!(error.per_node, [(node("pve1"), whys)], "{what}");
        assert_eq!(error.can_come(), can_come, "{what}");
    }
}

#[test]
fn a_node_that_only_the_wish_knows_is_named_with_the_others() {
    let error = place(&room([empty(), empty()]), &only(&["pve9", "pve0"]), &ONCE).unwrap_err();
    let expected =
        [("pve0", Why::NoSuchNode), ("pve1", Why::NotAllowed), ("pve2", Why::NotAllowed), ("pve9", Why::NoSuchNode)];
    assert_eq!(error.per_node, expected.map(|(name, why)| (node(name), vec![why])));
    assert!(!error.can_come());
}

#[test]
fn waiting_helps_when_one_allowed_node_may_yet_have_room() {
    let offline = || but(|n| n.online = false);
    assert!(place(&room([offline(), empty()]), &only(&["pve1", "pve9"]), &ONCE).unwrap_err().can_come());
    let bare = but(|n| n.storages.clear());
    assert!(
        place(&room([bare, offline()]), &wish(), &ONCE).unwrap_err().can_come(),
        "the storages of a node that does not answer are not known"
    );
    assert!(place(&Room::default(), &wish(), &ONCE).unwrap_err().can_come(), "a list without a node proves nothing");
}

#[test]
fn a_guest_that_asks_for_nothing_fits_where_nothing_is_left() {
    let nothing =
        Wish { demand: Demand { disks: [(storage("local-zfs"), Bytes(0))].into(), ..Demand::default() }, ..wish() };
    let full = but(|n| {
        (n.allocated_cores, n.allocated_memory) = (99, gib(99));
        n.storages.insert(storage("local-zfs"), StorageRoom { used: gib(1), ..sized(1) });
    });
    assert_eq!(place(&room([full]), &nothing, &ONCE), Ok(node("pve1")));
}

#[test]
fn the_message_is_one_line_with_the_numbers_and_the_remedy() {
    let full = || but(|n| n.allocated_memory = gib(60));
    let offline = || but(|n| n.online = false);
    let nearly = but(|n| n.allocated_memory = Bytes(gib(48).0 + 1));
    let crowded = but(|n| {
        n.allocated_cores = 14;
        n.storages.insert(storage("local-zfs"), StorageRoom { allocated: gib(90), ..sized(100) });
    });
    let brim = local_zfs(|s| s.used = gib(500));
    let large = Wish { demand: Demand { memory: gib(80), ..demand() }, ..wish() };
    let tiny = Wish { demand: Demand { memory: Bytes(300 << 20), ..demand() }, ..wish() };
    let one = Wish { anti_affinity: vec![apart(&[("pve1", 1)], true)], ..wish() };
    let two = Wish { anti_affinity: vec![apart(&[("pve1", 2)], true)], ..wish() };
    let dark = but(|n| {
        n.memory = None;
        n.storages.insert(storage("local-zfs"), StorageRoom::default());
    });
    let cases: [(Room, Wish, &str); 14] = [
        (
            room([full(), offline()]),
            wish(),
            "no node has room: pve1: memory 16.0Gi needed, 4.0Gi of 64.0Gi free (overcommit.memory 1); pve2: offline: \
             bring a node back, free some, add a node, or raise overcommit.memory",
        ),
        (
            room([full(), offline(), full(), empty()]),
            only(&["pve1", "pve2", "pve3"]),
            "no node has room: pve1, pve3: memory 16.0Gi needed, 4.0Gi of 64.0Gi free (overcommit.memory 1); pve2: \
             offline; pve4: not among the allowed nodes: bring a node back, allow another node, free some, add a \
             node, or raise overcommit.memory",
        ),
        (room([offline()]), wish(), "no node has room: pve1: offline: bring a node back"),
        (
            room([nearly]),
            wish(),
            "no node has room: pve1: memory 16.0Gi needed, 15.9Gi of 64.0Gi free (overcommit.memory 1): free some, \
             add a node, or raise overcommit.memory",
        ),
        (
            room([crowded]),
            wish(),
            "no node has room: pve1: cores 4 needed, 2 of 16 free (overcommit.cpu 1) and storage local-zfs 40.0Gi \
             needed, 10.0Gi of 100.0Gi free (overcommit.disk 1): free some, add a node, raise overcommit.cpu, or \
             raise overcommit.disk",
        ),
        (
            room([brim]),
            wish(),
            "no node has room: pve1: storage local-zfs 40.0Gi needed, 0Mi of 500.0Gi free: free some",
        ),
        (
            room([empty()]),
            large,
            "no node can take it: pve1: memory 80.0Gi needed, 64.0Gi of 64.0Gi free (overcommit.memory 1): ask for \
             less, add a node, or raise overcommit.memory",
        ),
        (
            room([but(|n| n.allocated_memory = Bytes(gib(64).0 - (200 << 20)))]),
            tiny,
            "no node has room: pve1: memory 300Mi needed, 200Mi of 64.0Gi free (overcommit.memory 1): free some, add \
             a node, or raise overcommit.memory",
        ),
        (
            room([empty()]),
            one,
            "no node has room: pve1: 1 container that it must not share a node with: relax the anti-affinity or add \
             a node",
        ),
        (
            room([empty()]),
            two,
            "no node has room: pve1: 2 containers that it must not share a node with: relax the anti-affinity or add \
             a node",
        ),
        (
            room([dark]),
            wish(),
            "no node has room: pve1: size of memory not known and size of storage local-zfs not known: grant the \
             token Sys.Audit on /nodes or activate the storage and grant the token Datastore.Audit on it",
        ),
        (
            room([empty()]),
            only(&["pve9"]),
            "no node can take it: pve1: not among the allowed nodes; pve9: does not exist: correct the node's name or \
             allow another node",
        ),
        (
            room([but(|n| n.storages.clear())]),
            wish(),
            "no node can take it: pve1: no storage local-zfs for disks of containers: name another storage",
        ),
        (Room::default(), wish(), "no node has room: Proxmox VE shows no node at all"),
    ];
    for (room, wish, expected) in cases {
        assert_eq!(place(&room, &wish, &ONCE).unwrap_err().to_string(), expected);
    }
}
