//! Several interfaces, VLANs, both families, and the order in which guests start with their node.

use super::{Case, bare, check, made};
use crate::fixture::{Whose, created, guest_mut};
use crate::model::with_guest;
use zentoria_api::container::{Origin, Replacing};
use zentoria_core::container::step::Plan;

const THREE: &str = "vmid: 404, rootDisk: {size: 8Gi}, network: {interfaces: [\
{name: eth0, bridge: vmbr0, ipv4: {address: 10.10.40.4/16, gateway: 10.10.0.1}, \
ipv6: {address: 'fd00::4/64', gateway: 'fd00::1'}}, \
{name: eth1, bridge: vmbr1, vlan: 20, ipv4: {address: 10.10.41.4/24}, ipv6: {address: auto}, mtu: 1400, rate: 12.5}, \
{name: lan, bridge: vmbr1, trunks: [101, 100], ipv6: {address: dhcp}, linkDown: true, firewall: false, \
mac: 'bc:24:11:00:00:07', extraAddresses: [10.10.42.9]}]}";
const OTHER_ORDER: &str = "vmid: 404, rootDisk: {size: 8Gi}, network: {interfaces: [\
{name: lan, bridge: vmbr1, trunks: [100, 101], ipv6: {address: dhcp}, linkDown: true, firewall: false, \
mac: 'bc:24:11:00:00:07', extraAddresses: [10.10.42.9]}, \
{name: eth1, bridge: vmbr1, vlan: 20, ipv4: {address: 10.10.41.4/24}, ipv6: {address: auto}, mtu: 1400, rate: 12.5}, \
{name: eth0, bridge: vmbr0, ipv4: {address: 10.10.40.4/16, gateway: 10.10.0.1}, \
ipv6: {address: 'fd00::4/64', gateway: 'fd00::1'}}]}";
const TWO: &str =
    "vmid: 404, network: {interfaces: [{name: eth0, bridge: vmbr0}, {name: eth1, bridge: vmbr1, vlan: 20}]}";
const ONE: &str = "vmid: 404, network: {interfaces: [{name: eth0, bridge: vmbr0}]}";
const LINK_LOCAL: &str = "vmid: 404, network: {interfaces: [\
{name: eth0, bridge: vmbr0, ipv6: {address: 'fd00::4/64', gateway: 'fe80::1'}}]}";
const MANAGED: &str = "vmid: 404, rootDisk: {size: 8Gi}, \
network: {interfaces: [{name: eth0, bridge: vmbr0, ipv4: {address: dhcp}, hostManaged: true}]}";

const ETH0: &str = "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:05:04:62,type=veth";
const ETH1: &str = "name=eth1,bridge=vmbr1,firewall=1,hwaddr=BC:24:11:05:04:63,tag=20,type=veth";
const NETS: [(&str, &str); 3] = [
    (
        "net0",
        "name=eth0,bridge=vmbr0,firewall=1,gw=10.10.0.1,gw6=fd00::1,hwaddr=BC:24:11:05:04:62,ip=10.10.40.4/16,ip6=fd00::4/64,\
         type=veth",
    ),
    (
        "net1",
        "name=eth1,bridge=vmbr1,firewall=1,hwaddr=BC:24:11:05:04:63,ip=10.10.41.4/24,ip6=auto,mtu=1400,rate=12.5,tag=20,\
         type=veth",
    ),
    ("net2", "name=lan,bridge=vmbr1,hwaddr=BC:24:11:00:00:07,ip6=dhcp,link_down=1,trunks=100;101,type=veth"),
];

fn on(title: &'static str, wish: &'static str, options: &[(&str, &str)]) -> Case {
    made(title, wish, options, |_| {})
}

fn adopted(title: &'static str, wish: &'static str, options: &[(&str, &str)]) -> Case {
    let mut case = on(title, wish, options);
    case.world.seen.recorded.created = Some(created(Origin::Adopted, true));
    case
}

#[test]
fn networks() {
    check(
        "networks",
        vec![
            on("three interfaces as they are wished", THREE, &NETS),
            on("another order changes nothing", OTHER_ORDER, &NETS),
            on("a gateway of IPv6 may be link-local", LINK_LOCAL, &[("net0", ETH0)]),
            made("bridges that could not be read: what moves waits", TWO, &[("net0", ETH0)], |world| {
                world.seen.cluster.nodes.get_mut(&crate::fixture::node("pve1")).unwrap().bridges = None;
            }),
            on("one more gets the first free slot", TWO, &[("net0", ETH0), ("net2", "name=x,type=veth")]),
            on("one that is not in the spec any more is removed", ONE, &[("net0", ETH0), ("net1", ETH1)]),
            on(
                "another name, and nothing else, is the same interface",
                "vmid: 404, network: {interfaces: [{name: lan, bridge: vmbr0}]}",
                &[("net0", ETH0)],
            ),
            on(
                "another name and another bridge is another interface",
                "vmid: 404, network: {interfaces: [{name: lan, bridge: vmbr1}]}",
                &[("net0", ETH0)],
            ),
            on(
                "another name and another bridge with the address that it had",
                "vmid: 404, network: {interfaces: [{name: lan, bridge: vmbr1, ipv4: {address: 10.10.41.4/24}}, \
                 {name: wan, bridge: vmbr0, ipv4: {address: 10.10.40.4/16}}]}",
                &[NETS[0], NETS[1]],
            ),
            adopted(
                "of an adopted guest, too, by its MAC address",
                "vmid: 404, network: {interfaces: [{name: lan, mac: 'bc:24:11:05:04:62'}]}",
                &[("net0", ETH0), ("net1", ETH1)],
            ),
            on(
                "an address and a VLAN that the spec does not have go",
                ONE,
                &[(
                    "net0",
                    "name=eth0,bridge=vmbr0,firewall=1,gw=10.10.0.1,hwaddr=BC:24:11:05:04:62,ip=10.10.40.9/16,tag=20,type=veth",
                )],
            ),
            adopted("an adopted guest keeps what is not named", ONE, &[("net0", NETS[0].1), ("net1", ETH1)]),
            adopted(
                "an adopted guest has no such interface",
                "vmid: 404, resources: {cores: 2}, network: {interfaces: [{ipv4: {address: 10.10.40.4/16}}]}",
                &[("net0", "name=lan,bridge=vmbr0,type=veth")],
            ),
            adopted("on an adopted guest, one that is named with its bridge is added", TWO, &[("net0", ETH0)]),
            made("a bridge that is not there is not written, and the rest is", TWO, &[("net0", ETH0)], |world| {
                world.spec.resources.cores = Some(2);
                let nodes = &mut world.seen.cluster.nodes;
                nodes.values_mut().for_each(|node| node.bridges = Some(["vmbr0".to_owned()].into()));
            }),
            made(
                "what goes stays until what comes can come",
                TWO,
                &[("net0", ETH1), ("net1", "name=x,type=veth")],
                |world| {
                    let nodes = &mut world.seen.cluster.nodes;
                    nodes.values_mut().for_each(|node| node.bridges = Some(["vmbr1".to_owned()].into()));
                },
            ),
            bare("a new guest on a bridge that is not there", THREE, |world| {
                let nodes = &mut world.seen.cluster.nodes;
                nodes.values_mut().for_each(|node| node.bridges = Some(["vmbr0".to_owned()].into()));
            }),
            bare("hostManaged needs 9.1", MANAGED, |_| {}),
            bare("hostManaged with 9.1", MANAGED, |world| world.seen.cluster.capabilities.host_managed = true),
            on("hostManaged on a guest that is there needs 9.1", MANAGED, &[("net0", ETH0)]),
            made("what a copy brings along goes before its first start", ONE, &NETS, |world| {
                super::stopped(world);
                world.seen.recorded.created = Some(created(Origin::Clone, false));
            }),
        ],
    );
}

/// The interfaces of the creation in a plan.
fn created_nets(plan: &Plan) -> Vec<String> {
    let zentoria_core::container::step::Step::Create(create) = &plan.steps[0] else { panic!("{plan:?}") };
    (0..8).filter_map(|slot| create.options.get(&format!("net{slot}")).cloned()).collect()
}

#[test]
fn a_new_guest_has_its_interfaces_in_the_order_of_the_spec() {
    let nets = created_nets(&bare("", THREE, |_| {}).world.plan());
    assert_eq!(
        nets,
        [
            "bridge=vmbr0,firewall=1,gw=10.10.0.1,gw6=fd00::1,ip=10.10.40.4/16,ip6=fd00::4/64,name=eth0",
            "bridge=vmbr1,firewall=1,ip=10.10.41.4/24,ip6=auto,mtu=1400,name=eth1,rate=12.5,tag=20",
            "bridge=vmbr1,hwaddr=BC:24:11:00:00:07,ip6=dhcp,link_down=1,name=lan,trunks=100;101",
        ]
    );
}

#[test]
fn a_guest_in_place_of_another_has_its_mac_addresses() {
    for keys in [["net0", "net1"], ["eth0", "eth1"]] {
        let macs = [(keys[0], "BC:24:11:05:04:62"), (keys[1], "BC:24:11:05:04:63")];
        let macs = macs.map(|(key, mac)| (key.to_owned(), mac.to_owned())).into();
        let mut case = bare("", THREE, |world| {
            world.seen.recorded.replacing = Some(Replacing { digest: "x".into(), macs });
        });
        let nets = created_nets(&case.world.plan());
        let mac = |net: &String| net.split(',').find_map(|part| part.strip_prefix("hwaddr=")).unwrap_or("").to_owned();
        let found: Vec<String> = nets.iter().map(mac).collect();
        assert_eq!(found, ["BC:24:11:05:04:62", "BC:24:11:05:04:63", "BC:24:11:00:00:07"], "{keys:?}");
    }
}

#[test]
fn a_guest_in_place_of_another_has_them_by_name_whatever_the_slots() {
    // Status remembers slots and names; `lan` is in the slot that `eth1` had.
    let macs = [("net0", "01"), ("eth0", "01"), ("net2", "02"), ("eth1", "02"), ("net1", "03"), ("old", "03")];
    let macs = macs.map(|(key, mac)| (key.to_owned(), format!("BC:24:11:05:04:{mac}"))).into();
    let wish = "vmid: 404, rootDisk: {size: 8Gi}, network: {interfaces: [{name: eth1, bridge: vmbr0}, {name: eth0, bridge: vmbr0}, \
                {name: lan, bridge: vmbr0}]}";
    let mut case = bare("", wish, |world| {
        world.seen.recorded.replacing = Some(Replacing { digest: "x".into(), macs });
    });
    let nets = created_nets(&case.world.plan());
    let mac =
        |net: &String| net.split(',').find_map(|part| part.strip_prefix("hwaddr=BC:24:11:05:04:")).map(str::to_owned);
    let found: Vec<_> = nets.iter().map(mac).collect();
    assert_eq!(found, [Some("02".to_owned()), Some("01".to_owned()), None]);
}

#[test]
fn boot_order() {
    let wave = |mut case: Case| {
        case.world.wave = Some(3);
        case
    };
    let stopped = "vmid: 404, power: {state: Stopped}";
    let mut foreign = adopted("an adopted guest starts as its owner said", "vmid: 404", &[("onboot", "0")]);
    foreign.world.wave = Some(3);
    let template = bare("a template never starts", "vmid: 404, rootDisk: {size: 8Gi}, template: true", |_| {});
    check(
        "boot-order",
        vec![
            wave(bare("a new guest starts with its node, in its wave", "vmid: 404, rootDisk: {size: 8Gi}", |_| {})),
            wave(on("in its wave already", "vmid: 404", &[("startup", "order=3,up=10")])),
            wave(on("the order without its key", "vmid: 404", &[("startup", "3")])),
            wave(on("another order without its key", "vmid: 404", &[("startup", "2,up=10")])),
            wave(on("the waves changed", "vmid: 404", &[("startup", "order=2,up=10")])),
            wave(on("the spec's own order wins", "vmid: 404, startup: {order: 7, onBoot: false}", &[])),
            wave(on("the spec's own delay beside the wave", "vmid: 404, startup: {upDelaySeconds: 30}", &[])),
            wave(made("who is to be off is not started", stopped, &[], |world| {
                guest_mut(&mut world.seen).unwrap().config.current.insert("startup".into(), "order=3".into());
                super::stopped(world);
            })),
            foreign,
            wave(template),
            wave(Case {
                title: "taken back, it is as it was",
                wish: "vmid: 404",
                world: with_guest(
                    crate::fixture::spec("vmid: 404"),
                    &Whose::Ours.description(""),
                    &[("hostname", "zentoria-db"), ("onboot", "1"), ("startup", "order=3")],
                    true,
                ),
            }),
        ],
    );
}
