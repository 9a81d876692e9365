//! What the deletion of a guest rests on.

use super::backups::backups;
use super::guest::{guest, last_seen};
use super::recorded;
use super::task::task;
use crate::cluster::Cluster;
use crate::container::history;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zentoria_api::container::{DeletionPolicy, TaskAction, ZentoriaContainerStatus};
use zentoria_core::Fact;
use zentoria_core::container::delete::final_backup::{Proof, proof};
use zentoria_core::container::delete::{Farewell, Remains, needs_backups};
use zentoria_core::container::seen::{Guest, GuestFact, Recorded, TaskFact};
use zentoria_core::container::want::Key;
use zentoria_types::vmid::Vmid;

/// How long no further backup is made after one that its storage did not list: a person has to look at the storage.
const UNLISTED_FOR: Duration = Duration::from_secs(1800);

/// How long it holds that a guest that waits to go is not under HA.
const LIVE_HOLDS: Duration = Duration::from_secs(60);

/// The guest alone, for a deletion that was `asked` for so long ago: the guest, the task in flight, and whether the
/// configuration was read just now.
pub async fn remains(
    cluster: &Arc<Cluster>,
    key: &Key,
    status: &ZentoriaContainerStatus,
    spec_vmid: Option<Vmid>,
    asked: Duration,
) -> (GuestFact, TaskFact, bool) {
    let recorded = recorded(status);
    let vmid = recorded.vmid.or(spec_vmid.filter(|_| recorded.created.is_some()));
    let task = task(cluster, key, vmid, status.node.as_deref(), status.task.as_ref()).await;
    let (guest, fresh) = match (&task, vmid) {
        (TaskFact::Running(_), _) => (last_seen(vmid), false),
        (_, None) => (GuestFact::NoVmid, false),
        (_, Some(vmid)) => {
            // It may have come under HA since it was looked at, which no poll shows.
            cluster.invalidate_live(vmid, asked.min(LIVE_HOLDS));
            guest(cluster, vmid, &recorded, status.node.as_deref()).await
        }
    };
    (guest, task, fresh)
}

/// A guest that no object remembers, and whether its configuration was read just now.
pub async fn look_at(cluster: &Cluster, vmid: Vmid) -> (GuestFact, bool) {
    cluster.invalidate_live(vmid, Duration::ZERO);
    guest(cluster, vmid, &Recorded::default(), None).await
}

/// With what a destruction has to know, read now: whether the guest is replicated or was restored, and its backups where
/// one is needed. What does not destroy asks nobody.
pub async fn proved(
    cluster: &Cluster,
    bye: &Farewell,
    now: Timestamp,
    guest: GuestFact,
    task: TaskFact,
    recorded: Recorded,
) -> Remains {
    let (replicated, restored) = (Fact::Known(false), Fact::Known(false));
    let mut seen = Remains { now, guest, task, recorded, replicated, backups: None, unlisted_backup: false, restored };
    let GuestFact::Present(guest) = seen.guest.clone() else { return seen };
    if bye.policy != DeletionPolicy::Delete && !bye.expiring {
        return seen;
    }
    seen.replicated = match cluster.read_replicated().await {
        Ok(guests) => Fact::Known(guests.contains(&guest.vmid)),
        Err(error) => Fact::Unknown(format!("the replication jobs of the cluster: {error}")),
    };
    if bye.expiring {
        seen.restored = restored_since(cluster, bye, &guest).await;
    }
    if let (true, Some(storage)) = (needs_backups(bye), &bye.backup_storage) {
        seen.backups = Some(backups(cluster, guest.vmid, &guest.node, storage).await);
        let is_missing = matches!(proof(bye, &seen, &guest), Proof::ToMake(_));
        let made = seen.task == TaskFact::Done(TaskAction::Backup);
        seen.unlisted_backup = cluster.misses_backup(guest.vmid, made, is_missing);
    }
    seen
}

async fn restored_since(cluster: &Cluster, bye: &Farewell, guest: &Guest) -> Fact<bool> {
    match history::restored_since(cluster, &guest.node, guest.vmid, bye.requested_at.as_second()).await {
        Ok(restored) => Fact::Known(restored),
        Err(error) => Fact::Unknown(format!("the task list of node {}: {error}", guest.node)),
    }
}

impl Cluster {
    /// Whether a backup that vzdump made a short time ago, or `made` just now, `is_missing` in the list of its storage.
    fn misses_backup(&self, vmid: Vmid, made: bool, is_missing: bool) -> bool {
        let unlisted = &mut self.lock().unlisted_backups;
        unlisted.retain(|other, at| at.elapsed() < UNLISTED_FOR && (*other != vmid || is_missing));
        if made && is_missing {
            unlisted.insert(vmid, Instant::now());
        }
        unlisted.contains_key(&vmid)
    }
}
