//! The whole life of a repository, on each kind of server.

use crate::pod::{Pod, now, nowhere, succeeded};
use crate::servers::Server;
use zentoria_types::backup_job::{JobError, KeepRule, Operation, RestoreInto, SnapshotWish, SourceSpec};

#[tokio::test]
async fn a_repository_in_a_directory_is_made_once_filled_checked_restored_and_tidied() {
    let Some(pod) = Pod::new() else { return };
    cycle(pod);
}

#[tokio::test]
async fn a_repository_on_a_rest_server_is_made_once_filled_checked_restored_and_tidied() {
    let Some(server) = Server::rest(&[]).await else { return };
    let Some(pod) = server.rest_pod("cycle") else { return };
    cycle(pod);
}

#[tokio::test]
async fn a_repository_on_an_s3_server_is_made_once_filled_checked_restored_and_tidied() {
    let Some(server) = Server::s3("the-secret-of-s3").await else { return };
    let Some(pod) = server.s3_pod("backups", "cycle", "the-secret-of-s3") else { return };
    cycle(pod);
}

fn cycle(pod: Pod) {
    let pod = pod.initialised();
    // an operator that lost its status asks again without knowing the id
    let again = pod.told(None);
    let made = again.done(Operation::Init).repository_id;
    let pod = again.told(made.clone());
    assert_eq!(pod.done(Operation::Init).repository_id, made, "it is made once");

    pod.write("a.txt", "one\ntwo\n");
    pod.write("b.txt", "three\n");
    let begun = now() - 7200;
    let first = succeeded(pod.run_at(pod.backup("hourly"), begun));
    let snapshot = first.snapshot.expect("a backup");
    assert_eq!((snapshot.time, snapshot.bytes, snapshot.files, snapshot.parts), (begun, 14, 2, 2));
    assert_eq!(first.repository_id, made);

    if_changed(&pod);
    restored(&pod, &snapshot.id);

    let newest = pod.done(Operation::Inspect);
    assert_eq!(newest.newest.keys().collect::<Vec<_>>(), ["files/daily", "files/hourly"]);
    assert_eq!(newest.newest["files/hourly"], snapshot, "what is back-filled is what was told");
    assert_eq!(newest.snapshots, Some(10));
    assert!(newest.repository_bytes > Some(0));

    let checked = pod.done(Operation::Check { parts: 1, period_seconds: 86400 });
    assert_eq!(checked.part, Some(1));

    let rule = |within: &str| KeepRule {
        policy: "files".to_owned(),
        tier: "daily".to_owned(),
        within: Some(within.to_owned()),
    };
    let left = pod.done(Operation::Maintain { keep: vec![rule("1h")] });
    assert_eq!(left.snapshots, Some(10), "nothing was old enough");
    assert_eq!(pod.done(pod.restore_test()).proof.expect("a proof").compared, "3 files, 4 lines");
}

/// A tier that backs up what changed.
fn if_changed(pod: &Pod) {
    let daily = || Operation::Backup {
        policy: "files".to_owned(),
        tier: "daily".to_owned(),
        source: pod.source_spec(),
        only_if_changed: true,
    };
    let first = pod.done(daily());
    assert_eq!(first.snapshot.expect("the first of its tier").parts, 2);
    assert_eq!(pod.done(daily()).snapshot, None, "nothing changed");
    pod.write("c.txt", "four\n");
    assert_eq!(succeeded(pod.run_at(daily(), now() + 1)).snapshot.expect("a new part").parts, 3);
}

fn restored(pod: &Pod, first: &str) {
    let proof = pod.done(pod.restore_test()).proof.expect("a proof");
    assert_eq!(proof.compared, "3 files, 4 lines");

    let directory = pod.dir.path().join("restored");
    let into = RestoreInto::Directory(directory.to_str().expect("UTF-8").to_owned());
    let by_id = pod.restore(SnapshotWish::Id(first.get(..8).expect("an id").to_owned()), into);
    let outcome = pod.done(by_id.clone());
    assert_eq!((outcome.snapshot.expect("a backup").parts, outcome.proof), (2, None));
    assert_eq!(std::fs::read_to_string(directory.join("a.txt")).expect("a file"), "one\ntwo\n");
    assert!(pod.fails(by_id, JobError::TargetFailed).contains("not empty"));

    pod.write("a.txt", "spoilt\n");
    let Operation::Restore { policy, source, .. } = pod.restore_test() else { unreachable!("a restore") };
    let only = |name: &str| Operation::Restore {
        policy: policy.clone(),
        snapshot: SnapshotWish::Latest,
        source: source.clone(),
        into: RestoreInto::Source,
        only: vec![name.to_owned()],
        secured: true,
    };
    pod.done(only("a.txt"));
    assert_eq!(std::fs::read_to_string(pod.source().join("a.txt")).expect("a file"), "one\ntwo\n");
    let message = pod.fails(only("z.txt"), JobError::SnapshotNotFound);
    assert!(message.contains("holds no z.txt; it holds a.txt, b.txt, c.txt"), "{message}");
}

#[tokio::test]
async fn a_source_that_this_job_does_not_know_is_said_before_the_repository_is_asked() {
    let Some(mut pod) = Pod::new() else { return };
    pod.id = Some("0".repeat(64));
    let redis = SourceSpec::Redis { server: nowhere(), user: None };
    let backup = Operation::Backup {
        policy: "redis".to_owned(),
        tier: "hourly".to_owned(),
        source: redis,
        only_if_changed: false,
    };
    pod.fails(backup, JobError::Setup);
}
