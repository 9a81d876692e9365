//! Restore drills: when one is due, which BackupRestore carries it out, and what those that ended mean for status.
//!
//! A drill is a BackupRestore that the repository owns, under a name that follows from the time it was due (or from the
//! word of a person): whoever makes it, however often, there is one. What it came to is in its status, and the report is
//! made of that; nothing else is remembered.

pub mod report;

use super::clocks::{believed, by_now, is_believed};
use super::names;
use super::want::{DrillTimes, Owner, Upkeep, WantRepository};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use std::collections::BTreeMap;
use zentoria_api::backup::{
    BackupRepository, BackupRestore, BackupRestoreSpec, BackupRestoreStatus, DrillStatus, Into, JobSettings,
    RestorePhase, RestoreResult, ScratchTarget, SnapshotChoice,
};
use zentoria_api::conditions::{READY, STALLED};
use zentoria_api::wire::{
    BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL, CONTROLLER_NAME, DRILL_DUE_ANNOTATION, DRILL_OPERATION,
    OPERATION_LABEL,
};

/// A drill of which nothing could be begun, or that was refused half-way, for so long has failed.
const STUCK: SignedDuration = SignedDuration::from_mins(10);
/// A drill is overdue when none has succeeded so long after its time.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// A drill that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Name of its BackupRestore, and of its report.
    pub name: String,
    /// The time of the schedule that it is for; `None`: a person asked for it.
    pub due: Option<Timestamp>,
    /// When it was made.
    pub made: Timestamp,
    /// When it is given up, unless it goes on.
    pub given_up: Option<Timestamp>,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// The end of a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// Whether all was restored and proved.
    pub succeeded: bool,
    /// What is to be said of it.
    pub message: String,
    /// Age of the oldest of the backups when it began, in seconds.
    pub data_age: Option<u64>,
}

/// The drills of a repository, and what was done about them at this look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drills {
    /// Those that are there, and one that was there and is gone.
    pub all: Vec<Drill>,
    /// What a person has asked for and was answered.
    pub asked: Option<String>,
}

/// Why a drill begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its time has come.
    Due(Timestamp),
    /// A person asked for it, by this word.
    Asked(String),
}

impl Drill {
    /// Reads a BackupRestore of a drill.
    #[must_use]
    pub fn read(restore: &BackupRestore, now: Timestamp) -> Self {
        let made = restore.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
        let due = restore.metadata.annotations.as_ref().and_then(|all| all.get(DRILL_DUE_ANNOTATION)?.parse().ok());
        let name = restore.metadata.name.clone().unwrap_or_default();
        Self { name, due, made, given_up: given_up(restore, made), end: end(restore, made, now) }
    }

    /// One whose BackupRestore was deleted before its end was seen.
    #[must_use]
    pub fn vanished(name: &str, now: Timestamp) -> Self {
        let message = format!("the BackupRestore {name} was deleted before it had ended");
        let end = End { at: now, succeeded: false, message, data_age: None };
        Self { name: name.to_owned(), due: None, made: now, given_up: None, end: Some(end) }
    }

    /// Seconds from its begin to its end.
    fn seconds(&self, end: &End) -> u64 {
        between(self.made, end.at)
    }
}

impl Drills {
    /// The last one that ended.
    #[must_use]
    pub fn last(&self) -> Option<(&Drill, &End)> {
        let ended = self.all.iter().filter_map(|drill| Some((drill, drill.end.as_ref()?)));
        ended.max_by_key(|(drill, end)| (end.at, &drill.name))
    }

    /// The one that is at work.
    #[must_use]
    pub fn running(&self) -> Option<&Drill> {
        self.all.iter().filter(|drill| drill.end.is_none()).max_by_key(|drill| (drill.made, &drill.name))
    }

    /// When the one that is at work is given up.
    #[must_use]
    pub fn look_again(&self) -> Option<Timestamp> {
        self.running().and_then(|drill| drill.given_up)
    }

    /// The BackupRestores that are not needed any more: their reports are written. The last one stays, to be looked at.
    #[must_use]
    pub fn spent(&self) -> Vec<&str> {
        let last = self.last().map(|(drill, _)| drill.name.as_str());
        let ended = self.all.iter().filter(|drill| drill.end.is_some()).map(|drill| drill.name.as_str());
        ended.filter(|name| Some(*name) != last).collect()
    }
}

/// When a restore is given up, unless it goes on: one that has begun nothing, and one that is refused since, as where all of
/// its policies were suspended or deleted meanwhile. Nobody looks at its Jobs then, so that it would be at work for ever and
/// keep all later drills from beginning. One that is paused waits for a person.
fn given_up(restore: &BackupRestore, made: Timestamp) -> Option<Timestamp> {
    let status = restore.status.as_ref();
    let refused = |status: &BackupRestoreStatus| {
        let stalled = status.conditions.iter().find(|known| known.type_ == STALLED && known.status == "True")?;
        Some(stalled.last_transition_time.0)
    };
    let since = match status.map_or(RestorePhase::default(), |status| status.phase) {
        RestorePhase::Pending => Some(made),
        RestorePhase::SecuringSource | RestorePhase::Restoring => status.and_then(refused),
        RestorePhase::Succeeded | RestorePhase::Failed => None,
    };
    let since = since.filter(|_| !crate::estate::is_paused(&restore.metadata))?;
    since.checked_add(STUCK).ok()
}

/// How a restore ended. One that is given up has ended, too: until it goes on.
fn end(restore: &BackupRestore, made: Timestamp, now: Timestamp) -> Option<End> {
    let status = restore.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY);
    let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    let at = || status.ended.as_ref().or(ready.map(|ready| &ready.last_transition_time)).map_or(now, |time| time.0);
    let data_age = status.results.values().filter_map(|result| data_age(result, made)).max();
    let words = match status.phase {
        RestorePhase::Succeeded => return Some(End { at: at(), succeeded: true, message, data_age }),
        RestorePhase::Failed => return Some(End { at: at(), succeeded: false, message, data_age }),
        RestorePhase::Pending => "nothing was begun",
        RestorePhase::SecuringSource | RestorePhase::Restoring => "it was begun and cannot go on",
    };
    let at = given_up(restore, made).filter(|moment| now >= *moment)?;
    Some(End { at, succeeded: false, message: format!("{words}: {message}"), data_age: None })
}

/// How old the data of a backup was at a moment: since it was made, or last seen to be as it is.
fn data_age(result: &RestoreResult, at: Timestamp) -> Option<u64> {
    let since = result.unchanged_until.as_ref().max(result.made.as_ref())?;
    Some(between(since.0, at))
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0)
}

/// The time of the schedule for which a drill is to begin now: the last one that has passed, where none was begun for it.
/// Times before the schedule was first seen do not count, and of several that were missed, one is made up for.
#[must_use]
pub fn due(status: &DrillStatus, times: &DrillTimes, now: Timestamp) -> Option<Timestamp> {
    if status.schedule.as_deref() != Some(&times.words) {
        return None;
    }
    // What was noted while the clock had jumped forward keeps no drill from beginning until then.
    let since = believed(status.since.clone(), now)?.0;
    let done = believed(status.due.clone(), now).map_or(since, |due| due.0.max(since));
    times.runs.last(now).filter(|last| *last > done)
}

/// Why a drill begins now, if one does: one at a time; what a person asks for comes first. `asked` is the value of the
/// annotation `zentoria.ai/drill`.
#[must_use]
pub fn cause(
    status: &DrillStatus,
    upkeep: &Upkeep,
    drills: &Drills,
    asked: Option<&str>,
    now: Timestamp,
) -> Option<Cause> {
    if upkeep.suspend || drills.running().is_some() {
        return None;
    }
    if let Some(asked) = asked.filter(|asked| !asked.is_empty() && status.run.as_deref() != Some(asked)) {
        return Some(Cause::Asked(asked.to_owned()));
    }
    let begun = begun(drills, now);
    let due = due(status, upkeep.drill.as_ref()?, now)?;
    begun.is_none_or(|begun| due > begun).then_some(Cause::Due(due))
}

/// The last time of the schedule for which there is a drill.
fn begun(drills: &Drills, now: Timestamp) -> Option<Timestamp> {
    drills.all.iter().filter_map(|drill| drill.due).filter(|due| is_believed(*due, now)).max()
}

/// The BackupRestore of a drill. `labels` are those by which the operator knows what it serves.
#[must_use]
pub fn object(want: &WantRepository, cause: &Cause, labels: BTreeMap<String, String>) -> BackupRestore {
    let owner = &want.owner;
    let (name, due) = match cause {
        Cause::Due(due) => (names::drill_due(&owner.name, *due), Some(due.to_string())),
        Cause::Asked(word) => (names::drill_asked(&owner.name, &owner.uid, word), None),
    };
    let mut labels = labels;
    labels.extend(own_labels(owner));
    let annotations = due.map(|due| BTreeMap::from([(DRILL_DUE_ANNOTATION.to_owned(), due)]));
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: Some(owner.namespace.clone()),
        labels: Some(labels),
        annotations,
        owner_references: Some(vec![owner.reference()]),
        ..ObjectMeta::default()
    };
    let spec = BackupRestoreSpec {
        policy_ref: None,
        selector: Some(want.drill.selector.clone()),
        snapshot: SnapshotChoice::default(),
        into: Into::Scratch(ScratchTarget::default()),
        only: Vec::new(),
        confirm: None,
        job: JobSettings::default(),
    };
    BackupRestore { metadata, spec, status: None }
}

/// Whether an object is a drill, or the report of one.
#[must_use]
pub fn is_drill(metadata: &ObjectMeta) -> bool {
    metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(OPERATION_LABEL))
        .is_some_and(|label| label == DRILL_OPERATION)
}

/// Whether an object is a drill, or the report of one, of this repository.
#[must_use]
pub fn is_of(metadata: &ObjectMeta, repository: &BackupRepository) -> bool {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    metadata.namespace == repository.metadata.namespace
        && is_drill(metadata)
        && owners.iter().any(|owner| Some(&owner.uid) == repository.metadata.uid.as_ref())
}

fn own_labels(owner: &Owner) -> BTreeMap<String, String> {
    let labels = [
        ("app.kubernetes.io/managed-by", CONTROLLER_NAME.to_owned()),
        (BACKUP_OWNER_LABEL, owner.label()),
        (BACKUP_REPOSITORY_LABEL, owner.name.clone()),
        (OPERATION_LABEL, DRILL_OPERATION.to_owned()),
    ];
    labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Folds drills into status. `None` where none is wished and none was ever there.
#[must_use]
pub fn fold(before: Option<&DrillStatus>, upkeep: &Upkeep, drills: &Drills, now: Timestamp) -> Option<DrillStatus> {
    if before.is_none() && upkeep.drill.is_none() && *drills == Drills::default() {
        return None;
    }
    let mut next = before.cloned().unwrap_or_default();
    let words = upkeep.drill.as_ref().map(|times| times.words.clone());
    next.since = believed(next.since, now);
    next.last_success = believed(next.last_success, now);
    next.last_failure = next.last_failure.map(|time| by_now(time, now));
    if next.schedule != words || (next.since.is_none() && words.is_some()) {
        next.since = words.is_some().then_some(Time(now));
        next.schedule = words;
    }
    next.due = begun(drills, now).map(Time).max(believed(next.due.take(), now));
    let running = drills.running().map(|drill| drill.name.clone());
    let ended = drills.all.iter().filter_map(|drill| Some((drill, drill.end.as_ref()?)));
    for (drill, end) in ended.filter(|(_, end)| is_believed(end.at, now)) {
        let newer = |known: &Option<Time>| known.as_ref().is_none_or(|known| known.0 <= end.at);
        if end.succeeded && newer(&next.last_success) {
            next.last_success = Some(Time(end.at));
            next.seconds = Some(drill.seconds(end));
            next.data_age_seconds = end.data_age;
        } else if !end.succeeded && newer(&next.last_failure) {
            next.last_failure = Some(Time(end.at));
            next.message = Some(end.message.clone());
        }
    }
    if next.last_success >= next.last_failure {
        next.message = None;
    }
    if let Some((last, _)) = drills.last() {
        next.last = Some(last.name.clone());
    }
    next.running = running;
    next.run = drills.asked.clone().or(next.run);
    next.next = upkeep.drill.as_ref().filter(|_| !upkeep.suspend).and_then(|times| times.runs.next(now)).map(Time);
    Some(next)
}

/// From when on a drill is overdue: a day after the first time of the schedule since the last success.
#[must_use]
pub fn overdue_from(status: &DrillStatus, times: &DrillTimes, now: Timestamp) -> Option<Timestamp> {
    let from = believed(status.last_success.clone(), now).max(believed(status.since.clone(), now))?;
    times.runs.next(from.0)?.checked_add(SLACK).ok()
}
