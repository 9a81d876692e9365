//! Runs folded into status. Folding the same runs once more changes nothing, and their order does not matter.

mod errors;
mod policy;
mod repository;

pub use errors::{is_not_the_backup, policy_reason, repository_reason, restore_reason};
pub use policy::{fold_policy, newest_backup};
pub use repository::fold_repository;

use super::clocks::{self, believed, by_now};
use super::runs::{Ending, Run};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use zentoria_api::backup::{Evidence, OperationStatus, SnapshotSeen, TierStatus};
use zentoria_types::backup_job::{Outcome, Snapshot};

/// Folds runs of one operation. `next` is when the next one is due.
#[must_use]
pub fn fold_operation(
    before: &OperationStatus,
    runs: &[&Run],
    next: Option<Timestamp>,
    now: Timestamp,
) -> OperationStatus {
    let mut status = before.clone();
    status.last_success = believed(status.last_success, now);
    status.last_failure = status.last_failure.map(|time| by_now(time, now));
    let ended = in_order(runs, now);
    for (at, _, ending) in &ended {
        let newer = |known: &Option<Time>| known.as_ref().is_none_or(|known| known.0 <= *at);
        if ending.is_success() && newer(&status.last_success) {
            let told = ending.outcome();
            status.last_success = Some(Time(*at));
            status.seconds = told.map(|told| told.seconds).or(status.seconds);
            status.part = told.and_then(|told| told.part).or(status.part);
        } else if !ending.is_success() && newer(&status.last_failure) && !is_forgotten(&status, *at, ending) {
            status.last_failure = Some(Time(*at));
            status.message = Some(ending.complaint());
        }
    }
    if has_recovered(&status) {
        status.message = None;
    }
    let running = runs.iter().filter(|run| run.ended().is_none());
    status.running = running.max_by_key(|run| (run.created, &run.job)).map(|run| run.job.clone());
    status.next = next.map(Time);
    status
}

/// Whether a run that failed left a word, which is in status, and has none any more: its pod is gone, as after a drain.
fn is_forgotten(status: &OperationStatus, at: Timestamp, ending: &Ending) -> bool {
    let is_known = status.message.is_some() && status.last_failure == Some(Time(at));
    match ending {
        Ending::Silent { message: _ } => is_known,
        Ending::Told(_) | Ending::Succeeded => false,
    }
}

/// Whether a run succeeded after the last one that failed.
fn has_recovered(status: &OperationStatus) -> bool {
    match (&status.last_success, &status.last_failure) {
        (Some(success), Some(failure)) => success.0 >= failure.0,
        (Some(_) | None, None) => true,
        (None, Some(_)) => false,
    }
}

/// The runs that have ended at a moment that is believed, the oldest first.
fn in_order<'a>(runs: &[&'a Run], now: Timestamp) -> Vec<(Timestamp, &'a Run, &'a Ending)> {
    let ended = runs.iter().filter_map(|run| clocks::ended(run, now).map(|(at, ending)| (at, *run, ending)));
    let mut ended: Vec<_> = ended.collect();
    ended.sort_by(|(at, run, _), (other_at, other, _)| (at, &run.job).cmp(&(other_at, &other.job)));
    ended
}

/// Folds runs of one tier. `next` is when the next one is due.
#[must_use]
pub fn fold_tier(before: &TierStatus, runs: &[&Run], next: Option<Timestamp>, now: Timestamp) -> TierStatus {
    let operation = fold_operation(&before.operation, runs, next, now);
    let status = TierStatus { operation, snapshot: before.snapshot.clone() };
    let made = in_order(runs, now).into_iter().filter(|(_, _, ending)| ending.is_success());
    let made = made.filter_map(|(_, _, ending)| ending.outcome()?.snapshot.as_ref());
    made.fold(status, with_snapshot)
}

/// What `inspect` tells of the newest backup of one tier, put into a status that does not know it.
#[must_use]
pub fn backfill(before: &TierStatus, newest: &Snapshot) -> TierStatus {
    with_snapshot(before.clone(), newest)
}

fn with_snapshot(mut status: TierStatus, snapshot: &Snapshot) -> TierStatus {
    let snapshot = seen(snapshot);
    if status.snapshot.as_ref().is_none_or(|known| known.time.0 <= snapshot.time.0) {
        status.snapshot = Some(snapshot);
    }
    status
}

/// A snapshot as status shows it.
#[must_use]
pub fn seen(snapshot: &Snapshot) -> SnapshotSeen {
    let Snapshot { id, time, bytes, added, files, parts } = snapshot;
    SnapshotSeen {
        id: id.clone(),
        time: Time(moment(*time)),
        bytes: *bytes,
        added: *added,
        files: *files,
        parts: *parts,
    }
}

/// What a restore into a scratch place proved.
#[must_use]
pub fn evidence(outcome: &Outcome) -> Option<Evidence> {
    let (snapshot, proof) = (outcome.snapshot.as_ref()?, outcome.proof.as_ref()?);
    Some(Evidence {
        snapshot: snapshot.id.clone(),
        made: Time(moment(snapshot.time)),
        compared: proof.compared.clone(),
        seconds: proof.seconds,
    })
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
