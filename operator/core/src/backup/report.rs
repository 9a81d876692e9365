//! Conditions, the STATUS column and texts for people, all from the same place.

use super::locks::LockVerdict;
use super::runs::Run;
use super::surroundings::Surroundings;
use super::want::{WantPolicy, WantRepository, WantRestore};
use jiff::Timestamp;
use zentoria_api::backup::{
    BackupPolicy, BackupPolicyStatus, BackupRepository, BackupRepositoryStatus, BackupRestore, BackupRestoreStatus,
};
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};

/// A finished status, and what else follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<S, R> {
    /// The status to write, where it differs from what is there.
    pub status: S,
    /// The reason of Ready.
    pub reason: R,
    /// Its message.
    pub message: String,
    /// When to look again though nothing happened: the moment at which something becomes late.
    pub look_again: Option<Timestamp>,
}

/// The status of a policy: what became of its runs, its age against the promise, and its conditions.
#[must_use]
pub fn policy(
    policy: &BackupPolicy,
    want: &Result<WantPolicy, (PolicyReason, String)>,
    runs: &[Run],
    around: &Surroundings,
    now: Timestamp,
) -> Report<BackupPolicyStatus, PolicyReason> {
    let _ = (policy, want, runs, around, now);
    todo!()
}

/// The status of a repository. `runs` are all that touched it (label `zentoria.ai/backup-repository`), `locks` what was found out
/// about the locks that the last of them met.
#[must_use]
pub fn repository(
    repository: &BackupRepository,
    want: &Result<WantRepository, (RepositoryReason, String)>,
    runs: &[Run],
    locks: &LockVerdict,
    now: Timestamp,
) -> Report<BackupRepositoryStatus, RepositoryReason> {
    let _ = (repository, want, runs, locks, now);
    todo!()
}

/// The status of a restore.
#[must_use]
pub fn restore(
    restore: &BackupRestore,
    want: &Result<WantRestore, (RestoreReason, String)>,
    runs: &[Run],
    now: Timestamp,
) -> Report<BackupRestoreStatus, RestoreReason> {
    let _ = (restore, want, runs, now);
    todo!()
}
