//! One look at a BackupRestore: the Jobs that are next, and where it stands. Once it has ended nothing is done any more,
//! whatever becomes of its Jobs.

use super::report::{self, Saying};
use super::{gather, objects, runs};
use crate::context::Context;
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use zentoria_api::backup::{BackupRestore, BackupRestoreStatus, RestorePhase};
use zentoria_api::conditions::RestoreReason;
use zentoria_core::backup::names::{self, Operation};
use zentoria_core::backup::restore::{RestoreStep, next_steps};
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::validate::{self, secrets};
use zentoria_core::backup::want::{OwnerKind, WantRestore};
use zentoria_core::backup::{jobs, surroundings::Surroundings};

/// One look at a BackupRestore.
///
/// # Errors
/// Where the API server could not be read or written to; it is tried again.
pub async fn reconcile(object: Arc<BackupRestore>, context: Arc<Context>) -> Result<Action, WriteError> {
    context.backups.told.begin(&context);
    let object = context.backups.restores.latest.current(&object);
    if object.metadata.deletion_timestamp.is_some() || !context.serves_labelled(object.as_ref()) {
        return Ok(Action::await_change());
    }
    let before = object.status.clone().unwrap_or_default();
    if matches!(before.phase, RestorePhase::Succeeded | RestorePhase::Failed) {
        return Ok(Action::await_change());
    }
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let around = around(&context, &object, &namespace).await?;
    let want = validate::restore(&object, &around);
    let now = Timestamp::now();
    let mut found = runs::of_owner(&context, OwnerKind::Restore, &object.metadata).await?;
    runs::tell(&context, &object.object_ref(&()), &found);
    if let Ok(want) = &want {
        found.extend(vanished(&context, want, &before, &found, now).await?);
        if !crate::context::is_paused(object.as_ref()) {
            go_on(&context, want, &found).await?;
        }
    }
    let report = zentoria_core::backup::report::restore(&object, &want, &found, now);
    let saying = Saying {
        reason: report.reason.as_str(),
        phase: report.reason.phase(),
        message: &report.message,
        before: &before.conditions,
    };
    report::write(&context, &context.backups.restores, &object, &report.status, &saying).await?;
    let key = ("BackupRestore", namespace, name);
    Ok(report::again(&context, &key, may_come(report.reason), report.look_again, now))
}

/// Whether it lacks something that no watch tells of, or has a Job that the cache does not show yet.
const fn may_come(reason: RestoreReason) -> bool {
    match reason {
        RestoreReason::NotFound | RestoreReason::Pending => true,
        RestoreReason::Succeeded
        | RestoreReason::SecuringSource
        | RestoreReason::Restoring
        | RestoreReason::RepositoryNotReady
        | RestoreReason::WaitingFor
        | RestoreReason::ConfirmationRequired
        | RestoreReason::SnapshotNotFound
        | RestoreReason::SecuringFailed
        | RestoreReason::Failed
        | RestoreReason::NotSupported
        | RestoreReason::InvalidSpec
        | RestoreReason::Paused => false,
    }
}

async fn around(context: &Context, object: &BackupRestore, namespace: &str) -> Result<Surroundings, WriteError> {
    let mut named = gather::Named::default();
    named.claims.extend(secrets::claim_of_restore(object).map(str::to_owned));
    if let Some(policy) = &object.spec.policy_ref
        && let Some(policy) = context.backups.policies.get(namespace, &policy.name)
    {
        named.secrets = secrets::of_policy(&policy);
    }
    gather::around(context, namespace, &named).await
}

/// Creates the Jobs that are next.
async fn go_on(context: &Context, want: &WantRestore, found: &[Run]) -> Result<(), WriteError> {
    for step in next_steps(want, found) {
        let desired = match step {
            RestoreStep::Secure(item) => jobs::securing(want, item, &context.backups.settings),
            RestoreStep::Restore(item) => jobs::of_restore(want, item, &context.backups.settings),
        };
        objects::start(context, &desired).await?;
    }
    Ok(())
}

/// A Job that status knows of and that does not exist any more is a run that failed: nobody knows how far it came, and it is
/// never run a second time.
async fn vanished(
    context: &Context,
    want: &WantRestore,
    before: &BackupRestoreStatus,
    found: &[Run],
    now: Timestamp,
) -> Result<Vec<Run>, WriteError> {
    let api: Api<Job> = Api::namespaced(context.client.clone(), &want.owner.namespace);
    let mut gone = Vec::new();
    for item in &want.items {
        let phase = before.results.get(&item.policy).map(|result| result.phase);
        let (job, operation) = match phase {
            None | Some(RestorePhase::Pending) => continue,
            Some(RestorePhase::SecuringSource) => {
                (names::secure(&want.owner.name, &want.owner.uid, &item.policy), Operation::Secure(item.policy.clone()))
            }
            Some(RestorePhase::Restoring | RestorePhase::Succeeded | RestorePhase::Failed) => (
                names::restore(&want.owner.name, &want.owner.uid, &item.policy),
                Operation::Restore(item.policy.clone()),
            ),
        };
        if found.iter().any(|run| run.job == job) || context.writer.read(api.get_metadata_opt(&job)).await?.is_some() {
            continue;
        }
        let ending = if phase == Some(RestorePhase::Succeeded) {
            Ending::Succeeded
        } else {
            let message = format!(
                "the Job {job} was deleted before it had told how it ended: look at what is there now, and make another \
                 BackupRestore"
            );
            Ending::Silent { message }
        };
        gone.push(Run { job, operation, created: now, state: RunState::Ended { at: now, ending }, stuck: None });
    }
    Ok(gone)
}
