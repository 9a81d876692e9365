//! What Jobs and their pods say of a run.

use super::jobs::CONTAINER;
use super::names::Operation;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use zentoria_api::wire::OPERATION_LABEL;
use zentoria_types::backup_job::Outcome;

/// One run: a Job, with what its pod left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Name of the Job.
    pub job: String,
    /// What it does.
    pub operation: Operation,
    /// When it was created.
    pub created: Timestamp,
    /// Where it stands.
    pub state: RunState,
    /// Why its pod cannot begin, while it cannot: an image that is not there, a Secret without the key, no room on any node.
    pub stuck: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It has not ended.
    Running,
    /// It has.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        ending: Ending,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its pod left an outcome.
    Told(Box<Outcome>),
    /// The Job succeeded, and its pod is gone: what it made is learnt from the repository.
    Succeeded,
    /// It failed without a word: killed by its deadline, out of memory, an image that cannot be pulled, a pod that is gone.
    Silent {
        /// What Kubernetes says, for people.
        message: String,
    },
}

impl Run {
    /// Reads a Job and its pods (all of them; any order). `None` for a Job that does not carry the labels of one of ours.
    #[must_use]
    pub fn read(job: &Job, pods: &[Pod]) -> Option<Self> {
        let operation = Operation::parse(job.metadata.labels.as_ref()?.get(OPERATION_LABEL)?)?;
        let created = job.metadata.creation_timestamp.as_ref()?.0;
        let state = state(job, pods, created);
        let stuck = match state {
            RunState::Running => pods.iter().find_map(stuck),
            RunState::Ended { .. } => None,
        };
        Some(Self { job: job.metadata.name.clone()?, operation, created, state, stuck })
    }

    /// When and how it ended.
    #[must_use]
    pub const fn ended(&self) -> Option<(Timestamp, &Ending)> {
        match &self.state {
            RunState::Running => None,
            RunState::Ended { at, ending } => Some((*at, ending)),
        }
    }
}

impl Ending {
    /// What its pod told.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Told(outcome) => Some(outcome),
            Self::Succeeded | Self::Silent { .. } => None,
        }
    }

    /// Whether it succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Told(outcome) => outcome.error.is_none(),
            Self::Succeeded => true,
            Self::Silent { .. } => false,
        }
    }

    /// Why it failed, for people; empty for a success.
    #[must_use]
    pub fn complaint(&self) -> String {
        match self {
            Self::Succeeded => String::new(),
            Self::Silent { message } => message.clone(),
            Self::Told(outcome) => match (&outcome.error, &outcome.message) {
                (None, _) => String::new(),
                (Some(_), Some(message)) => message.clone(),
                (Some(error), None) => format!("it failed ({error:?})"),
            },
        }
    }
}

fn state(job: &Job, pods: &[Pod], created: Timestamp) -> RunState {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let met = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True");
    let (condition, succeeded) = match (met("Complete"), met("Failed")) {
        (Some(complete), _) => (complete, true),
        (None, Some(failed)) => (failed, false),
        (None, None) => return RunState::Running,
    };
    let completed = job.status.as_ref().and_then(|status| status.completion_time.as_ref());
    let at = completed.or(condition.last_transition_time.as_ref()).map_or(created, |time| time.0);
    RunState::Ended { at, ending: ending(condition, succeeded, pods) }
}

fn ending(condition: &JobCondition, succeeded: bool, pods: &[Pod]) -> Ending {
    // A Job that was tried again has several pods: the last one counts.
    let last = pods.iter().filter_map(terminated).max_by_key(|end| end.finished_at.as_ref().map(|time| time.0));
    let outcome: Option<Outcome> =
        last.and_then(|end| end.message.as_deref()).and_then(|message| serde_json::from_str(message).ok());
    match outcome {
        Some(outcome) if outcome.error.is_some() || succeeded => Ending::Told(Box::new(outcome)),
        // A pod that told of success in a Job that failed was not the last word.
        Some(_) | None if succeeded => Ending::Succeeded,
        Some(_) | None => Ending::Silent { message: silent(condition, last) },
    }
}

fn silent(condition: &JobCondition, last: Option<&ContainerStateTerminated>) -> String {
    let word = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let job = match (word(&condition.reason), word(&condition.message)) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "the Job failed".to_owned(),
    };
    let Some(end) = last else {
        return format!("{job}; its pod is gone and left no word");
    };
    let code = end.exit_code;
    match end.reason.as_deref() {
        Some("OOMKilled") => {
            format!("its container was killed for want of memory (exit code {code}): raise job.limits.memory; {job}")
        }
        Some(reason) => format!("its container ended without a word ({reason}, exit code {code}); {job}"),
        None => format!("its container ended without a word (exit code {code}); {job}"),
    }
}

fn terminated(pod: &Pod) -> Option<&ContainerStateTerminated> {
    container(pod)?.state.as_ref()?.terminated.as_ref()
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    statuses.iter().find(|status| status.name == CONTAINER)
}

/// Why a pod cannot begin.
fn stuck(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unscheduled =
        conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(message) = unscheduled.and_then(|condition| condition.message.as_deref()) {
        return Some(format!("the pod {name} finds no node: {message}"));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let waiting = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref());
    // These two are the ordinary way.
    let unusual = |reason: &&str| !matches!(*reason, "ContainerCreating" | "PodInitializing");
    waiting.into_iter().find_map(|waiting| {
        let reason = waiting.reason.as_deref().filter(unusual)?;
        let message = waiting.message.as_deref().unwrap_or_default();
        Some(format!("the pod {name} cannot begin: {reason} {message}").trim_end().to_owned())
    })
}
