//! The compiled firewalls, as PVE reads them, pass a flow exactly if the matrix does.

use super::fixture::{World, container};
use super::naive::{Flow, Who, allowed};
use super::properties::worlds;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::firewall::{ForeignRules, Protocol};
use zentoria_core::estate::key_of;
use zentoria_core::firewall::enforce::{Enforcement, plan};
use zentoria_core::firewall::evaluate::{Datacenter, Guest, Interface, Packet, PveFirewall, Verdict, verdict};
use zentoria_core::firewall::guest::{
    GuestFirewall, Options, Rule, SetName, log_word, plain, policy_word, protocol_word,
};
use zentoria_core::firewall::seen::{Seen, SeenRule, SeenSet};

/// What PVE holds once all guests hold what was compiled.
pub fn configuration(world: &World) -> PveFirewall {
    let compiled = world.compiled();
    let guests = world.containers.iter().map(|one| {
        let guest = &compiled.guests[&key_of(one)];
        let wish = guest.wish.as_ref().unwrap_or_else(|(reason, why)| panic!("{reason:?}: {why}"));
        held(one, wish)
    });
    PveFirewall { datacenter: Some(Datacenter { enabled: true, ..Datacenter::default() }), guests: guests.collect() }
}

fn held(container: &ZentoriaContainer, wish: &GuestFirewall) -> Guest {
    let interface =
        Interface { name: "net0".into(), firewall: true, addresses: addresses(container), more: Vec::new() };
    let sets = wish
        .ipsets
        .iter()
        .map(|(name, set)| (name.0.clone(), set.entries.iter().map(|net| (plain(net), false)).collect()));
    Guest {
        name: key_of(container).to_string(),
        interfaces: vec![interface],
        options: options(&wish.options),
        rules: wish.rules.iter().map(Rule::fields).collect(),
        ipsets: sets.collect(),
        aliases: BTreeMap::new(),
    }
}

/// What PVE gives back of it.
fn read(guest: Guest, wish: &GuestFirewall) -> Seen {
    let rules = guest.rules.into_iter().zip(0..).map(|(fields, pos)| SeenRule { pos, fields });
    let sets = guest.ipsets.into_iter().map(|(name, entries)| {
        let name = SetName(name);
        let comment = Some(wish.ipsets[&name].comment.clone());
        (name, SeenSet { comment, entries })
    });
    Seen { options: guest.options, rules: rules.collect(), ipsets: sets.collect(), ..Seen::default() }
}

fn options(options: &Options) -> BTreeMap<String, String> {
    let flag = |on: bool| u8::from(on).to_string();
    let all = [
        ("enable", "1".to_owned()),
        ("policy_in", policy_word(options.policy_in).to_owned()),
        ("policy_out", policy_word(options.policy_out).to_owned()),
        ("ipfilter", flag(options.ipfilter)),
        ("macfilter", flag(options.macfilter)),
        ("dhcp", flag(options.dhcp)),
        ("ndp", flag(options.ndp)),
        ("radv", flag(options.radv)),
        ("log_level_in", log_word(options.log_level_in).to_owned()),
        ("log_level_out", log_word(options.log_level_out).to_owned()),
    ];
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn addresses(container: &ZentoriaContainer) -> Vec<IpAddr> {
    let texts = container.spec.network.interfaces.iter().flat_map(|interface| {
        let v4 = interface.ipv4.iter().map(|ip| ip.address.as_str());
        v4.chain(interface.ipv6.iter().map(|ip| ip.address.as_str())).collect::<Vec<_>>()
    });
    texts.map(|text| text.split('/').next().unwrap().parse().unwrap()).collect()
}

/// Everybody there is: each container at each of its addresses, and outsiders.
fn everybody<'a>(world: &'a World, outsiders: &[&str]) -> Vec<Who<'a>> {
    let ours = world.containers.iter();
    let ours = ours.flat_map(|one| addresses(one).into_iter().map(move |address| Who::Container(one, address)));
    let others = outsiders.iter().map(|text| Who::Address(text.parse().unwrap()));
    ours.chain(others).collect()
}

/// Every port that is named anywhere, and its neighbours.
pub fn named_ports(world: &World) -> BTreeSet<u32> {
    let of_rules = world.rules.iter().flat_map(|rule| &rule.spec.ports).flat_map(|port| [port.port, port.end_port]);
    let services = world.containers.iter().flat_map(|one| &one.spec.services);
    let of_services = services.flat_map(|service| [Some(service.port), service.end_port]);
    let named: BTreeSet<u32> = of_rules.chain(of_services).flatten().chain([22]).collect();
    named.iter().flat_map(|port| [port - 1, *port, port + 1]).filter(|port| *port > 0).collect()
}

/// Compares every pair at these ports.
pub fn agree(world: &World, outsiders: &[&str], ports: &BTreeSet<u32>) -> Result<usize, TestCaseError> {
    let config = configuration(world);
    let all = everybody(world, outsiders);
    let with_ports =
        [Protocol::TCP, Protocol::UDP].into_iter().flat_map(|protocol| ports.iter().map(move |port| (protocol, *port)));
    let services: Vec<(Protocol, u32)> = with_ports.chain([(Protocol::ICMP, 0), (Protocol::ICMPv6, 0)]).collect();
    let mut passed = 0;
    for from in &all {
        for to in &all {
            let (source, dest) = (from.address(), to.address());
            let same = matches!((from, to), (Who::Container(a, _), Who::Container(b, _)) if std::ptr::eq(*a, *b));
            let outside = matches!((from, to), (Who::Address(_), Who::Address(_)));
            if same || outside || source.is_ipv4() != dest.is_ipv4() {
                continue;
            }
            for (protocol, port) in &services {
                if *protocol == Protocol::ICMP && source.is_ipv6() || *protocol == Protocol::ICMPv6 && source.is_ipv4()
                {
                    continue;
                }
                let flow = Flow { from: *from, to: *to, protocol: *protocol, port: *port };
                let packet = Packet {
                    source,
                    dest,
                    proto: protocol_word(*protocol).to_owned(),
                    sport: None,
                    dport: u16::try_from(*port).ok().filter(|port| *port > 0),
                    icmp_type: None,
                };
                let (wanted, found) = (allowed(world, flow), verdict(&config, &packet));
                prop_assert!(!matches!(found, Verdict::Unknown(_)), "{packet:?}: {found:?}");
                prop_assert_eq!(found.accepts(), wanted, "{:?}: {:?}", packet, found);
                passed += usize::from(wanted);
            }
        }
    }
    Ok(passed)
}

pub const OUTSIDERS: [&str; 9] =
    ["8.8.8.8", "10.9.0.1", "10.9.2.7", "10.9.3.3", "10.10.0.10", "10.10.40.77", "fd09::1", "fd00::77", "2001:db8::1"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flow_passes_exactly_if_the_matrix_lets_it(world in worlds(), random in prop::collection::btree_set(1u32..65536, 3)) {
        let named: Vec<u32> = named_ports(&world).into_iter().collect();
        let step = (named.len() / 12).max(1);
        let some = named.into_iter().step_by(step).chain(random).collect();
        agree(&world, &OUTSIDERS, &some)?;
    }

    #[test]
    fn what_was_written_and_is_read_again_needs_nothing_more(world in worlds()) {
        let config = configuration(&world);
        for (guest, one) in config.guests.into_iter().zip(&world.containers) {
            let wish = world.compiled().guests[&key_of(one)].wish.clone().unwrap();
            let enforcement = plan(&wish, &read(guest, &wish), ForeignRules::Remove);
            prop_assert_eq!(enforcement, Enforcement::default());
        }
    }
}

#[test]
fn the_two_readings_agree_on_a_world_with_a_little_of_everything() {
    let world = World::small()
        .with(container("dual", "10.10.40.4/16 fd00::4/64", "http:80 dns:53/UDP", "{spec: {firewall: {outbound: Drop}}}"))
        .rule("a", "{from: [{external: {}}], to: [{container: web}, {container: dual}]}")
        .rule("b", "{from: [{all: {}}], to: [{container: db}], ports: [{service: postgresql}]}")
        .rule("c", "{from: [{zone: edge}], to: [{container: db}], ports: [{port: 5000, endPort: 6000}], action: Reject, priority: 9}")
        .rule("d", "{direction: Egress, from: [{container: dual}], to: [{external: {}}], ports: [{port: 443}, {protocol: ICMPv6}]}")
        .rule("e", "{from: [{any: {}}], to: [{all: {}}], ports: [{protocol: ICMP}]}");
    let passed = agree(&world, &OUTSIDERS, &named_ports(&world)).unwrap();
    assert!(passed > 50, "{passed}");
}
