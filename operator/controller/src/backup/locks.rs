//! Locks that a run met: who holds them, and the Job that removes those of pods that are proved gone. One at a time
//! initialises or unlocks a repository, under its Lease.

use super::{objects, runs};
use crate::context::Context;
use crate::runtime::write::{FIELD_MANAGER, WriteError};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::backup::jobs::{self, Desired};
use zentoria_core::backup::locks::{Holder, LockVerdict, is_pod_of};
use zentoria_core::backup::names::{self, Operation};
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::want::WantRepository;
use zentoria_types::backup_job::{JobError, Lock, Outcome};

/// The locks that the newest run met that was kept out by them, and when; none where the way has been free since.
pub(super) fn met(found: &[Run]) -> Option<(Timestamp, Vec<Lock>)> {
    let ended = |run: &Run| match &run.state {
        RunState::Ended { at, ending: Ending::Told(outcome) } => Some((*at, outcome.clone())),
        RunState::Ended { .. } | RunState::Running => None,
    };
    let locked = |outcome: &Outcome| outcome.error == Some(JobError::Locked) && !outcome.locks.is_empty();
    let told: Vec<(&Run, Timestamp, Box<Outcome>)> =
        found.iter().filter_map(|run| ended(run).map(|(at, outcome)| (run, at, outcome))).collect();
    let (kept_out, at, outcome) = told.iter().filter(|(_, _, outcome)| locked(outcome)).max_by_key(|(_, at, _)| *at)?;
    let freed = |(run, later, outcome): &(&Run, Timestamp, Box<Outcome>)| {
        let same = run.operation == kept_out.operation || run.operation == Operation::Unlock;
        *later >= *at && outcome.error.is_none() && same
    };
    if told.iter().any(freed) { None } else { Some((*at, outcome.locks.clone())) }
}

/// What is known of the hosts that hold locks.
pub(super) async fn holders(
    context: &Context,
    namespace: &str,
    locks: &[Lock],
) -> Result<BTreeMap<String, Holder>, WriteError> {
    let hosts: BTreeSet<&str> = locks.iter().map(|lock| lock.host.as_str()).collect();
    let mut holders = BTreeMap::new();
    for host in hosts {
        holders.insert(host.to_owned(), holder(context, namespace, host).await?);
    }
    Ok(holders)
}

/// A host is a pod of ours where a Job of ours has made it: by the reference of the pod, or by its name where it is gone. A
/// Job that is gone proves nothing: the same names may be another control plane's.
async fn holder(context: &Context, namespace: &str, host: &str) -> Result<Holder, WriteError> {
    let made_by = |job: &Job, pod: Option<&Pod>| match pod {
        Some(pod) => pod.owner_references().iter().any(|reference| Some(&reference.uid) == job.uid().as_ref()),
        None => is_pod_of(host, &job.name_any()),
    };
    let api: Api<Pod> = Api::namespaced(context.client.clone(), namespace);
    // Not from the cache: it may not show a pod yet that has begun.
    let pod = context.writer.read(api.get_opt(host)).await?;
    let jobs = context.backups.jobs.state();
    let mut jobs = jobs.iter().filter(|job| job.metadata.namespace.as_deref() == Some(namespace));
    let Some(job) = jobs.find(|job| made_by(job, pod.as_ref())) else { return Ok(Holder::Unknown) };
    let phase = pod.as_ref().and_then(|pod| pod.status.as_ref()).and_then(|status| status.phase.as_deref());
    let ended = pod.is_none() || matches!(phase, Some("Succeeded" | "Failed"));
    Ok(if ended && runs::has_ended(job) { Holder::Gone } else { Holder::Alive })
}

/// Starts the Job that removes the locks of hosts that are gone. `since` is when a run was kept out by them last: a Job that
/// ended before that is done once more.
pub(super) async fn unlock(
    context: &Context,
    want: &WantRepository,
    hosts: &[String],
    since: Timestamp,
    found: &[Run],
) -> Result<(), WriteError> {
    let desired = jobs::unlock(want, hosts, &context.backups.settings);
    let name = desired.config.name_any();
    let before = found.iter().find(|run| run.job == name);
    if let Some(Run { state: RunState::Ended { at, .. }, .. }) = before
        && *at < since
        && let Some(job) = runs::job_of(context, &want.owner.namespace, &name)
    {
        objects::delete_job(context, &job).await?;
    }
    start_alone(context, want, &desired).await
}

/// Starts a Job under the Lease of its repository, where no other has it.
pub(super) async fn start_alone(context: &Context, want: &WantRepository, desired: &Desired) -> Result<(), WriteError> {
    let job = desired.config.name_any();
    if runs::job_of(context, &want.owner.namespace, &job).is_some() {
        return Ok(());
    }
    if take(context, want, &job).await? {
        objects::start(context, desired).await?;
    }
    Ok(())
}

/// Makes a Job the holder of the repository's Lease. One that another Job holds is taken over once that has ended or is gone.
async fn take(context: &Context, want: &WantRepository, job: &str) -> Result<bool, WriteError> {
    let namespace = &want.owner.namespace;
    let name = names::lease(&want.owner.name);
    let api: Api<Lease> = Api::namespaced(context.client.clone(), namespace);
    let now = MicroTime(Timestamp::now());
    let seconds = i32::try_from(want.pod.timeout.as_secs()).unwrap_or(i32::MAX);
    let Some(lease) = context.writer.read(api.get_opt(&name)).await? else {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(name),
                owner_references: Some(vec![want.owner.reference()]),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(job.to_owned()),
                lease_duration_seconds: Some(seconds),
                acquire_time: Some(now),
                ..LeaseSpec::default()
            }),
        };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        return match context.writer.send(api.create(&params, &lease)).await {
            Ok(_) => Ok(true),
            // Somebody else was faster: it is looked at again at once.
            Err(WriteError::AlreadyExists) => Err(WriteError::Conflict),
            Err(error) => Err(error),
        };
    };
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
    match holder.as_deref() {
        Some(holder) if holder == job => return Ok(true),
        Some(holder) if at_work(context, namespace, holder).await? => return Ok(false),
        Some(_) | None => {}
    }
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": lease.resource_version()},
        "spec": {"holderIdentity": job, "leaseDurationSeconds": seconds, "acquireTime": now},
    }));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    context.writer.send(api.patch(&name, &params, &patch)).await.map(|_| true)
}

/// Whether a Job exists and has not ended, by the API server's own word.
async fn at_work(context: &Context, namespace: &str, job: &str) -> Result<bool, WriteError> {
    let api: Api<Job> = Api::namespaced(context.client.clone(), namespace);
    let job = context.writer.read(api.get_opt(job)).await?;
    Ok(job.is_some_and(|job| !runs::has_ended(&job)))
}

/// The verdict where no run was kept out.
pub(super) const FREE: LockVerdict = LockVerdict::Free;
