//! ConfigMaps, CronJobs and Jobs around a pod.

use super::pod::SPEC_FILE;
use crate::backup::names::Operation;
use crate::backup::want::{Owner, PodWish};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job, JobSpec as KubeJobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;
use std::time::Duration;
use zentoria_api::wire::{BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL, CONTROLLER_NAME, OPERATION_LABEL};
use zentoria_types::backup_job::JobSpec;

/// A run that was missed (the control plane was away) is made up for so long.
const LATEST_START: Duration = Duration::from_secs(24 * 3600);
/// And at least for so long: the controller of CronJobs looks every ten seconds, and clocks differ.
const EARLIEST_GIVING_UP: Duration = Duration::from_secs(300);

/// How a Job behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// How often a failed pod is followed by another one.
    pub retries: i32,
    /// How long the Job is kept after its end; `None`: its CronJob, or its owner, decides.
    pub kept: Option<Duration>,
}

/// What all objects of one operation share.
pub(super) struct Meta {
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    owner: Owner,
}

impl Meta {
    pub(super) fn new(owner: &Owner, repository: &str, operation: &Operation, name: String) -> Self {
        let labels = [
            ("app.kubernetes.io/managed-by", CONTROLLER_NAME.to_owned()),
            ("app.kubernetes.io/name", "zentoria-job".to_owned()),
            (BACKUP_OWNER_LABEL, owner.label()),
            (BACKUP_REPOSITORY_LABEL, repository.to_owned()),
            (OPERATION_LABEL, operation.label()),
        ];
        let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { namespace: owner.namespace.clone(), name, labels, owner: owner.clone() }
    }

    fn object(&self) -> ObjectMeta {
        ObjectMeta {
            labels: Some(self.labels.clone()),
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            owner_references: Some(vec![self.owner.reference()]),
            ..ObjectMeta::default()
        }
    }
}

/// The ConfigMap with what the Job does.
pub(super) fn config(meta: &Meta, spec: &JobSpec) -> ConfigMap {
    // A JobSpec has text keys alone, so that it always has a JSON form.
    let text = serde_json::to_string_pretty(spec).unwrap_or_default();
    ConfigMap {
        data: Some(BTreeMap::from([(SPEC_FILE.to_owned(), text)])),
        metadata: meta.object(),
        ..ConfigMap::default()
    }
}

/// When a CronJob starts.
pub(super) struct When<'a> {
    pub cron: &'a str,
    pub time_zone: &'a str,
    /// Longest time between two runs.
    pub gap: Duration,
    pub suspend: bool,
}

/// A CronJob: one run at a time, none twice.
pub(super) fn cron_job(
    meta: &Meta,
    when: &When<'_>,
    pod: &PodWish,
    template: PodTemplateSpec,
    delay: Duration,
    manner: Manner,
) -> CronJob {
    let late = when.gap.min(LATEST_START).max(EARLIEST_GIVING_UP);
    CronJob {
        metadata: meta.object(),
        spec: CronJobSpec {
            concurrency_policy: Some("Forbid".to_owned()),
            // The Job of a pod that left a lock behind is the proof that it is gone.
            failed_jobs_history_limit: Some(3),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(meta.labels.clone()), ..ObjectMeta::default() }),
                spec: Some(job_spec(pod, template, delay, manner)),
            },
            schedule: when.cron.to_owned(),
            starting_deadline_seconds: Some(seconds(late)),
            successful_jobs_history_limit: Some(1),
            suspend: Some(when.suspend),
            time_zone: Some(when.time_zone.to_owned()),
        },
        status: None,
    }
}

/// A Job.
pub(super) fn job(meta: &Meta, pod: &PodWish, template: PodTemplateSpec, manner: Manner) -> Job {
    Job { metadata: meta.object(), spec: Some(job_spec(pod, template, Duration::ZERO, manner)), status: None }
}

fn job_spec(pod: &PodWish, template: PodTemplateSpec, delay: Duration, manner: Manner) -> KubeJobSpec {
    KubeJobSpec {
        active_deadline_seconds: Some(seconds(pod.timeout.saturating_add(delay))),
        backoff_limit: Some(manner.retries),
        // Never two pods of one Job at once: the next one comes when the last one has ended.
        pod_replacement_policy: Some("Failed".to_owned()),
        template,
        ttl_seconds_after_finished: manner.kept.map(|kept| i32::try_from(kept.as_secs()).unwrap_or(i32::MAX)),
        ..KubeJobSpec::default()
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
