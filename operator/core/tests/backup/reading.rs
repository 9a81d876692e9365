//! What Jobs and pods say of a run.

use super::fixture::at;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_types::backup_job::{JobError, Outcome};

fn job(status: &str) -> Job {
    let text = format!(
        "metadata:\n  name: bp-db-hourly-29\n  creationTimestamp: 2026-01-01T00:00:00Z\n  labels: {{zentoria.ai/operation: \
         backup-hourly}}\nspec: {{template: {{}}}}\nstatus: {status}\n"
    );
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const COMPLETE: &str = "{completionTime: 2026-01-01T00:05:00Z, conditions: [{type: Complete, status: 'True', lastTransitionTime: 2026-01-01T00:05:01Z}]}";
const FAILED: &str = "{conditions: [{type: FailureTarget, status: 'True'}, {type: Failed, status: 'True', reason: \
                      BackoffLimitExceeded, message: Job has reached the specified backoff limit, lastTransitionTime: \
                      2026-01-01T00:06:00Z}]}";

fn pod(name: &str, terminated: &str) -> Pod {
    let text = format!(
        "metadata: {{name: {name}}}\nstatus:\n  containerStatuses:\n  - {{name: scratch-postgres, ready: false, restartCount: 0, image: \
         p, imageID: p, state: {{terminated: {{exitCode: 1, message: noise, finishedAt: 2026-01-02T00:00:00Z}}}}}}\n  - {{name: job, \
         ready: false, restartCount: 0, image: i, imageID: i, state: {{terminated: {terminated}}}}}\n"
    );
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn told(outcome: &Outcome, code: i32, finished: &str) -> Pod {
    let message = serde_json::to_string(outcome).unwrap().replace('\'', "''");
    pod("bp-db-hourly-29-x", &format!("{{exitCode: {code}, message: '{message}', finishedAt: {finished}}}"))
}

fn read(status: &str, pods: &[Pod]) -> Run {
    Run::read(&job(status), pods).unwrap()
}

fn ending(run: &Run) -> &Ending {
    match &run.state {
        RunState::Ended { at: _, ending } => ending,
        RunState::Running => panic!("it runs"),
    }
}

#[test]
fn a_job_that_has_not_ended_runs_whatever_became_of_its_first_pod() {
    let outcome = Outcome { error: Some(JobError::SourceFailed), ..Outcome::default() };
    let run = read("{active: 1}", &[told(&outcome, 1, "2026-01-01T00:01:00Z")]);
    assert_eq!((run.state, run.operation), (RunState::Running, Operation::Backup("hourly".into())));
}

#[test]
fn the_last_pod_of_a_job_has_the_word() {
    let first = Outcome { error: Some(JobError::RepositoryUnreachable), ..Outcome::default() };
    let last = Outcome { seconds: 7, ..Outcome::default() };
    let pods = [told(&last, 0, "2026-01-01T00:04:00Z"), told(&first, 1, "2026-01-01T00:01:00Z")];
    let run = read(COMPLETE, &pods);
    assert!(matches!(&run.state, RunState::Ended { at: when, .. } if *when == at("2026-01-01T00:05:00Z")));
    assert_eq!(ending(&run).outcome().map(|told| told.seconds), Some(7));
    assert!(ending(&run).is_success());
}

#[test]
fn a_pod_that_is_gone_leaves_what_kubernetes_says() {
    assert_eq!(ending(&read(COMPLETE, &[])), &Ending::Succeeded);
    let failed = read(FAILED, &[]);
    let complaint = ending(&failed).complaint();
    assert_eq!(
        complaint,
        "BackoffLimitExceeded: Job has reached the specified backoff limit; its pod is gone and left no word"
    );
}

#[test]
fn a_container_that_was_killed_for_memory_says_what_to_raise() {
    let killed = pod("p", "{exitCode: 137, reason: OOMKilled, finishedAt: 2026-01-01T00:01:00Z}");
    let complaint = ending(&read(FAILED, &[killed])).complaint();
    assert!(
        complaint.starts_with("its container was killed for want of memory (exit code 137): raise job.limits.memory")
    );
    let silent =
        pod("p", "{exitCode: 127, reason: ContainerCannotRun, message: exec failed, finishedAt: 2026-01-01T00:01:00Z}");
    let complaint = ending(&read(FAILED, &[silent])).complaint();
    assert!(complaint.contains("ended without a word (ContainerCannotRun, exit code 127)"), "{complaint}");
}

#[test]
fn a_word_of_success_in_a_job_that_failed_does_not_count() {
    let run = read(FAILED, &[told(&Outcome::default(), 0, "2026-01-01T00:01:00Z")]);
    assert!(!ending(&run).is_success());
}

#[test]
fn a_pod_that_cannot_begin_says_why() {
    let waiting: Pod = serde_saphyr::from_str(
        "metadata: {name: p}\nstatus: {containerStatuses: [{name: job, ready: false, restartCount: 0, image: i, imageID: i, state: \
         {waiting: {reason: CreateContainerConfigError, message: secret restic not found}}}]}",
    )
    .unwrap();
    let stuck = read("{active: 1}", std::slice::from_ref(&waiting)).stuck.unwrap();
    assert_eq!(stuck, "the pod p cannot begin: CreateContainerConfigError secret restic not found");
    let nowhere: Pod = serde_saphyr::from_str(
        "metadata: {name: p}\nstatus: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/1 nodes \
         are available}]}",
    )
    .unwrap();
    assert!(read("{active: 1}", &[nowhere]).stuck.unwrap().contains("finds no node: 0/1 nodes"));
    assert_eq!(read(COMPLETE, &[waiting]).stuck, None, "of one that has ended nothing is said");
}

#[test]
fn a_job_of_somebody_else_is_no_run() {
    let mut other = job("{}");
    other.metadata.labels = None;
    assert_eq!(Run::read(&other, &[]), None);
}
