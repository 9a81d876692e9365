//! What is kept of a guest: its snapshots and backups.

use crate::cluster::Cluster;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use zentoria_api::container::TaskAction;
use zentoria_core::Fact;
use zentoria_core::container::seen::{Backup, Config, KeepFailed, Snapshot, TaskFact};
use zentoria_pve::Feature;
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::vmid::Vmid;

/// The snapshots of a guest. A guest with snapshots has a `parent` in its configuration: without, nobody is asked.
pub(super) async fn snapshots(cluster: &Cluster, vmid: Vmid, node: &NodeName, config: &Config) -> Fact<Vec<Snapshot>> {
    if !config.current.contains_key("parent") {
        return Fact::Known(Vec::new());
    }
    if let Some(known) = cluster.known(vmid).and_then(|known| known.snapshots) {
        return Fact::Known(known);
    }
    match cluster.client().snapshots(node, vmid).await {
        Ok(rows) => {
            let list: Vec<Snapshot> = rows
                .into_iter()
                .filter(|row| !row.is_current)
                .map(|row| Snapshot {
                    name: row.name,
                    taken_at: row.snaptime.and_then(|at| Timestamp::from_second(at).ok()),
                    description: row.description.unwrap_or_default(),
                })
                .collect();
            cluster.remember_snapshots(vmid, &list);
            Fact::Known(list)
        }
        Err(error) => Fact::Unknown(format!("snapshots of guest {vmid} on node {node}: {error}")),
    }
}

/// Whether every volume of the guest is on a storage that can take snapshots.
pub(super) async fn snapshot_feature(cluster: &Cluster, vmid: Vmid, node: &NodeName) -> Fact<bool> {
    match cluster.client().has_feature(node, vmid, Feature::Snapshot, None).await {
        Ok(can) => Fact::Known(can),
        Err(error) => Fact::Unknown(format!("whether guest {vmid} on node {node} can be snapshot: {error}")),
    }
}

/// How long a snapshot or backup that failed is not tried again: what is wrong with it, a person has to mend.
const FAILED_FOR: Duration = Duration::from_secs(1800);

/// Snapshots and backups that failed, by guest.
#[derive(Default)]
pub(crate) struct KeepFailures(HashMap<Vmid, (Instant, KeepFailed)>);

impl Cluster {
    /// What failed a short time ago, or just now, of what is kept of the guest.
    pub(super) fn keep_failed(&self, vmid: Vmid, task: &TaskFact) -> Option<KeepFailed> {
        use TaskAction::{Backup, DeleteBackup, DeleteSnapshot, Snapshot};
        if let TaskFact::Failed { action: action @ (Snapshot | Backup | DeleteSnapshot | DeleteBackup), message } = task
        {
            return Some(self.remember_keep_failure(vmid, *action, message.clone()));
        }
        let failures = &mut self.lock().keep_failures.0;
        failures.retain(|_, (at, _)| at.elapsed() < FAILED_FOR);
        failures.get(&vmid).map(|(_, failed)| failed.clone())
    }

    /// Notes what failed, so that it is not tried again and again.
    pub(super) fn remember_keep_failure(&self, vmid: Vmid, action: TaskAction, message: String) -> KeepFailed {
        let failed = KeepFailed { action, message };
        self.lock().keep_failures.0.insert(vmid, (Instant::now(), failed.clone()));
        failed
    }

    /// Lets a snapshot or backup that failed be tried at once: something has changed.
    pub fn forget_keep_failure(&self, vmid: Vmid) {
        self.lock().keep_failures.0.remove(&vmid);
    }
}

/// The backups of a guest on a storage, oldest first, as they are listed now: never from memory.
pub async fn backups(cluster: &Cluster, vmid: Vmid, node: &NodeName, storage: &str) -> Fact<Vec<Backup>> {
    let name: StorageName = match storage.parse() {
        Ok(name) => name,
        Err(error) => return Fact::Unknown(format!("storage {storage}: {error}")),
    };
    match cluster.client().backups(node, &name, vmid).await {
        Ok(volumes) => Fact::Known(
            volumes
                .into_iter()
                .map(|volume| Backup {
                    volume: volume.volid,
                    vmid,
                    made_at: volume.ctime.and_then(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
                    size: volume.size.unwrap_or(0),
                    notes: volume.notes.unwrap_or_default(),
                    protected: volume.protected,
                })
                .collect(),
        ),
        Err(error) => Fact::Unknown(format!("backups of guest {vmid} on storage {storage}: {error}")),
    }
}

fn seconds(since_1970: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(since_1970).ok()?).ok()
}
