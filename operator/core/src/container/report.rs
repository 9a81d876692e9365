//! What the status of a container says, and which events tell it. No second verdict: everything is derived here.

pub mod inventory;

use super::interfaces::static_addresses;
use super::seen::GuestFact;
use super::step::Verdict;
use super::want::Want;
use crate::Fact;
use crate::conditions::{Conditions, Truth};
use jiff::Timestamp;
use std::collections::BTreeSet;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{CREATED, ContainerReason, Phase, READY, RUNNING, UP_TO_DATE, UpToDateReason};
use zentoria_api::container::{ChangeClass, PendingChange, PowerStatus, RunState, ZentoriaContainerStatus};

/// What a status is made from.
pub struct Facts<'a> {
    /// `metadata.generation`.
    pub generation: i64,
    /// Now.
    pub now: &'a Timestamp,
    /// The mode; `None` where the spec could not be read.
    pub mode: Option<Mode>,
    /// The guest; `None` where it was not looked at.
    pub guest: Option<&'a GuestFact>,
    /// The wish; `None` where the spec could not be read.
    pub want: Option<&'a Want>,
    /// What differs and is not done; `None` where it is not known.
    pub pending: Option<&'a [PendingChange]>,
    /// Addresses of `extraAddresses`, which the guest sets up itself.
    pub extra_addresses: &'a [String],
    /// Whether changes were made just now.
    pub changing: bool,
    /// The digests of `zentoria.ai/approve`, as they stand there.
    pub approved: &'a BTreeSet<String>,
    /// What to say.
    pub verdict: &'a Verdict,
}

/// The new status, from the one that the journal has written on (vmid, created, defaults and task are the journal's).
#[must_use]
pub fn status(working: &ZentoriaContainerStatus, facts: &Facts<'_>) -> ZentoriaContainerStatus {
    let mut next = working.clone();
    if facts.verdict.reason.phase() == Phase::Silent {
        next.summary = Some(facts.verdict.reason.to_string());
        return next;
    }
    next.observed_generation = Some(facts.generation);
    let mut conditions = Conditions::from(&working.conditions, facts.generation, facts.now);
    conditions.set_phase(facts.verdict.reason.phase(), facts.verdict.reason.as_str(), &facts.verdict.message);
    if let Some(guest) = facts.guest {
        observed(&mut next, &mut conditions, guest, facts);
    }
    created(&mut conditions, &next, facts);
    if let Some(pending) = facts.pending {
        next.spent_approvals = spent(working, pending, facts.approved);
        next.pending_changes = pending.to_vec();
        next.pending_summary = summary_of(pending);
    }
    let up_to_date = up_to_date(&mut conditions, &next, facts);
    next.summary = Some(summary(facts.verdict, up_to_date));
    next.conditions = conditions.finish();
    next
}

fn observed(next: &mut ZentoriaContainerStatus, conditions: &mut Conditions<'_>, guest: &GuestFact, facts: &Facts<'_>) {
    let verdict = facts.verdict;
    // Only a guest that is ours is shown as this object's.
    let guest = match guest {
        GuestFact::Present(guest) if next.created.is_some() && verdict.reason != ContainerReason::VmidTaken => guest,
        GuestFact::Absent if next.created.as_ref().is_some_and(|c| c.finished_at.is_some()) => {
            next.power = None;
            conditions.set(RUNNING, Truth::False, "GuestMissing", "the guest is gone");
            return;
        }
        GuestFact::Unknown { why, .. } => {
            if next.power.is_some() {
                conditions.set(RUNNING, Truth::Unknown, verdict.reason.as_str(), why);
            }
            return;
        }
        GuestFact::Present(_) | GuestFact::Absent | GuestFact::NoVmid | GuestFact::OtherKind => return,
    };
    next.node = Some(guest.node.to_string());
    let before = std::mem::replace(&mut next.addresses, static_addresses(&guest.config));
    let extra = facts.extra_addresses.iter().filter(|address| !next.addresses.contains(address)).cloned();
    next.addresses.extend(extra.collect::<Vec<_>>());
    let leased: Vec<String> = match &guest.leased {
        Fact::Known(addresses) => addresses.iter().map(ToString::to_string).collect(),
        // What is not known now was known: a failed look takes no address away.
        Fact::Unknown(_) => before,
    };
    let leased = leased.into_iter().filter(|address| !next.addresses.contains(address));
    next.addresses.extend(leased.collect::<Vec<_>>());
    if let Some(want) = facts.want {
        inventory::show(next, want, guest);
    }
    let stopped_by = |previous: Option<&PowerStatus>| match verdict.reason {
        ContainerReason::StoppedExternally => verdict.subject.clone(),
        _ => previous.and_then(|power| power.stopped_by.clone()),
    };
    match &guest.running {
        Fact::Known(true) => {
            next.power = Some(PowerStatus { state: RunState::Running, stopped_by: None });
            conditions.set(RUNNING, Truth::True, "Running", "");
        }
        Fact::Known(false) => {
            let by = stopped_by(next.power.as_ref());
            let reason = if by.is_some() { "StoppedExternally" } else { "Stopped" };
            conditions.set(RUNNING, Truth::False, reason, "");
            // A guest in the making was never on: its power is told once it is made.
            if next.created.as_ref().is_some_and(|c| c.finished_at.is_some()) {
                next.power = Some(PowerStatus { state: RunState::Stopped, stopped_by: by });
            }
        }
        Fact::Unknown(why) => conditions.set(RUNNING, Truth::Unknown, "NotKnown", why),
    }
}

fn created(conditions: &mut Conditions<'_>, next: &ZentoriaContainerStatus, facts: &Facts<'_>) {
    let gone = matches!(facts.guest, Some(GuestFact::Absent));
    match &next.created {
        Some(created) if created.finished_at.is_some() && gone => {
            conditions.set(CREATED, Truth::False, "GuestMissing", "the guest is gone");
        }
        Some(created) if created.finished_at.is_some() => {
            conditions.set(CREATED, Truth::True, &format!("{:?}", created.origin), "");
        }
        Some(_) | None => {
            conditions.set(CREATED, Truth::False, facts.verdict.reason.as_str(), &facts.verdict.message);
        }
    }
}

/// The worst of the pending changes says why the guest is not as the spec has it.
fn up_to_date(
    conditions: &mut Conditions<'_>,
    next: &ZentoriaContainerStatus,
    facts: &Facts<'_>,
) -> Option<UpToDateReason> {
    let exists = next.created.is_some();
    let pending = facts.pending.filter(|pending| exists || !pending.is_empty())?;
    let worst = pending.iter().map(|change| change.class).max();
    let reason = match (worst, facts.mode, facts.changing) {
        (None, _, true) => UpToDateReason::Changing,
        (None, _, false) => UpToDateReason::NoDifference,
        (Some(_), Some(Mode::Observe), _) => UpToDateReason::DriftObserved,
        (Some(_), _, _) if facts.verdict.parked.is_some() => facts.verdict.parked?,
        (Some(ChangeClass::Create), _, _) => UpToDateReason::ApprovalRequired,
        (Some(ChangeClass::Hot), _, _) => UpToDateReason::Changing,
        (Some(ChangeClass::Reboot), _, _) => UpToDateReason::RebootRequired,
        (Some(ChangeClass::Replace), _, _) => UpToDateReason::ReplaceRequired,
        (Some(ChangeClass::Impossible), _, _) => UpToDateReason::ChangeImpossible,
    };
    let lines =
        pending.iter().map(|change| format!("{} {} -> {}: {}", change.field, change.from, change.to, change.message));
    let lines: Vec<String> = lines.chain(stale(next, facts.approved)).collect();
    let truth = Truth::from(reason == UpToDateReason::NoDifference);
    conditions.set(UP_TO_DATE, truth, reason.as_str(), &lines.join("; "));
    Some(reason)
}

/// An approval holds for one time: once its change is not pending any more, it is spent, until a person takes it away.
fn spent(before: &ZentoriaContainerStatus, pending: &[PendingChange], approved: &BTreeSet<String>) -> Vec<String> {
    let is_pending = |digest: &String| pending.iter().any(|change| change.digest == *digest);
    let was_pending = |digest: &String| before.pending_changes.iter().any(|change| change.digest == *digest);
    let spent =
        |digest: &&String| before.spent_approvals.contains(digest) || (was_pending(digest) && !is_pending(digest));
    approved.iter().filter(spent).cloned().collect()
}

/// How the sentence begins that tells of approvals of something else.
const STALE: &str = "zentoria.ai/approve names ";

/// Says which approvals are of nothing that is pending: they do nothing.
fn stale(next: &ZentoriaContainerStatus, approved: &BTreeSet<String>) -> Option<String> {
    let pending: Vec<&str> = next.pending_changes.iter().map(|change| change.digest.as_str()).collect();
    let unknown = |digest: &&String| !pending.contains(&digest.as_str()) && !next.spent_approvals.contains(digest);
    let stale: Vec<&str> = approved.iter().filter(unknown).map(String::as_str).collect();
    let there = match pending.as_slice() {
        [] => "nothing is pending".to_owned(),
        several => format!("pending: {}", several.join(", ")),
    };
    (!stale.is_empty())
        .then(|| format!("{STALE}{}, which is no change that is pending, and does nothing ({there})", stale.join(", ")))
}

/// What the condition UpToDate says of approvals of something else.
fn said_of_stale(status: &ZentoriaContainerStatus) -> Option<&str> {
    let condition = status.conditions.iter().find(|condition| condition.type_ == UP_TO_DATE)?;
    condition.message.find(STALE).and_then(|at| condition.message.get(at..))
}

/// `2 (reboot)`: how many, and the worst class.
fn summary_of(pending: &[PendingChange]) -> Option<String> {
    let worst = pending.iter().map(|change| change.class).max()?;
    let word = match worst {
        ChangeClass::Create => "create",
        ChangeClass::Hot => "hot",
        ChangeClass::Reboot => "reboot",
        ChangeClass::Replace => "replace",
        ChangeClass::Impossible => "impossible",
    };
    Some(format!("{} ({word})", pending.len()))
}

/// The STATUS column: the reason with its object; of a settled container, what is pending.
fn summary(verdict: &Verdict, up_to_date: Option<UpToDateReason>) -> String {
    if verdict.reason.phase() == Phase::Settled {
        match up_to_date {
            Some(
                reason @ (UpToDateReason::ApprovalRequired
                | UpToDateReason::RebootRequired
                | UpToDateReason::WaitingForWindow
                | UpToDateReason::BeforeChangeImpossible
                | UpToDateReason::ReplaceRequired
                | UpToDateReason::ChangeImpossible
                | UpToDateReason::DriftObserved),
            ) => return reason.to_string(),
            Some(UpToDateReason::NoDifference | UpToDateReason::Changing | UpToDateReason::NotKnown) | None => {}
        }
    }
    match (verdict.reason, &verdict.subject) {
        (ContainerReason::StoppedExternally, Some(user)) => format!("StoppedBy {user}"),
        (reason, Some(subject)) => format!("{reason} {subject}"),
        (reason, None) => reason.to_string(),
    }
}

/// An event that a person would want to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is a warning.
    pub warning: bool,
    /// Its reason.
    pub reason: String,
    /// What the operator did or wants done.
    pub action: &'static str,
    /// The text.
    pub note: String,
}

/// The events between two statuses. `changes` are the fields that were set right just now.
#[must_use]
pub fn events(before: &ZentoriaContainerStatus, after: &ZentoriaContainerStatus, changes: &[String]) -> Vec<Event> {
    let mut list = Vec::new();
    let mut say = |warning, reason: &str, action, note: String| {
        list.push(Event { warning, reason: reason.to_owned(), action, note });
    };
    let finished = |status: &ZentoriaContainerStatus| status.created.as_ref().is_some_and(|c| c.finished_at.is_some());
    let vmid = after.vmid.map(|vmid| vmid.0.to_string()).unwrap_or_default();
    let node = after.node.as_deref().unwrap_or("?");
    if !finished(before) && finished(after) {
        let how = after.created.as_ref().map(|c| format!("{:?}", c.origin)).unwrap_or_default();
        say(false, "Created", "Create", format!("guest {vmid} on node {node} is ours ({how})"));
    }
    if !changes.is_empty() {
        say(false, "Configured", "Configure", format!("set right in Proxmox VE: {}", changes.join("; ")));
    }
    let ran = |status: &ZentoriaContainerStatus| status.power.as_ref().map(|power| power.state);
    if ran(before) != Some(RunState::Running) && ran(after) == Some(RunState::Running) {
        say(false, "Started", "Start", format!("guest {vmid} runs on node {node}"));
    }
    if before.node.is_some() && after.node.is_some() && before.node != after.node {
        let from = before.node.as_deref().unwrap_or("?");
        say(false, "Moved", "Follow", format!("guest {vmid} moved from node {from} to {node}"));
    }
    for change in after.pending_changes.iter().filter(|change| {
        change.class != ChangeClass::Hot && !before.pending_changes.iter().any(|old| old.digest == change.digest)
    }) {
        let note = format!("{} {} -> {}: {}", change.field, change.from, change.to, change.message);
        say(change.class == ChangeClass::Impossible, "PendingChange", "Review", note);
    }
    if let Some(sentence) = said_of_stale(after).filter(|sentence| said_of_stale(before) != Some(sentence)) {
        say(true, "ApprovalStale", "Approve", sentence.to_owned());
    }
    let ready = |status: &ZentoriaContainerStatus| {
        status.conditions.iter().find(|c| c.type_ == READY).map(|c| (c.reason.clone(), c.message.clone()))
    };
    if let (old, Some((reason, message))) = (ready(before), ready(after))
        && old.as_ref().map(|(reason, _)| reason) != Some(&reason)
        && let Some(known) = ContainerReason::ALL.iter().find(|known| known.as_str() == reason)
    {
        match known.phase() {
            Phase::Stalled | Phase::Retrying => say(true, &reason, "Check", message),
            Phase::Resting | Phase::Waiting => say(false, &reason, "Wait", message),
            Phase::Settled | Phase::Progressing | Phase::Silent => {}
        }
    }
    list
}
