//! What one rule asks of each guest.

use super::derived;
use super::entry::{Entry, Owner, Rank};
use super::peers::Peers;
use super::trouble::Trouble;
use crate::container::want::Key;
use crate::firewall::estate::{Container, Estate, PortWish, Wish};
use crate::firewall::guest::Way;
use crate::firewall::nets::{Families, Nets};
use crate::firewall::ports::{Ports, Services, has_ports};
use crate::firewall::words;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::firewall::{Action, Direction, Policy, Protocol};

/// What a rule comes to.
#[derive(Default)]
pub(super) struct Flows<'a> {
    /// What it asks of which guest.
    pub(super) entries: Vec<(&'a Key, Entry<'a>)>,
    /// Whether all that it is for is on other ProxmoxClusters.
    pub(super) elsewhere: bool,
}

/// Works out one rule.
pub(super) fn of<'a>(estate: &'a Estate, key: &'a Key, wish: &'a Wish, trouble: &mut Trouble) -> Flows<'a> {
    let namespace = key.namespace.as_str();
    let egress = wish.direction == Direction::Egress;
    let from = Peers::find(estate, namespace, &wish.from, egress, trouble);
    let to = Peers::find(estate, namespace, &wish.to, !egress, trouble);
    let ours = if egress { &from } else { &to };
    let mut rule = Rule { key, shared: &estate.shared, wish, trouble, entries: Vec::new() };
    match wish.direction {
        Direction::Ingress => rule.ingress(&from, &to),
        Direction::Egress => rule.egress(&from, &to),
    }
    let mut flows = Flows { entries: rule.entries, elsewhere: ours.elsewhere && ours.is_empty() };
    trouble.judge_families(&flows, &from, &to);
    if wish.action == Action::Allow && !trouble.invalid.is_empty() {
        flows.entries.clear();
    }
    flows
}

impl Trouble {
    /// A rule of which nothing can ever arrive, because its ends share no family of addresses, is a mistake; where only
    /// some do not, it is worth a note.
    fn judge_families(&mut self, flows: &Flows<'_>, from: &Peers<'_>, to: &Peers<'_>) {
        let strangers: Vec<String> = std::mem::take(&mut self.strangers).into_iter().collect();
        if strangers.is_empty() {
            return;
        }
        let text = format!(
            "{} share no family of addresses: one has IPv4 alone and the other IPv6 alone, and nothing passes between them",
            words::some(strangers)
        );
        let complete = self.absent().is_empty() && self.unresolved.is_empty() && !from.is_empty() && !to.is_empty();
        if flows.entries.is_empty() && complete {
            self.invalid.push(format!(
                "{text}. Name addresses of the family that the container has, or give it one of the other"
            ));
        } else {
            self.notes.insert(text);
        }
    }
}

/// A rule while it is worked out.
struct Rule<'a, 't> {
    key: &'a Key,
    shared: &'a BTreeMap<IpAddr, BTreeSet<Key>>,
    wish: &'a Wish,
    trouble: &'t mut Trouble,
    entries: Vec<(&'a Key, Entry<'a>)>,
}

impl<'a> Rule<'a, '_> {
    fn ingress(&mut self, from: &Peers<'a>, to: &Peers<'a>) {
        let mut opened: BTreeMap<&Key, Services> = BTreeMap::new();
        for (&key, &target) in to.containers.iter().filter(|(key, _)| !from.is_only(key)) {
            let services = self.services(key, target);
            let nets = self.sources(key, target, from);
            self.enter(key, target, Way::In, &services, &nets);
            opened.insert(key, services);
        }
        if self.wish.action != Action::Allow {
            return;
        }
        for (&key, &source) in &from.containers {
            if !source.lets_out() {
                self.source_side(key, source, &opened, to);
            }
        }
    }

    /// Everybody who may come to a target, the target itself not among them.
    fn sources(&mut self, key: &Key, target: &Container, from: &Peers<'a>) -> Nets {
        let mut nets: Vec<IpNet> = Vec::new();
        for (&other, &source) in from.containers.iter().filter(|(other, _)| **other != key) {
            nets.extend(self.addresses(other, source, (key, target)));
        }
        for (field, theirs) in &from.nets {
            match self.met(field, theirs, (key, target)) {
                Nets::Every => return Nets::Every,
                Nets::These(list) => nets.extend(list.nets()),
            }
        }
        Nets::these(nets)
    }

    /// The addresses of `other` that a guest can meet.
    fn addresses(&mut self, other: &Key, container: &Container, (key, guest): (&Key, &Container)) -> Vec<IpNet> {
        if container.addresses.is_empty() {
            self.trouble.unresolved.insert(self.name(other));
            return Vec::new();
        }
        let nets = container.addresses.iter().map(|address| IpNet::from(*address));
        let met: Vec<IpNet> = nets.filter(|net| guest.families.have(net)).collect();
        if met.is_empty() {
            self.trouble.strangers.insert(format!("{} and {}", self.name(other), self.name(key)));
        }
        for (address, owners) in self.shared.iter().filter(|(address, _)| container.addresses.contains(address)) {
            let others: Vec<String> =
                owners.iter().filter(|owner| *owner != other).map(|owner| self.name(owner)).collect();
            self.trouble.notes.insert(format!(
                "{} has the address {address} of {} too, and what is said of one holds for the other",
                words::some(others),
                self.name(other)
            ));
        }
        met
    }

    /// What of some addresses a guest can meet.
    fn met(&mut self, field: &str, nets: &Nets, (key, guest): (&Key, &Container)) -> Nets {
        let met = nets.of(guest.families);
        if met.is_empty() {
            self.trouble.strangers.insert(format!("{field} and {}", self.name(key)));
        }
        met
    }

    /// A container's name, with its namespace where that is another than the rule's.
    fn name(&self, key: &Key) -> String {
        if key.namespace == self.key.namespace { key.name.clone() } else { key.to_string() }
    }

    /// A source that lets nothing out by itself is let out to what the rule opens for it.
    fn source_side(&mut self, key: &'a Key, source: &'a Container, opened: &BTreeMap<&Key, Services>, to: &Peers<'a>) {
        if key.namespace != self.key.namespace {
            self.trouble.notes.insert(format!(
                "{key} lets nothing out by default (firewall.outbound), and a rule of namespace {} cannot let it out: \
                 it needs a rule with direction Egress in its own namespace",
                self.key.namespace
            ));
            return;
        }
        let mut groups: BTreeMap<&Services, Vec<IpNet>> = BTreeMap::new();
        for (&other, &target) in to.containers.iter().filter(|(other, _)| **other != key) {
            let Some(services) = opened.get(other).filter(|services| !services.is_empty()) else { continue };
            groups.entry(services).or_default().extend(self.addresses(other, target, (key, source)));
        }
        for (services, nets) in groups {
            self.enter(key, source, Way::Out, services, &Nets::these(nets));
        }
    }

    fn egress(&mut self, from: &Peers<'a>, to: &Peers<'a>) {
        let named = self.named_ports();
        let others = to.containers.iter().filter(|(key, _)| !from.is_only(key));
        let opened: BTreeMap<&Key, Services> =
            others.map(|(&key, &target)| (key, self.services(key, target))).collect();
        for (&key, &source) in &from.containers {
            let mut groups: BTreeMap<&Services, Nets> = BTreeMap::new();
            for (field, nets) in &to.nets {
                let met = self.met(field, nets, (key, source));
                join(groups.entry(&named).or_insert_with(|| Nets::these([])), &met);
            }
            for (&other, &target) in to.containers.iter().filter(|(other, _)| **other != key) {
                let Some(services) = opened.get(other).filter(|services| !services.is_empty()) else { continue };
                let theirs = Nets::these(self.addresses(other, target, (key, source)));
                join(groups.entry(services).or_insert_with(|| Nets::these([])), &theirs);
            }
            for (services, nets) in groups {
                self.enter(key, source, Way::Out, services, &nets);
            }
        }
    }

    /// The ports that the rule names by number.
    fn named_ports(&self) -> Services {
        let mut services = Services::new();
        for (_, port) in &self.wish.ports {
            match port {
                PortWish::Ports(protocol, range) => services.entry(*protocol).or_default().insert(*range),
                PortWish::Whole(protocol) => {
                    services.insert(*protocol, Ports::whole());
                }
                PortWish::Service(_) => {}
            }
        }
        services
    }

    /// The ports at one target: those of the rule, else those that the target declares.
    fn services(&mut self, key: &Key, target: &Container) -> Services {
        let name = self.name(key);
        for why in &target.unread {
            self.trouble.notes.insert(format!("{name}: {why}; nothing is opened for it"));
        }
        let declared = target.declared();
        if self.wish.ports.is_empty() {
            if declared.is_empty() {
                self.trouble.bare.insert(name);
            }
            return declared;
        }
        let mut services = self.named_ports();
        let expected = derived::reached(target);
        for (protocol, ports) in &services {
            let beyond = ports.without(expected.get(protocol).unwrap_or(&Ports::default()));
            if self.wish.action == Action::Allow && has_ports(*protocol) && !beyond.is_empty() {
                let text = words::ports(*protocol, &beyond);
                self.trouble.undeclared.entry(text).or_default().insert(name.clone());
            }
        }
        for (field, port) in &self.wish.ports {
            let PortWish::Service(service) = port else { continue };
            if let Some(served) = target.services.get(service) {
                services.entry(served.protocol).or_default().insert(served.ports);
                self.trouble.served.insert(service.clone());
            } else {
                self.trouble.unserved.entry((field.clone(), service.clone())).or_default().insert(name.clone());
            }
        }
        services
    }

    /// Asks it of a guest. ICMP is IPv4 alone, ICMPv6 is IPv6 alone.
    fn enter(&mut self, key: &'a Key, guest: &Container, way: Way, services: &Services, nets: &Nets) {
        let mut by_nets: BTreeMap<Nets, Services> = BTreeMap::new();
        for (protocol, ports) in services {
            let families = match protocol {
                Protocol::TCP | Protocol::UDP | Protocol::SCTP => Families::BOTH,
                Protocol::ICMP => Families { v4: true, v6: false },
                Protocol::ICMPv6 => Families { v4: false, v6: true },
            };
            let nobody = !(families.v4 && guest.families.v4 || families.v6 && guest.families.v6);
            let nets = nets.of(families);
            if !nets.is_empty() && !nobody {
                by_nets.entry(nets).or_default().insert(*protocol, ports.clone());
            }
        }
        for (nets, services) in by_nets {
            let Wish { action, priority, log, .. } = self.wish;
            let rank = Rank::of_rule(*priority, *action, *log);
            let entry = Entry { way, rank, action: *action, log: *log, owner: Owner::Rule(self.key), services, nets };
            self.entries.push((key, entry));
        }
    }
}

impl Container {
    /// Whether what it sends passes unless a rule forbids it.
    fn lets_out(&self) -> bool {
        self.options.as_ref().is_ok_and(|options| options.policy_out == Policy::Accept)
    }

    /// The ports of its services.
    pub(super) fn declared(&self) -> Services {
        let mut services = Services::new();
        for served in self.services.values() {
            services.entry(served.protocol).or_default().insert(served.ports);
        }
        services
    }
}

/// Puts `more` to some addresses.
fn join(nets: &mut Nets, more: &Nets) {
    *nets = match (&*nets, more) {
        (Nets::Every, _) | (_, Nets::Every) => Nets::Every,
        (Nets::These(a), Nets::These(b)) => {
            let both: BTreeSet<IpNet> = a.nets().into_iter().chain(b.nets()).collect();
            Nets::these(both)
        }
    };
}
