//! Who is at the ends of a rule.

use super::trouble::Trouble;
use crate::cluster::access::selects;
use crate::container::want::Key;
use crate::firewall::estate::{Container, End, Estate};
use crate::firewall::guest::plain;
use crate::firewall::nets::Nets;
use crate::firewall::words::some;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Those who were found.
#[derive(Default)]
pub(super) struct Peers<'a> {
    /// Containers.
    pub(super) containers: BTreeMap<&'a Key, &'a Container>,
    /// Addresses, with the field that names them and what it says: `spec.from[0] (10.0.0.0/8)`.
    pub(super) nets: Vec<(String, Nets)>,
    /// Whether containers of other ProxmoxClusters are meant, too.
    pub(super) elsewhere: bool,
}

impl<'a> Peers<'a> {
    /// Whether nobody was found.
    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.nets.is_empty()
    }

    /// Whether it is this container and nobody else.
    pub(super) fn is_only(&self, key: &Key) -> bool {
        self.nets.is_empty() && self.containers.len() == 1 && self.containers.contains_key(key)
    }

    /// Finds those that a rule of `namespace` names. `own`: they are those that the rule opens or lets out, so one that
    /// is on another ProxmoxCluster is that one's business.
    pub(super) fn find(
        estate: &'a Estate,
        namespace: &str,
        ends: &'a [(String, End)],
        own: bool,
        trouble: &mut Trouble,
    ) -> Self {
        let mut peers = Self::default();
        for (field, end) in ends {
            match end {
                End::Container(name) => peers.container(estate, namespace, (field, name), own, trouble),
                End::Selector(selector, None) => {
                    let labelled = |container: &Container| selects(selector, &container.labels);
                    peers.take(field, estate.of_namespace(namespace).filter(|(_, one)| labelled(one)), trouble);
                }
                End::Selector(selector, Some(namespaces)) => {
                    let meant = estate.namespaces.iter().filter(|(_, labels)| selects(namespaces, labels));
                    let there = meant.flat_map(|(namespace, _)| estate.of_namespace(namespace));
                    peers.take(field, there.filter(|(_, one)| selects(selector, &one.labels)), trouble);
                }
                End::Zone(zone) => peers.zone(estate, namespace, (field, zone), trouble),
                End::All => peers.take(field, estate.of_namespace(namespace), trouble),
                End::Host(name) => peers.host(estate, (field, name), trouble),
                End::Cidr(net) => peers.nets.push((format!("{field} ({})", plain(net)), Nets::these([*net]))),
                End::Any => peers.nets.push((format!("{field} (any)"), Nets::Every)),
                End::External => peers.external(estate, field, trouble),
            }
        }
        peers
    }

    fn take(&mut self, field: &str, found: impl Iterator<Item = (&'a Key, &'a Container)>, trouble: &mut Trouble) {
        let before = self.containers.len();
        let mut any = false;
        for (key, container) in found.filter(|(_, container)| !container.template) {
            any = true;
            self.containers.insert(key, container);
        }
        if !any && before == self.containers.len() {
            trouble.nobody.push(field.to_owned());
        }
    }

    fn container(
        &mut self,
        estate: &'a Estate,
        namespace: &str,
        (field, name): (&str, &String),
        own: bool,
        trouble: &mut Trouble,
    ) {
        let key = Key { namespace: namespace.to_owned(), name: name.clone() };
        match (estate.containers.get_key_value(&key), estate.elsewhere.get(&key)) {
            (Some((_, container)), _) if container.template => {
                trouble.missing(field, name, "is a template of Proxmox VE, which never runs".to_owned());
            }
            (Some((key, container)), _) => {
                self.containers.insert(key, container);
            }
            (None, Some(_)) if own => self.elsewhere = true,
            (None, Some(cluster)) => {
                self.elsewhere = true;
                let why = format!(
                    "is on ProxmoxCluster {cluster}, and the containers that the rule is for are on {}: name its \
                     address with cidr or host",
                    estate.cluster
                );
                trouble.missing(field, name, why);
            }
            (None, None) => {
                let why = format!(
                    "does not exist in namespace {namespace} on ProxmoxCluster {}: correct the name, or create the \
                     ZentoriaContainer",
                    estate.cluster
                );
                trouble.missing(field, name, why);
            }
        }
    }

    fn zone(&mut self, estate: &'a Estate, namespace: &str, (field, zone): (&str, &String), trouble: &mut Trouble) {
        let here = || estate.of_namespace(namespace);
        if here().any(|(_, container)| container.zone.as_ref() == Some(zone)) {
            return self.take(field, here().filter(|(_, container)| container.zone.as_ref() == Some(zone)), trouble);
        }
        let zones: BTreeSet<&String> = here().filter_map(|(_, container)| container.zone.as_ref()).collect();
        let known =
            if zones.is_empty() { "no container has a zone".into() } else { format!("there are {}", some(zones)) };
        let why =
            format!("has no container in namespace {namespace} ({known}): correct the name, or set spec.zone of one");
        trouble.missing(field, &format!("zone {zone}"), why);
    }

    fn host(&mut self, estate: &'a Estate, (field, name): (&'a str, &String), trouble: &mut Trouble) {
        let Some((addresses, unread)) = estate.hosts.get(name) else {
            let known = if estate.hosts.is_empty() { "none".to_owned() } else { some(estate.hosts.keys()) };
            let why = format!("is not in spec.hosts of ProxmoxCluster {} (there: {known})", estate.cluster);
            return trouble.missing(field, &format!("host {name}"), why);
        };
        for why in unread {
            trouble.missing(field, &format!("host {name}"), format!("has an address that cannot be read: {why}"));
        }
        if !addresses.is_empty() {
            self.nets.push((format!("{field} (host {name})"), Nets::these(addresses.iter().copied())));
        }
    }

    fn external(&mut self, estate: &'a Estate, field: &'a str, trouble: &mut Trouble) {
        match &estate.external {
            Ok(outside) => {
                self.nets.push((format!("{field} (external)"), Nets::these(outside.iter().copied())));
                // Who is outside of the networks by mistake may use what is meant for the world.
                let strays = estate.containers.iter().filter_map(|(key, container)| {
                    let inside = |address| estate.networks.iter().any(|net: &IpNet| net.contains(address));
                    let stray = container.addresses.iter().find(|address| !inside(*address))?;
                    Some(format!("{key} ({stray})"))
                });
                let strays: Vec<String> = strays.collect();
                if !strays.is_empty() {
                    trouble.notes.insert(format!(
                        "external means {} too: spec.networks of ProxmoxCluster {} does not contain it",
                        some(strays),
                        estate.cluster
                    ));
                }
            }
            Err(why) => trouble.invalid.push(format!("{field}.external: {why}")),
        }
    }
}
