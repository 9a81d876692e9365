//! What the cluster can do, and what it does with guests beside us: its version's capabilities, and replication.

use super::Cluster;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use zentoria_core::cluster::permissions::Zones;
use zentoria_core::container::seen::Capabilities;
use zentoria_pve::{PveError, Vnet};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// How long the list of replication jobs holds for what only shows it; before a destruction or a move it is read anew.
const REPLICATION_HOLDS: Duration = Duration::from_secs(300);

/// What was learned, and when.
#[derive(Default)]
pub(super) struct Duties {
    version: String,
    capabilities: Capabilities,
    replicated: BTreeSet<Vmid>,
    pub(super) zones: Zones,
    replication_read_at: Option<Instant>,
}

impl Cluster {
    /// What the cluster can do.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.lock().duties.capabilities
    }

    /// The zones of the virtual networks, as of some minutes ago.
    #[must_use]
    pub fn zones(&self) -> Zones {
        self.lock().duties.zones.clone()
    }

    /// The version that this was learned of; empty before.
    pub(crate) fn version(&self) -> String {
        self.lock().duties.version.clone()
    }

    /// Guests with replication jobs, as of some minutes ago.
    pub(crate) fn replicated(&self) -> BTreeSet<Vmid> {
        self.lock().duties.replicated.clone()
    }

    /// Guests with replication jobs, now.
    ///
    /// # Errors
    /// Where the list cannot be read.
    pub(crate) async fn read_replicated(&self) -> Result<BTreeSet<Vmid>, PveError> {
        let jobs = self.client().replication_jobs().await?;
        let guests: BTreeSet<Vmid> = jobs.into_iter().map(|job| job.guest).collect();
        let duties = &mut self.lock().duties;
        duties.replicated.clone_from(&guests);
        duties.replication_read_at = Some(Instant::now());
        Ok(guests)
    }

    /// With each glance: capabilities once per version, virtual networks and replication every few minutes.
    ///
    /// # Errors
    /// Where nothing was ever learned. Later a failure leaves what is known as it is until the next glance: what a
    /// destruction rests on is read anew before it.
    pub(super) async fn learn(&self, version: &str, nodes: &[NodeName]) -> Result<(), PveError> {
        let learned = self.lock().duties.replication_read_at.is_some();
        match self.learn_now(version, nodes).await {
            Err(error) if learned => {
                tracing::debug!(%error, "what the cluster does beside us is not known anew");
                Ok(())
            }
            other => other,
        }
    }

    async fn learn_now(&self, version: &str, nodes: &[NodeName]) -> Result<(), PveError> {
        let (known, replication) = {
            let duties = &self.lock().duties;
            (duties.version == version, duties.replication_read_at)
        };
        if let (false, Some(node)) = (known, nodes.first()) {
            let found = self.client().capabilities(node).await?;
            let duties = &mut self.lock().duties;
            version.clone_into(&mut duties.version);
            duties.capabilities =
                Capabilities { oci: found.oci_images && found.entrypoint_env, host_managed: found.host_managed_net };
        }
        if replication.is_none_or(|at| at.elapsed() >= REPLICATION_HOLDS) {
            let vnets = self.client().vnets().await?;
            let zone = |vnet: Vnet| Some((vnet.vnet.to_string(), vnet.zone?));
            self.lock().duties.zones = vnets.into_iter().filter_map(zone).collect();
            self.read_replicated().await?;
        }
        Ok(())
    }
}
