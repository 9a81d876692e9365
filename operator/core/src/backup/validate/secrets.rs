//! Which Secrets and claims an object names: what the controller looks for before it has it checked.

use std::collections::BTreeSet;
use zentoria_api::backup::{BackupPolicy, BackupRepository};

/// Names of the Secrets that a policy names; those of its repository not among them.
#[must_use]
pub fn of_policy(policy: &BackupPolicy) -> BTreeSet<String> {
    let _ = policy;
    todo!()
}

/// Names of the Secrets that a repository names.
#[must_use]
pub fn of_repository(repository: &BackupRepository) -> BTreeSet<String> {
    let _ = repository;
    todo!()
}
