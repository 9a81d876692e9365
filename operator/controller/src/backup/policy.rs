//! One look at a BackupPolicy: its CronJobs as it wishes them, the run that a person asked for, and what became of its runs.

use super::report::{self, Saying};
use super::{gather, objects, runs, vzdump};
use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use crate::runtime::metrics::{PolicyFigures, TierFigures};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use zentoria_api::backup::{BackupPolicy, BackupPolicyStatus, Source};
use zentoria_api::conditions::{FRESH, PolicyReason, READY};
use zentoria_api::wire::RUN_ANNOTATION;
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::rest::is_suspended;
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::validate::{self, secrets};
use zentoria_core::backup::want::{Owner, OwnerKind, WantPolicy};
use zentoria_core::backup::{jobs, outcome};
use zentoria_core::conditions::is_true;

/// One look at a BackupPolicy.
///
/// # Errors
/// Where the API server could not be read or written to; it is tried again.
pub async fn reconcile(object: Arc<BackupPolicy>, context: Arc<Context>) -> Result<Action, WriteError> {
    context.backups.told.begin(&context);
    let object = context.backups.policies.latest.current(&object);
    if !context.serves_labelled(object.as_ref()) {
        return Ok(Action::await_change());
    }
    if matches!(object.spec.source, Source::Vzdump(_)) {
        return vzdump::reconcile(object, context).await;
    }
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let named = gather::Named { secrets: secrets::of_policy(&object), claims: BTreeSet::new() };
    let around = gather::around(&context, &namespace, &named).await?;
    let want = validate::policy(&object, &around);
    let now = Timestamp::now();
    let found = runs::of_owner(&context, OwnerKind::Policy, &object.metadata).await?;
    runs::tell(&context, &object.object_ref(&()), &found);
    let mut known = object.as_ref().clone();
    match &want {
        Ok(want) => {
            objects::apply_all(&context, &want.owner, &jobs::of_policy(want, &context.backups.settings)).await?;
            run_now(&context, &mut known, want).await?;
        }
        Err(_) => {
            let owner = Owner::of(OwnerKind::Policy, &object.metadata);
            objects::rest(&context, &owner, is_suspended(&object)).await?;
        }
    }
    backfill(&context, &mut known, &namespace, &name).await?;
    let report = zentoria_core::backup::report::policy(&known, &want, &found, &around, now);
    let before = object.status.clone().unwrap_or_default();
    let saying = Saying {
        reason: report.reason.as_str(),
        phase: report.reason.phase(),
        message: &report.message,
        before: &before.conditions,
    };
    report::write(&context, &context.backups.policies, &object, &report.status, &saying).await?;
    context.metrics.set_backup_policy(&namespace, &name, &figures(&report.status, want.as_ref().ok()));
    let key = ("BackupPolicy", namespace, name);
    Ok(report::again(&context, &key, may_come(report.reason), report.look_again, now))
}

/// Whether it lacks something that no watch tells of.
const fn may_come(reason: PolicyReason) -> bool {
    match reason {
        PolicyReason::NotFound | PolicyReason::SecretNotFound => true,
        PolicyReason::Fresh
        | PolicyReason::Pending
        | PolicyReason::Running
        | PolicyReason::RepositoryNotReady
        | PolicyReason::WaitingFor
        | PolicyReason::BackupFailed
        | PolicyReason::PveError
        | PolicyReason::Late
        | PolicyReason::RestoreTestFailed
        | PolicyReason::VerificationFailed
        | PolicyReason::AccessDenied
        | PolicyReason::SourceGone
        | PolicyReason::MatchesNothing
        | PolicyReason::NotAllowed
        | PolicyReason::InvalidSpec
        | PolicyReason::Paused => false,
    }
}

/// Starts the backup that the annotation asks for, once for each of its values.
async fn run_now(context: &Context, known: &mut BackupPolicy, want: &WantPolicy) -> Result<(), WriteError> {
    let Some(asked) = known.annotations().get(RUN_ANNOTATION).filter(|word| !word.is_empty()).cloned() else {
        return Ok(());
    };
    let carried_out = known.status.as_ref().and_then(|status| status.run.as_ref());
    if want.suspend || carried_out == Some(&asked) {
        return Ok(());
    }
    // `WORD/TIER` is one tier; of a word alone the first.
    let tier = asked.rsplit_once('/').map(|(_, tier)| tier);
    let tier = tier.or_else(|| want.tiers.first().map(|tier| tier.name.as_str())).unwrap_or_default();
    match jobs::manual_run(want, tier, &asked, &context.backups.settings) {
        Some(desired) => {
            objects::start(context, &desired).await?;
        }
        None => {
            let tiers: Vec<&str> = want.tiers.iter().map(|tier| tier.name.as_str()).collect();
            let note = format!(
                "annotation {RUN_ANNOTATION}={asked:?} asks for tier {tier:?}, and spec.tiers has {}: nothing was started",
                tiers.join(", ")
            );
            let event = Event {
                type_: EventType::Warning,
                reason: "RunRefused".into(),
                action: "CheckAnnotation".into(),
                note,
            };
            context.events.publish(known.object_ref(&()), event);
        }
    }
    known.status.get_or_insert_default().run = Some(asked);
    Ok(())
}

/// What an inspection of the repository tells of backups whose own word was lost.
async fn backfill(context: &Context, known: &mut BackupPolicy, namespace: &str, name: &str) -> Result<(), WriteError> {
    let Some(repository) = &known.spec.repository_ref else { return Ok(()) };
    let Some(repository) = context.backups.repositories.get(namespace, &repository.name) else {
        return Ok(());
    };
    let tiers: Vec<String> = known.spec.tiers.iter().map(|tier| tier.name.clone()).collect();
    for run in runs::of_repository(context, &repository.metadata).await? {
        let Run { operation: Operation::Inspect, state: RunState::Ended { ending: Ending::Told(told), .. }, .. } = run
        else {
            continue;
        };
        for tier in &tiers {
            if let Some(newest) = told.newest.get(&format!("{name}/{tier}")) {
                let status = known.status.get_or_insert_default().tiers.entry(tier.clone()).or_default();
                *status = outcome::backfill(status, newest);
            }
        }
    }
    Ok(())
}

pub(super) fn figures(status: &BackupPolicyStatus, want: Option<&WantPolicy>) -> PolicyFigures {
    let seconds = |time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| time.0.as_second();
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let tiers = status.tiers.iter().map(|(name, tier)| {
        let figures = TierFigures {
            last_success: tier.operation.last_success.as_ref().map(seconds),
            duration: tier.operation.seconds.map(whole),
            bytes: tier.snapshot.as_ref().map(|snapshot| whole(snapshot.bytes)),
            added: tier.snapshot.as_ref().map(|snapshot| whole(snapshot.added)),
        };
        (name.clone(), figures)
    });
    let late = status.conditions.iter().any(|condition| condition.type_ == FRESH && condition.status == "False");
    PolicyFigures {
        last_success: status.last_success.as_ref().map(seconds),
        promise: want.map(|want| whole(want.promise.as_secs())),
        late,
        ready: is_true(&status.conditions, READY),
        verified: status.verified.as_ref().map(seconds),
        tiers: tiers.collect(),
    }
}
