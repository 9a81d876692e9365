//! What is planned, wherever it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_ops::cluster::Access;
use zentoria_types::mark::ControlPlaneId;

/// What is planned.
pub struct Estate {
    /// ProxmoxClusters by name, with their credentials, or why there are none.
    pub clusters: BTreeMap<String, Given>,
    /// All containers that are known: what they claim counts, even where they are not planned.
    pub containers: Vec<Arc<ZentoriaContainer>>,
    /// The firewall rules of their namespaces.
    pub rules: Vec<FirewallRule>,
    /// Those that are planned.
    pub chosen: BTreeSet<Key>,
    /// Labels of namespaces.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Who we are, in marks.
    pub control_plane: Us,
    /// What could not be read.
    pub problems: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// A ProxmoxCluster and its credentials.
pub struct Given {
    /// The object.
    pub object: ProxmoxCluster,
    /// What its Secrets hold, or why that is not known.
    pub access: Result<Access, String>,
}

/// Who we are, in marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Us {
    /// This control plane.
    Is(ControlPlaneId),
    /// Whoever the marks of the guests name: there is no control plane to ask.
    AsMarked,
}
