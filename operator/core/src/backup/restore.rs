//! What a restore does next, and where it stands.

use super::names::{self, Operation};
use super::outcome;
use super::runs::{Ending, Run, RunState};
use super::want::{ItemInto, RestoreItem, WantRestore};
use crate::words::{apart, moment};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use zentoria_api::backup::{BackupRestoreStatus, RestorePhase, RestoreResult};
use zentoria_api::conditions::RestoreReason;
use zentoria_types::backup_job::Snapshot;

/// How many Jobs of one restore run at a time.
const AT_ONCE: usize = 4;

/// What is to be done now. Each call names at most one Job per policy; Jobs that exist are in `runs`.
#[derive(Clone, Debug)]
pub enum RestoreStep<'a> {
    /// Back up what is there now: create [`super::jobs::securing`].
    Secure(&'a RestoreItem),
    /// Restore: create [`super::jobs::of_restore`].
    Restore(&'a RestoreItem),
}

/// Where the restore of one policy stands.
#[derive(Clone, Debug)]
enum Standing<'a> {
    /// Nothing was begun.
    Nothing,
    /// What is there is being backed up.
    Securing,
    /// It was backed up.
    Secured,
    /// The backup of what is there failed.
    SecuringFailed(&'a Ending),
    /// It is being restored.
    Restoring,
    /// The restore ended.
    Ended(&'a Ending),
}

fn standing<'a>(want: &WantRestore, item: &RestoreItem, runs: &'a [Run]) -> Standing<'a> {
    let named = |name: String| runs.iter().find(|run| run.job == name);
    let (name, uid) = (&want.owner.name, &want.owner.uid);
    let restoring = named(names::restore(name, uid, &item.policy)).map(|run| &run.state);
    let securing = named(names::secure(name, uid, &item.policy)).map(|run| &run.state);
    match (restoring, securing) {
        (Some(RunState::Running), _) => Standing::Restoring,
        (Some(RunState::Ended { at: _, ending }), _) => Standing::Ended(ending),
        (None, Some(RunState::Running)) => Standing::Securing,
        (None, Some(RunState::Ended { at: _, ending })) if ending.is_success() => Standing::Secured,
        (None, Some(RunState::Ended { at: _, ending })) => Standing::SecuringFailed(ending),
        (None, None) => Standing::Nothing,
    }
}

impl Standing<'_> {
    fn is_at_work(&self) -> bool {
        matches!(self, Self::Securing | Self::Restoring)
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::SecuringFailed(_) | Self::Ended(_))
    }

    fn has_failed(&self) -> bool {
        match self {
            Self::SecuringFailed(_) => true,
            Self::Ended(ending) => !ending.is_success(),
            Self::Nothing | Self::Securing | Self::Secured | Self::Restoring => false,
        }
    }
}

/// The Jobs that are to be created now, by what became of those that exist. Empty: wait for them, or all is done.
///
/// A wave begins when all of the one before have ended; over the source, only when they have succeeded: what depends on a
/// database that could not be restored is left as it is. A restore elsewhere goes on, so that it tells of all.
#[must_use]
pub fn next_steps<'a>(want: &'a WantRestore, runs: &[Run]) -> Vec<RestoreStep<'a>> {
    let standings: Vec<(&RestoreItem, Standing<'_>)> =
        want.items.iter().map(|item| (item, standing(want, item, runs))).collect();
    let stopped = |item: &RestoreItem| item.into == ItemInto::Source && standings.iter().any(|(_, at)| at.has_failed());
    let Some(wave) = standings.iter().filter(|(_, at)| !at.is_over()).map(|(item, _)| item.wave).min() else {
        return Vec::new();
    };
    let room = AT_ONCE.saturating_sub(standings.iter().filter(|(_, at)| at.is_at_work()).count());
    let this_wave = standings.iter().filter(|(item, _)| item.wave == wave && !stopped(item));
    let steps = this_wave.filter_map(|(item, at)| match at {
        Standing::Nothing if want.secure => Some(RestoreStep::Secure(item)),
        Standing::Nothing | Standing::Secured => Some(RestoreStep::Restore(item)),
        Standing::Securing | Standing::SecuringFailed(_) | Standing::Restoring | Standing::Ended(_) => None,
    });
    steps.take(room).collect()
}

/// Where a whole restore stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason of Ready.
    pub reason: RestoreReason,
    /// Its message.
    pub message: String,
}

/// Folds the runs of a restore into its status (`phase`, `progress`, `results`, `snapshot`), and says where it stands.
#[must_use]
pub fn fold(before: &BackupRestoreStatus, want: &WantRestore, runs: &[Run]) -> (BackupRestoreStatus, Verdict) {
    let mut next = before.clone();
    let refused = want.refused.iter().map(|(policy, why)| (policy.clone(), refused(why)));
    let results: BTreeMap<String, RestoreResult> = want
        .items
        .iter()
        .map(|item| (item.policy.clone(), result(before.results.get(&item.policy), item, &standing(want, item, runs))))
        .chain(refused)
        .collect();
    let done = results.values().filter(|result| result.phase == RestorePhase::Succeeded).count();
    let verdict = verdict(want, runs, &results, done);
    next.phase = match verdict.reason.phase() {
        zentoria_api::conditions::Phase::Settled => RestorePhase::Succeeded,
        zentoria_api::conditions::Phase::Stalled => RestorePhase::Failed,
        _ if verdict.reason == RestoreReason::SecuringSource => RestorePhase::SecuringSource,
        _ if verdict.reason == RestoreReason::Pending => RestorePhase::Pending,
        _ => RestorePhase::Restoring,
    };
    next.policy = Some(want.policy.clone());
    next.into = Some(want.into.clone());
    next.progress = Some(format!("{done}/{} policies", results.len()));
    // What is gone by now was seen before.
    let begun = runs.iter().map(|run| run.created).min().map(Time);
    next.begun = before.begun.clone().or(begun);
    let ended = runs.iter().filter_map(Run::ended).map(|(at, _)| at).max().map(Time);
    let is_over = matches!(next.phase, RestorePhase::Succeeded | RestorePhase::Failed);
    next.ended = if is_over { ended.max(before.ended.clone()) } else { None };
    next.snapshot = match results.values().collect::<Vec<_>>()[..] {
        [one] => one.snapshot.clone(),
        _ => None,
    };
    next.results = results;
    (next, verdict)
}

/// What cannot be restored as things are.
fn refused(why: &str) -> RestoreResult {
    RestoreResult { phase: RestorePhase::Failed, message: Some(why.to_owned()), ..RestoreResult::default() }
}

fn result(before: Option<&RestoreResult>, item: &RestoreItem, at: &Standing<'_>) -> RestoreResult {
    let of = |phase: RestorePhase| RestoreResult { phase, ..RestoreResult::default() };
    match at {
        Standing::Nothing => of(RestorePhase::Pending),
        Standing::Securing | Standing::Secured => of(RestorePhase::SecuringSource),
        Standing::Restoring => of(RestorePhase::Restoring),
        Standing::SecuringFailed(ending) => RestoreResult {
            message: Some(format!("what is there could not be backed up, so that it was left: {}", ending.complaint())),
            ..of(RestorePhase::Failed)
        },
        Standing::Ended(Ending::Succeeded) => match before {
            // The pod is gone, and what it told was read before that.
            Some(before) if before.phase == RestorePhase::Succeeded => before.clone(),
            Some(_) | None => of(RestorePhase::Succeeded),
        },
        Standing::Ended(ending) => {
            let told = ending.outcome();
            let made = told.and_then(|told| told.snapshot.as_ref()).and_then(made);
            // As it was when the restore ended: later runs of the policy say nothing of it.
            let known = before.filter(|before| before.made.is_some()).map(|before| before.unchanged_until.clone());
            let seen = item.seen_equal.filter(|seen| made.as_ref().is_some_and(|made| *seen > made.0)).map(Time);
            RestoreResult {
                phase: if ending.is_success() { RestorePhase::Succeeded } else { RestorePhase::Failed },
                snapshot: told.and_then(|told| told.snapshot.as_ref()).map(|snapshot| snapshot.id.clone()),
                made,
                unchanged_until: known.unwrap_or(seen),
                evidence: told.and_then(outcome::evidence),
                message: (!ending.is_success()).then(|| ending.complaint()),
                seconds: told.map(|told| told.seconds),
                warnings: told.map(|told| told.warnings.clone()).unwrap_or_default(),
            }
        }
    }
}

fn made(snapshot: &Snapshot) -> Option<Time> {
    Timestamp::from_second(snapshot.time).ok().map(Time)
}

fn verdict(want: &WantRestore, runs: &[Run], results: &BTreeMap<String, RestoreResult>, done: usize) -> Verdict {
    let standings: Vec<(&RestoreItem, Standing<'_>)> =
        want.items.iter().map(|item| (item, standing(want, item, runs))).collect();
    let total = results.len();
    let at_work = standings.iter().any(|(_, at)| at.is_at_work()) || !next_steps(want, runs).is_empty();
    let failed = standings.iter().filter(|(_, at)| at.has_failed()).map(|(item, _)| item.policy.as_str());
    let failed: Vec<&str> = failed.chain(want.refused.keys().map(String::as_str)).collect();
    let say = |reason: RestoreReason, message: String| Verdict { reason, message };
    if at_work {
        if standings.iter().all(|(_, at)| matches!(at, Standing::Nothing)) {
            return say(RestoreReason::Pending, format!("{total} to restore, none begun"));
        }
        let stuck = runs.iter().find_map(|run| run.stuck.as_ref());
        let stuck = stuck.map_or_else(String::new, |stuck| format!("; {stuck}"));
        if standings.iter().any(|(_, at)| matches!(at, Standing::Securing)) {
            return say(RestoreReason::SecuringSource, format!("what is there now is being backed up{stuck}"));
        }
        return say(RestoreReason::Restoring, format!("{done} of {total} restored{stuck}"));
    }
    let Some(first) = failed.first() else {
        return say(RestoreReason::Succeeded, format!("{done} of {total} restored{}", how_long_and_how_old(runs)));
    };
    let why = results.get(*first).and_then(|result| result.message.clone()).unwrap_or_default();
    let left = standings.iter().filter(|(_, at)| matches!(at, Standing::Nothing | Standing::Secured)).count();
    let left = if left > 0 { format!("; {left} that come later were not begun") } else { String::new() };
    let failing = standings.iter().find(|(_, at)| at.has_failed());
    let reason = failing.map_or(RestoreReason::Failed, |(_, at)| reason_of(at));
    say(reason, format!("{}: {why} ({done} of {total} restored{left})", failed.join(", ")))
}

/// What a recovery takes and what it would lose: from the first Job to the last end, and the oldest of the backups.
fn how_long_and_how_old(runs: &[Run]) -> String {
    let restores = runs.iter().filter(|run| matches!(run.operation, Operation::Restore(_)));
    let ended: Vec<_> = restores.filter_map(|run| run.ended()).collect();
    let (first, last) = (runs.iter().map(|run| run.created).min(), ended.iter().map(|(at, _)| *at).max());
    let took = match (first, last) {
        (Some(first), Some(last)) => format!(" in {}", apart(first, last)),
        _ => String::new(),
    };
    let times = ended.iter().filter_map(|(_, ending)| Some(ending.outcome()?.snapshot.as_ref()?.time));
    let oldest = times.min().and_then(|time| Timestamp::from_second(time).ok());
    let of = oldest.map_or_else(String::new, |oldest| format!("; the oldest of the backups is of {}", moment(oldest)));
    format!("{took}{of}")
}

fn reason_of(at: &Standing<'_>) -> RestoreReason {
    match at {
        Standing::SecuringFailed(_) => RestoreReason::SecuringFailed,
        Standing::Ended(ending) => {
            ending.outcome().and_then(|told| told.error).map_or(RestoreReason::Failed, outcome::restore_reason)
        }
        Standing::Nothing | Standing::Securing | Standing::Secured | Standing::Restoring => RestoreReason::Failed,
    }
}
