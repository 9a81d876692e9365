//! Runs of a policy.

use super::{evidence, fold_operation, fold_tier, in_order};
use crate::backup::clocks::{believed, is_believed};
use crate::backup::names::Operation;
use crate::backup::runs::{Ending, Run};
use crate::backup::want::{Timetable, WantTier};
use crate::words::moment;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use zentoria_api::backup::{BackupPolicyStatus, OperationStatus};

/// Folds all runs of a policy (its tiers and its restore test) into its status. What is said of tiers that are gone is
/// dropped.
#[must_use]
pub fn fold_policy(before: &BackupPolicyStatus, times: &Timetable, runs: &[Run], now: Timestamp) -> BackupPolicyStatus {
    let mut next = before.clone();
    let due = |runs: &crate::backup::schedule::Runs| if times.suspend { None } else { runs.next(now) };
    let tier = |tier: &WantTier| {
        let known = before.tiers.get(&tier.name).cloned().unwrap_or_default();
        let own = of(runs, &Operation::Backup(tier.name.clone()));
        (tier.name.clone(), fold_tier(&known, &own, due(&tier.runs), now))
    };
    next.tiers = times.tiers.iter().map(tier).collect();
    next.last_success = newest_backup(before, &next, times, runs, now).map(Time);
    next.source = Some(times.source.clone());
    next.target = Some(times.target.clone());
    next.schedule = schedule_words(&times.tiers);
    next.promise = Some(crate::words::in_units(times.promise));
    next.next = times.tiers.iter().filter_map(|tier| due(&tier.runs)).min().map(moment);
    next.restore_test = times.restore_test.as_ref().map(|test| {
        let known: OperationStatus = before.restore_test.clone().unwrap_or_default();
        fold_operation(&known, &of(runs, &Operation::RestoreTest), due(test), now)
    });
    next.verified = believed(next.verified, now);
    let proved = in_order(&of(runs, &Operation::RestoreTest), now).into_iter();
    for (at, _, ending) in proved.filter(|(_, _, ending)| ending.is_success()) {
        let Some(evidence) = ending.outcome().and_then(evidence) else { continue };
        if next.verified.as_ref().is_none_or(|known| known.0 <= at) {
            next.verified = Some(Time(at));
            next.evidence = Some(evidence);
        }
    }
    next
}

fn of<'a>(runs: &'a [Run], operation: &Operation) -> Vec<&'a Run> {
    runs.iter().filter(|run| run.operation == *operation).collect()
}

fn schedule_words(tiers: &[WantTier]) -> Option<String> {
    let first = tiers.first()?;
    let more = tiers.len() - 1;
    Some(if more > 0 { format!("{} +{more}", first.cron) } else { first.cron.clone() })
}

/// When the newest backup was begun: of a snapshot, of a run that found nothing changed, or of one whose word is lost (then
/// its Job's creation). What lies in the future counts only where there is nothing else.
#[must_use]
pub fn newest_backup(
    before: &BackupPolicyStatus,
    folded: &BackupPolicyStatus,
    times: &Timetable,
    runs: &[Run],
    now: Timestamp,
) -> Option<Timestamp> {
    let is_tier = |run: &Run| times.tiers.iter().any(|tier| run.operation == Operation::Backup(tier.name.clone()));
    let succeeded = runs.iter().filter(|run| is_tier(run)).filter_map(|run| match run.ended()?.1 {
        Ending::Told(outcome) if outcome.error.is_none() => {
            let begun = outcome.snapshot.as_ref().map_or(outcome.started, |snapshot| snapshot.time);
            Timestamp::from_second(begun).ok()
        }
        Ending::Succeeded => Some(run.created),
        Ending::Told(_) | Ending::Silent { .. } => None,
    });
    let snapshots = folded.tiers.values().filter_map(|tier| tier.snapshot.as_ref()).map(|snapshot| snapshot.time.0);
    let known = before.last_success.as_ref().map(|time| time.0);
    let all: Vec<Timestamp> = succeeded.chain(snapshots).chain(known).collect();
    let past = all.iter().filter(|time| is_believed(**time, now)).max();
    past.or_else(|| all.iter().max()).copied()
}
