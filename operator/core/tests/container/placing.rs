//! Who may share a node, what is asked of a node, and what the guard lets through.

use crate::fixture::{guest_of, node, spec};
use crate::model::World;
use proptest::prelude::*;
use std::collections::BTreeMap;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{AntiAffinity as Term, RebootPolicy};
use zentoria_core::Fact;
use zentoria_core::cluster::quota::{Excess, OverQuota, Resource};
use zentoria_core::container::guard::guard;
use zentoria_core::container::plan::plan;
use zentoria_core::container::siting::{Apart, Member, Neighbours, Siting, demand};
use zentoria_core::container::step::{Plan, Step};
use zentoria_core::placement::{AntiAffinity, NodeRoom, Overcommit, Room, StorageRoom};
use zentoria_types::names::StorageName;
use zentoria_types::size::Bytes;

pub fn gib(gib: u64) -> u64 {
    gib << 30
}

/// Every core, byte and disk once.
pub fn once() -> Siting {
    Siting { overcommit: Overcommit { cpu: None, memory: Some(1.0), disk: Some(1.0) }, ..Siting::default() }
}

/// `pve1` to `pve3`, of 16 GiB, with so many GiB promised and so many containers of the namespace.
pub fn room(promised: [u64; 3], neighbours: [u32; 3]) -> Room {
    let storage = || StorageRoom { total: Some(Bytes(gib(500))), ..StorageRoom::default() };
    let nodes = (0..3).map(|i| {
        let room = NodeRoom {
            online: true,
            cores: Some(8),
            memory: Some(Bytes(gib(16))),
            allocated_memory: Bytes(gib(promised[i])),
            storages: ["local-zfs", "tank"].map(|name| (StorageName::new(name).unwrap(), storage())).into(),
            estate_guests: neighbours[i],
            ..NodeRoom::default()
        };
        (node(&format!("pve{}", i + 1)), room)
    });
    Room { nodes: nodes.collect(), ..Room::default() }
}

pub fn apart(peers: &[(&str, u32)], required: bool) -> AntiAffinity {
    AntiAffinity { peers_by_node: peers.iter().map(|(name, count)| (node(name), *count)).collect(), required }
}

/// Each with what is used, the limit, and what is asked for.
pub fn excess(list: &[(Resource, u64, u64, u64)], grows: bool) -> OverQuota {
    let excesses =
        list.iter().map(|&(resource, used, limit, asks)| Excess { resource, used, limit, asks, grows }).collect();
    OverQuota { namespace: "zentoria".into(), excesses }
}

fn labels(app: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), app.to_owned())])
}

fn term(app: &str, required: bool) -> Vec<Term> {
    let text = format!("[{{selector: {{matchLabels: {{app: {app}}}}}, required: {required}}}]");
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn who_may_not_be_with_me_is_whom_i_may_not_be_with() {
    let (web, db) = (labels("web"), labels("db"));
    let (none, apart_from_web, avoids_web) = (Vec::new(), term("web", true), term("web", false));
    let member = |name, labels, terms| Member { name, labels, terms };
    let all = [
        member("web1", &web, &apart_from_web),
        member("web2", &web, &none),
        member("db1", &db, &apart_from_web),
        member("db2", &db, &avoids_web),
        member("db3", &db, &none),
    ];
    let told = |i: usize| -> Vec<String> {
        let terms = zentoria_core::container::siting::apart(all[i], all.into_iter());
        let words = terms.iter().map(|Apart { names, required }| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{} {}", if *required { "never" } else { "rather not" }, names.join(" "))
        });
        words.collect()
    };
    // web1 is in two terms with web2, and counts once.
    assert_eq!(told(0), ["never db1 web2"]);
    assert_eq!(told(1), ["never db1 web1"]);
    assert_eq!(told(2), ["never web1 web2"]);
    // A preference of others is theirs.
    assert_eq!(told(3), ["rather not web1 web2"]);
    assert_eq!(told(4), Vec::<String>::new());
}

#[test]
fn peers_count_where_they_are() {
    let neighbours = Neighbours {
        nodes: [("a", "pve1"), ("b", "pve1"), ("c", "pve2")].map(|(name, on)| (name.to_owned(), node(on))).into(),
        apart: vec![Apart { names: ["a", "c", "unplaced"].map(str::to_owned).into(), required: true }],
    };
    assert_eq!(neighbours.anti_affinity(), [apart(&[("pve1", 1), ("pve2", 1)], true)]);
    assert_eq!(neighbours.count_by_node(), BTreeMap::from([(&node("pve1"), 2), (&node("pve2"), 1)]));
}

#[test]
fn a_guest_counts_with_what_its_spec_names_and_a_little_where_it_does_not() {
    let cases = [
        ("", 1, 512, ""),
        ("resources: {cores: 4, memory: 2Gi, swap: 8Gi}", 4, 2048, ""),
        ("resources: {cpuLimit: 1.5}", 2, 512, ""),
        ("rootDisk: {size: 8Gi, storage: tank}", 1, 512, "tank 8Gi"),
        ("rootDisk: {size: 8Gi}", 1, 512, "local-zfs 8Gi"),
        ("rootDisk: {size: 8Gi}, source: {clone: {vmid: 900, full: false}}", 1, 512, ""),
        ("rootDisk: {size: 8Gi}, source: {clone: {vmid: 900}}", 1, 512, "local-zfs 8Gi"),
    ];
    for (fields, cores, mib, disks) in cases {
        let asked = demand(&World::new(spec(&format!("vmid: 404, {fields}"))).want().unwrap());
        let told: Vec<String> = asked.disks.iter().map(|(storage, size)| format!("{storage} {size}")).collect();
        assert_eq!(
            (asked.cores, asked.memory, told.join(", ")),
            (cores, Bytes::from_mib(mib), disks.to_owned()),
            "{fields}"
        );
    }
}

/// A world of three nodes with a guest of ours on one of them, or none yet.
fn worlds() -> impl Strategy<Value = World> {
    let nodes = proptest::sample::subsequence(vec!["pve1", "pve2", "pve3"], 0..=3);
    let facts = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (nodes, prop::array::uniform3(0u64..17), facts, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |(nodes, promised, (made, enforce, automatic, running, ha), replicated, over)| {
            let mut world = World::new(spec("vmid: 404, resources: {memory: 2Gi}, rootDisk: {size: 8Gi}"));
            for name in ["pve2", "pve3"] {
                world.seen.cluster.nodes.insert(node(name), crate::fixture::node_facts());
            }
            world.spec.placement.nodes = nodes.into_iter().map(str::to_owned).collect();
            world.spec.placement.enforce = enforce;
            world.spec.reboot_policy = if automatic { RebootPolicy::Automatic } else { RebootPolicy::Never };
            world.seen.siting = Some(Siting { room: room(promised, [0; 3]), ..once() });
            if over {
                world.seen.over_quota = Some(excess(&[(Resource::Memory, gib(8), gib(9), gib(2))], made));
            }
            if made {
                let kept = (world.spec.placement.clone(), world.seen.siting.take(), world.seen.over_quota.take());
                world.spec.placement = Default::default();
                for _ in 0..4 {
                    world.round();
                }
                (world.spec.placement, world.seen.siting, world.seen.over_quota) = kept;
                let guest = crate::fixture::guest_mut(&mut world.seen).unwrap();
                (guest.ha, guest.running) = (ha, Fact::Known(running));
                let vmid = guest.vmid;
                if replicated {
                    world.seen.cluster.replicated.insert(vmid);
                }
            }
            world
        },
    )
}

/// What is wrong with where this plan makes or moves a guest.
fn harm(world: &World, plan: &Plan) -> Option<&'static str> {
    let names: Vec<&str> = world.spec.placement.nodes.iter().map(String::as_str).collect();
    let strange = |name: &str| !names.is_empty() && !names.contains(&name);
    let target = plan.target.as_ref()?;
    let room = &world.seen.siting.as_ref()?.room;
    let full = |name: &str| room.nodes[&node(name)].allocated_memory.0 + gib(2) > gib(16);
    plan.steps.iter().find_map(|step| match step {
        Step::Create(_) if strange(target.node.as_str()) => Some("made where it may not be"),
        Step::Create(_) if full(target.node.as_str()) => Some("made where there is no room"),
        Step::Create(_) if world.seen.over_quota.is_some() => Some("made beyond the quota"),
        Step::Migrate { to, .. } => {
            let guest = guest_of(&world.seen)?;
            let at_home = !strange(guest.node.as_str());
            match () {
                () if !world.spec.placement.enforce || at_home => Some("moved without need"),
                () if strange(to.as_str()) => Some("moved where it may not be"),
                () if full(to.as_str()) => Some("moved where there is no room"),
                () if guest.ha || world.seen.cluster.replicated.contains(&guest.vmid) => Some("moved what others move"),
                () if guest.running == Fact::Known(true) && world.spec.reboot_policy == RebootPolicy::Never => {
                    Some("restarted without leave")
                }
                () => None,
            }
        }
        _ => None,
    })
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn guests_are_made_and_moved_where_they_may_be_and_there_is_room(mut world in worlds()) {
        world.look();
        let want = world.want().unwrap();
        let planned = plan(&want, &world.seen);
        prop_assert_eq!(harm(&world, &planned), None, "{:?}", planned.steps);
        let judged = guard(planned.clone(), &want, &world.seen);
        prop_assert!(judged.verdict.reason != ContainerReason::Bug, "{}: {:?}", judged.verdict.message, planned.steps);
        prop_assert_eq!(judged, planned);
    }

    #[test]
    fn a_guest_that_has_moved_stays_there(mut world in worlds()) {
        let plan = world.round();
        if plan.steps.iter().any(|step| matches!(step, Step::Migrate { .. })) {
            let next = world.round();
            let moves = next.steps.iter().any(|step| matches!(step, Step::Migrate { .. }));
            prop_assert!(!moves, "{:?}", next.steps);
            prop_assert!(!next.pending.iter().any(|change| change.field == "placement"), "{:?}", next.pending);
        }
    }

    /// Whoever planned it, the guard sees it. (Room is for the planner: it cannot do harm.)
    #[test]
    fn the_guard_lets_nobody_make_or_move_a_guest_where_it_may_not_be(mut world in worlds(), to in 1u8..4) {
        world.look();
        let want = world.want().unwrap();
        let mut forced = plan(&want, &world.seen);
        match guest_of(&world.seen) {
            Some(guest) => {
                forced.target = Some(zentoria_core::container::step::Target {
                    vmid: guest.vmid, node: guest.node.clone(), digest: guest.config.digest.clone(),
                });
                let restart = guest.running == Fact::Known(true);
                forced.steps = vec![Step::Migrate { to: node(&format!("pve{to}")), restart }];
            }
            None => match &mut forced.target {
                Some(target) => target.node = node(&format!("pve{to}")),
                None => return Ok(()),
            },
        }
        let through = guard(forced, &want, &world.seen);
        let allowed = ["made where there is no room", "moved where there is no room", "restarted without leave"];
        let harm = harm(&world, &through).filter(|harm| !allowed.contains(harm));
        // That a guest is at home already is for the planner to know, too.
        prop_assert!(harm.is_none() || (harm == Some("moved without need") && world.spec.placement.enforce), "{:?}", harm);
    }
}

#[test]
fn the_guard_makes_no_guest_beyond_the_quota() {
    let mut world = World::new(spec("vmid: 404, rootDisk: {size: 8Gi}"));
    let want = world.want().unwrap();
    let made = plan(&want, &world.seen);
    assert!(matches!(made.steps.as_slice(), [Step::Create(_)]));
    world.seen.over_quota = Some(excess(&[(Resource::Count, 1, 1, 1)], false));
    assert_eq!(guard(made, &want, &world.seen).verdict.reason, ContainerReason::Bug);
    assert_eq!(plan(&want, &world.seen).verdict.reason, ContainerReason::QuotaExceeded);
}
