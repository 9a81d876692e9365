//! What is kept of a guest: its snapshots and backups.

use crate::cluster::Cluster;
use jiff::Timestamp;
use zentoria_core::Fact;
use zentoria_core::container::seen::{Backup, Config, Snapshot};
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
