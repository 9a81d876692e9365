//! What the compiler reads: the containers of one ProxmoxCluster, the rules of their namespaces, the named outsiders and
//! networks. It is made once from the objects, and nothing in it fails: what cannot be read is kept with its problem.

mod container;
mod rule;
mod words;

pub(crate) use words::labels as selector_words;

pub use container::{Container, Served, Side, is_adopted};
pub use rule::{End, PortWish, Row, Wish};

use super::external::complement;
use crate::container::want::Key;
use crate::estate::key_of;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

/// All that decides the firewalls of the guests of one ProxmoxCluster.
#[derive(Clone, Debug)]
pub struct Estate {
    /// Name of the ProxmoxCluster.
    pub cluster: String,
    /// The containers.
    pub containers: BTreeMap<Key, Container>,
    /// Containers of other ProxmoxClusters that were given, too: whose.
    pub elsewhere: BTreeMap<Key, String>,
    /// The rules.
    pub rules: BTreeMap<Key, Row>,
    /// Labels of the namespaces that have containers here.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// From where the control plane reaches the guests.
    pub control_plane: Vec<IpNet>,
    /// What lies outside of the estate's networks, or why it cannot be said.
    pub external: Result<Vec<IpNet>, String>,
    /// The estate's own networks.
    pub networks: Vec<IpNet>,
    /// The outsiders by name, and what of their addresses cannot be read.
    pub hosts: BTreeMap<String, (Vec<IpNet>, Vec<String>)>,
    /// Addresses that more than one container has, on bridges or VLANs of their own: a rule cannot tell them apart.
    pub shared: BTreeMap<IpAddr, BTreeSet<Key>>,
    /// What cannot be read of the ProxmoxCluster.
    pub notes: Vec<String>,
}

/// Reads the containers of `cluster`, the rules, and by `labels` the labels of a namespace. Containers of another
/// ProxmoxCluster are kept by name only, so that a rule that names one can say so. A rule that is being deleted is gone.
#[must_use]
pub fn estate<'a>(
    cluster: &ProxmoxCluster,
    containers: impl IntoIterator<Item = &'a ZentoriaContainer>,
    rules: impl IntoIterator<Item = &'a FirewallRule>,
    labels: &dyn Fn(&str) -> BTreeMap<String, String>,
) -> Estate {
    let name = cluster.metadata.name.clone().unwrap_or_default();
    let mut estate = surroundings(name, cluster);
    for container in containers {
        let (key, theirs) = (key_of(container), &container.spec.cluster_ref.name);
        if *theirs == estate.cluster {
            let namespace = key.namespace.clone();
            estate.namespaces.entry(namespace).or_insert_with_key(|namespace| labels(namespace));
            estate.containers.insert(key, container::read(cluster, container));
        } else {
            estate.elsewhere.insert(key, theirs.clone());
        }
    }
    for rule in rules.into_iter().filter(|rule| rule.metadata.deletion_timestamp.is_none()) {
        let (namespace, name) = (rule.metadata.namespace.clone(), rule.metadata.name.clone());
        let key = Key { namespace: namespace.unwrap_or_default(), name: name.unwrap_or_default() };
        estate.rules.insert(key, rule::read(rule));
    }
    estate.shared = shared(&estate.containers);
    estate
}

/// Addresses that more than one container has.
fn shared(containers: &BTreeMap<Key, Container>) -> BTreeMap<IpAddr, BTreeSet<Key>> {
    let mut first: BTreeMap<IpAddr, &Key> = BTreeMap::new();
    let mut shared: BTreeMap<IpAddr, BTreeSet<Key>> = BTreeMap::new();
    for (key, container) in containers {
        for address in &container.addresses {
            if let Some(other) = first.insert(*address, key) {
                shared.entry(*address).or_default().extend([other.clone(), key.clone()]);
            }
        }
    }
    shared
}

/// What the ProxmoxCluster says of networks and outsiders, without any container or rule.
fn surroundings(name: String, cluster: &ProxmoxCluster) -> Estate {
    let spec = &cluster.spec;
    let (control_plane, mut notes) = networks("spec.controlPlaneCIDRs", &spec.control_plane_cidrs);
    let (own, unread) = networks("spec.networks", &spec.networks);
    let why = |text: &str| Err(format!("ProxmoxCluster {name}: {text}"));
    let external = match unread.first() {
        // One network less inside would be one more outside.
        Some(first) => why(first),
        None if own.is_empty() => why("spec.networks names no network of the estate, so nothing is outside of it"),
        None => Ok(complement(&own)),
    };
    notes.extend(unread);
    let mut hosts = BTreeMap::new();
    for host in &spec.hosts {
        let (addresses, unread) = networks(&format!("spec.hosts[{}].addresses", host.name), &host.addresses);
        notes.extend(unread.clone());
        hosts.insert(host.name.clone(), (addresses, unread));
    }
    Estate {
        cluster: name,
        containers: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
        rules: BTreeMap::new(),
        namespaces: BTreeMap::new(),
        control_plane,
        external,
        networks: own,
        hosts,
        shared: BTreeMap::new(),
        notes,
    }
}

impl Estate {
    /// The containers of a namespace.
    pub fn of_namespace<'a>(&'a self, namespace: &str) -> impl Iterator<Item = (&'a Key, &'a Container)> + use<'a> {
        let first = Key { namespace: namespace.to_owned(), name: String::new() };
        let namespace = namespace.to_owned();
        self.containers.range(first..).take_while(move |(key, _)| key.namespace == namespace)
    }
}

/// Addresses and networks, and what of them cannot be read.
fn networks(field: &str, texts: &[String]) -> (Vec<IpNet>, Vec<String>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for text in texts {
        match network(text) {
            Ok(net) => good.push(net),
            Err(why) => bad.push(format!("{field}: {why}")),
        }
    }
    (good, bad)
}

/// An address or a network, of which nothing lies behind the prefix.
///
/// # Errors
/// What is wrong with it and what to write.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    let Some(net) = text.parse().ok().or(address) else {
        return Err(format!("{text:?} is no address and no network: write 10.10.40.4 or 10.10.40.0/24"));
    };
    if net.prefix_len() == 0 {
        return Err(format!("{text} is every address: write any"));
    }
    if net != net.trunc() {
        return Err(format!("{text} has bits set behind its prefix: write {}", net.trunc()));
    }
    Ok(net)
}
