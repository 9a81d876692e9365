//! The Kubernetes objects of backups. Pure: the same wish gives the same bytes.
//!
//! Every object carries the labels `zentoria.ai/backup-owner`, `zentoria.ai/operation` and `zentoria.ai/repository`, and a
//! controlling owner reference. ConfigMap and (Cron)Job of an operation have one name.

use super::want::{RestoreItem, WantPolicy, WantRepository, WantRestore};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;

/// What the operator was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of the Jobs (`--jobs-image`).
    pub image: String,
}

/// One operation: its ConfigMap, and the CronJob or the Job that reads it.
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
    let _ = (want, settings);
    todo!()
}

/// A Job that runs one tier now; `word` is the value of the annotation `zentoria.ai/run`. `None` for vzdump, or where there
/// is no such tier.
#[must_use]
pub fn manual_run(want: &WantPolicy, tier: &str, word: &str, settings: &Settings) -> Option<Desired> {
    let _ = (want, tier, word, settings);
    todo!()
}

/// The CronJobs of a repository: check, maintenance, copies. None before its id is pinned.
#[must_use]
pub fn of_repository(want: &WantRepository, settings: &Settings) -> Vec<Desired> {
    let _ = (want, settings);
    todo!()
}

/// The one Job that initialises a repository, or learns the id of one that is there.
#[must_use]
pub fn init(want: &WantRepository, settings: &Settings) -> Desired {
    let _ = (want, settings);
    todo!()
}

/// A Job that lists what a repository holds. `cause` makes its name: another cause is another Job.
#[must_use]
pub fn inspect(want: &WantRepository, cause: &str, settings: &Settings) -> Desired {
    let _ = (want, cause, settings);
    todo!()
}

/// A Job that removes the locks of these hosts.
#[must_use]
pub fn unlock(want: &WantRepository, hosts: &[String], settings: &Settings) -> Desired {
    let _ = (want, hosts, settings);
    todo!()
}

/// The Job of one policy's restore.
#[must_use]
pub fn of_restore(want: &WantRestore, item: &RestoreItem, settings: &Settings) -> Desired {
    let _ = (want, item, settings);
    todo!()
}

/// The Job of the backup before it.
#[must_use]
pub fn securing(want: &WantRestore, item: &RestoreItem, settings: &Settings) -> Desired {
    let _ = (want, item, settings);
    todo!()
}

/// Nobody connects to the pods of a repository's Jobs (its policies' and restores' among them), and they reach no
/// link-local address.
#[must_use]
pub fn network_policy(want: &WantRepository) -> NetworkPolicy {
    let _ = want;
    todo!()
}
