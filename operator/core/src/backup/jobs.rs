//! The Kubernetes objects of backups. Pure: the same wish gives the same bytes.
//!
//! Every object carries the labels `zentoria.ai/backup-owner`, `zentoria.ai/operation` and `zentoria.ai/backup-repository`,
//! and a controlling owner reference; the Jobs of a CronJob and the pods carry the labels, too. ConfigMap and (Cron)Job of
//! an operation have one name.

mod network;
mod objects;
mod pod;
mod postgres;

use super::jitter;
use super::names::{self, Operation};
use super::want::{
    ItemInto, Owner, PodWish, RepositoryUse, RestoreItem, SourceSecrets, WantCopy, WantJobs, WantPolicy,
    WantRepository, WantRestore, WantTier, What,
};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use objects::{Manner, Meta, When};
use pod::PodNeeds;
use std::time::Duration;
use zentoria_types::backup_job::{JobSpec, Operation as Work, RestoreInto, SECURING_TIER, SnapshotWish};

pub(super) use pod::CONTAINER;

/// How long a backup, an inspection or a restore waits for a lock: maintenance holds the repository for itself.
const RETRY_LOCK: Duration = Duration::from_secs(30 * 60);
/// Repositories have no jitter of their own: their Jobs are spread over so long.
const SPREAD: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The Jobs of CronJobs: one more try, for what passes.
const SCHEDULED: Manner = Manner { retries: 1, kept: None };
/// What a person asked for: seen for a week.
const ASKED_FOR: Manner = Manner { retries: 1, kept: Some(Duration::from_secs(7 * 24 * 3600)) };
/// What is done once and never over again by itself.
const ONCE: Manner = Manner { retries: 0, kept: None };
/// What the operator itself asked for.
const PASSING: Manner = Manner { retries: 0, kept: Some(DAY) };

/// What the operator was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of the Jobs (`--jobs-image`).
    pub image: String,
}

/// One operation: its ConfigMap, and the CronJob or the Job that reads it (exactly one of them).
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Holds the JobSpec under the key `job.json`.
    pub config: ConfigMap,
    /// For what is done on a schedule.
    pub cron: Option<CronJob>,
    /// For what is done once.
    pub job: Option<Job>,
}

/// The CronJobs of a policy: one for each tier, and the restore test. None for vzdump.
#[must_use]
pub fn of_policy(want: &WantPolicy, settings: &Settings) -> Vec<Desired> {
    let What::Jobs(jobs) = &want.what else { return Vec::new() };
    let tiers = want.tiers.iter().map(|tier| {
        let operation = Operation::Backup(tier.name.clone());
        let delay = jitter::delay(&want.owner.uid, &operation.label(), want.jitter);
        let meta = meta_of(want, jobs, &operation, names::tier(&want.owner.name, &tier.name));
        let spec = backup_spec(&want.owner, jobs, tier, delay);
        let when = when(want, &tier.cron, tier.runs.longest_gap());
        let needs = PodNeeds { source: Some(&jobs.secrets), ..to_repository(&jobs.repository) };
        let task = Task { meta, spec, pod: &want.pod, needs };
        task.scheduled(&when, settings)
    });
    tiers.chain(restore_test(want, jobs, settings)).collect()
}

fn restore_test(want: &WantPolicy, jobs: &WantJobs, settings: &Settings) -> Option<Desired> {
    let test = jobs.restore_test.as_ref()?;
    let delay = jitter::delay(&want.owner.uid, &Operation::RestoreTest.label(), want.jitter);
    let work = Work::Restore {
        policy: want.owner.name.clone(),
        snapshot: SnapshotWish::Latest,
        source: jobs.source.clone(),
        into: RestoreInto::Scratch { postgres_port: postgres::PORT },
        only: Vec::new(),
        secured: false,
    };
    let meta = meta_of(want, jobs, &Operation::RestoreTest, names::restore_test(&want.owner.name));
    let spec = job_spec(&want.owner, &jobs.repository, RETRY_LOCK, delay, work);
    // It connects to no source, and knows all the same how the source is got at: nothing fails for want of it.
    let secrets = SourceSecrets { optional: true, ..jobs.secrets.clone() };
    let postgres_image = test.postgres_image.as_deref();
    let needs = PodNeeds { source: Some(&secrets), postgres_image, ..to_repository(&jobs.repository) };
    let when = when(want, &test.cron, test.runs.longest_gap());
    Some(Task { meta, spec, pod: &want.pod, needs }.scheduled(&when, settings))
}

/// A Job that runs one tier now; `word` is the value of the annotation `zentoria.ai/run`. `None` for vzdump, or where there
/// is no such tier.
#[must_use]
pub fn manual_run(want: &WantPolicy, tier: &str, word: &str, settings: &Settings) -> Option<Desired> {
    let What::Jobs(jobs) = &want.what else { return None };
    let tier = want.tiers.iter().find(|known| known.name == tier)?;
    let name = names::manual_run(&want.owner.name, &want.owner.uid, &tier.name, word);
    let task = Task {
        meta: meta_of(want, jobs, &Operation::Backup(tier.name.clone()), name),
        spec: backup_spec(&want.owner, jobs, tier, Duration::ZERO),
        pod: &want.pod,
        needs: PodNeeds { source: Some(&jobs.secrets), ..to_repository(&jobs.repository) },
    };
    Some(task.once(ASKED_FOR, settings))
}

/// The CronJobs of a repository: check, maintenance, copies. None before its id is pinned; no copy before the id of the
/// repository that it goes to is.
#[must_use]
pub fn of_repository(want: &WantRepository, settings: &Settings) -> Vec<Desired> {
    if want.repository.id.is_none() {
        return Vec::new();
    }
    let gap = want.check.runs.longest_gap();
    let check = Work::Check { parts: want.check.parts, period_seconds: gap.as_secs() };
    let maintain = Work::Maintain { keep: want.maintenance.keep.clone() };
    let own = [
        (Operation::Check, check, &want.check.cron, gap),
        (Operation::Maintain, maintain, &want.maintenance.cron, want.maintenance.runs.longest_gap()),
    ];
    let own = own.into_iter().map(|(operation, work, cron, gap)| {
        let when = When { cron, time_zone: &want.time_zone, gap, suspend: want.suspend };
        repository_task(want, &operation, None, work, SPREAD).scheduled(&when, settings)
    });
    own.chain(want.copies.iter().filter_map(|copy| copy_task(want, copy, settings))).collect()
}

fn copy_task(want: &WantRepository, copy: &WantCopy, settings: &Settings) -> Option<Desired> {
    let work = Work::Copy { to: pod::copy_location(&copy.to), to_id: copy.to.id.clone()? };
    let operation = Operation::Copy(copy.name.clone());
    let mut task = repository_task(want, &operation, None, work, SPREAD);
    task.needs.copy = Some(&copy.to);
    let (time_zone, suspend) = (want.time_zone.as_str(), want.suspend);
    Some(task.scheduled(&When { cron: &copy.cron, time_zone, gap: copy.runs.longest_gap(), suspend }, settings))
}

/// The one Job that initialises a repository, or learns the id of one that is there.
#[must_use]
pub fn init(want: &WantRepository, settings: &Settings) -> Desired {
    repository_task(want, &Operation::Init, None, Work::Init, Duration::ZERO).once(ONCE, settings)
}

/// A Job that lists what a repository holds. `cause` makes its name: another cause is another Job.
#[must_use]
pub fn inspect(want: &WantRepository, cause: &str, settings: &Settings) -> Desired {
    repository_task(want, &Operation::Inspect, Some(cause), Work::Inspect, Duration::ZERO).once(PASSING, settings)
}

/// A Job that removes the locks of these hosts (those of [`super::locks::LockVerdict::Unlock`]).
#[must_use]
pub fn unlock(want: &WantRepository, hosts: &[String], settings: &Settings) -> Desired {
    let work = Work::Unlock { hosts: hosts.to_vec() };
    let cause = hosts.join(" ");
    repository_task(want, &Operation::Unlock, Some(&cause), work, Duration::ZERO).once(PASSING, settings)
}

/// The Job of one policy's restore.
#[must_use]
pub fn of_restore(want: &WantRestore, item: &RestoreItem, settings: &Settings) -> Desired {
    let (into, target_claim, postgres_image) = match &item.into {
        ItemInto::Scratch { postgres_image } => {
            (RestoreInto::Scratch { postgres_port: postgres::PORT }, None, postgres_image.as_deref())
        }
        ItemInto::Directory { claim, path } => {
            (RestoreInto::Directory(pod::target_path(path)), Some(claim.as_str()), None)
        }
        ItemInto::Source => (RestoreInto::Source, None, None),
    };
    let work = Work::Restore {
        policy: item.policy.clone(),
        snapshot: item.snapshot.clone(),
        source: item.source.clone(),
        into,
        only: item.only.clone(),
        secured: want.secure,
    };
    let operation = Operation::Restore(item.policy.clone());
    let needs =
        PodNeeds { source: Some(&item.secrets), target_claim, postgres_image, ..to_repository(&item.repository) };
    let name = names::restore(&want.owner.name, &want.owner.uid, &item.policy);
    Task {
        meta: Meta::new(&want.owner, &item.repository.name, &operation, name),
        spec: job_spec(&want.owner, &item.repository, RETRY_LOCK, Duration::ZERO, work),
        pod: &item.pod,
        needs,
    }
    .once(ONCE, settings)
}

/// The Job of the backup before it.
#[must_use]
pub fn securing(want: &WantRestore, item: &RestoreItem, settings: &Settings) -> Desired {
    let work = Work::Backup {
        policy: item.policy.clone(),
        tier: SECURING_TIER.to_owned(),
        source: item.source.clone(),
        only_if_changed: false,
    };
    let operation = Operation::Secure(item.policy.clone());
    let name = names::secure(&want.owner.name, &want.owner.uid, &item.policy);
    Task {
        meta: Meta::new(&want.owner, &item.repository.name, &operation, name),
        spec: job_spec(&want.owner, &item.repository, RETRY_LOCK, Duration::ZERO, work),
        pod: &item.pod,
        needs: PodNeeds { source: Some(&item.secrets), ..to_repository(&item.repository) },
    }
    .once(ONCE, settings)
}

/// Nobody connects to the pods of a repository's Jobs (its policies' and restores' among them), and they do not reach the
/// addresses at which clouds hand out credentials.
#[must_use]
pub fn network_policy(want: &WantRepository) -> NetworkPolicy {
    network::policy(&want.owner, &want.repository.name, names::lease(&want.repository.name))
}

/// What one (Cron)Job does, and with what.
struct Task<'a> {
    meta: Meta,
    spec: JobSpec,
    pod: &'a PodWish,
    needs: PodNeeds<'a>,
}

impl Task<'_> {
    fn scheduled(self, when: &When<'_>, settings: &Settings) -> Desired {
        let template = pod::template(&self.meta, self.pod, &self.needs, settings);
        let delay = Duration::from_secs(self.spec.delay_seconds);
        let cron = objects::cron_job(&self.meta, when, self.pod, template, delay, SCHEDULED);
        Desired { config: objects::config(&self.meta, &self.spec), cron: Some(cron), job: None }
    }

    fn once(self, manner: Manner, settings: &Settings) -> Desired {
        let template = pod::template(&self.meta, self.pod, &self.needs, settings);
        let job = objects::job(&self.meta, self.pod, template, manner);
        Desired { config: objects::config(&self.meta, &self.spec), cron: None, job: Some(job) }
    }
}

fn repository_task<'a>(
    want: &'a WantRepository,
    operation: &Operation,
    cause: Option<&str>,
    work: Work,
    spread: Duration,
) -> Task<'a> {
    let name = match cause {
        None => names::of_repository(&want.owner.name, operation),
        Some(cause) => names::of_repository_once(&want.owner.name, &want.owner.uid, operation, cause),
    };
    let delay = jitter::delay(&want.owner.uid, &operation.label(), spread);
    Task {
        meta: Meta::new(&want.owner, &want.repository.name, operation, name),
        spec: job_spec(&want.owner, &want.repository, want.maintenance.retry_lock, delay, work),
        pod: &want.pod,
        needs: to_repository(&want.repository),
    }
}

fn to_repository(repository: &RepositoryUse) -> PodNeeds<'_> {
    PodNeeds { repository: Some(repository), ..PodNeeds::default() }
}

fn meta_of(want: &WantPolicy, jobs: &WantJobs, operation: &Operation, name: String) -> Meta {
    Meta::new(&want.owner, &jobs.repository.name, operation, name)
}

fn when<'a>(want: &'a WantPolicy, cron: &'a str, gap: Duration) -> When<'a> {
    When { cron, time_zone: &want.time_zone, gap, suspend: want.suspend }
}

fn backup_spec(owner: &Owner, jobs: &WantJobs, tier: &WantTier, delay: Duration) -> JobSpec {
    let work = Work::Backup {
        policy: owner.name.clone(),
        tier: tier.name.clone(),
        source: jobs.source.clone(),
        only_if_changed: tier.only_if_changed,
    };
    job_spec(owner, &jobs.repository, RETRY_LOCK, delay, work)
}

fn job_spec(
    owner: &Owner,
    repository: &RepositoryUse,
    retry_lock: Duration,
    delay: Duration,
    operation: Work,
) -> JobSpec {
    JobSpec {
        namespace: owner.namespace.clone(),
        repository: pod::location(repository),
        repository_id: repository.id.clone(),
        retry_lock_seconds: retry_lock.as_secs(),
        delay_seconds: delay.as_secs(),
        operation,
    }
}
