//! What a Job refuses, and how it says so.

use crate::pod::{Pod, nowhere, succeeded};
use crate::servers::{S3_KEY, Server};
use std::time::{Duration, Instant};
use zentoria_types::backup_job::{JobError, Location, Operation, secrets};

#[tokio::test]
async fn a_wrong_password_a_swapped_and_a_vanished_repository_are_never_written_to() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("a", "a\n");
    let message = pod
        .with_secret(secrets::REPOSITORY_PASSWORD, "another password")
        .fails_and(Operation::Inspect, JobError::WrongPassword);
    let pod = message.0.with_secret(secrets::REPOSITORY_PASSWORD, crate::pod::PASSWORD);
    assert!(message.1.contains("put the right one into its Secret"), "{}", message.1);

    let right = pod.repository_dir();
    let aside = pod.dir.path().join("aside");
    std::fs::rename(&right, &aside).expect("moved away");
    for operation in [pod.backup("hourly"), Operation::Init, Operation::Maintain { keep: vec![] }] {
        let message = pod.fails(operation, JobError::RepositoryGone);
        assert!(message.contains("bring it back"), "{message}");
    }
    assert!(!right.exists(), "nothing was made in its place");

    let other = pod.told(None).initialised();
    let pod = other.told(Some("5".repeat(64)));
    for operation in [pod.backup("hourly"), Operation::Init] {
        let message = pod.fails(operation, JobError::RepositorySwapped);
        assert!(message.contains("should have 5555555555555555"), "{message}");
    }
    assert!(pod.snapshots().is_empty(), "nothing was written into another repository");
}

#[tokio::test]
async fn a_missing_secret_or_id_is_said_with_its_name() {
    let Some(pod) = Pod::new() else { return };
    assert!(pod.fails(Operation::Inspect, JobError::Setup).contains("which id"));
    std::fs::remove_file(pod.dir.path().join("secrets").join(secrets::REPOSITORY_PASSWORD)).expect("removed");
    assert!(pod.fails(Operation::Init, JobError::Setup).contains("`repository/password`"));
}

#[tokio::test]
async fn a_rest_server_that_refuses_the_user_or_is_not_there_is_said() {
    let Some(server) = Server::rest(&[]).await else { return };
    let Some(pod) = server.rest_pod("r") else { return };
    let pod = pod.initialised().with_secret("repository/credentials/password", "not this one");
    let message = pod.fails(Operation::Inspect, JobError::RepositoryAccessDenied);
    assert!(message.contains("401"), "{message}");
    // its certificate is of no CA that is known
    std::fs::remove_file(pod.dir.path().join("secrets").join(secrets::REPOSITORY_CA)).expect("removed");
    within_the_preflight(&pod, JobError::RepositoryUnreachable, "certificate");
}

#[tokio::test]
async fn a_server_that_nobody_answers_for_is_given_up_after_a_minute() {
    let Some(pod) = Pod::new() else { return };
    let mut pod = pod.at(Location::Rest(format!("http://127.0.0.1:{}/r/", nowhere().port)));
    pod.id = Some("0".repeat(64));
    within_the_preflight(&pod, JobError::RepositoryUnreachable, "connection refused");
}

#[tokio::test]
async fn a_bucket_or_key_that_s3_does_not_know_is_said_at_once_and_not_after_fifteen_minutes() {
    let Some(server) = Server::s3("the-secret-of-s3").await else { return };
    let Some(mut pod) = server.s3_pod("no-such-bucket", "r", "the-secret-of-s3") else { return };
    pod.id = Some("0".repeat(64));
    within_the_preflight(&pod, JobError::RepositoryGone, "any more");
    let pod =
        pod.at(server.s3_location("backups", "r")).with_secret("repository/credentials/secretAccessKey", "wrong-one");
    let message = within_the_preflight(&pod, JobError::RepositoryAccessDenied, "refuses");
    assert!(!message.contains(S3_KEY), "{message}");
    // a new repository may have a new bucket
    let pod = pod
        .at(server.s3_location("new-bucket", ""))
        .with_secret("repository/credentials/secretAccessKey", "the-secret-of-s3");
    let pod = pod.told(None).initialised();
    pod.write("a", "a\n");
    succeeded(pod.run(pod.backup("hourly")));
}

fn within_the_preflight(pod: &Pod, error: JobError, said: &str) -> String {
    let begun = Instant::now();
    let message = pod.fails(Operation::Inspect, error);
    // a minute, and what a busy machine adds to the end of a process
    assert!(begun.elapsed() < Duration::from_secs(120), "it took {:?}", begun.elapsed());
    assert!(message.contains(said), "{message}");
    message
}

impl Pod {
    /// The pod again, and the message of what failed.
    fn fails_and(self, operation: Operation, error: JobError) -> (Self, String) {
        let message = self.fails(operation, error);
        (self, message)
    }
}
