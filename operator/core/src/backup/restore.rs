//! What a restore does next, and where it stands.

use super::runs::Run;
use super::want::{RestoreItem, WantRestore};
use zentoria_api::backup::BackupRestoreStatus;

/// What is to be done now. Each call names at most one Job per policy; Jobs that exist are in `runs`.
#[derive(Clone, Debug)]
pub enum RestoreStep<'a> {
    /// Back up what is there now: create [`super::jobs::securing`].
    Secure(&'a RestoreItem),
    /// Restore: create [`super::jobs::of_restore`].
    Restore(&'a RestoreItem),
}

/// The Jobs that are to be created now, by what became of those that exist. Empty: wait for them, or all is done.
#[must_use]
pub fn next_steps<'a>(want: &'a WantRestore, runs: &[Run]) -> Vec<RestoreStep<'a>> {
    let _ = (want, runs);
    todo!()
}

/// Folds the runs of a restore into its status (`phase`, `progress`, `results`, `snapshot`).
#[must_use]
pub fn fold(before: &BackupRestoreStatus, want: &WantRestore, runs: &[Run]) -> BackupRestoreStatus {
    let _ = (before, want, runs);
    todo!()
}
