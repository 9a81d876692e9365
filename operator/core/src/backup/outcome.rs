//! Runs folded into status. Folding the same runs once more changes nothing, and their order does not matter.

use super::runs::Run;
use super::schedule::Runs;
use jiff::Timestamp;
use zentoria_api::backup::{BackupPolicyStatus, BackupRepositoryStatus, OperationStatus, SnapshotSeen, TierStatus};
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};
use zentoria_types::backup_job::{JobError, Snapshot};

/// Folds runs of one operation.
#[must_use]
pub fn fold_operation(before: &OperationStatus, runs: &[&Run], next: Option<Timestamp>) -> OperationStatus {
    let _ = (before, runs, next);
    todo!()
}

/// Folds runs of one tier. `next` is when the next one is due.
#[must_use]
pub fn fold_tier(before: &TierStatus, runs: &[&Run], next: Option<Timestamp>) -> TierStatus {
    let _ = (before, runs, next);
    todo!()
}

/// Folds all runs of a policy (its tiers and its restore test) into its status. `schedule` tells when the next run of each
/// operation is due.
#[must_use]
pub fn fold_policy(
    before: &BackupPolicyStatus,
    want: &super::want::WantPolicy,
    runs: &[Run],
    now: Timestamp,
) -> BackupPolicyStatus {
    let _ = (before, want, runs, now);
    todo!()
}

/// Folds all runs that touched a repository, its policies' and restores' too, into its status.
#[must_use]
pub fn fold_repository(
    before: &BackupRepositoryStatus,
    want: &super::want::WantRepository,
    runs: &[Run],
    now: Timestamp,
) -> BackupRepositoryStatus {
    let _ = (before, want, runs, now);
    todo!()
}

/// What `inspect` tells of the newest backup of one tier, put into a status that does not know it.
#[must_use]
pub fn backfill(before: &TierStatus, newest: &Snapshot) -> TierStatus {
    let _ = (before, newest);
    todo!()
}

/// A snapshot as status shows it.
#[must_use]
pub fn seen(snapshot: &Snapshot) -> SnapshotSeen {
    let _ = snapshot;
    todo!()
}

/// What an error of a run says of the repository; `None`: nothing.
#[must_use]
pub const fn repository_reason(error: JobError) -> Option<RepositoryReason> {
    let _ = error;
    None
}

/// What an error of a backup says of its policy.
#[must_use]
pub const fn policy_reason(error: JobError) -> PolicyReason {
    let _ = error;
    PolicyReason::BackupFailed
}

/// What an error of a restore says of it.
#[must_use]
pub const fn restore_reason(error: JobError) -> RestoreReason {
    let _ = error;
    RestoreReason::Failed
}

/// Only to keep the import of schedules in the skeleton.
#[must_use]
pub fn next_of(runs: &Runs, now: Timestamp) -> Option<Timestamp> {
    runs.next(now)
}
