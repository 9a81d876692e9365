//! What rests while the spec of its owner is refused. What it asked for before goes on otherwise: a backup that is made by
//! an old schedule is better than none.

use super::names::Operation;
use crate::estate::is_paused;
use k8s_openapi::api::batch::v1::CronJob;
use zentoria_api::backup::BackupPolicy;
use zentoria_api::wire::OPERATION_LABEL;

/// Whether nothing is to be started for a policy, whatever else its spec says.
#[must_use]
pub fn is_suspended(policy: &BackupPolicy) -> bool {
    policy.spec.suspend || is_paused(&policy.metadata)
}

/// Whether a CronJob of an owner whose spec is refused is to be suspended: each where the owner is suspended or paused, and
/// maintenance always, which would forget by rules that may not be wished any more. One that is suspended already is not.
#[must_use]
pub fn is_due(cron: &CronJob, is_suspended: bool) -> bool {
    let label = cron.metadata.labels.as_ref().and_then(|labels| labels.get(OPERATION_LABEL));
    let forgets = label.and_then(|label| Operation::parse(label)) == Some(Operation::Maintain);
    cron.spec.suspend != Some(true) && (is_suspended || forgets)
}
