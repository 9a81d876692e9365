//! What status says of a policy of vzdump: the newest backup of each container, and which of them is too old.

use super::Volume;
use super::due::next_due;
use crate::backup::report::Report;
use crate::backup::schedule::{Freshness, freshness};
use crate::backup::want::{WantPolicy, WantTier};
use crate::conditions::{Conditions, Truth};
use crate::words::{in_units, moment};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use std::time::Duration;
use zentoria_api::backup::{BackupPolicy, BackupPolicyStatus, GuestBackup, OperationStatus, SnapshotSeen, TierStatus};
use zentoria_api::conditions::{FRESH, PolicyReason, VERIFIED};

/// A container of the policy, as it lies on the storages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestSeen {
    /// When the container was created.
    pub created: Timestamp,
    /// Its newest backup that is proved to be of it, whoever made it.
    pub newest: Option<Volume>,
    /// The newest of this policy, by tier.
    pub ours: BTreeMap<String, Volume>,
    /// Why a backup failed, since then; by tier.
    pub failed: BTreeMap<String, Failed>,
}

/// A backup that failed, and no later one of the same guest and tier succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// Why, for people.
    pub message: String,
}

/// A backup that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// By which tier.
    pub tier: String,
    /// The task of Proxmox VE.
    pub upid: String,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// The containers that exist in Proxmox VE, by name.
    pub guests: BTreeMap<String, GuestSeen>,
    /// Why Proxmox VE could not be asked, or does not take what it was told: then what is known of guests is not judged.
    pub problem: Option<(PolicyReason, String)>,
    /// What runs.
    pub running: Option<Running>,
    /// What else a person should know: volumes that could not be removed, warnings, what PVE's own job said.
    pub hints: Vec<String>,
    /// Whether nobody but others makes backups: then every one of them counts for the tiers.
    pub by_others: bool,
}

/// The status of a policy of vzdump. `delay` is that of each tier.
#[must_use]
pub fn report(
    policy: &BackupPolicy,
    want: &Result<WantPolicy, (PolicyReason, String)>,
    scene: &Scene,
    delay: impl Fn(&str) -> Duration,
    now: Timestamp,
) -> Report<BackupPolicyStatus, PolicyReason> {
    let mut status = policy.status.clone().unwrap_or_default();
    let generation = policy.metadata.generation.unwrap_or_default();
    let created = policy.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    status.observed_generation = Some(generation);
    let mut look_again = None;
    let (reason, message) = match want {
        Err((reason, message)) => (*reason, message.clone()),
        Ok(want) if want.suspend => (PolicyReason::Paused, "paused: no backup is begun".to_owned()),
        Ok(want) => {
            shown(&mut status, want, &delay, now);
            match &scene.problem {
                Some((reason, message)) => blind(&status, want, (*reason, message), now),
                None => {
                    seen(&mut status, want, scene);
                    let verdict = judge(want, scene, created, now);
                    look_again = verdict.look_again;
                    (verdict.reason, verdict.message)
                }
            }
        }
    };
    let next =
        want.as_ref().ok().and_then(|want| want.tiers.iter().filter_map(|t| next_due(t, delay(&t.name), now)).min());
    look_again = [look_again, next].into_iter().flatten().min();
    let mut conditions = Conditions::from(&status.conditions, generation, &now);
    conditions.set_phase(reason.phase(), reason.as_str(), &message);
    said_of_age(&mut conditions, reason, &message);
    let is_seen = want.as_ref().is_ok_and(|want| !want.suspend) && scene.problem.is_none();
    said_of_verification(&mut conditions, is_seen, scene);
    status.conditions = conditions.finish();
    if reason != PolicyReason::Paused {
        status.summary = Some(reason.as_str().to_owned());
    }
    Report { status, reason, message, look_again }
}

/// What is said while nobody can look: what was known grows older all the same.
fn blind(
    status: &BackupPolicyStatus,
    want: &WantPolicy,
    problem: (PolicyReason, &String),
    now: Timestamp,
) -> (PolicyReason, String) {
    let (reason, message) = problem;
    let known = status.last_success.as_ref().map(|time| time.0);
    match known.map(|known| (known, freshness(Some(known), known, want.promise, now))) {
        Some((known, Freshness::Late { .. })) => {
            let promise = in_units(want.promise);
            let late =
                format!("no backup that is younger than {promise}: the last that was seen is of {}", moment(known));
            (PolicyReason::Late, format!("{late}; {message}"))
        }
        Some(_) | None => (reason, message.clone()),
    }
}

/// What the wish alone tells.
fn shown(status: &mut BackupPolicyStatus, want: &WantPolicy, delay: impl Fn(&str) -> Duration, now: Timestamp) {
    status.source = Some(want.source.clone());
    status.target = Some(want.target.clone());
    status.promise = Some(in_units(want.promise));
    status.schedule = want.tiers.first().map(|first| match want.tiers.len() {
        1 => first.cron.clone(),
        count => format!("{} +{}", first.cron, count - 1),
    });
    let next = |tier: &WantTier| next_due(tier, delay(&tier.name), now);
    status.next = want.tiers.iter().filter_map(next).min().map(moment);
    status.tiers.retain(|name, _| want.tiers.iter().any(|tier| tier.name == *name));
    for tier in &want.tiers {
        status.tiers.entry(tier.name.clone()).or_default().operation.next = next(tier).map(Time);
    }
}

/// What the storages tell.
fn seen(status: &mut BackupPolicyStatus, want: &WantPolicy, scene: &Scene) {
    status.guests = scene.guests.iter().filter_map(|(name, guest)| Some((name.clone(), shown_guest(guest)?))).collect();
    status.last_success = oldest(scene, |guest| guest.newest.as_ref()).map(Time);
    status.verified = all(scene, |guest| {
        guest.newest.as_ref().filter(|volume| volume.verification.as_deref() == Some("ok"))?.verified_at
    })
    .map(Time);
    for tier in &want.tiers {
        let entry = status.tiers.entry(tier.name.clone()).or_default();
        let of_tier = |guest: &'_ GuestSeen| {
            let volume = if scene.by_others { guest.newest.as_ref() } else { guest.ours.get(&tier.name) };
            volume.cloned()
        };
        seen_tier(entry, tier, scene, of_tier);
    }
}

fn seen_tier(entry: &mut TierStatus, tier: &WantTier, scene: &Scene, of_tier: impl Fn(&GuestSeen) -> Option<Volume>) {
    let failed = scene.guests.iter().filter_map(|(name, guest)| Some((name, guest.failed.get(&tier.name)?)));
    let failed = failed.max_by_key(|(_, failed)| failed.at);
    let running = scene.running.as_ref().filter(|running| running.tier == tier.name);
    let volumes: Vec<Volume> = scene.guests.values().filter_map(&of_tier).collect();
    let complete = !volumes.is_empty() && volumes.len() == scene.guests.len();
    let oldest = volumes.iter().map(|volume| volume.time).min().filter(|_| complete);
    let OperationStatus { last_success, last_failure, message, running: task, .. } = &mut entry.operation;
    *last_success = oldest.map(Time);
    if let Some((_, failed)) = failed {
        *last_failure = Some(Time(failed.at));
    }
    *message = failed.map(|(name, failed)| format!("{name}: {}", failed.message));
    *task = running.map(|running| running.upid.clone());
    let newest = volumes.iter().max_by_key(|volume| volume.time);
    entry.snapshot = newest.map(|newest| SnapshotSeen {
        id: newest.volid.clone(),
        time: Time(newest.time),
        bytes: volumes.iter().map(|volume| volume.bytes).sum(),
        added: 0,
        files: 0,
        parts: u32::try_from(volumes.len()).unwrap_or(u32::MAX),
    });
}

fn shown_guest(guest: &GuestSeen) -> Option<GuestBackup> {
    let newest = guest.newest.as_ref()?;
    Some(GuestBackup {
        volume: newest.volid.clone(),
        time: Time(newest.time),
        bytes: newest.bytes,
        verification: newest.verification.clone(),
    })
}

/// The oldest of the guests' times; `None` where one of them has none.
fn all(scene: &Scene, time: impl Fn(&GuestSeen) -> Option<Timestamp>) -> Option<Timestamp> {
    let times: Option<Vec<Timestamp>> = scene.guests.values().map(time).collect();
    times?.into_iter().min()
}

fn oldest<'a>(scene: &'a Scene, volume: impl Fn(&'a GuestSeen) -> Option<&'a Volume>) -> Option<Timestamp> {
    let times: Option<Vec<Timestamp>> = scene.guests.values().map(|guest| volume(guest).map(|one| one.time)).collect();
    times?.into_iter().min()
}

struct Verdict {
    reason: PolicyReason,
    message: String,
    look_again: Option<Timestamp>,
}

fn judge(want: &WantPolicy, scene: &Scene, created: Timestamp, now: Timestamp) -> Verdict {
    let mut late = Vec::new();
    let mut none_yet = Vec::new();
    let mut until: Vec<Timestamp> = Vec::new();
    for (name, guest) in &scene.guests {
        let newest = guest.newest.as_ref().map(|volume| volume.time);
        match freshness(newest, created.max(guest.created), want.promise, now) {
            Freshness::Fresh { until: end } => until.push(end),
            Freshness::NoneYet { until: end } => {
                none_yet.push(name.clone());
                until.push(end);
            }
            Freshness::Late { .. } | Freshness::FromTheFuture => late.push(match newest {
                Some(newest) => format!("{name} ({})", moment(newest)),
                None => format!("{name} (none)"),
            }),
        }
    }
    let look_again = until.into_iter().min();
    let (reason, mut message) = words(want, scene, &late, &none_yet);
    for hint in &scene.hints {
        message.push_str("; ");
        message.push_str(hint);
    }
    Verdict { reason, message, look_again }
}

fn words(want: &WantPolicy, scene: &Scene, late: &[String], none_yet: &[String]) -> (PolicyReason, String) {
    let promise = in_units(want.promise);
    let damaged = scene.guests.iter().filter(|(_, guest)| is_damaged(guest)).map(|(name, _)| name.clone());
    let damaged: Vec<String> = damaged.collect();
    let failures = failures(scene);
    if !late.is_empty() {
        let why = if failures.is_empty() { String::new() } else { format!("; {failures}") };
        let message = format!("no backup that is younger than {promise} of {}{why}", some(late));
        return (PolicyReason::Late, message);
    }
    if !damaged.is_empty() {
        let message = format!(
            "Proxmox Backup Server could not verify the newest backup of {}: back these containers up again, and look \
             after its datastore",
            some(&damaged)
        );
        return (PolicyReason::VerificationFailed, message);
    }
    if !failures.is_empty() {
        return (PolicyReason::BackupFailed, failures);
    }
    match (&scene.running, none_yet.is_empty()) {
        (Some(running), false) => (PolicyReason::Running, format!("at work: task {}", running.upid)),
        (None, false) => {
            let message = format!("no backup yet of {}; one was promised within {promise}", some(none_yet));
            (PolicyReason::Pending, message)
        }
        (_, true) if scene.guests.is_empty() => {
            (PolicyReason::Pending, "none of its containers exists in Proxmox VE yet".to_owned())
        }
        (_, true) => {
            let message =
                format!("the newest backup of each of {} is younger than {promise}", counted(scene.guests.len()));
            (PolicyReason::Fresh, message)
        }
    }
}

fn failures(scene: &Scene) -> String {
    let all = scene.guests.iter().flat_map(|(name, guest)| guest.failed.values().map(move |failed| (name, failed)));
    let texts: Vec<String> =
        all.map(|(name, failed)| format!("the backup of {name} failed: {}", failed.message)).collect();
    some(&texts)
}

fn is_damaged(guest: &GuestSeen) -> bool {
    guest.newest.as_ref().is_some_and(|volume| volume.verification.as_deref() == Some("failed"))
}

fn counted(containers: usize) -> String {
    if containers == 1 { "1 container".to_owned() } else { format!("{containers} containers") }
}

/// The first few, and how many more.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn said_of_age(conditions: &mut Conditions<'_>, reason: PolicyReason, message: &str) {
    let truth = match reason {
        PolicyReason::Fresh | PolicyReason::BackupFailed | PolicyReason::VerificationFailed => Truth::True,
        PolicyReason::Late => Truth::False,
        PolicyReason::Pending | PolicyReason::Running | PolicyReason::PveError => Truth::Unknown,
        PolicyReason::Paused => return,
        PolicyReason::RepositoryNotReady
        | PolicyReason::WaitingFor
        | PolicyReason::RestoreTestFailed
        | PolicyReason::NotFound
        | PolicyReason::SecretNotFound
        | PolicyReason::AccessDenied
        | PolicyReason::SourceGone
        | PolicyReason::MatchesNothing
        | PolicyReason::NotAllowed
        | PolicyReason::InvalidSpec => Truth::Unknown,
    };
    conditions.set(FRESH, truth, reason.as_str(), message);
}

/// Only where something verifies: without a Proxmox Backup Server nothing is said.
fn said_of_verification(conditions: &mut Conditions<'_>, is_seen: bool, scene: &Scene) {
    if !is_seen {
        return;
    }
    let verdicts: Vec<Option<&str>> = scene
        .guests
        .values()
        .map(|guest| guest.newest.as_ref().and_then(|volume| volume.verification.as_deref()))
        .collect();
    if verdicts.iter().all(Option::is_none) {
        conditions.remove(VERIFIED);
        return;
    }
    if scene.guests.values().any(is_damaged) {
        let message = "Proxmox Backup Server could not verify the newest backup of a container";
        conditions.set(VERIFIED, Truth::False, PolicyReason::VerificationFailed.as_str(), message);
    } else if verdicts.iter().all(|verdict| *verdict == Some("ok")) {
        let message = "Proxmox Backup Server has verified the newest backup of each container";
        conditions.set(VERIFIED, Truth::True, PolicyReason::Fresh.as_str(), message);
    } else {
        let message = "Proxmox Backup Server has not verified the newest backup of each container yet";
        conditions.set(VERIFIED, Truth::Unknown, PolicyReason::Pending.as_str(), message);
    }
}

#[cfg(test)]
mod tests;
