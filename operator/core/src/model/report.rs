//! Phase, conditions, the columns and texts for people, all from the same place.

use super::decide::{self, Decision, Installed};
use super::machine::{Event, next};
use super::tries::Pauses;
use super::validate::{self, Refused};
use super::want::WantModel;
use crate::conditions::{Conditions, Truth};
use crate::estate::is_paused;
use crate::words::{in_units, moment, size};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use std::time::Duration;
use zentoria_api::conditions::{ModelReason, PULLED, Phase, READY};
use zentoria_api::model::{ModelPhase, ModelPull, ModelPullStatus, PullTrouble, Transfer};

/// What was seen or done in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The operator looks away.
    Paused,
    /// The server was looked at.
    Looked {
        /// What it shows.
        installed: Option<Installed>,
        /// What follows.
        decision: Decision,
    },
    /// It could not be looked at.
    NotSeen(Failure),
    /// A pull waits for its turn.
    Queued,
    /// A pull is at work.
    Pulling {
        /// How far.
        transfer: Transfer,
        /// Whether all bytes are there.
        verifying: bool,
    },
    /// A pull has ended well, and the server was looked at.
    Pulled {
        /// What it shows.
        installed: Installed,
        /// How long it took.
        took: Duration,
    },
    /// A pull has failed.
    Failed(Failure),
    /// The resource is deleted, and the model with it; why that is not done yet.
    Deleting(Failure),
}

/// A failure, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A reason of Ready.
    pub reason: ModelReason,
    /// What happened, and what to do.
    pub message: String,
}

/// A finished status, and what else follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The status to write, where it differs from what is there.
    pub status: ModelPullStatus,
    /// The reason of Ready.
    pub reason: ModelReason,
    /// Its message.
    pub message: String,
    /// When to look again though nothing happened.
    pub look_again: Option<Timestamp>,
}

/// What one look came to.
struct Told {
    reason: ModelReason,
    message: String,
    event: Event,
}

impl Told {
    fn new(reason: ModelReason, event: Event, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), event }
    }
}

/// The status of a ModelPull.
#[must_use]
pub fn report(
    pull: &ModelPull,
    want: &Result<WantModel, Refused>,
    scene: &Scene,
    pauses: Pauses,
    now: Timestamp,
) -> Report {
    let before = pull.status.clone().unwrap_or_default();
    if *scene == Scene::Paused || pull.spec.suspend || is_paused(&pull.metadata) {
        return paused(before);
    }
    let mut status = before.clone();
    let (phase, known) = carried(pull, want, &before);
    let told = match want {
        Err((reason, message)) => {
            name(pull, &before, &mut status);
            refused(*reason, message, scene)
        }
        Ok(want) => {
            if !decide::speaks_of(want, &before) {
                status = ModelPullStatus {
                    conditions: before.conditions.clone(),
                    phase: before.phase,
                    ..ModelPullStatus::default()
                };
            }
            status.model = Some(want.model.words());
            status.target = Some(want.target.clone());
            told(pull, &mut status, want, scene, pauses, now)
        }
    };
    status.phase = next(phase, told.event);
    if !matches!(status.phase, ModelPhase::Pulling | ModelPhase::Verifying) {
        status.transfer = None;
    }
    status.progress = progress(&status);
    let generation = pull.metadata.generation.unwrap_or_default();
    let mut conditions = Conditions::from(&known, generation, &now);
    conditions.set_phase(told.reason.phase(), told.reason.as_str(), &told.message);
    set_pulled(&mut conditions, &status, scene, &told);
    status.conditions = conditions.finish();
    status.observed_generation = Some(generation);
    status.summary = Some(told.reason.to_string());
    let refresh = want.as_ref().ok().and_then(|want| decide::refresh_due(want, &status, made(pull)));
    // A moment that has passed is nothing to wait for: what follows from it was decided in this look.
    let moments = [status.retry_at.as_ref().map(|time| time.0), refresh].into_iter().flatten();
    let look_again = moments.filter(|moment| *moment > now).min();
    Report { status, reason: told.reason, message: told.message, look_again }
}

/// What of an earlier status holds for this wish: that another model, or another digest of it, was there says nothing.
fn carried(
    pull: &ModelPull,
    want: &Result<WantModel, Refused>,
    before: &ModelPullStatus,
) -> (ModelPhase, Vec<Condition>) {
    let shown = |pin: &str| [&before.digest, &before.revision].into_iter().flatten().any(|shown| shown == pin);
    let holds = match want {
        Ok(want) => decide::speaks_of(want, before) && want.model.pin().is_none_or(shown),
        Err(_) => validate::words(&pull.spec).0 == before.model,
    };
    let mut conditions = before.conditions.clone();
    if holds {
        return (before.phase, conditions);
    }
    let says_there = |condition: &Condition| [READY, PULLED].contains(&&*condition.type_) && condition.status == "True";
    conditions.retain(|condition| !says_there(condition));
    let phase = if before.phase == ModelPhase::Ready { ModelPhase::Pending } else { before.phase };
    (phase, conditions)
}

/// What a spec that cannot be carried out, or not yet, is about.
fn name(pull: &ModelPull, before: &ModelPullStatus, status: &mut ModelPullStatus) {
    let (model, target) = validate::words(&pull.spec);
    let same_place = before.target.as_ref().zip(target.as_ref()).is_some_and(|(before, now)| before.starts_with(now));
    if before.model != model || !same_place {
        *status = ModelPullStatus {
            conditions: before.conditions.clone(),
            phase: before.phase,
            model,
            target,
            ..ModelPullStatus::default()
        };
    }
}

/// When a resource was made.
#[must_use]
pub fn made(pull: &ModelPull) -> Timestamp {
    pull.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

fn paused(before: ModelPullStatus) -> Report {
    let reason = ModelReason::Paused;
    let status = ModelPullStatus {
        phase: next(before.phase, Event::BrokenOff),
        transfer: None,
        progress: before.progress.filter(|_| before.phase == ModelPhase::Ready),
        summary: Some(reason.to_string()),
        ..before
    };
    let message = "paused: nothing is pulled, and what is known stays as it is".to_owned();
    Report { status, reason, message, look_again: None }
}

fn refused(reason: ModelReason, message: &str, scene: &Scene) -> Told {
    if let Scene::Deleting(failure) = scene {
        return Told::new(failure.reason, Event::NotReady, failure.message.clone());
    }
    let event = if reason.phase() == Phase::Waiting { Event::NotReady } else { Event::Refused };
    Told::new(reason, event, message)
}

fn told(
    pull: &ModelPull,
    status: &mut ModelPullStatus,
    want: &WantModel,
    scene: &Scene,
    pauses: Pauses,
    now: Timestamp,
) -> Told {
    match scene {
        Scene::Paused => Told::new(ModelReason::Paused, Event::BrokenOff, ""),
        Scene::Looked { installed, decision } => {
            let due = decide::refresh_due(want, status, made(pull)).is_some_and(|due| due <= now);
            looked(status, want, installed.as_ref(), decision, due)
        }
        Scene::NotSeen(Failure { reason, message }) => {
            let event = if reason.phase() == Phase::Stalled { Event::Refused } else { Event::NotSeen };
            Told::new(*reason, event, message)
        }
        Scene::Queued => {
            let message = format!("another model is being pulled on {}: this one comes after it", want.target);
            Told::new(ModelReason::Queued, Event::Queued, message)
        }
        Scene::Pulling { transfer, verifying } => {
            status.transfer = Some(*transfer);
            let of = if transfer.total_bytes > 0 { size(transfer.total_bytes) } else { "an unknown size".to_owned() };
            if *verifying {
                let message = format!("{} of {of} was pulled, and is being verified", want.model.words());
                return Told::new(ModelReason::Verifying, Event::AllThere, message);
            }
            Told::new(
                ModelReason::Pulling,
                Event::Downloading,
                format!("{} is being pulled to {}", want.model.words(), want.target),
            )
        }
        Scene::Pulled { installed, took } => {
            see(status, installed);
            status.pulled_digest.clone_from(&installed.digest);
            status.last_pull_time = Some(Time(now));
            status.last_pull_seconds = Some(took.as_secs());
            settle(status);
            Told::new(ModelReason::Ready, Event::Present, there(want, status))
        }
        Scene::Failed(failure) => {
            let failures = decide::trouble(want, status).map_or(0, |trouble| trouble.failures).saturating_add(1);
            let uid = pull.metadata.uid.as_deref().unwrap_or_default();
            let due = pauses.due(uid, failures, failure.reason.phase(), now);
            status.retry_at = Some(Time(due));
            status.trouble = Some(PullTrouble {
                reason: failure.reason.to_string(),
                message: failure.message.clone(),
                time: Time(now),
                failures,
                wish: want.wish.clone(),
            });
            failed(status, failure)
        }
        Scene::Deleting(Failure { reason, message }) => Told::new(*reason, Event::NotReady, message),
    }
}

fn looked(
    status: &mut ModelPullStatus,
    want: &WantModel,
    installed: Option<&Installed>,
    decision: &Decision,
    refresh_is_due: bool,
) -> Told {
    match (installed, decision) {
        (Some(installed), Decision::Rest) => {
            see(status, installed);
            // A refresh that failed is no lack of the model. Another pull that failed is not needed any more.
            let failed = decide::trouble(want, status).filter(|_| refresh_is_due);
            let failed = failed.map(|trouble| trouble.message.clone());
            let mut message = there(want, status);
            match failed {
                Some(failed) => message = format!("{message}; its last refresh failed: {failed}"),
                None => settle(status),
            }
            Told::new(ModelReason::Ready, Event::Present, message)
        }
        (Some(installed), Decision::Replaced { was }) => {
            see(status, installed);
            settle(status);
            let is = installed.digest.as_deref().unwrap_or("unknown");
            let message = format!(
                "{} on {} is now {is}, and was {was} when it was pulled: somebody replaced it there, and policy IfNotPresent \
                 leaves it alone; set policy Pinned to have it pulled back, Always to follow the registry, or delete the model \
                 there to have it pulled anew",
                want.model.words(),
                want.target
            );
            Told::new(ModelReason::Replaced, Event::Present, message)
        }
        (_, Decision::Hold) => {
            if let Some(installed) = installed {
                see(status, installed);
            } else {
                forget(status);
            }
            let trouble = decide::trouble(want, status).cloned();
            let reason = trouble
                .as_ref()
                .and_then(|trouble| ModelReason::ALL.iter().find(|known| known.as_str() == trouble.reason));
            let failure = Failure {
                reason: reason.copied().unwrap_or(ModelReason::PullFailed),
                message: trouble.map(|trouble| trouble.message).unwrap_or_default(),
            };
            failed(status, &failure)
        }
        (_, Decision::Pull(why)) => {
            if installed.is_none() {
                forget(status);
            }
            Told::new(
                ModelReason::Pending,
                Event::Queued,
                format!("{} is to be pulled: {}", want.model.words(), why.words()),
            )
        }
        (None, Decision::Rest | Decision::Replaced { .. }) => {
            Told::new(ModelReason::Pending, Event::Queued, "the server is looked at again")
        }
    }
}

fn failed(status: &ModelPullStatus, failure: &Failure) -> Told {
    let event = if failure.reason.phase() == Phase::Stalled { Event::FailedForGood } else { Event::FailedForNow };
    let tries = status.trouble.as_ref().map_or(1, |trouble| trouble.failures);
    let at = status.retry_at.as_ref().map(|time| moment(time.0)).unwrap_or_default();
    let message = format!("{} (try {tries}; the next one at {at})", failure.message);
    Told::new(failure.reason, event, message)
}

/// What the server shows.
fn see(status: &mut ModelPullStatus, installed: &Installed) {
    let Installed { name: _, digest, bytes, revision } = installed;
    status.digest.clone_from(digest);
    status.revision.clone_from(revision);
    status.bytes = *bytes;
    status.size = bytes.map(size);
    if status.pulled_digest.is_none() {
        status.pulled_digest.clone_from(digest);
    }
}

/// The model is not there.
fn forget(status: &mut ModelPullStatus) {
    status.digest = None;
    status.revision = None;
    status.bytes = None;
    status.size = None;
}

fn settle(status: &mut ModelPullStatus) {
    status.trouble = None;
    status.retry_at = None;
}

fn there(want: &WantModel, status: &ModelPullStatus) -> String {
    let mut message = format!("{} is on {}", want.model.words(), want.target);
    if let Some(size) = &status.size {
        message += &format!(", {size}");
    }
    if let (Some(_), Some(seconds)) = (&status.last_pull_time, status.last_pull_seconds) {
        message += &format!(", pulled in {}", in_units(Duration::from_secs(seconds)));
    }
    message
}

fn progress(status: &ModelPullStatus) -> Option<String> {
    match status.phase {
        ModelPhase::Pulling | ModelPhase::Verifying => status.transfer.map(|transfer| format!("{}%", transfer.percent)),
        ModelPhase::Ready => Some("100%".to_owned()),
        ModelPhase::Pending | ModelPhase::Waiting | ModelPhase::Failed | ModelPhase::Stalled => None,
    }
}

/// Pulled says what the last look at the server showed; without a look it stays.
fn set_pulled(conditions: &mut Conditions<'_>, status: &ModelPullStatus, scene: &Scene, told: &Told) {
    let message =
        status.digest.as_ref().map_or_else(|| "it is there".to_owned(), |digest| format!("its digest is {digest}"));
    match scene {
        Scene::Looked { installed: Some(_), decision: Decision::Rest | Decision::Replaced { .. } }
        | Scene::Pulled { .. } => {
            conditions.set(PULLED, Truth::True, "Present", &message);
        }
        Scene::Looked { installed: Some(_), .. } => conditions.set(PULLED, Truth::False, "Different", &told.message),
        Scene::Looked { installed: None, .. } => conditions.set(PULLED, Truth::False, "Absent", &told.message),
        Scene::Paused
        | Scene::NotSeen(_)
        | Scene::Queued
        | Scene::Pulling { .. }
        | Scene::Failed(_)
        | Scene::Deleting(_) => {}
    }
}
