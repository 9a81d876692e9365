//! What lies around an object of backups: other objects of its namespace, as plain data.

use crate::container::want::Grant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::container::Dependency;

/// Everything of one namespace that a policy, a repository or a restore may name.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// All ZentoriaContainers, by name.
    pub containers: BTreeMap<String, ContainerSeen>,
    /// All BackupRepositories, by name.
    pub repositories: BTreeMap<String, Arc<BackupRepository>>,
    /// All BackupPolicies, by name.
    pub policies: BTreeMap<String, Arc<BackupPolicy>>,
    /// The Secrets that were looked for (see [`super::validate::secrets`]). One that is not in here is not judged.
    pub secrets: BTreeMap<String, SecretSeen>,
    /// The PersistentVolumeClaims that were looked for, and whether they exist. One that is not in here is not judged.
    pub claims: BTreeMap<String, bool>,
    /// What the namespace may do (`cluster::access::grant`), by name of the ProxmoxCluster; `Err` says why nothing. Needed for vzdump alone.
    pub grants: BTreeMap<String, Result<Grant, String>>,
}

/// A ZentoriaContainer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Its addresses (`status.addresses`), the first first.
    pub addresses: Vec<IpAddr>,
    /// Whether it runs (`status.power.state`).
    pub running: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The containers that it depends on (`spec.dependsOn`).
    pub depends_on: Vec<Dependency>,
    /// Name of its ProxmoxCluster.
    pub cluster: String,
    /// Its VMID, once it has one.
    pub vmid: Option<u32>,
}

/// A Secret that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSeen {
    /// It exists and has these keys.
    Keys(BTreeSet<String>),
    /// It does not exist.
    Absent,
}
