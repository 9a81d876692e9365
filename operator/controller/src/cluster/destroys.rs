//! The count of destructions, on which the breaker rests: stored before the call.

use crate::context::Context;
use crate::runtime::status::{Precondition, Written};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use zentoria_api::ProxmoxCluster;
use zentoria_api::cluster::Destroy;
use zentoria_api::common::VmidField;
use zentoria_core::cluster::breaker;
use zentoria_ops::journal::JournalError;
use zentoria_types::vmid::Vmid;

/// Counts the destruction of a guest, once. `since` is when it came to be given up: what was destroyed before was another
/// guest with its VMID.
///
/// # Errors
/// Where the count cannot be stored, or is used up meanwhile: then nothing may be destroyed.
pub async fn count(
    context: &Context,
    cluster: &str,
    vmid: Vmid,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), JournalError> {
    let cluster = context.cluster(cluster).ok_or_else(|| JournalError("the ProxmoxCluster is gone".into()))?;
    let mut status = cluster.status.clone().unwrap_or_default();
    status.destroys = breaker::recent_destroys(&status.destroys, now);
    if breaker::is_counted(vmid, since, &status.destroys) {
        return Ok(());
    }
    if breaker::destroys_left(&cluster.spec.safety, &status.destroys, now) == 0 {
        return Err(JournalError("safety.maxDestroysPerHour is used up meanwhile".into()));
    }
    status.destroys.push(Destroy { vmid: VmidField(vmid.get()), at: Time(now) });
    let api: Api<ProxmoxCluster> = Api::all(context.client.clone());
    // Unchanged: two deletions at once must not count as one.
    let written = context.status.patch_if_changed(&api, &*cluster, &status, Precondition::Unchanged).await;
    match written {
        Ok(Written::Patched(object)) => {
            context.clusters.latest.wrote(*object);
            Ok(())
        }
        Ok(Written::Unchanged | Written::Gone) => Err(JournalError("the destruction could not be counted".into())),
        Err(error) => Err(JournalError(error.to_string())),
    }
}
