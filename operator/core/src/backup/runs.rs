//! What Jobs and their pods say of a run.

use super::names::Operation;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
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
        let _ = (job, pods);
        todo!()
    }
}
