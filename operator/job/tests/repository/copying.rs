//! Copies to a second repository.

use crate::pod::{Pod, succeeded};
use crate::servers::{Server, rest_secrets, s3_secrets};
use zentoria_types::backup_job::{JobError, Location, Operation, secrets};

/// Copies, and restores from the copy alone.
fn copied(pod: Pod, to: &Location, copy: Pod) {
    let copy = copy.initialised();
    let pod = pod.initialised().with_secret(secrets::COPY_PASSWORD, crate::pod::PASSWORD);
    pod.write("a", "one\ntwo\n");
    let made = succeeded(pod.run_at(pod.backup("daily"), 1_772_420_400)).snapshot.expect("a backup");
    let to_id = copy.id.clone().expect("an id");
    let wish = |to_id: &str| Operation::Copy { to: to.clone(), to_id: to_id.to_owned() };
    assert_eq!(pod.done(wish(&to_id)).snapshots, Some(2));
    assert_eq!(pod.done(wish(&to_id)).snapshots, Some(2), "once is enough");
    let message = pod.fails(wish(&"7".repeat(64)), JobError::RepositorySwapped);
    assert!(message.contains("copied to"), "{message}");

    let restored = copy.done(copy.restore(
        zentoria_types::backup_job::SnapshotWish::Id(made.id),
        zentoria_types::backup_job::RestoreInto::Scratch { postgres_port: 1 },
    ));
    assert_eq!(restored.proof.expect("a proof").compared, "1 files, 2 lines");
}

#[tokio::test]
async fn a_directory_is_copied_to_a_rest_server() {
    let Some(server) = Server::rest(&[]).await else { return };
    let (Some(pod), Some(copy)) = (Pod::new(), server.rest_pod("copy")) else { return };
    copied(rest_secrets(&server, pod, "copy"), &server.rest_location("copy"), copy);
}

#[tokio::test]
async fn an_s3_server_is_copied_to_another_one_with_other_credentials() {
    let (Some(near), Some(far)) = (Server::s3("the-secret-here").await, Server::s3("the-secret-there").await) else {
        return;
    };
    let Some(pod) = near.s3_pod("backups", "near/r", "the-secret-here") else { return };
    let Some(copy) = far.s3_pod("backups", "", "the-secret-there") else { return };
    copied(s3_secrets(pod, "copy", "the-secret-there"), &far.s3_location("backups", ""), copy);
}

#[tokio::test]
async fn a_rest_server_is_copied_to_an_s3_server() {
    let (Some(near), Some(far)) = (Server::rest(&[]).await, Server::s3("the-secret-there").await) else { return };
    let (Some(pod), Some(copy)) = (near.rest_pod("r"), far.s3_pod("backups", "r", "the-secret-there")) else { return };
    copied(s3_secrets(pod, "copy", "the-secret-there"), &far.s3_location("backups", "r"), copy);
}
