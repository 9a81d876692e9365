//! What Kubernetes knows of a container, gathered from its objects.

use super::observe::Known;
use jiff::Timestamp;
use std::borrow::Borrow;
use zentoria_api::wire::TAKEOVER_ANNOTATION;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::breaker;
use zentoria_core::container::want::Want;
use zentoria_core::estate;
use zentoria_types::mark::ControlPlaneId;

/// Everything that the objects say: `all` are the containers on the same ProxmoxCluster. The SSH keys are the caller's.
#[must_use]
pub fn known(
    object: &ZentoriaContainer,
    want: &Want,
    cluster: &ProxmoxCluster,
    all: &[impl Borrow<ZentoriaContainer>],
    now: Timestamp,
) -> Known {
    let takeover = estate::annotation(&cluster.metadata, TAKEOVER_ANNOTATION);
    let destroys = cluster.status.as_ref().map_or(&[][..], |status| &status.destroys);
    let safety = &cluster.spec.safety;
    let (dependencies, cycle) = estate::dependencies(want, all);
    Known {
        dependencies,
        cycle,
        conflict: estate::conflict_of(object, all, cluster.spec.defaults.bridge.as_deref()),
        vmids_by_name: estate::vmids_by_name(&want.identity.key.namespace, all),
        claimed: estate::claimed_vmids(object, all),
        takeover: takeover.and_then(|cp| ControlPlaneId::new(cp.to_owned()).ok()),
        approved: estate::approved(&object.metadata),
        backup_storage: safety.backup_storage.clone(),
        final_backup: safety.final_backup,
        destroys_left: breaker::destroys_left(safety, destroys, now),
        ..Known::default()
    }
}
