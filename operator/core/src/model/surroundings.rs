//! What lies around a ModelPull: plain data.

use crate::model::conflict::Claim;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::firewall::Service;

/// What a ModelPull may name.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// All ZentoriaContainers of its namespace, by name.
    pub containers: BTreeMap<String, ContainerSeen>,
    /// The Secrets that it names (see [`super::validate::secrets_of`]). One that is not in here is not judged.
    pub secrets: BTreeMap<String, SecretSeen>,
    /// What the other ModelPulls of all namespaces want.
    pub others: Vec<Claim>,
}

/// A ZentoriaContainer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Its addresses (`status.addresses`), the first first.
    pub addresses: Vec<IpAddr>,
    /// Whether it runs (`status.power.state`).
    pub running: bool,
    /// What listens on it (`spec.services`).
    pub services: Vec<Service>,
}

/// A Secret that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSeen {
    /// It exists.
    Present {
        /// Changes with its content.
        version: String,
        /// Its keys.
        keys: BTreeSet<String>,
    },
    /// It does not.
    Absent,
}
