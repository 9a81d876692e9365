//! Policies.

use super::{PAUSED, Proof, Report, look_again, set_fresh};
use crate::backup::names::Operation;
use crate::backup::outcome::{fold_policy, is_not_the_backup, policy_reason};
use crate::backup::runs::Run;
use crate::backup::schedule::{Freshness, Runs, freshness};
use crate::backup::surroundings::Surroundings;
use crate::backup::validate::timetable;
use crate::backup::want::{Timetable, WantPolicy};
use crate::conditions::{Conditions, Truth, is_true};
use crate::estate::is_paused;
use crate::words::{in_units, moment};
use jiff::{SignedDuration, Timestamp};
use zentoria_api::backup::{BackupPolicy, BackupPolicyStatus, BackupRepository};
use zentoria_api::conditions::{Phase, PolicyReason, READY, REPOSITORY_READY, STALLED, VERIFIED};

/// A pod that cannot begin is no trouble for so long: images are pulled, nodes are found.
const BEGINNING: SignedDuration = SignedDuration::from_mins(2);
/// Missed runs are counted to so many.
const MOST_MISSED: u32 = 99;

type Said = (PolicyReason, String);

/// The status of a policy: what became of its runs, its age against the promise, and its conditions. The runs are folded,
/// and lateness is told, also where the policy cannot be carried out at the moment.
#[must_use]
pub fn policy(
    policy: &BackupPolicy,
    want: &Result<WantPolicy, Said>,
    runs: &[Run],
    around: &Surroundings,
    now: Timestamp,
) -> Report<BackupPolicyStatus, PolicyReason> {
    let before = policy.status.clone().unwrap_or_default();
    if policy.spec.suspend || is_paused(&policy.metadata) {
        return paused(before);
    }
    let times = timetable(policy).ok();
    let mut status = times.as_ref().map_or_else(|| before.clone(), |times| fold_policy(&before, times, runs, now));
    let created = policy.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    let newest = status.last_success.as_ref().map(|time| time.0);
    let fresh = times.as_ref().map(|times| freshness(newest, created, times.promise, now));
    let proof = times.as_ref().and_then(|times| proof(&status, times, now));
    let repository =
        policy.spec.repository_ref.as_ref().and_then(|to| around.repositories.get(&to.name)).map(AsRef::as_ref);
    let view = View { status: &status, times: times.as_ref(), runs, fresh, proof: proof.as_ref(), repository, now };
    let (reason, message) = view.verdict(want.as_ref().err());
    let generation = policy.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::from(&before.conditions, generation, &now);
    conditions.set_phase(reason.phase(), reason.as_str(), &message);
    if let (Some(fresh), Some(times)) = (fresh, &times) {
        set_fresh(&mut conditions, fresh, &in_units(times.promise));
    }
    match &proof {
        Some(proof) => proof.set(&mut conditions, "the restore test", PolicyReason::RestoreTestFailed.as_str()),
        None => conditions.remove(VERIFIED),
    }
    set_repository(&mut conditions, repository);
    let again = [
        fresh.and_then(look_again),
        proof.as_ref().and_then(Proof::look_again),
        runs.iter().filter(|run| run.stuck.is_some()).filter_map(|run| begins_by(run).filter(|at| *at > now)).min(),
    ];
    status.conditions = conditions.finish();
    status.observed_generation = Some(generation);
    status.summary = Some(reason.to_string());
    Report { status, reason, message, look_again: again.into_iter().flatten().min() }
}

pub(super) fn paused(before: BackupPolicyStatus) -> Report<BackupPolicyStatus, PolicyReason> {
    let reason = PolicyReason::Paused;
    let status = BackupPolicyStatus { summary: Some(reason.to_string()), next: None, ..before };
    Report { status, reason, message: PAUSED.to_owned(), look_again: None }
}

fn proof(status: &BackupPolicyStatus, times: &Timetable, now: Timestamp) -> Option<Proof> {
    let test = times.restore_test.as_ref()?;
    Some(Proof::of(&status.restore_test.clone().unwrap_or_default(), test.longest_gap(), now))
}

fn begins_by(run: &Run) -> Option<Timestamp> {
    run.created.checked_add(BEGINNING).ok()
}

fn set_repository(conditions: &mut Conditions<'_>, repository: Option<&BackupRepository>) {
    let ready = repository.and_then(|repository| {
        let status = repository.status.as_ref()?;
        status.conditions.iter().find(|condition| condition.type_ == READY)
    });
    match ready {
        None => conditions.set(REPOSITORY_READY, Truth::Unknown, "NotKnown", "nothing is known of its repository yet"),
        Some(ready) => {
            let truth = match ready.status.as_str() {
                "True" => Truth::True,
                "False" => Truth::False,
                _ => Truth::Unknown,
            };
            conditions.set(REPOSITORY_READY, truth, &ready.reason, &ready.message);
        }
    }
}

/// Everything that decides the reason of Ready.
struct View<'a> {
    status: &'a BackupPolicyStatus,
    times: Option<&'a Timetable>,
    runs: &'a [Run],
    fresh: Option<Freshness>,
    proof: Option<&'a Proof>,
    repository: Option<&'a BackupRepository>,
    now: Timestamp,
}

impl View<'_> {
    /// The first that holds: what a person must change in the spec; late; what is waited for; what failed; all is well.
    fn verdict(&self, refused: Option<&Said>) -> Said {
        let waits = refused.filter(|(reason, _)| reason.phase() != Phase::Stalled);
        if let (Some(refused), None) = (refused, waits) {
            return refused.clone();
        }
        let cause = || waits.cloned().or_else(|| self.failure());
        self.late(cause)
            .or_else(|| waits.cloned())
            .or_else(|| self.test_failure())
            .or_else(|| self.failure())
            .or_else(|| self.repository_trouble())
            .or_else(|| self.stuck())
            .unwrap_or_else(|| self.well())
    }

    fn late(&self, cause: impl Fn() -> Option<Said>) -> Option<Said> {
        let why = || cause().map_or_else(String::new, |(_, message)| format!(": {message}"));
        let promise = self.times.map(|times| in_units(times.promise)).unwrap_or_default();
        match self.fresh? {
            Freshness::Late { since } => {
                let newest = match &self.status.last_success {
                    Some(time) => format!("the newest backup is of {}", moment(time.0)),
                    None => "there is no backup".to_owned(),
                };
                let missed = self.missed();
                let since = moment(since);
                Some((
                    PolicyReason::Late,
                    format!("{newest}, and {promise} is promised: late since {since}{missed}{}", why()),
                ))
            }
            Freshness::FromTheFuture => {
                let time = self.status.last_success.as_ref().map(|time| moment(time.0)).unwrap_or_default();
                let message = format!(
                    "the newest backup says that it is of {time}, which is to come: a clock has jumped, and nobody knows how \
                     old it is; see that the clocks are right, and take a new one (kubectl zentoria backup run){}",
                    why()
                );
                Some((PolicyReason::Late, message))
            }
            Freshness::Fresh { .. } | Freshness::NoneYet { .. } => None,
        }
    }

    /// Runs that were due since the newest backup until it was late: how many do not change any more.
    fn missed(&self) -> String {
        let (Some(times), Some(last), Some(Freshness::Late { since })) =
            (self.times, &self.status.last_success, self.fresh)
        else {
            return String::new();
        };
        let due = |runs: &Runs| runs.due_between(last.0, since, MOST_MISSED);
        match times.tiers.iter().map(|tier| due(&tier.runs)).fold(0u32, u32::saturating_add) {
            0 => String::new(),
            count => format!(", {count} runs without a backup by then"),
        }
    }

    fn test_failure(&self) -> Option<Said> {
        let Proof::Failed(message) = self.proof? else { return None };
        match self.error_of(&Operation::RestoreTest) {
            Some(error) if is_not_the_backup(error) => {
                Some((policy_reason(error), format!("the restore test could not be made: {message}")))
            }
            Some(_) | None => Some((PolicyReason::RestoreTestFailed, format!("the restore test failed: {message}"))),
        }
    }

    /// The tier that failed last, and did not succeed since.
    fn failure(&self) -> Option<Said> {
        let failed = self.status.tiers.iter().filter(|(_, tier)| tier.operation.message.is_some());
        let (name, tier) = failed.max_by_key(|(_, tier)| tier.operation.last_failure.as_ref().map(|time| time.0))?;
        let message = tier.operation.message.clone().unwrap_or_default();
        let reason = self.error_of(&Operation::Backup(name.clone())).map_or(PolicyReason::BackupFailed, policy_reason);
        Some((reason, format!("the last run of {name} failed: {message}")))
    }

    /// The error of the last run of an operation, where its Job is still there.
    fn error_of(&self, operation: &Operation) -> Option<zentoria_types::backup_job::JobError> {
        let ended = self.runs.iter().filter(|run| run.operation == *operation).filter_map(|run| {
            let (at, ending) = run.ended()?;
            (!ending.is_success()).then_some((at, ending))
        });
        ended.max_by_key(|(at, _)| *at)?.1.outcome()?.error
    }

    fn repository_trouble(&self) -> Option<Said> {
        let repository = self.repository?;
        let conditions = &repository.status.as_ref()?.conditions;
        if !is_true(conditions, STALLED) {
            return None;
        }
        let why = conditions.iter().find(|condition| condition.type_ == STALLED).map(|condition| &condition.message)?;
        let name = repository.metadata.name.as_deref().unwrap_or_default();
        Some((PolicyReason::RepositoryNotReady, format!("the BackupRepository {name}: {why}")))
    }

    fn stuck(&self) -> Option<Said> {
        let run = self.runs.iter().find(|run| run.stuck.is_some() && begins_by(run).is_none_or(|at| at <= self.now))?;
        let why = run.stuck.clone().unwrap_or_default();
        Some((PolicyReason::Running, format!("the Job {} does not get on: {why}", run.job)))
    }

    fn well(&self) -> Said {
        let next = self.status.next.as_ref().map_or_else(String::new, |next| format!("; the next run is due {next}"));
        match self.fresh {
            Some(Freshness::Fresh { .. }) => (PolicyReason::Fresh, "its newest backup keeps the promise".to_owned()),
            Some(_) | None if self.status.tiers.values().any(|tier| tier.operation.running.is_some()) => {
                (PolicyReason::Running, "its first backup is being made".to_owned())
            }
            Some(_) | None => (PolicyReason::Pending, format!("there is no backup yet{next}")),
        }
    }
}
