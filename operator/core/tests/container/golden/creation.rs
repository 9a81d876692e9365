//! Making a guest, and what keeps it from being made.

use super::{Case, bare, check, made};
use crate::fixture::{OLD_CP, created, node, node_facts, vmid};
use crate::model::World;
use std::collections::BTreeSet;
use zentoria_api::common::Mode;
use zentoria_api::container::Origin;
use zentoria_api::firewall::FirewallMode;
use zentoria_core::container::seen::{DependencyState, GuestFact};
use zentoria_types::mark::ControlPlaneId;

const WHOLE: &str = "vmid: 404, description: \"PostgreSQL\\nof the estate\", tags: [db], resources: {cores: 4, cpuLimit: 1.5, \
cpuUnits: 200, memory: 8Gi, swap: 512Mi}, rootDisk: {size: 40Gi}, features: {nesting: true, keyctl: false}, \
startup: {onBoot: true, order: 2, upDelaySeconds: 10}, protection: true, timezone: Europe/Amsterdam, \
network: {interfaces: [{ipv4: {address: 10.10.40.4/16}, ipv6: {address: 'fd00::4/64'}}], dns: {searchDomain: example.test}}";
const SMALL: &str = "vmid: 404, rootDisk: {size: 8Gi}";

fn filtered(world: &mut World, mode: FirewallMode) {
    super::stopped(world);
    world.seen.recorded.power = None;
    world.seen.recorded.created = Some(created(Origin::Template, false));
    world.seen.firewall = Some(crate::fixture::compiled(mode, Ok(crate::fixture::firewall(5432))));
}

#[test]
fn creation() {
    let absent = |world: &mut World| world.seen.recorded = Default::default();
    check(
        "creation",
        vec![
            bare("every option of a new guest", WHOLE, absent),
            bare("the least", SMALL, absent),
            bare("a VMID is chosen", "rootDisk: {size: 8Gi}", |world| world.seen.guest = GuestFact::NoVmid),
            bare("every VMID is taken", "rootDisk: {size: 8Gi}", |world| {
                world.seen.guest = GuestFact::NoVmid;
                world.seen.cluster.taken = (400..410).map(vmid).collect();
            }),
            bare("a creation begun before a crash goes on under its VMID", "rootDisk: {size: 8Gi}", |world| {
                world.seen.recorded.vmid = Some(vmid(407));
                world.seen.recorded.created = Some(created(Origin::Template, false));
            }),
            made("made, and finished by its first start", SMALL, &[], |world| {
                super::stopped(world);
                world.seen.recorded.power = None;
                world.seen.recorded.created = Some(created(Origin::Template, false));
            }),
            made("made, and its firewall is written before its first start", SMALL, &[], |world| {
                filtered(world, FirewallMode::Enforce)
            }),
            made("made, and its firewall is only to be observed", SMALL, &[], |world| {
                filtered(world, FirewallMode::Observe)
            }),
            bare("no size", "vmid: 404", absent),
            bare("nothing to adopt and no source", "vmid: 404, adoption: IfExists", absent),
            bare("features of root without root", "vmid: 404, rootDisk: {size: 8Gi}, features: {keyctl: true}", absent),
            bare("features of root with root", "vmid: 404, rootDisk: {size: 8Gi}, features: {keyctl: true}", |world| {
                world.seen.cluster.root_credential = true;
            }),
            bare(
                "nesting in a privileged container without root",
                "vmid: 404, rootDisk: {size: 8Gi}, unprivileged: false, features: {nesting: true}",
                |world| {
                    world.cluster.access[0].allow.privileged = true;
                },
            ),
            bare("a privilege is missing", SMALL, |world| {
                world.seen.cluster.missing_permissions = vec!["/vms: VM.Allocate".into()];
            }),
            bare("a virtual machine has the VMID", SMALL, |world| world.seen.guest = GuestFact::OtherKind),
            bare("mode Observe", SMALL, |world| world.cluster.mode = Mode::Observe),
            bare("claimed by an older one", SMALL, |world| {
                world.seen.conflict = Some("address 10.10.40.4 on vmbr0 is claimed by zentoria/older already".into());
            }),
        ],
    );
}

#[test]
fn places() {
    let several = |world: &mut World| {
        world.seen.cluster.nodes.insert(node("pve2"), node_facts());
    };
    let named = "vmid: 404, rootDisk: {size: 8Gi}, placement: {node: pve2}";
    check(
        "places",
        vec![
            bare("several nodes and none named", SMALL, several),
            bare("a node that is named", named, several),
            bare("a node that does not exist", named, |_| {}),
            bare("a node that is offline", named, |world| {
                several(world);
                world.seen.cluster.nodes.get_mut(&node("pve2")).unwrap().online = false;
            }),
            bare("a storage that the node does not have", "vmid: 404, rootDisk: {size: 8Gi, storage: local}", |_| {}),
            bare(
                "a bridge that the node does not have",
                "vmid: 404, rootDisk: {size: 8Gi}, network: {interfaces: [{bridge: vmbr1}]}",
                |world| {
                    world.seen.cluster.nodes.get_mut(&node("pve1")).unwrap().bridges =
                        Some(BTreeSet::from(["vmbr0".into()]));
                },
            ),
            bare(
                "a template that the node does not have",
                "vmid: 404, rootDisk: {size: 8Gi}, source: {template: {volume: 'local:vztmpl/no.tar'}}",
                |_| {},
            ),
        ],
    );
}

fn being_cloned(world: &mut World) {
    super::stopped(world);
    world.seen.recorded.power = None;
    world.seen.recorded.created = Some(created(Origin::Clone, false));
    world.seen.recorded.defaults = world.want().ok().map(|want| want.defaults);
}

#[test]
fn clones() {
    let clone = "vmid: 404, source: {clone: {vmid: 900}}, rootDisk: {size: 20Gi}, network: {interfaces: [{ipv4: {address: 10.10.40.4/16}}]}";
    let copied = |title, change: fn(&mut World)| {
        let options =
            [("memory", "256"), ("net0", "name=eth0,bridge=vmbr9,hwaddr=BC:24:11:00:01:94,ip=dhcp,type=veth")];
        made(title, clone, &options, move |world| {
            being_cloned(world);
            change(world);
        })
    };
    let resized = |world: &mut World| {
        let guest = crate::fixture::guest_mut(&mut world.seen).unwrap();
        guest.config.current.insert("rootfs".into(), "local-zfs:subvol-404-disk-0,size=20G".into());
    };
    check(
        "clones",
        vec![
            bare("by VMID", clone, |_| {}),
            bare(
                "linked, from a container of the namespace",
                "vmid: 404, source: {clone: {container: golden, full: false}}",
                |_| {},
            ),
            made(
                "a second interface of the source does not stay",
                clone,
                &[
                    ("net0", "name=eth0,bridge=vmbr0,ip=10.10.9.9/16,hwaddr=BC:24:11:00:00:01"),
                    ("net1", "name=eth1,bridge=vmbr0,ip=10.10.9.10/16"),
                ],
                being_cloned,
            ),
            made(
                "the source's address never goes live twice",
                "vmid: 404, source: {clone: {vmid: 900}}",
                &[("net0", "name=eth0,bridge=vmbr0,ip=10.10.9.9/16,hwaddr=BC:24:11:00:00:01")],
                being_cloned,
            ),
            made(
                "an address that the spec does not name goes",
                "vmid: 404, source: {clone: {vmid: 900}}, network: {interfaces: [{bridge: vmbr0}]}",
                &[("net0", "name=eth0,bridge=vmbr0,ip=10.10.9.9/16,gw=10.10.0.1,hwaddr=BC:24:11:00:00:01")],
                being_cloned,
            ),
            bare("from a container that is not there", "vmid: 404, source: {clone: {container: nobody}}", |_| {}),
            bare("from a guest that is not there", clone, |world| world.seen.cluster.located.clear()),
            bare(
                "on another node than its source",
                "vmid: 404, source: {clone: {vmid: 900}}, placement: {node: pve2}",
                |_| {},
            ),
            copied("a copy gets its own address and its disk before it is finished", |_| {}),
            copied("a copy loses the firewall of its source before its first start", resized),
        ],
    );
}

#[test]
fn missing() {
    let gone = |title, wish, change: fn(&mut World)| {
        made(title, wish, &[], move |world| {
            world.seen.guest = GuestFact::Absent;
            change(world);
        })
    };
    let recreate = "vmid: 404, rootDisk: {size: 8Gi, storage: tank}, onMissing: Recreate, source: {template: {volume: 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst'}}";
    check(
        "missing",
        vec![
            gone("a vanished guest waits for a person", SMALL, |_| {}),
            gone("a vanished guest is made anew", recreate, |_| {}),
            gone("a node that does not answer proves nothing", SMALL, |world| {
                world.seen.guest =
                    GuestFact::Unknown { why: "595 no route to host".into(), offline: Some(node("pve1")) };
            }),
            gone("a call that failed proves nothing", SMALL, |world| {
                world.seen.guest = GuestFact::Unknown { why: "500 internal error".into(), offline: None };
            }),
        ],
    );
}

#[test]
fn dependencies() {
    let wish = "vmid: 404, rootDisk: {size: 8Gi}, dependsOn: [{name: net}, {name: cache, soft: true}]";
    let with = |title, net: DependencyState, cache: DependencyState| -> Case {
        bare(title, wish, move |world| {
            world.seen.dependencies.extend([("net".to_owned(), net), ("cache".to_owned(), cache)]);
        })
    };
    let not_yet = |can_come| DependencyState::NotYet { can_come, reason: "Creating".into() };
    check(
        "dependencies",
        vec![
            with("a hard one is not ready", not_yet(true), DependencyState::Met),
            with("a hard one does not exist", DependencyState::Missing, DependencyState::Met),
            with("a soft one can still come", DependencyState::Met, not_yet(true)),
            with("a soft one cannot come", DependencyState::Met, not_yet(false)),
            bare("a cycle", wish, |world| {
                world.seen.cycle = Some(["zentoria-db", "net", "zentoria-db"].map(str::to_owned).to_vec());
            }),
            made("a guest that exists waits for nothing", wish, &[], |world| {
                world.seen.cluster.takeover = Some(ControlPlaneId::new(OLD_CP).unwrap());
                world.seen.dependencies.insert("net".to_owned(), DependencyState::Missing);
            }),
        ],
    );
}
