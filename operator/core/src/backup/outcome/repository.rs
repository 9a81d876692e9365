//! Runs that touch a repository.

use super::{fold_operation, in_order, repository_reason};
use crate::backup::clocks::{believed, by_now};
use crate::backup::names::Operation;
use crate::backup::runs::{Ending, Run};
use crate::backup::schedule::Runs;
use crate::backup::want::Upkeep;
use crate::words::size;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeSet;
use zentoria_api::backup::{BackupRepositoryStatus, Trouble};
use zentoria_api::conditions::RepositoryReason;
use zentoria_types::backup_job::JobError;

/// Folds all runs that touched a repository, its policies' and restores' too, into its status.
#[must_use]
pub fn fold_repository(
    before: &BackupRepositoryStatus,
    upkeep: &Upkeep,
    runs: &[Run],
    now: Timestamp,
) -> BackupRepositoryStatus {
    let mut next = before.clone();
    let due = |runs: &Option<Runs>| runs.as_ref().filter(|_| !upkeep.suspend)?.next(now);
    let of = |operation: Operation| runs.iter().filter(|run| run.operation == operation).collect::<Vec<_>>();
    next.check = fold_operation(&before.check, &of(Operation::Check), due(&upkeep.check), now);
    next.maintenance = fold_operation(&before.maintenance, &of(Operation::Maintain), due(&upkeep.maintenance), now);
    next.copies = upkeep
        .copies
        .iter()
        .map(|(name, runs)| {
            let known = before.copies.get(name).cloned().unwrap_or_default();
            (name.clone(), fold_operation(&known, &of(Operation::Copy(name.clone())), due(runs), now))
        })
        .collect();
    next.target = Some(upkeep.target.clone());
    next.policies = upkeep.policies;
    // Taken once, and never changed.
    next.repository_id = next.repository_id.or_else(|| runs.iter().find_map(told_id).cloned());
    next.last_contact = believed(next.last_contact, now);
    next.counted = next.counted.map(|time| by_now(time, now));
    next.trouble = next.trouble.map(|known| Trouble { time: by_now(known.time.clone(), now), ..known });
    let checked = believed(before.check.last_success.clone(), now);
    let all: Vec<&Run> = runs.iter().collect();
    for (at, run, ending) in in_order(&all, now) {
        take_counts(&mut next, at, run, ending);
        take_contact(&mut next, at, run, ending);
        take_damage(&mut next, at, checked.as_ref(), run, ending);
    }
    if next.trouble.as_ref().is_some_and(|trouble| next.last_contact.as_ref().is_some_and(|at| at.0 >= trouble.time.0))
    {
        next.trouble = None;
    }
    next.damaged.retain(|part| *part <= upkeep.parts);
    next
}

/// The id that the Job that initialises has told, whatever its clock.
fn told_id(run: &Run) -> Option<&String> {
    let told = run.ended()?.1.outcome().filter(|told| told.error.is_none() && run.operation == Operation::Init)?;
    told.repository_id.as_ref()
}

/// Number of snapshots and size. A run that counts what there is says so; a backup adds to that what it made, which costs
/// nothing: to count takes a look at everything. What ended before the last run that went in is in already.
fn take_counts(next: &mut BackupRepositoryStatus, at: Timestamp, run: &Run, ending: &Ending) {
    let Some(told) = ending.outcome().filter(|told| told.error.is_none()) else { return };
    // A copy tells of the repository that it goes to.
    let is_old = next.counted.as_ref().is_some_and(|counted| at <= counted.0);
    if is_old || matches!(run.operation, Operation::Copy(_)) {
        return;
    }
    let made = match run.operation {
        Operation::Backup(_) | Operation::Secure(_) => told.snapshot.as_ref(),
        Operation::RestoreTest
        | Operation::Init
        | Operation::Check
        | Operation::Maintain
        | Operation::Copy(_)
        | Operation::Inspect
        | Operation::Unlock
        | Operation::Restore(_) => None,
    };
    // Beside its parts a backup has the evidence.
    let parts = made.map_or(0, |made| u64::from(made.parts) + 1);
    next.snapshots = told.snapshots.or_else(|| next.snapshots.map(|known| known.saturating_add(parts)));
    let added = made.map_or(0, |made| made.added);
    next.bytes = told.repository_bytes.or_else(|| next.bytes.map(|known| known.saturating_add(added)));
    next.size = next.bytes.map(size).or_else(|| next.size.take());
    if made.is_some() || told.snapshots.is_some() || told.repository_bytes.is_some() {
        next.counted = Some(Time(at));
    }
}

/// Whether it could be used. What was met by a run is not of this repository where a copy met it on the other side, which
/// cannot be told apart: a copy counts for itself alone.
fn take_contact(next: &mut BackupRepositoryStatus, at: Timestamp, run: &Run, ending: &Ending) {
    if matches!(run.operation, Operation::Copy(_)) {
        return;
    }
    let newer = |known: Option<&Time>| known.is_none_or(|known| known.0 <= at);
    if ending.is_success() {
        if newer(next.last_contact.as_ref()) {
            next.last_contact = Some(Time(at));
        }
        return;
    }
    let Some(reason) = ending.outcome().and_then(|told| told.error).and_then(trouble) else { return };
    if newer(next.trouble.as_ref().map(|trouble| &trouble.time)) {
        next.trouble = Some(Trouble { reason: reason.to_string(), message: ending.complaint(), time: Time(at) });
    }
}

/// What keeps everybody from using it. A lock does not, and damage is kept apart.
const fn trouble(error: JobError) -> Option<RepositoryReason> {
    match repository_reason(error) {
        Some(RepositoryReason::Locked | RepositoryReason::Damaged) | None => None,
        Some(other) => Some(other),
    }
}

/// Which parts are damaged: a check that reads a part whole takes it off, and the structure with it. `checked` is when a
/// check succeeded the last time that was folded before.
fn take_damage(next: &mut BackupRepositoryStatus, at: Timestamp, checked: Option<&Time>, run: &Run, ending: &Ending) {
    let Some(told) = ending.outcome() else { return };
    let mut damaged: BTreeSet<u32> = next.damaged.iter().copied().collect();
    match told.error {
        // What was folded before and is repaired since is not damage once more.
        Some(JobError::Damaged) if checked.is_none_or(|known| known.0 < at) => {
            damaged.insert(told.part.unwrap_or(0));
        }
        None if run.operation == Operation::Check => {
            damaged.remove(&0);
            if let Some(part) = told.part {
                damaged.remove(&part);
            }
        }
        Some(_) | None => {}
    }
    next.damaged = damaged.into_iter().collect();
}
