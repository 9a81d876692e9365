//! What moves a guest or its volumes, and what makes a template of it.

use super::{Run, SHUTDOWN};
use crate::failure::Failure;
use zentoria_pve::{Migrate, MoveVolume};
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;

impl Run<'_> {
    pub(super) async fn move_volume(&mut self, disk: &str, storage: &str) -> Result<Option<Upid>, Failure> {
        let digest = self.verified().await?;
        let storage = self.storage(storage)?;
        let what = MoveVolume { volume: disk.to_owned(), storage, delete: true, digest: Some(digest) };
        let answer = self.actor.cluster.client().move_volume(&self.target.node, self.target.vmid, &what).await;
        self.changes.push(format!("{disk} -> storage {}", what.storage));
        self.task(&format!("move {disk} of"), answer)
    }

    pub(super) async fn migrate(&mut self, to: &NodeName, restart: bool) -> Result<Option<Upid>, Failure> {
        self.verified().await?;
        self.nobody_else_moves_it().await?;
        let what = Migrate { target: to.clone(), restart, timeout: Some(SHUTDOWN) };
        let answer = self.actor.cluster.client().migrate(&self.target.node, self.target.vmid, &what).await;
        self.changes.push(format!("node {} -> {to}", self.target.node));
        self.task("migrate", answer)
    }

    /// What was known of HA and replication may be minutes old, and Proxmox VE refuses neither: it hands the one to HA,
    /// and the other loses its copies.
    async fn nobody_else_moves_it(&self) -> Result<(), Failure> {
        let (cluster, vmid) = (self.actor.cluster, self.target.vmid);
        let status = cluster.client().status_current(&self.target.node, vmid).await;
        let ha = status.map_err(|error| self.failed("look at", &error))?.ha_managed;
        let replicated =
            cluster.read_replicated().await.map_err(|error| self.failed("read the replication of", &error))?;
        let told = |why: &str| Err(Failure::Replan(format!("guest {vmid} {why} by now; it is not moved")));
        match (ha, replicated.contains(&vmid)) {
            (true, _) => {
                cluster.invalidate(vmid);
                told("is under PVE's HA")
            }
            (false, true) => told("has replication jobs"),
            (false, false) => Ok(()),
        }
    }

    /// Proxmox VE tells no task: that it is done shows in the configuration.
    pub(super) async fn convert_to_template(&mut self) -> Result<(), Failure> {
        self.verified().await?;
        let answer = self.actor.cluster.client().convert_to_template(&self.target.node, self.target.vmid).await;
        answer.map_err(|error| self.failed("convert to a template", &error))?;
        self.actor.cluster.invalidate(self.target.vmid);
        self.changes.push("converted to a template".to_owned());
        Ok(())
    }
}
