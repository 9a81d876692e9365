//! Repositories.

use super::{PAUSED, Proof, Report};
use crate::backup::drill::{self, Drills};
use crate::backup::locks::LockVerdict;
use crate::backup::names::Operation;
use crate::backup::outcome::{fold_repository, repository_reason};
use crate::backup::runs::Run;
use crate::backup::want::{Upkeep, WantRepository};
use crate::conditions::{Conditions, Truth};
use crate::estate::is_paused;
use crate::words::moment;
use jiff::Timestamp;
use zentoria_api::backup::{BackupRepository, BackupRepositoryStatus, OperationStatus, Trouble};
use zentoria_api::conditions::{INITIALISED, RepositoryReason};

type Said = (RepositoryReason, String);

/// The status of a repository. `runs` are all that touched it (label `zentoria.ai/backup-repository`), `locks` what was
/// found out about the locks that the last of them met, `drills` those that are known. Runs and drills are folded also
/// where the spec cannot be carried out at the moment.
#[must_use]
pub fn repository(
    repository: &BackupRepository,
    want: &Result<WantRepository, Said>,
    upkeep: &Upkeep,
    (runs, drills): (&[Run], &Drills),
    locks: &LockVerdict,
    now: Timestamp,
) -> Report<BackupRepositoryStatus, RepositoryReason> {
    let before = repository.status.clone().unwrap_or_default();
    if repository.spec.suspend || is_paused(&repository.metadata) {
        let reason = RepositoryReason::Paused;
        let status = BackupRepositoryStatus { summary: Some(reason.to_string()), ..before };
        return Report { status, reason, message: PAUSED.to_owned(), look_again: None };
    }
    let mut status = fold_repository(&before, upkeep, runs, now);
    let proof = upkeep.check.as_ref().map(|check| Proof::of(&status.check, check.longest_gap(), now));
    status.drill = drill::fold(before.drill.as_ref(), upkeep, drills, now);
    let (reason, message) = match want {
        Err(said) => said.clone(),
        Ok(_) => verdict(&status, runs, locks),
    };
    let generation = repository.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::from(&before.conditions, generation, &now);
    conditions.set_phase(reason.phase(), reason.as_str(), &message);
    set_initialised(&mut conditions, &status, reason, &message);
    if let Some(proof) = &proof {
        let proof = if status.damaged.is_empty() { proof.clone() } else { Proof::Failed(damage(&status.damaged)) };
        proof.set(&mut conditions, "the integrity check", RepositoryReason::Damaged.as_str());
    }
    let drill_again = super::drill::set(&mut conditions, status.drill.as_ref(), upkeep, now);
    status.conditions = conditions.finish();
    status.observed_generation = Some(generation);
    status.summary = Some(reason.to_string());
    let due = status.drill.as_ref().and_then(|drill| drill.next.as_ref()).map(|next| next.0);
    let again = [proof.and_then(|proof| proof.look_again()), drill_again, drills.look_again(), due];
    let look_again = again.into_iter().flatten().filter(|moment| *moment > now).min();
    Report { status, reason, message, look_again }
}

/// Whether it is there, and the one that it was.
fn set_initialised(
    conditions: &mut Conditions<'_>,
    status: &BackupRepositoryStatus,
    reason: RepositoryReason,
    message: &str,
) {
    match (&status.repository_id, reason) {
        (_, RepositoryReason::RepositoryGone | RepositoryReason::RepositorySwapped) => {
            conditions.set(INITIALISED, Truth::False, reason.as_str(), message);
        }
        (Some(id), _) => {
            let id: String = id.chars().take(10).collect();
            conditions.set(INITIALISED, Truth::True, "Initialised", &format!("its id is {id}"));
        }
        (None, _) => conditions.set(INITIALISED, Truth::False, reason.as_str(), message),
    }
}

fn verdict(status: &BackupRepositoryStatus, runs: &[Run], locks: &LockVerdict) -> Said {
    if let Some(Trouble { reason, message, time: _ }) = &status.trouble
        && let Some(reason) = RepositoryReason::ALL.iter().find(|known| known.as_str() == reason)
    {
        return (*reason, remedy(*reason, message));
    }
    if status.repository_id.is_none() {
        return initialising(runs);
    }
    if !status.damaged.is_empty() {
        return (RepositoryReason::Damaged, remedy(RepositoryReason::Damaged, &damage(&status.damaged)));
    }
    if let Some(said) = locked(locks) {
        return said;
    }
    let operations = [("check", &status.check), ("maintenance", &status.maintenance)];
    let copies = status.copies.iter().map(|(name, copy)| (name.as_str(), copy));
    let failed = |(_, operation): &(&str, &OperationStatus)| operation.message.is_some();
    if let Some((name, operation)) = operations.into_iter().chain(copies).find(failed) {
        let message = operation.message.clone().unwrap_or_default();
        let reason = if was_locked(name, runs) { RepositoryReason::Locked } else { RepositoryReason::JobFailed };
        return (reason, format!("the last run of {name} failed, and is tried again: {message}"));
    }
    (RepositoryReason::Ready, "it can be used, and nothing is wrong with it".to_owned())
}

fn initialising(runs: &[Run]) -> Said {
    let Some(run) = runs.iter().filter(|run| run.operation == Operation::Init).max_by_key(|run| run.created) else {
        return (RepositoryReason::Pending, "it will be looked for, and initialised where there is none".to_owned());
    };
    match (run.ended(), &run.stuck) {
        (None, None) => (RepositoryReason::Initialising, format!("by the Job {}", run.job)),
        (None, Some(stuck)) => (RepositoryReason::Initialising, format!("by the Job {}, but {stuck}", run.job)),
        (Some((_, ending)), _) => {
            let reason = ending.outcome().and_then(|told| told.error).and_then(repository_reason);
            let complaint = if ending.is_success() {
                "the Job ended well and left no word of the repository's id".to_owned()
            } else {
                ending.complaint()
            };
            let message = format!("it could not be initialised, and is tried again: {complaint}");
            (reason.unwrap_or(RepositoryReason::JobFailed), message)
        }
    }
}

fn locked(locks: &LockVerdict) -> Option<Said> {
    Some(match locks {
        LockVerdict::Free => return None,
        LockVerdict::Wait { host } => {
            (RepositoryReason::Locked, format!("{host} holds its lock and is at work: it is waited for"))
        }
        LockVerdict::Unlock { hosts } => {
            let hosts = hosts.join(", ");
            let message = format!("locks of {hosts} were left behind, whose pods are gone: they are being removed");
            (RepositoryReason::Unlocking, message)
        }
        LockVerdict::Foreign { host, since } => {
            let since = moment(*since);
            let message = format!(
                "{host}, which is no pod of ours, holds its lock since {since}: see what runs there; if nothing does, run \
                 `restic unlock --remove-all` yourself"
            );
            (RepositoryReason::ForeignLock, message)
        }
    })
}

/// Whether an operation was kept out by a lock the last time.
fn was_locked(name: &str, runs: &[Run]) -> bool {
    let is_it = |run: &&Run| match &run.operation {
        Operation::Check => name == "check",
        Operation::Maintain => name == "maintenance",
        Operation::Copy(copy) => name == copy,
        Operation::Backup(_)
        | Operation::RestoreTest
        | Operation::Init
        | Operation::Inspect
        | Operation::Unlock
        | Operation::Restore(_)
        | Operation::Secure(_) => false,
    };
    let ended = runs.iter().filter(is_it).filter_map(Run::ended).max_by_key(|(at, _)| *at);
    let error = ended.and_then(|(_, ending)| ending.outcome()).and_then(|told| told.error);
    error.and_then(repository_reason) == Some(RepositoryReason::Locked)
}

fn damage(parts: &[u32]) -> String {
    let named: Vec<String> = parts.iter().filter(|part| **part > 0).map(u32::to_string).collect();
    if named.is_empty() {
        return "a run found data that cannot be read".to_owned();
    }
    format!("a check found data that cannot be read, in part {} of its data", named.join(", "))
}

/// What a person should do about it.
fn remedy(reason: RepositoryReason, message: &str) -> String {
    let remedy = match reason {
        RepositoryReason::WrongPassword => "put the right password into the Secret of spec.passwordSecretRef",
        RepositoryReason::AccessDenied => {
            "put credentials that it accepts into the Secret of spec.credentialsSecretRef"
        }
        RepositoryReason::RepositoryGone => {
            "it is not initialised again, so that nobody believes in backups that are lost: bring it back, or make a new \
             BackupRepository"
        }
        RepositoryReason::RepositorySwapped => {
            "nothing is written to it: bring the right one back, or make a new BackupRepository for this one"
        }
        RepositoryReason::StorageFull => "make room there, or let the tiers of its policies keep less",
        RepositoryReason::Damaged => {
            "see `restic check --read-data`, repair it (`restic repair packs`, `repair index`, `repair snapshots`), and \
             distrust backups that were not verified since"
        }
        RepositoryReason::Unreachable => "it is tried again with the next run",
        RepositoryReason::Ready
        | RepositoryReason::Pending
        | RepositoryReason::Initialising
        | RepositoryReason::JobFailed
        | RepositoryReason::Locked
        | RepositoryReason::Unlocking
        | RepositoryReason::SecretNotFound
        | RepositoryReason::NotFound
        | RepositoryReason::ForeignLock
        | RepositoryReason::Conflict
        | RepositoryReason::InvalidSpec
        | RepositoryReason::Paused => return message.to_owned(),
    };
    format!("{message}; {remedy}")
}
