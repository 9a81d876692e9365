//! What is kept of a guest: snapshots and backups, made and removed.

use super::Run;
use crate::failure::Failure;
use std::str::FromStr;
use zentoria_core::container::ownership::is_of_namespace;
use zentoria_core::container::step::{TakeBackup, TakeSnapshot};
use zentoria_pve::{BackupMode, Vzdump};
use zentoria_types::names::{NodeName, SnapshotName, StorageName};
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

impl Run<'_> {
    pub(super) async fn snapshot(&mut self, snapshot: &TakeSnapshot) -> Result<Option<Upid>, Failure> {
        let TakeSnapshot { of, node, name, description } = snapshot;
        self.verified_either(*of, node).await?;
        let snapname = self.snapshot_name(name)?;
        let client = self.actor.cluster.client();
        let answer = client.create_snapshot(node, *of, &snapname, Some(description)).await;
        self.task(&format!("snapshot ({name})"), answer)
    }

    pub(super) async fn delete_snapshot(
        &mut self,
        of: Vmid,
        node: &NodeName,
        name: &str,
    ) -> Result<Option<Upid>, Failure> {
        self.verified_either(of, node).await?;
        let snapname = self.snapshot_name(name)?;
        let answer = self.actor.cluster.client().delete_snapshot(node, of, &snapname).await;
        self.task(&format!("delete snapshot {name} of"), answer)
    }

    /// A guest that runs is backed up from a snapshot of its volumes where they allow one; it is never stopped for it.
    pub(super) async fn backup(&mut self, backup: &TakeBackup) -> Result<Option<Upid>, Failure> {
        self.verified().await?;
        let TakeBackup { storage, notes, protected } = backup;
        let what = Vzdump {
            vmid: self.target.vmid,
            storage: self.storage(storage)?,
            mode: BackupMode::Snapshot,
            notes_template: Some(notes.clone()),
            protected: *protected,
        };
        let answer = self.actor.cluster.client().vzdump(&self.target.node, &what).await;
        self.task("back up", answer)
    }

    pub(super) async fn delete_backup(&mut self, volume: &str) -> Result<Option<Upid>, Failure> {
        self.verified().await?;
        let storage = self.storage(volume.split(':').next().unwrap_or(""))?;
        let answer = self.actor.cluster.client().delete_backup(&self.target.node, &storage, volume).await;
        self.task(&format!("delete backup {volume} of"), answer)
    }

    fn snapshot_name(&self, name: &str) -> Result<SnapshotName, Failure> {
        SnapshotName::from_str(name).map_err(|error| Failure::Replan(error.to_string()))
    }

    pub(super) fn storage(&self, name: &str) -> Result<StorageName, Failure> {
        StorageName::from_str(name).map_err(|error| Failure::Replan(error.to_string()))
    }

    /// The guest of this plan with our mark, or the source of its copy, with that of a container of the same namespace.
    async fn verified_either(&mut self, of: Vmid, node: &NodeName) -> Result<(), Failure> {
        if of == self.target.vmid {
            return self.verified().await.map(|_| ());
        }
        let answer = self.actor.cluster.read_config(of, node).await;
        let config = answer.map_err(|error| self.failed(&format!("look at the source {of} of"), &error))?;
        let ours = is_of_namespace(self.actor.identity, of, config.description());
        if ours { Ok(()) } else { Err(Failure::Replan(format!("guest {of} does not carry our mark any more"))) }
    }
}
