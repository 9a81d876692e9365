//! Tells what the repository holds.

use crate::failure::Failure;
use crate::restic::Restic;
use crate::runs::{self, Listed};
use crate::setup::Setup;
use zentoria_types::backup_job::Outcome;

/// Number of snapshots, bytes, and the newest backup of each tier of each policy of this namespace.
pub(super) async fn inspect(setup: &Setup, restic: &Restic, outcome: &mut Outcome) -> Result<(), Failure> {
    let listed = restic.snapshots().await?;
    tell(setup, &listed, outcome);
    outcome.repository_bytes = Some(restic.bytes().await?);
    outcome.locks = restic.locks().await?;
    Ok(())
}

/// Puts number and newest into the outcome.
pub(super) fn tell(setup: &Setup, listed: &[Listed], outcome: &mut Outcome) {
    outcome.snapshots = Some(listed.len() as u64);
    let runs = runs::runs(listed, &setup.spec.namespace);
    outcome.newest =
        runs::newest(&runs).into_iter().map(|((policy, tier), run)| (format!("{policy}/{tier}"), run.told())).collect();
}
