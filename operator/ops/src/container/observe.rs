//! Observe: every fact with its proof. What is known and unchanged is not asked again. By fact: `task` (the one in
//! flight), `guest`,
//! `backups` (and snapshots), `offers` (what the cluster has for a new guest), `source` (what it is made from), `remains`
//! (what a deletion rests on).

mod backups;
mod guest;
mod offers;
mod remains;
mod source;
mod task;

pub(crate) use backups::KeepFailures;
pub use backups::backups;
pub use remains::{look_at, proved, remains};

use super::history;
use crate::cluster::{Cluster, Marked, Site};
use guest::{guest, last_seen};
use jiff::Timestamp;
use offers::facts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use task::task;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::{TaskAction, ZentoriaContainerStatus};
use zentoria_core::Fact;
use zentoria_core::cluster::quota::OverQuota;
use zentoria_core::container::plan::{needs_backups, needs_replication, needs_snapshot_feature, plan};
use zentoria_core::container::power::needs_cause;
use zentoria_core::container::seen::{DependencyState, GuestFact, Recorded, Seen, StopCause, TaskFact, Window};
use zentoria_core::container::siting::Neighbours;
use zentoria_core::container::step::Step;
use zentoria_core::container::want::Want;
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_types::mark::ControlPlaneId;
use zentoria_types::vmid::Vmid;

/// What Kubernetes knows; the rest is asked of Proxmox VE.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Dependencies by name.
    pub dependencies: BTreeMap<String, DependencyState>,
    /// A cycle of hard dependencies.
    pub cycle: Option<Vec<String>>,
    /// Who else claims the same and wins.
    pub conflict: Option<String>,
    /// VMIDs of the namespace's containers by name.
    pub vmids_by_name: BTreeMap<String, Vmid>,
    /// VMIDs that other containers have or ask for.
    pub claimed: BTreeSet<Vmid>,
    /// `zentoria.ai/takeover`.
    pub takeover: Option<ControlPlaneId>,
    /// Public SSH keys for a new guest.
    pub ssh_keys: Vec<String>,
    /// Digests of pending changes that a person approved.
    pub approved: BTreeSet<String>,
    /// Maintenance windows.
    pub window: Window,
    /// What of the namespace's quota the spec exceeds.
    pub over_quota: Option<OverQuota>,
    /// The containers around it; needed where its guest is to be given a node.
    pub neighbours: Neighbours,
    /// `safety.backupStorage`.
    pub backup_storage: Option<String>,
    /// `safety.finalBackup`.
    pub final_backup: FinalBackup,
    /// Destructions that the breaker still allows now.
    pub destroys_left: u32,
    /// What the rules make of its firewall, where the matrix could be compiled.
    pub firewall: Option<Box<CompiledGuest>>,
}

/// What was seen, and whether the guest's configuration was read just now.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The facts.
    pub seen: Seen,
    /// The configuration was read in this very act; else it has to be read again before it is changed.
    pub fresh: bool,
    /// Where a guest is to be given a node: who is to be asked again before it is.
    pub site: Option<Site>,
}

/// What status remembers, as facts.
#[must_use]
pub fn recorded(status: &ZentoriaContainerStatus) -> Recorded {
    Recorded {
        vmid: status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok()),
        created: status.created.clone(),
        defaults: status.defaults.clone(),
        power: status.power.clone(),
        mounts: status.mounts.clone(),
        replacing: status.replacing.clone(),
    }
}

/// Looks at everything that the plan of this container rests on.
pub async fn observe(
    cluster: &Arc<Cluster>,
    want: &Want,
    status: &ZentoriaContainerStatus,
    known: Known,
    now: Timestamp,
) -> Observed {
    let key = &want.identity.key;
    let recorded = recorded(status);
    let named = recorded.vmid.or(want.vmid);
    let marked = match named {
        None if recorded.created.is_none() => cluster.marked(&want.identity, &known.claimed),
        Some(_) | None => Marked::Nowhere,
    };
    let vmid = match marked {
        Marked::Found(vmid) => Some(vmid),
        Marked::Nowhere | Marked::NotReadYet(_) => named,
    };
    let task = task(cluster, key, vmid, status.node.as_deref(), status.task.as_ref()).await;
    let (guest, fresh) = match (&task, vmid) {
        // Whatever the task is doing, it is not over: the guest is looked at when it is.
        (TaskFact::Running(_), _) => (last_seen(vmid), false),
        (_, None) => match marked {
            Marked::NotReadYet(count) => (not_read_yet(count), false),
            Marked::Found(_) | Marked::Nowhere => (GuestFact::NoVmid, false),
        },
        (_, Some(vmid)) => guest(cluster, vmid, &recorded, status.node.as_deref()).await,
    };
    cluster.rebook(want, &recorded, status.node.as_deref());
    let site = site(want, &guest, &recorded, status);
    let siting = site.as_ref().and_then(|site| cluster.siting(site, &known.neighbours));
    let mut facts = facts(cluster, want, &known, &guest, siting.as_ref(), key).await;
    let origins = source::look(cluster, want, &recorded, &guest, siting.as_ref(), &facts).await;
    facts.missing_permissions.extend(origins.lacks.clone());
    let mut seen = Seen {
        now,
        guest,
        task,
        stop_cause: None,
        cluster: facts,
        dependencies: known.dependencies,
        cycle: known.cycle,
        conflict: known.conflict,
        recorded,
        ssh_keys: known.ssh_keys,
        approved: known.approved,
        window: known.window,
        over_quota: known.over_quota,
        siting,
        backups: None,
        snapshot_feature: None,
        keep_failed: None,
        clone_origin: origins.clone_origin,
        restorable: origins.restorable,
        pull: origins.pull,
        firewall: known.firewall,
    };
    seen.stop_cause = stop_cause(cluster, &seen).await;
    kept(cluster, want, &mut seen).await;
    Observed { seen, fresh, site }
}

/// A guest that is to be made gets a node; one that is there may have to leave its own.
fn site(want: &Want, guest: &GuestFact, recorded: &Recorded, status: &ZentoriaContainerStatus) -> Option<Site> {
    let made = match guest {
        GuestFact::NoVmid | GuestFact::Absent => want.source.is_some().then_some(false),
        GuestFact::Present(_) => (want.placement.enforce && recorded.is_finished()).then_some(true),
        GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
    }?;
    Some(Site::new(&want.identity.key, status, made))
}

/// One of them may be the guest of this object.
fn not_read_yet(count: usize) -> GuestFact {
    let why = format!("{count} guests of the cluster were not read yet, and one of them may carry its mark");
    GuestFact::Unknown { why, offline: None }
}

/// What can be and is kept of the guest before a change, asked only where the plan needs it.
async fn kept(cluster: &Cluster, want: &Want, seen: &mut Seen) {
    let GuestFact::Present(guest) = &seen.guest else { return };
    let (vmid, node) = (guest.vmid, guest.node.clone());
    seen.keep_failed = cluster.keep_failed(vmid, &seen.task);
    if needs_replication(want, seen) {
        match cluster.read_replicated().await {
            Ok(replicated) => seen.cluster.replicated = replicated,
            Err(error) => {
                // Nothing is destroyed that may have a replica.
                tracing::warn!(%vmid, %error, "the replication jobs cannot be read");
                seen.cluster.replicated.insert(vmid);
            }
        }
    }
    if needs_snapshot_feature(want, seen) {
        seen.snapshot_feature = Some(backups::snapshot_feature(cluster, vmid, &node).await);
    }
    if let (true, Some(storage)) = (needs_backups(want, seen), seen.cluster.backup_storage.clone()) {
        seen.backups = Some(backups(cluster, vmid, &node, &storage).await);
        let again = |step: &Step| matches!(step, Step::Backup(_));
        if seen.task == TaskFact::Done(TaskAction::Backup) && plan(want, seen).steps.iter().any(again) {
            // Otherwise the storage would fill up with backups that it does not list.
            let message = format!("vzdump said OK, and storage {storage} lists no such backup with a size");
            seen.keep_failed = Some(cluster.remember_keep_failure(vmid, TaskAction::Backup, message));
        }
    }
}

/// Why the guest is stopped, asked only where the plan needs it.
async fn stop_cause(cluster: &Cluster, seen: &Seen) -> Option<Fact<StopCause>> {
    let GuestFact::Present(guest) = &seen.guest else { return None };
    if guest.running != Fact::Known(false) || !needs_cause(seen) {
        return None;
    }
    match history::stop_cause(cluster, &guest.node, guest.vmid).await {
        Ok(cause) => Some(Fact::Known(cause)),
        Err(error) => Some(Fact::Unknown(format!("task list of node {}: {error}", guest.node))),
    }
}
