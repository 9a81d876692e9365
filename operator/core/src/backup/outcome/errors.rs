//! What the errors of Jobs mean for each kind.

use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};
use zentoria_types::backup_job::JobError;

/// What an error of a run says of the repository; `None`: nothing.
#[must_use]
pub const fn repository_reason(error: JobError) -> Option<RepositoryReason> {
    Some(match error {
        JobError::RepositoryUnreachable => RepositoryReason::Unreachable,
        JobError::RepositoryGone => RepositoryReason::RepositoryGone,
        JobError::RepositorySwapped => RepositoryReason::RepositorySwapped,
        JobError::WrongPassword => RepositoryReason::WrongPassword,
        JobError::RepositoryAccessDenied => RepositoryReason::AccessDenied,
        JobError::Locked => RepositoryReason::Locked,
        JobError::StorageFull => RepositoryReason::StorageFull,
        JobError::Damaged => RepositoryReason::Damaged,
        JobError::SourceUnreachable
        | JobError::SourceAccessDenied
        | JobError::SourceGone
        | JobError::SourceFailed
        | JobError::SnapshotNotFound
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Setup
        | JobError::Cancelled
        | JobError::Other => return None,
    })
}

/// What an error of a backup says of its policy.
#[must_use]
pub const fn policy_reason(error: JobError) -> PolicyReason {
    match error {
        JobError::RepositoryUnreachable
        | JobError::RepositoryGone
        | JobError::RepositorySwapped
        | JobError::WrongPassword
        | JobError::RepositoryAccessDenied
        | JobError::Locked
        | JobError::StorageFull
        | JobError::Damaged => PolicyReason::RepositoryNotReady,
        JobError::SourceAccessDenied => PolicyReason::AccessDenied,
        JobError::SourceGone => PolicyReason::SourceGone,
        JobError::Setup => PolicyReason::SecretNotFound,
        JobError::SourceUnreachable
        | JobError::SourceFailed
        | JobError::SnapshotNotFound
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Cancelled
        | JobError::Other => PolicyReason::BackupFailed,
    }
}

/// What an error of a restore says of it.
#[must_use]
pub const fn restore_reason(error: JobError) -> RestoreReason {
    match error {
        JobError::SnapshotNotFound => RestoreReason::SnapshotNotFound,
        JobError::RepositoryUnreachable
        | JobError::RepositoryGone
        | JobError::RepositorySwapped
        | JobError::WrongPassword
        | JobError::RepositoryAccessDenied
        | JobError::Locked
        | JobError::StorageFull
        | JobError::Damaged
        | JobError::SourceUnreachable
        | JobError::SourceAccessDenied
        | JobError::SourceGone
        | JobError::SourceFailed
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Setup
        | JobError::Cancelled
        | JobError::Other => RestoreReason::Failed,
    }
}

/// Whether an error of a restore test says nothing of the backup: the test could not be made.
#[must_use]
pub const fn is_not_the_backup(error: JobError) -> bool {
    match error {
        JobError::RepositoryUnreachable
        | JobError::WrongPassword
        | JobError::RepositoryAccessDenied
        | JobError::Locked
        | JobError::Setup
        | JobError::Cancelled => true,
        JobError::RepositoryGone
        | JobError::RepositorySwapped
        | JobError::StorageFull
        | JobError::Damaged
        | JobError::SourceUnreachable
        | JobError::SourceAccessDenied
        | JobError::SourceGone
        | JobError::SourceFailed
        | JobError::SnapshotNotFound
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Other => false,
    }
}
