//! An independent reading of the matrix: the rules as they are written, walked by priority for one flow. It shares nothing
//! with the compiler but the types of the API, knows nothing of PVE, and is as slow as it is simple.

use super::fixture::World;
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::firewall::{Action, Direction, FirewallRule, Peer, Policy, Port, Protocol};

/// Whom a packet comes from or goes to.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    Container(&'a ZentoriaContainer, IpAddr),
    Address(IpAddr),
}

impl<'a> Who<'a> {
    pub fn address(self) -> IpAddr {
        match self {
            Self::Container(_, address) | Self::Address(address) => address,
        }
    }

    fn container(self) -> Option<&'a ZentoriaContainer> {
        match self {
            Self::Container(container, _) => Some(container),
            Self::Address(_) => None,
        }
    }
}

/// A flow: one end, the other, protocol and port (0 where there is none).
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    pub from: Who<'a>,
    pub to: Who<'a>,
    pub protocol: Protocol,
    pub port: u32,
}

/// Whether the matrix lets it pass: out of the source and into the target, where these are containers.
pub fn allowed(world: &World, flow: Flow<'_>) -> bool {
    leaves(world, flow) && enters(world, flow)
}

fn leaves(world: &World, flow: Flow<'_>) -> bool {
    let Some(source) = flow.from.container() else { return true };
    let policy = source.spec.firewall.as_ref().and_then(|firewall| firewall.outbound).unwrap_or(Policy::Accept);
    let own = |rule: &&FirewallRule| rule.metadata.namespace == source.metadata.namespace;
    decide(world.rules.iter().filter(own).filter(|rule| {
        // What a rule opens for a container it also lets that container out to, where that needs saying.
        let lets_out = rule.spec.direction == Direction::Ingress
            && rule.spec.action == Action::Allow
            && policy != Policy::Accept
            && flow.to.container().is_some()
            && rule.spec.from.iter().any(|peer| names_containers(peer) && is(world, rule, peer, flow.from));
        (rule.spec.direction == Direction::Egress || lets_out) && matches(world, rule, flow)
    }))
    .unwrap_or(policy == Policy::Accept)
}

fn enters(world: &World, flow: Flow<'_>) -> bool {
    let Some(target) = flow.to.container() else { return true };
    let control_plane = world.cluster.spec.control_plane_cidrs.iter().any(|net| within(net, flow.from.address()));
    let ssh = flow.protocol == Protocol::TCP && flow.port == 22;
    if control_plane && (ssh || declares(target, None, flow)) {
        return true;
    }
    let policy = target.spec.firewall.as_ref().and_then(|firewall| firewall.inbound).unwrap_or(Policy::Drop);
    let own = |rule: &&FirewallRule| {
        rule.metadata.namespace == target.metadata.namespace && rule.spec.direction == Direction::Ingress
    };
    decide(world.rules.iter().filter(own).filter(|rule| matches(world, rule, flow))).unwrap_or(policy == Policy::Accept)
}

/// The first by priority decides; at a tie one that refuses comes before one that allows.
fn decide<'a>(rules: impl Iterator<Item = &'a FirewallRule>) -> Option<bool> {
    let first = rules.map(|rule| (rule.spec.priority, rule.spec.action == Action::Allow)).min()?;
    Some(first.1)
}

fn matches(world: &World, rule: &FirewallRule, flow: Flow<'_>) -> bool {
    let spec = &rule.spec;
    // Addresses declare no services: a rule out to them that leaves its ports to those opens nothing at all.
    let open = spec.ports.is_empty() || spec.ports.iter().any(|port| port.service.is_some());
    let unclear = spec.direction == Direction::Egress && open && !spec.to.iter().all(names_containers);
    if spec.action == Action::Allow && unclear {
        return false;
    }
    let family = match flow.protocol {
        Protocol::ICMP => flow.from.address().is_ipv4(),
        Protocol::ICMPv6 => flow.from.address().is_ipv6(),
        Protocol::TCP | Protocol::UDP | Protocol::SCTP => true,
    };
    // What a container declares counts where it is meant as a container, not where its address lies in a network.
    let at = |peer: &Peer, port: &Port| match port {
        Port { service: Some(name), .. } => {
            names_containers(peer) && flow.to.container().is_some_and(|target| declares(target, Some(name), flow))
        }
        Port { port: Some(first), end_port, protocol, .. } => {
            protocol.unwrap_or_default() == flow.protocol && (*first..=end_port.unwrap_or(*first)).contains(&flow.port)
        }
        Port { protocol, .. } => *protocol == Some(flow.protocol),
    };
    let reaches = |peer: &Peer| {
        let declared =
            || names_containers(peer) && flow.to.container().is_some_and(|target| declares(target, None, flow));
        let ports = if spec.ports.is_empty() { declared() } else { spec.ports.iter().any(|port| at(peer, port)) };
        ports && is(world, rule, peer, flow.to)
    };
    family && spec.from.iter().any(|peer| is(world, rule, peer, flow.from)) && spec.to.iter().any(reaches)
}

fn declares(target: &ZentoriaContainer, name: Option<&String>, flow: Flow<'_>) -> bool {
    target.spec.services.iter().any(|service| {
        name.is_none_or(|name| *name == service.name)
            && service.protocol.unwrap_or_default() == flow.protocol
            && (service.port..=service.end_port.unwrap_or(service.port)).contains(&flow.port)
    })
}

fn names_containers(peer: &Peer) -> bool {
    peer.container.is_some() || peer.selector.is_some() || peer.zone.is_some() || peer.all.is_some()
}

fn is(world: &World, rule: &FirewallRule, peer: &Peer, who: Who<'_>) -> bool {
    let address = who.address();
    let here = who.container().filter(|one| one.metadata.namespace == rule.metadata.namespace);
    if let Some(name) = &peer.container {
        return here.is_some_and(|one| one.metadata.name.as_ref() == Some(name));
    }
    if let Some(selector) = &peer.selector {
        let labels = |one: &ZentoriaContainer| one.metadata.labels.clone().unwrap_or_default();
        let equal = |labels: &std::collections::BTreeMap<String, String>, wanted: &Option<_>| {
            let wanted: Option<&std::collections::BTreeMap<String, String>> = Option::as_ref(wanted);
            wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        };
        return match &peer.namespace_selector {
            None => here.is_some_and(|one| equal(&labels(one), &selector.match_labels)),
            Some(namespaces) => who.container().is_some_and(|one| {
                let of = one.metadata.namespace.as_ref().and_then(|namespace| world.labels.get(namespace));
                equal(&of.cloned().unwrap_or_default(), &namespaces.match_labels)
                    && equal(&labels(one), &selector.match_labels)
            }),
        };
    }
    if let Some(zone) = &peer.zone {
        return here.is_some_and(|one| one.spec.zone.as_ref() == Some(zone));
    }
    if let Some(name) = &peer.host {
        let host = world.cluster.spec.hosts.iter().find(|host| host.name == *name);
        return host.is_some_and(|host| host.addresses.iter().any(|net| within(net, address)));
    }
    if let Some(cidr) = &peer.cidr {
        return within(cidr, address);
    }
    if peer.external.is_some() {
        return !world.cluster.spec.networks.iter().any(|net| within(net, address));
    }
    peer.any.is_some() || peer.all.is_some() && here.is_some()
}

/// Whether an address lies in a network, bit by bit.
fn within(net: &str, address: IpAddr) -> bool {
    let (base, prefix) = net.split_once('/').unwrap_or((net, ""));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let base: IpAddr = base.parse().unwrap();
    let ((base_bits, width), (own, _)) = (bits(base), bits(address));
    let prefix: u32 = if prefix.is_empty() { width } else { prefix.parse().unwrap() };
    base.is_ipv4() == address.is_ipv4() && (prefix == 0 || (base_bits ^ own) >> (128 - prefix) == 0)
}
