//! What Kubernetes knows of a container, gathered from its objects: the operator has them from its caches, the command line
//! from a list or from files.

mod quota;
mod siting;

pub use siting::neighbours;

use super::observe::Known;
use crate::cluster::Cluster;
use jiff::Timestamp;
use std::borrow::Borrow;
use zentoria_api::wire::TAKEOVER_ANNOTATION;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::breaker;
use zentoria_core::container::plan::COPY_SNAPSHOT;
use zentoria_core::container::seen::{GuestFact, Seen, Snapshot, Window};
use zentoria_core::container::want::{Identity, Want};
use zentoria_core::estate;
use zentoria_types::mark::ControlPlaneId;
use zentoria_types::vmid::Vmid;

/// What the container and its ProxmoxCluster say. The SSH keys are the caller's.
#[must_use]
pub fn alone(object: &ZentoriaContainer, cluster: &ProxmoxCluster, window: Window, now: Timestamp) -> Known {
    let takeover = estate::annotation(&cluster.metadata, TAKEOVER_ANNOTATION);
    let destroys = cluster.status.as_ref().map_or(&[][..], |status| &status.destroys);
    let safety = &cluster.spec.safety;
    let status = object.status.clone().unwrap_or_default();
    let spent = &status.spent_approvals;
    let mine = status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok());
    // The destruction of this guest is allowed where it is counted already.
    let counted = mine.is_some_and(|vmid| breaker::is_counted(vmid, estate::born(object, &status), destroys));
    Known {
        takeover: takeover.and_then(|cp| ControlPlaneId::new(cp.to_owned()).ok()),
        approved: estate::approved(&object.metadata).into_iter().filter(|digest| !spent.contains(digest)).collect(),
        window,
        backup_storage: safety.backup_storage.clone(),
        final_backup: safety.final_backup,
        destroys_left: breaker::destroys_left(safety, destroys, now).max(u32::from(counted)),
        ..Known::default()
    }
}

/// With what its place rests on: quota and neighbours. `all` are the containers on the same ProxmoxCluster.
#[must_use]
pub fn placed(
    base: Known,
    object: &ZentoriaContainer,
    want: &Want,
    all: &[impl Borrow<ZentoriaContainer>],
    pve: &Cluster,
) -> Known {
    let quotas = &want.grant.quotas;
    Known {
        neighbours: neighbours(object, all),
        over_quota: (!quotas.is_empty()).then(|| quota::over_quota(object, quotas, all, pve)).flatten(),
        ..base
    }
}

/// Adds the copies that snapshots of the guest may be kept for, where it has such: one whose copy was given up is removed.
pub fn copied<T: Borrow<ZentoriaContainer>>(seen: &mut Seen, want: &Want, all: impl FnOnce() -> Vec<T>) {
    let GuestFact::Present(guest) = &seen.guest else { return };
    let is_for_copy = |snapshot: &Snapshot| snapshot.name.starts_with(COPY_SNAPSHOT);
    if guest.snapshots.known().is_some_and(|list| list.iter().any(is_for_copy)) {
        let Identity { estate, key, control_plane: _ } = &want.identity;
        seen.cluster.copy_snapshots = Some(estate::copy_snapshots(estate, &key.namespace, &all()));
    }
}

/// With what its creation rests on: dependencies, and who claims what.
#[must_use]
pub fn claiming(
    base: Known,
    object: &ZentoriaContainer,
    want: &Want,
    cluster: &ProxmoxCluster,
    all: &[impl Borrow<ZentoriaContainer>],
) -> Known {
    let (dependencies, cycle) = estate::dependencies(want, all);
    let mut claimed = estate::claimed_vmids(object, all);
    // Outsiders are never managed, also those that are not there just now.
    let outsiders = cluster.spec.hosts.iter().filter_map(|host| Vmid::new(host.vmid?.0).ok());
    claimed.extend(outsiders);
    Known {
        dependencies,
        cycle,
        conflict: estate::conflict_of(object, all, cluster.spec.defaults.bridge.as_deref()),
        vmids_by_name: estate::vmids_by_name(&want.identity.key.namespace, all),
        claimed,
        ..base
    }
}
