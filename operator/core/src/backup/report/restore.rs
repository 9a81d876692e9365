//! Restores.

use super::{PAUSED, Report};
use crate::backup::restore::{Verdict, fold};
use crate::backup::runs::Run;
use crate::backup::want::WantRestore;
use crate::conditions::Conditions;
use crate::estate::is_paused;
use jiff::Timestamp;
use zentoria_api::backup::{BackupRestore, BackupRestoreStatus};
use zentoria_api::conditions::RestoreReason;

/// The status of a restore.
#[must_use]
pub fn restore(
    restore: &BackupRestore,
    want: &Result<WantRestore, (RestoreReason, String)>,
    runs: &[Run],
    now: Timestamp,
) -> Report<BackupRestoreStatus, RestoreReason> {
    let before = restore.status.clone().unwrap_or_default();
    if is_paused(&restore.metadata) {
        let reason = RestoreReason::Paused;
        let status = BackupRestoreStatus { summary: Some(reason.to_string()), ..before };
        return Report { status, reason, message: PAUSED.to_owned(), look_again: None };
    }
    let (mut status, Verdict { reason, message }) = match want {
        Ok(want) => fold(&before, want, runs),
        Err((reason, message)) => (before.clone(), Verdict { reason: *reason, message: message.clone() }),
    };
    let generation = restore.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::from(&before.conditions, generation, &now);
    conditions.set_phase(reason.phase(), reason.as_str(), &message);
    status.conditions = conditions.finish();
    status.observed_generation = Some(generation);
    status.summary = Some(reason.to_string());
    Report { status, reason, message, look_again: None }
}
