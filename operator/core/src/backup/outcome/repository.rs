//! Runs that touch a repository.

use super::{fold_operation, in_order, repository_reason};
use crate::backup::names::Operation;
use crate::backup::runs::{Ending, Run};
use crate::backup::want::WantRepository;
use crate::backup::words::size;
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
    want: &WantRepository,
    runs: &[Run],
    now: Timestamp,
) -> BackupRepositoryStatus {
    let mut next = before.clone();
    let due = |runs: &crate::backup::schedule::Runs| if want.suspend { None } else { runs.next(now) };
    let of = |operation: Operation| runs.iter().filter(|run| run.operation == operation).collect::<Vec<_>>();
    next.check = fold_operation(&before.check, &of(Operation::Check), due(&want.check.runs));
    next.maintenance = fold_operation(&before.maintenance, &of(Operation::Maintain), due(&want.maintenance.runs));
    next.copies = want
        .copies
        .iter()
        .map(|copy| {
            let known = before.copies.get(&copy.name).cloned().unwrap_or_default();
            let own = of(Operation::Copy(copy.name.clone()));
            (copy.name.clone(), fold_operation(&known, &own, due(&copy.runs)))
        })
        .collect();
    next.target = Some(want.repository.target.clone());
    next.policies = want.policies;
    let all: Vec<&Run> = runs.iter().collect();
    for (at, run, ending) in in_order(&all) {
        take_counts(&mut next, run, ending);
        take_contact(&mut next, at, run, ending);
        take_damage(&mut next, at, before, run, ending);
    }
    if next.trouble.as_ref().is_some_and(|trouble| next.last_contact.as_ref().is_some_and(|at| at.0 >= trouble.time.0))
    {
        next.trouble = None;
    }
    next.damaged.retain(|part| *part <= want.check.parts);
    next
}

/// Id, number of snapshots and size. The id is taken from the Job that initialises, once, and never changed.
fn take_counts(next: &mut BackupRepositoryStatus, run: &Run, ending: &Ending) {
    let Some(told) = ending.outcome().filter(|told| told.error.is_none()) else { return };
    if run.operation == Operation::Init && next.repository_id.is_none() {
        next.repository_id.clone_from(&told.repository_id);
    }
    // A copy tells of the repository that it goes to.
    if !matches!(run.operation, Operation::Copy(_)) {
        next.snapshots = told.snapshots.or(next.snapshots);
        next.size = told.repository_bytes.map(size).or_else(|| next.size.take());
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

/// Which parts are damaged: a check that reads a part whole takes it off, and the structure with it.
fn take_damage(
    next: &mut BackupRepositoryStatus,
    at: Timestamp,
    before: &BackupRepositoryStatus,
    run: &Run,
    ending: &Ending,
) {
    let Some(told) = ending.outcome() else { return };
    let mut damaged: BTreeSet<u32> = next.damaged.iter().copied().collect();
    match told.error {
        // What was folded before and is repaired since is not damage once more.
        Some(JobError::Damaged) if is_new(before, at) => {
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

/// Whether no check has succeeded since.
fn is_new(before: &BackupRepositoryStatus, at: Timestamp) -> bool {
    before.check.last_success.as_ref().is_none_or(|known| known.0 < at)
}
