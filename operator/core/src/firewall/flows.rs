//! The compiled matrix by names: who the addresses in a guest's rules are.

use super::compile::CompiledGuest;
use super::estate::Estate;
use super::guest::{Ends, GuestFirewall, PortRange, Rule, Service, Way, plain, protocol_word};
use crate::container::want::Key;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::firewall::{Action, LogLevel};

/// One rule of a guest, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Into the guest or out of it.
    pub way: Way,
    /// Who is at the other end.
    pub peers: Vec<End>,
    /// Protocol and ports.
    pub service: Service,
    /// What happens.
    pub action: Action,
    /// Log of what matches.
    pub log: Option<LogLevel>,
    /// Who asked for it: `zentoria/db-from-backend`, `derived/control-plane`.
    pub owners: BTreeSet<String>,
}

/// The other end, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Every address.
    Any,
    /// Every address outside the estate's networks.
    External,
    /// From where the operator reaches the guests.
    ControlPlane,
    /// An outsider of the ProxmoxCluster.
    Host(String),
    /// A container.
    Container(Key),
    /// Addresses that have no name.
    Net(IpNet),
}

/// Who has which address.
#[derive(Clone, Debug)]
pub struct Names {
    containers: BTreeMap<IpAddr, Key>,
    /// Networks that go by one name, each of one family: all of them have to be covered. The first that fits counts.
    groups: Vec<(End, BTreeSet<IpNet>)>,
}

impl Names {
    /// The names of an estate.
    #[must_use]
    pub fn new(estate: &Estate) -> Self {
        let addresses = estate
            .containers
            .iter()
            .flat_map(|(key, container)| container.addresses.iter().map(move |address| (*address, key.clone())));
        let hosts = estate.hosts.iter().map(|(name, (nets, _))| (End::Host(name.clone()), nets.clone()));
        let mut named: Vec<(End, Vec<IpNet>)> = vec![(End::ControlPlane, estate.control_plane.clone())];
        named.extend(hosts);
        named.push((End::External, estate.external.clone().unwrap_or_default()));
        let mut groups = Vec::new();
        for (end, nets) in named {
            let (v4, v6): (BTreeSet<IpNet>, BTreeSet<IpNet>) =
                nets.iter().map(IpNet::trunc).partition(|net| matches!(net, IpNet::V4(_)));
            groups.extend([v4, v6].into_iter().filter(|nets| !nets.is_empty()).map(|nets| (end.clone(), nets)));
        }
        Self { containers: addresses.collect(), groups }
    }

    /// Who these are, each once, in the order of [`End`].
    #[must_use]
    pub fn of(&self, nets: &BTreeSet<IpNet>) -> Vec<End> {
        let mut ends: BTreeSet<End> =
            nets.iter().filter_map(|net| self.container(net)).cloned().map(End::Container).collect();
        let mut left: BTreeSet<IpNet> = nets.iter().filter(|net| self.container(net).is_none()).copied().collect();
        for (end, group) in &self.groups {
            // What lies in a wider network of the set is not in it by itself.
            let covered = |net: &IpNet| left.contains(net) || nets.iter().any(|other| other.contains(net));
            if group.iter().all(covered) && group.iter().any(|net| left.contains(net)) {
                left.retain(|net| !group.contains(net));
                ends.insert(end.clone());
            }
        }
        ends.extend(left.into_iter().map(End::Net));
        ends.into_iter().collect()
    }

    /// The container at an address.
    #[must_use]
    pub fn at(&self, address: &IpAddr) -> Option<&Key> {
        self.containers.get(address)
    }

    fn container(&self, net: &IpNet) -> Option<&Key> {
        (net.prefix_len() == net.max_prefix_len()).then(|| self.containers.get(&net.addr())).flatten()
    }
}

/// The rules of a guest by names, in their order: the first match decides.
#[must_use]
pub fn flows(names: &Names, guest: &CompiledGuest) -> Vec<Flow> {
    let Ok(wish) = &guest.wish else { return Vec::new() };
    let flow = |rule: &Rule| Flow {
        way: rule.way,
        peers: peers(names, wish, rule),
        service: rule.service.clone(),
        action: rule.action,
        log: rule.log,
        owners: guest.owners.get(&rule.comment).cloned().unwrap_or_default(),
    };
    wish.rules.iter().map(flow).collect()
}

fn peers(names: &Names, wish: &GuestFirewall, rule: &Rule) -> Vec<End> {
    match &rule.peer {
        Ends::Any => vec![End::Any],
        Ends::Addresses(nets) => names.of(nets),
        Ends::Set(name) => wish.ipsets.get(name).map(|set| names.of(&set.entries)).unwrap_or_default(),
    }
}

impl End {
    /// The container that it is.
    #[must_use]
    pub const fn container(&self) -> Option<&Key> {
        match self {
            Self::Container(key) => Some(key),
            Self::Any | Self::External | Self::ControlPlane | Self::Host(_) | Self::Net(_) => None,
        }
    }

    /// For people; containers of `namespace` without it.
    #[must_use]
    pub fn told(&self, namespace: &str) -> String {
        match self {
            Self::Any => "any address".to_owned(),
            Self::External => "external".to_owned(),
            Self::ControlPlane => "control plane".to_owned(),
            Self::Host(name) => format!("host {name}"),
            Self::Container(key) if key.namespace == namespace => key.name.clone(),
            Self::Container(key) => key.to_string(),
            Self::Net(net) => plain(net),
        }
    }
}

/// Protocol and ports for people: `5432,6432/tcp`, `4000-4001/tcp`, `icmp`, `all`.
#[must_use]
pub fn service_told(service: &Service) -> String {
    match service {
        Service::Any => "all".to_owned(),
        Service::Protocol(protocol) => protocol_word(*protocol).to_owned(),
        Service::Ports(protocol, ports) => {
            let ports: Vec<String> = ports.iter().map(port_told).collect();
            format!("{}/{}", ports.join(","), protocol_word(*protocol))
        }
    }
}

/// A port or a range for people: `5432`, `4000-4001`.
#[must_use]
pub fn port_told(range: &PortRange) -> String {
    if range.first == range.last { range.first.to_string() } else { format!("{}-{}", range.first, range.last) }
}
