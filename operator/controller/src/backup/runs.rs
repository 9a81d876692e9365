//! The runs of Jobs, from the caches of Jobs and pods, and who is told of those that have ended.

use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use crate::runtime::write::WriteError;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zentoria_api::wire::{BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL};
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::want::OwnerKind;

/// The runs of an object that Jobs belong to.
pub(super) async fn of_owner(context: &Context, kind: OwnerKind, owner: &ObjectMeta) -> Result<Vec<Run>, WriteError> {
    let label = format!("{}.{}", kind.word(), owner.name.as_deref().unwrap_or_default());
    since(context, owner, BACKUP_OWNER_LABEL, &label).await
}

/// All runs that touch a repository: its own, those of its policies and of restores.
pub(super) async fn of_repository(context: &Context, repository: &ObjectMeta) -> Result<Vec<Run>, WriteError> {
    since(context, repository, BACKUP_REPOSITORY_LABEL, repository.name.as_deref().unwrap_or_default()).await
}

/// The runs with a label in the namespace of an object, since that was made: older ones are of another object that had its
/// name, and are about to be deleted with it.
async fn since(context: &Context, object: &ObjectMeta, key: &str, value: &str) -> Result<Vec<Run>, WriteError> {
    let born = object.creation_timestamp.as_ref();
    let mut jobs = context.backups.jobs.state();
    jobs.retain(|job| {
        job.metadata.namespace == object.namespace
            && job.labels().get(key).is_some_and(|label| label == value)
            && job.metadata.creation_timestamp.as_ref() >= born
            && !context.backups.jobs_gone.is_gone(job)
    });
    let uids: HashSet<String> = jobs.iter().filter_map(|job| job.uid()).collect();
    let mut pods: HashMap<String, Vec<Pod>> = HashMap::new();
    for pod in context.backups.pods.state() {
        let owner = pod.owner_references().iter().find(|reference| uids.contains(&reference.uid));
        if let Some(owner) = owner {
            pods.entry(owner.uid.clone()).or_default().push(pod.as_ref().clone());
        }
    }
    let mut runs = Vec::new();
    for job in &jobs {
        let mut own = job.uid().and_then(|uid| pods.remove(&uid)).unwrap_or_default();
        if has_ended(job) && !own.iter().any(has_terminated) {
            own = pods_by_now(context, job, own).await?;
        }
        runs.extend(Run::read(job, &own));
    }
    runs.sort_by(|one, other| (one.created, &one.job).cmp(&(other.created, &other.job)));
    Ok(runs)
}

/// The pods of a Job that has ended, where the cache shows none that has: its watch may be behind that of the Jobs. A pod
/// that is gone stays gone, so that it is asked for once.
async fn pods_by_now(context: &Context, job: &Job, cached: Vec<Pod>) -> Result<Vec<Pod>, WriteError> {
    let uid = job.uid().unwrap_or_default();
    if context.backups.lost.holds(&uid) {
        return Ok(cached);
    }
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default());
    let params = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={}", job.name_any()));
    let mut pods = context.writer.read(api.list(&params)).await?.items;
    pods.retain(|pod| pod.owner_references().iter().any(|reference| reference.uid == uid));
    if pods.is_empty() {
        context.backups.lost.note(uid);
    }
    Ok(pods)
}

fn has_terminated(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Jobs that ended and whose pods are gone, by uid.
#[derive(Debug, Default)]
pub struct Lost(Mutex<HashSet<String>>);

impl Lost {
    fn holds(&self, uid: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(uid)
    }

    fn note(&self, uid: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid);
    }

    /// Drops what is known of Jobs of which `is_live` (asked by uid) says no.
    pub fn sweep(&self, is_live: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid| is_live(uid));
    }
}

/// The Job of a run, as the cache has it.
pub(super) fn job_of(context: &Context, namespace: &str, name: &str) -> Option<Arc<Job>> {
    let job = context.backups.jobs.get(&kube::runtime::reflector::ObjectRef::new(name).within(namespace));
    job.filter(|job| !context.backups.jobs_gone.is_gone(job))
}

/// Which ended Jobs were counted and told. Those that had ended when this process began were told by the one before.
#[derive(Debug, Default)]
pub struct Told(Mutex<Option<HashSet<String>>>);

impl Told {
    /// Notes what had ended before; to be called at every look, which comes after the caches are filled.
    pub fn begin(&self, context: &Context) {
        drop(self.begun(context));
    }

    fn begun<'a>(&'a self, context: &Context) -> MutexGuard<'a, Option<HashSet<String>>> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none() {
            let jobs = context.backups.jobs.state();
            *told = Some(jobs.iter().filter(|job| has_ended(job)).filter_map(|job| job.uid()).collect());
        }
        told
    }

    /// Whether a Job is told for the first time.
    fn is_new(&self, context: &Context, uid: String) -> bool {
        self.begun(context).get_or_insert_default().insert(uid)
    }

    /// Drops what is known of Jobs that are gone.
    pub fn sweep(&self, context: &Context) {
        let live: HashSet<String> = context.backups.jobs.state().iter().filter_map(|job| job.uid()).collect();
        if let Some(told) = self.begun(context).as_mut() {
            told.retain(|uid| live.contains(uid));
        }
    }
}

/// Whether a Job has ended, for good.
pub(super) fn has_ended(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ended = |kind: &str, status: &str| matches!(kind, "Complete" | "Failed") && status == "True";
    conditions.is_some_and(|list| list.iter().any(|condition| ended(&condition.type_, &condition.status)))
}

/// Counts the runs that have ended since the last time, and tells of them in Events about their owner.
pub(super) fn tell(context: &Context, regarding: &ObjectReference, runs: &[Run]) {
    let namespace = regarding.namespace.clone().unwrap_or_default();
    let kind = regarding.kind.clone().unwrap_or_default();
    let owner = format!("{kind}/{}", regarding.name.clone().unwrap_or_default());
    for run in runs {
        let RunState::Ended { at: _, ending } = &run.state else { continue };
        let Some(uid) = job_of(context, &namespace, &run.job).and_then(|job| job.uid()) else { continue };
        if !context.backups.told.is_new(context, uid) {
            continue;
        }
        let (succeeded, message) = message(ending);
        context.metrics.count_backup_run(&namespace, &owner, &run.operation.label(), succeeded);
        let (good, bad) = words(&run.operation);
        let (type_, reason) = if succeeded { (EventType::Normal, good) } else { (EventType::Warning, bad) };
        let note = format!("Job {}: {message}", run.job);
        context.events.publish(regarding.clone(), Event { type_, reason: reason.into(), action: "Run".into(), note });
    }
}

fn message(ending: &Ending) -> (bool, String) {
    match ending {
        Ending::Told(outcome) => match (&outcome.error, &outcome.message) {
            (None, _) => {
                let made = outcome.snapshot.as_ref().map_or_else(String::new, |snapshot| {
                    let id: String = snapshot.id.chars().take(8).collect();
                    format!(", snapshot {id}")
                });
                let warned = outcome.warnings.first().map_or_else(String::new, |warning| format!("; {warning}"));
                (true, format!("succeeded in {} s{made}{warned}", outcome.seconds))
            }
            (Some(error), None) => (false, format!("failed ({error:?})")),
            (Some(_), Some(message)) => (false, message.clone()),
        },
        Ending::Succeeded => {
            (true, "succeeded; its pod is gone, so what it made is asked of the repository".to_owned())
        }
        Ending::Silent { message } => (false, message.clone()),
    }
}

/// Reasons of the Events about an operation that succeeded, and one that failed.
const fn words(operation: &Operation) -> (&'static str, &'static str) {
    match operation {
        Operation::Backup(_) => ("BackupSucceeded", "BackupFailed"),
        Operation::RestoreTest => ("RestoreTestSucceeded", "RestoreTestFailed"),
        Operation::Init => ("Initialised", "InitialisationFailed"),
        Operation::Check => ("CheckSucceeded", "CheckFailed"),
        Operation::Maintain => ("MaintenanceSucceeded", "MaintenanceFailed"),
        Operation::Copy(_) => ("CopySucceeded", "CopyFailed"),
        Operation::Inspect => ("Inspected", "InspectionFailed"),
        Operation::Unlock => ("Unlocked", "UnlockFailed"),
        Operation::Restore(_) => ("RestoreSucceeded", "RestoreFailed"),
        Operation::Secure(_) => ("SourceSecured", "SecuringFailed"),
    }
}
