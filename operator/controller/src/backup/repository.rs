//! One look at a BackupRepository: it is initialised once, its CronJobs are as it wishes them, locks that were left behind
//! are removed, and what became of all runs that touched it.

use super::report::{self, Saying};
use super::{drill, gather, locks, objects, runs};
use crate::context::Context;
use crate::runtime::metrics::RepositoryFigures;
use crate::runtime::write::WriteError;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use std::sync::Arc;
use zentoria_api::backup::{BackupRepository, BackupRepositoryStatus, LockSeen};
use zentoria_api::conditions::{READY, RepositoryReason};
use zentoria_core::backup::jobs;
use zentoria_core::backup::locks::{LockVerdict, judge};
use zentoria_core::backup::names::{self, Operation};
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::validate::{self, secrets};
use zentoria_core::backup::want::{Owner, OwnerKind, Upkeep, WantRepository};
use zentoria_core::conditions::is_true;

/// One look at a BackupRepository.
///
/// # Errors
/// Where the API server could not be read or written to; it is tried again.
pub async fn reconcile(object: Arc<BackupRepository>, context: Arc<Context>) -> Result<Action, WriteError> {
    context.backups.told.begin(&context);
    let object = context.backups.repositories.latest.current(&object);
    if object.metadata.deletion_timestamp.is_some() || !context.serves_labelled(object.as_ref()) {
        return Ok(Action::await_change());
    }
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let mut named = gather::Named { secrets: secrets::of_repository(&object), ..gather::Named::default() };
    named.claims.extend(secrets::claim_of_repository(&object).map(str::to_owned));
    let around = gather::around(&context, &namespace, &named).await?;
    let want = validate::repository(&object, &around);
    let now = Timestamp::now();
    let found = runs::of_repository(&context, &object.metadata).await?;
    let own = runs::of_owner(&context, OwnerKind::Repository, &object.metadata).await?;
    runs::tell(&context, &object.object_ref(&()), &own);
    let upkeep = validate::upkeep(&object, &around);
    let mut doing = Doing::default();
    match &want {
        Ok(want) => doing = work(&context, want, &object, &found, now).await?,
        Err(_) => objects::rest(&context, &Owner::of_repository(&object), upkeep.suspend).await?,
    }
    let drills = drill::look(&context, &object, want.as_ref().ok(), &upkeep, now).await?;
    let told = (found.as_slice(), &drills);
    let mut report = zentoria_core::backup::report::repository(&object, &want, &upkeep, told, &doing.verdict, now);
    report.status.locks = doing.locks;
    report.status.recovery_kit = kit_taken(&object);
    let before = object.status.clone().unwrap_or_default();
    let saying = Saying {
        reason: report.reason.as_str(),
        phase: report.reason.phase(),
        message: &report.message,
        before: &before.conditions,
    };
    report::write(&context, &context.backups.repositories, &object, &report.status, &saying).await?;
    context.metrics.set_backup_repository(&namespace, &name, &figures(&report.status, &upkeep, now));
    if before.repository_id != report.status.repository_id {
        // Now it has CronJobs; no watch tells us of our own status.
        context.backups.repositories.wake(&namespace, &name);
        wake_copiers(&context, &namespace, &name);
    }
    let look_again = [report.look_again, doing.look_again].into_iter().flatten().min();
    let key = ("BackupRepository", namespace, name);
    Ok(report::again(&context, &key, may_come(report.reason), look_again, now))
}

/// What was found out and begun.
struct Doing {
    verdict: LockVerdict,
    locks: Vec<LockSeen>,
    look_again: Option<Timestamp>,
}

impl Default for Doing {
    fn default() -> Self {
        Self { verdict: locks::FREE, locks: Vec::new(), look_again: None }
    }
}

/// Whether it lacks something that no watch tells of.
const fn may_come(reason: RepositoryReason) -> bool {
    match reason {
        RepositoryReason::NotFound | RepositoryReason::SecretNotFound => true,
        // A holder's end is told by the watch of Jobs and pods; its pod may be gone without a word.
        RepositoryReason::Locked => true,
        RepositoryReason::Ready
        | RepositoryReason::Pending
        | RepositoryReason::Initialising
        | RepositoryReason::Unreachable
        | RepositoryReason::JobFailed
        | RepositoryReason::Unlocking
        | RepositoryReason::WrongPassword
        | RepositoryReason::AccessDenied
        | RepositoryReason::RepositoryGone
        | RepositoryReason::RepositorySwapped
        | RepositoryReason::Damaged
        | RepositoryReason::StorageFull
        | RepositoryReason::ForeignLock
        | RepositoryReason::Conflict
        | RepositoryReason::InvalidSpec
        | RepositoryReason::Paused => false,
    }
}

async fn work(
    context: &Context,
    want: &WantRepository,
    object: &BackupRepository,
    found: &[Run],
    now: Timestamp,
) -> Result<Doing, WriteError> {
    let mut doing = Doing::default();
    objects::apply_network_policy(context, &jobs::network_policy(want)).await?;
    if want.repository.id.is_none() {
        if !want.suspend {
            doing.look_again = initialise(context, want, found, now).await?;
        }
        return Ok(doing);
    }
    objects::apply_all(context, &want.owner, &jobs::of_repository(want, &context.backups.settings)).await?;
    if let Some((since, met)) = locks::met(found) {
        let holders = locks::holders(context, &want.owner.namespace, &met).await?;
        (doing.verdict, doing.locks) = judge(&met, &holders);
        if let LockVerdict::Unlock { hosts } = &doing.verdict
            && !want.suspend
        {
            locks::unlock(context, want, hosts, since, found).await?;
        }
    }
    if !want.suspend {
        inspect(context, want, object, found).await?;
    }
    Ok(doing)
}

/// Starts the one Job that initialises it. One that failed, or whose word is lost, is deleted after a pause and made anew: a
/// repository that is there already tells its id.
async fn initialise(
    context: &Context,
    want: &WantRepository,
    found: &[Run],
    now: Timestamp,
) -> Result<Option<Timestamp>, WriteError> {
    let desired = jobs::init(want, &context.backups.settings);
    let name = desired.config.name_any();
    let Some(run) = found.iter().find(|run| run.job == name) else {
        locks::start_alone(context, want, &desired).await?;
        return Ok(None);
    };
    let RunState::Ended { at, ending } = &run.state else { return Ok(None) };
    if let Ending::Told(outcome) = ending
        && outcome.error.is_none()
        && outcome.repository_id.is_some()
    {
        return Ok(None);
    }
    let Some(job) = runs::job_of(context, &want.owner.namespace, &name) else { return Ok(None) };
    let due = context.backups.tries.due(&job, *at, || {
        let key = ("init", want.owner.namespace.clone(), want.owner.name.clone());
        SignedDuration::try_from(context.backups.pauses.failed(&key).wait).unwrap_or(SignedDuration::MAX)
    });
    if now < due {
        return Ok(Some(due));
    }
    objects::delete_job(context, &job).await?;
    locks::start_alone(context, want, &desired).await?;
    Ok(None)
}

/// Asks the repository what it holds: where the word of a run is lost, and once where it held something when it was first
/// met, for policies that do not know of it.
async fn inspect(
    context: &Context,
    want: &WantRepository,
    object: &BackupRepository,
    found: &[Run],
) -> Result<(), WriteError> {
    let contact = object.status.as_ref().and_then(|status| status.last_contact.as_ref()).map(|time| time.0);
    let was_met = found.iter().any(|run| match run.ended() {
        Some((at, Ending::Told(told))) if run.operation == Operation::Init => {
            told.error.is_none() && told.snapshots != Some(0) && contact.is_none_or(|contact| contact <= at)
        }
        Some(_) | None => false,
    });
    if was_met && !found.iter().any(|run| run.operation == Operation::Inspect) {
        let cause = format!("first {}", want.repository.id.as_deref().unwrap_or_default());
        objects::start(context, &jobs::inspect(want, &cause, &context.backups.settings)).await?;
    }
    // One look tells of all: a node that goes takes the word of many runs with it.
    let lost = found.iter().filter(|run| matches!(run.operation, Operation::Backup(_)));
    let lost = lost.filter_map(|run| match run.ended() {
        Some((at, Ending::Succeeded)) => Some((at, run)),
        Some(_) | None => None,
    });
    if let Some((at, run)) = lost.max_by_key(|(at, run)| (*at, &run.job)) {
        let looked = |other: &Run| other.operation == Operation::Inspect && other.created >= at;
        let name = names::of_repository_once(&want.owner.name, &want.owner.uid, &Operation::Inspect, &run.job);
        if !found.iter().any(|other| other.job == name || looked(other)) {
            objects::start(context, &jobs::inspect(want, &run.job, &context.backups.settings)).await?;
        }
    }
    Ok(())
}

/// Copies to it wait for its id.
fn wake_copiers(context: &Context, namespace: &str, name: &str) {
    for other in context.backups.repositories.within(namespace) {
        if other.spec.copies.iter().any(|copy| copy.to.name == name) {
            context.backups.repositories.wake(namespace, &other.name_any());
        }
    }
}

/// When it was last part of a recovery kit, as whoever took it has noted.
fn kit_taken(object: &BackupRepository) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> {
    let noted = object.annotations().get(zentoria_api::wire::RECOVERY_KIT_ANNOTATION)?;
    noted.parse().ok().map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time)
}

fn figures(status: &BackupRepositoryStatus, upkeep: &Upkeep, now: Timestamp) -> RepositoryFigures {
    let seconds = |time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| time.0.as_second();
    RepositoryFigures {
        ready: is_true(&status.conditions, READY),
        snapshots: status.snapshots.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        checked: status.check.last_success.as_ref().map(seconds),
        maintained: status.maintenance.last_success.as_ref().map(seconds),
        recovery_kit: status.recovery_kit.as_ref().map(seconds),
        bytes: status.bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        drill: drill::figures(status.drill.as_ref(), upkeep, now),
    }
}
