//! Specs checked against what lies around them. A refusal says which field, which value, why, and what to do.

pub mod secrets;

use super::surroundings::Surroundings;
use super::want::{WantPolicy, WantRepository, WantRestore};
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};

/// Checks a policy.
///
/// # Errors
/// The first thing that it cannot work with: InvalidSpec, NotFound, SecretNotFound, RepositoryNotReady (not initialised
/// yet), WaitingFor (a container without address, or stopped), MatchesNothing, NotAllowed. CronJobs that exist are then
/// left as they are.
pub fn policy(policy: &BackupPolicy, around: &Surroundings) -> Result<WantPolicy, (PolicyReason, String)> {
    let _ = (policy, around);
    todo!()
}

/// Checks a repository.
///
/// # Errors
/// InvalidSpec, Conflict, NotFound, SecretNotFound.
pub fn repository(
    repository: &BackupRepository,
    around: &Surroundings,
) -> Result<WantRepository, (RepositoryReason, String)> {
    let _ = (repository, around);
    todo!()
}

/// Checks a restore.
///
/// # Errors
/// InvalidSpec, NotFound, ConfirmationRequired, NotSupported, RepositoryNotReady.
pub fn restore(restore: &BackupRestore, around: &Surroundings) -> Result<WantRestore, (RestoreReason, String)> {
    let _ = (restore, around);
    todo!()
}
