//! Whether one can connect to another: each end's firewall is judged apart, as it is wished, by the same reader that
//! judges what Proxmox VE has.

use super::compile::CompiledGuest;
use super::evaluate::{Decision, Guest, Interface, Packet, Verdict, decide};
use super::guest::{GuestFirewall, Options, Rule, Way, log_word, plain, policy_word};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::Interface as InterfaceSpec;
use zentoria_api::firewall::FirewallMode;
use zentoria_types::net::HostCidr;

/// What the firewall of one guest does with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is looked at by nobody here: its mode is `Off`.
    NotManaged,
    /// What it would do by what it shall hold, and which of its rules decides.
    By(Decision),
    /// What it shall hold is not known, and why.
    NotKnown(String),
}

impl Judged {
    /// Whether the packet passes; none where that cannot be said.
    #[must_use]
    pub fn passes(&self) -> Option<bool> {
        match self {
            Self::NotManaged => Some(true),
            Self::NotKnown(_) => None,
            Self::By(decision) => match decision.verdict {
                Verdict::Accept(_) => Some(true),
                Verdict::Drop(_) | Verdict::Reject(_) => Some(false),
                Verdict::Unknown(_) => None,
            },
        }
    }
}

/// Judges the first packet of a connection at one guest, on its way in or out. The datacenter's firewall is taken to be
/// on. A packet to the guest has one of its addresses as `dest`, one from it as `source`.
#[must_use]
pub fn judge(guest: &CompiledGuest, interfaces: Vec<Interface>, way: Way, packet: &Packet) -> Judged {
    if guest.mode == FirewallMode::Off {
        return Judged::NotManaged;
    }
    let wish = match &guest.wish {
        Ok(wish) => wish,
        Err((reason, why)) => return Judged::NotKnown(format!("{reason}: {why}")),
    };
    let own = match way {
        Way::In => packet.dest,
        Way::Out => packet.source,
    };
    let written = written(wish, interfaces);
    let has = |i: &&Interface| i.addresses.contains(&own) || i.more.iter().any(|net| net.contains(&own));
    match written.interfaces.iter().find(has) {
        Some(interface) => Judged::By(decide(None, &written, interface, way, packet)),
        None => Judged::NotKnown(format!("{own} is on none of its interfaces")),
    }
}

/// A wish as Proxmox VE has it once it is written.
#[must_use]
pub fn written(wish: &GuestFirewall, interfaces: Vec<Interface>) -> Guest {
    let sets = wish.ipsets.iter().map(|(name, set)| {
        let entries: BTreeMap<String, bool> = set.entries.iter().map(|net| (plain(net), false)).collect();
        (name.to_string(), entries)
    });
    Guest {
        name: "guest".to_owned(),
        interfaces,
        options: options(&wish.options),
        rules: wish.rules.iter().map(Rule::fields).collect(),
        ipsets: sets.collect(),
        aliases: BTreeMap::new(),
    }
}

/// The options that are written, in the words of Proxmox VE; `enable` among them.
#[must_use]
pub fn options(options: &Options) -> BTreeMap<String, String> {
    let Options { policy_in, policy_out, ipfilter, macfilter, dhcp, ndp, radv, log_level_in, log_level_out } = *options;
    let flag = |on: bool| if on { "1" } else { "0" };
    let pairs = [
        ("enable", "1"),
        ("policy_in", policy_word(policy_in)),
        ("policy_out", policy_word(policy_out)),
        ("ipfilter", flag(ipfilter)),
        ("macfilter", flag(macfilter)),
        ("dhcp", flag(dhcp)),
        ("ndp", flag(ndp)),
        ("radv", flag(radv)),
        ("log_level_in", log_word(log_level_in)),
        ("log_level_out", log_word(log_level_out)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The interfaces of a container with its addresses: each where the spec has it, the others (from DHCP, or of an adopted
/// guest) on the first that has one of these.
#[must_use]
pub fn interfaces(container: &ZentoriaContainer, addresses: &BTreeSet<IpAddr>) -> Vec<Interface> {
    let specs = &container.spec.network.interfaces;
    let mut all: Vec<Interface> = specs.iter().enumerate().map(interface).collect();
    if all.is_empty() {
        all.push(Interface { name: "net0".to_owned(), firewall: true, ..Interface::default() });
    }
    let placed = |address: &&IpAddr| {
        all.iter().any(|i| i.addresses.contains(address) || i.more.iter().any(|net| net.contains(*address)))
    };
    let others: Vec<IpAddr> = addresses.iter().filter(|address| !placed(address)).copied().collect();
    let moving = specs.iter().position(|spec| statics(spec).is_empty()).unwrap_or(0);
    if let Some(first) = all.get_mut(moving) {
        first.addresses.extend(others);
    }
    all
}

fn interface((index, spec): (usize, &InterfaceSpec)) -> Interface {
    Interface {
        name: format!("net{index}"),
        firewall: spec.firewall != Some(false),
        addresses: statics(spec),
        more: spec.extra_addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok()).map(IpNet::from).collect(),
    }
}

fn statics(spec: &InterfaceSpec) -> Vec<IpAddr> {
    let texts = [spec.ipv4.as_ref().map(|ip| &ip.address), spec.ipv6.as_ref().map(|ip| &ip.address)];
    texts.into_iter().flatten().filter_map(|text| text.parse::<HostCidr>().ok()).map(|cidr| cidr.addr()).collect()
}

/// The address that stands for what is `external`: outside of the networks, and nobody's that is known.
#[must_use]
pub fn somebody_outside(estate: &super::Estate, v6: bool) -> Option<IpAddr> {
    const V4: [&str; 6] = ["203.0.113.1", "198.51.100.1", "192.0.2.1", "9.9.9.9", "8.8.8.8", "1.1.1.1"];
    const V6: [&str; 3] = ["2001:db8::1", "2620:fe::fe", "2606:4700:4700::1111"];
    let external = estate.external.as_ref().ok()?;
    let hosts = estate.hosts.values().flat_map(|(nets, _)| nets);
    let known: Vec<_> = estate.control_plane.iter().chain(hosts).collect();
    let addresses = if v6 { V6.as_slice() } else { V4.as_slice() };
    let mut addresses = addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok());
    addresses.find(|address| {
        external.iter().any(|net| net.contains(address)) && !known.iter().any(|net| net.contains(address))
    })
}

/// Which way a packet goes at a guest, for people.
#[must_use]
pub const fn way_told(way: Way) -> &'static str {
    match way {
        Way::In => "in",
        Way::Out => "out",
    }
}
