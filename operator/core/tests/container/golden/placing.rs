//! The node of a guest: chosen, waited for, refused, left.

use super::{Case, bare, check, made, stopped};
use crate::fixture::{node, node_facts, vmid};
use crate::model::World;
use crate::placing::{apart, excess, gib, room};
use zentoria_api::common::Mode;
use zentoria_core::cluster::quota::Resource;
use zentoria_core::container::siting::Siting;

const SMALL: &str = "vmid: 404, resources: {memory: 4Gi}, rootDisk: {size: 8Gi}";
const NAMED: &str = "vmid: 404, resources: {memory: 4Gi}, rootDisk: {size: 8Gi}, placement: {nodes: [pve1, pve2]}";

/// Three nodes of 16 GiB with so much promised, and so many neighbours.
fn three(world: &mut World, promised: [u64; 3], neighbours: [u32; 3]) {
    for name in ["pve2", "pve3"] {
        world.seen.cluster.nodes.insert(node(name), node_facts());
    }
    world.seen.siting = Some(Siting { room: room(promised, neighbours), ..crate::placing::once() });
}

fn offline(world: &mut World, name: &str) {
    world.seen.cluster.nodes.get_mut(&node(name)).unwrap().online = false;
    let siting = world.seen.siting.as_mut().unwrap();
    siting.room.nodes.get_mut(&node(name)).unwrap().online = false;
}

#[test]
fn nodes() {
    let on = |title, wish, promised: [u64; 3], change: fn(&mut World)| {
        bare(title, wish, move |world| {
            three(world, promised, [2, 1, 3]);
            change(world);
        })
    };
    let spread = "vmid: 404, resources: {memory: 4Gi}, rootDisk: {size: 8Gi}, placement: {strategy: Spread}";
    let must =
        |world: &mut World| world.seen.siting.as_mut().unwrap().apart = vec![apart(&[("pve1", 1), ("pve3", 2)], true)];
    check(
        "nodes",
        vec![
            on("the one with the most memory left", SMALL, [8, 6, 4], |_| {}),
            on("the one with the fewest of the namespace", spread, [8, 6, 4], |_| {}),
            on("of those that are named", NAMED, [8, 6, 4], |_| {}),
            on("the one chosen before, while it fits", SMALL, [8, 6, 4], |world| {
                world.seen.siting.as_mut().unwrap().preferred = Some(node("pve1"));
            }),
            on("another than the one chosen before, where it does not fit any more", SMALL, [14, 6, 4], |world| {
                world.seen.siting.as_mut().unwrap().preferred = Some(node("pve1"));
            }),
            on("not with those that it must not be with", SMALL, [0, 6, 0], must),
            on("nor anywhere else: it waits", SMALL, [0, 14, 0], must),
            on("every node is full", SMALL, [14, 13, 16], |_| {}),
            on("one is full, one offline, one not allowed", NAMED, [14, 0, 0], |world| offline(world, "pve2")),
            on(
                "more than any node has",
                "vmid: 404, resources: {memory: 20Gi}, rootDisk: {size: 8Gi}",
                [0, 0, 0],
                |_| {},
            ),
            on(
                "nodes that are not there",
                "vmid: 404, rootDisk: {size: 8Gi}, placement: {nodes: [pve8, pve9]}",
                [0, 0, 0],
                |_| {},
            ),
            on("the node of a clone's source is full", "vmid: 404, source: {clone: {vmid: 900}}", [16, 0, 0], |_| {}),
            on(
                "a clone where its source is not",
                "vmid: 404, source: {clone: {vmid: 900}}, placement: {nodes: [pve2, pve3]}",
                [0, 0, 0],
                |_| {},
            ),
        ],
    );
}

#[test]
fn quota() {
    let over = |resources: &[(Resource, u64, u64, u64)], grows: bool| {
        let over = excess(resources, grows);
        move |world: &mut World| world.seen.over_quota = Some(over)
    };
    let grown = "vmid: 404, resources: {cores: 4, memory: 1Gi}, rootDisk: {size: 16Gi}, description: kept";
    let has = &[("cores", "2")];
    check(
        "quota",
        vec![
            bare(
                "a new guest",
                SMALL,
                over(&[(Resource::Cores, 12, 10, 4), (Resource::Memory, gib(14), gib(16), gib(4))], false),
            ),
            bare("one container too many", SMALL, over(&[(Resource::Count, 5, 5, 1)], false)),
            made(
                "a guest does not grow, and the rest is done",
                grown,
                has,
                over(&[(Resource::Cores, 9, 10, 2), (Resource::Disk, gib(24), gib(30), gib(8))], true),
            ),
            made(
                "nothing but what the quota refuses is left",
                "vmid: 404, resources: {cores: 4}",
                has,
                over(&[(Resource::Cores, 9, 10, 2)], true),
            ),
            made(
                "a guest that shrinks",
                "vmid: 404, resources: {cores: 1}",
                has,
                over(&[(Resource::Cores, 12, 10, 1)], true),
            ),
        ],
    );
}

/// A guest on pve1, which its placement does not have there.
fn elsewhere(
    title: &'static str,
    more: &'static str,
    options: &[(&str, &str)],
    change: impl FnOnce(&mut World),
) -> Case {
    let wish: &'static str = match more {
        "Automatic" => "vmid: 404, placement: {nodes: [pve2, pve3], enforce: true}, rebootPolicy: Automatic",
        "not enforced" => "vmid: 404, placement: {nodes: [pve2, pve3]}, rebootPolicy: Automatic",
        _ => "vmid: 404, placement: {nodes: [pve2, pve3], enforce: true}",
    };
    made(title, wish, options, |world| {
        three(world, [4, 6, 2], [1, 0, 0]);
        change(world);
    })
}

#[test]
fn moves() {
    let under_ha = |world: &mut World| crate::fixture::guest_mut(&mut world.seen).unwrap().ha = true;
    let replicated = |world: &mut World| {
        world.seen.cluster.replicated.insert(vmid(404));
    };
    check(
        "moves",
        vec![
            elsewhere("it is followed", "not enforced", &[], |_| {}),
            elsewhere("shown", "", &[], |_| {}),
            elsewhere("moved, because reboots are allowed", "Automatic", &[], |_| {}),
            elsewhere("a stopped one has nothing to interrupt", "", &[], |world| {
                world.spec.power.state = Some(zentoria_api::container::PowerState::Stopped);
                stopped(world);
            }),
            elsewhere("approved", "", &[], |world| {
                let digest = world.plan().pending.remove(0).digest;
                world.seen.approved.insert(digest);
            }),
            elsewhere("the node that was shown before", "", &[], |world| {
                world.seen.siting.as_mut().unwrap().preferred = Some(node("pve2"));
            }),
            elsewhere("it is changed first", "Automatic", &[("hostname", "other")], |_| {}),
            elsewhere("nobody has room", "Automatic", &[], |world| three(world, [0, 16, 16], [0, 0, 0])),
            elsewhere("with one that it must not be with", "Automatic", &[], |world| {
                world.spec.placement.nodes = Vec::new();
                world.seen.siting.as_mut().unwrap().apart = vec![apart(&[("pve1", 1)], true)];
            }),
            elsewhere("under HA", "Automatic", &[], under_ha),
            elsewhere("with replication jobs", "Automatic", &[], replicated),
            elsewhere("with a directory of its node", "Automatic", &[("mp0", "/srv/data,mp=/data")], |_| {}),
            elsewhere("with a shared directory", "Automatic", &[("mp0", "/mnt/pve/nas,mp=/data,shared=1")], |_| {}),
            elsewhere("with a device of its node", "Automatic", &[("dev0", "/dev/dri/renderD128")], |_| {}),
            elsewhere("mode Observe", "Automatic", &[], |world| world.cluster.mode = Mode::Observe),
        ],
    );
}
