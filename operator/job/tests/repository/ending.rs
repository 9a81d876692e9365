//! Runs that end before their time.

use crate::pod::{Pod, Running, noise, now, succeeded};
use rustix::process::Signal;
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::{JobError, Operation};

/// A backup that has stored some of a part, and goes on for ever.
async fn in_mid_upload(pod: &Pod) -> Running {
    // more than restic gathers before it writes a pack
    pod.write("hangs", noise(3, 40_000_000));
    let running = pod.start(pod.backup("daily"), now());
    let data = pod.repository_dir().join("data");
    until("the first pack of the upload", async || {
        let packs = std::fs::read_dir(&data).ok()?.flatten().filter_map(|dir| std::fs::read_dir(dir.path()).ok());
        packs.flatten().flatten().any(|pack| pack.metadata().is_ok_and(|pack| pack.len() > 5_000_000)).then_some(())
    })
    .await;
    running
}

#[tokio::test]
async fn a_run_that_is_told_to_end_lets_go_of_its_lock_and_says_so() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    let running = in_mid_upload(&pod).await;
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    assert_eq!(outcome.error, Some(JobError::Cancelled), "{:?}", outcome.message);
    assert!(pod.snapshots().is_empty(), "half a part is no snapshot");
    assert!(pod.done(Operation::Inspect).locks.is_empty(), "its lock is gone");
    std::fs::remove_file(pod.source().join("hangs")).expect("removed");
    pod.write("a", "a\n");
    pod.done(pod.backup("daily"));
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_a_lock_which_only_its_own_proof_removes() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    in_mid_upload(&pod).await.kill_all();
    std::fs::remove_file(pod.source().join("hangs")).expect("removed");
    pod.write("a", "a\n");
    // a lock of a reader does not keep a backup off
    let made = pod.done(pod.backup("daily")).snapshot.expect("a backup");
    assert_eq!(made.parts, 1);

    let locked = pod.run(Operation::Maintain { keep: vec![] });
    assert_eq!(locked.error, Some(JobError::Locked), "{:?}", locked.message);
    let host = &locked.locks.first().expect("who holds it").host;
    assert_eq!(locked.locks.len(), 1);
    pod.fails(Operation::Unlock { hosts: vec!["somebody-else".to_owned()] }, JobError::Locked);
    pod.done(Operation::Unlock { hosts: vec![host.clone()] });
    pod.done(Operation::Unlock { hosts: vec![] });
    succeeded(pod.run(Operation::Maintain { keep: vec![] }));
    pod.done(Operation::Check { parts: 1, period_seconds: 3600 });
    assert_eq!(pod.done(pod.restore_test()).proof.expect("a proof").compared, "1 files, 1 lines");
}

#[tokio::test]
async fn a_source_that_breaks_off_makes_no_backup_and_its_own_reason_is_told() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("a", "a\n");
    pod.write("fails", noise(4, 100_000));
    let message = pod.fails(pod.backup("daily"), JobError::SourceFailed);
    assert_eq!(message, "fails: the source broke off");
    let kinds: Vec<_> = pod.snapshots().into_iter().filter_map(|tags| tags.get("kind").cloned()).collect();
    assert_eq!(kinds, ["data"], "the part before it, and no evidence");
    assert!(pod.done(Operation::Inspect).newest.is_empty(), "half a run is no backup");
    assert!(pod.fails(pod.restore_test(), JobError::SnapshotNotFound).contains("no backup of files"));
    std::fs::remove_dir_all(pod.source()).expect("removed");
    pod.fails(pod.backup("daily"), JobError::SourceGone);
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_can_be_ended() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("hangs", "a\n");
    let running = pod.start(pod.backup("daily"), now());
    let scratch = running.job.join("scratch/stream");
    until("the source to be read", async || scratch.exists().then_some(())).await;
    running.signal(Signal::INT);
    assert_eq!(running.outcome().error, Some(JobError::Cancelled));
}

#[tokio::test]
async fn a_restore_that_is_told_to_end_lets_go_of_its_lock() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    // more than a pipe holds: restic is in the middle of it
    pod.write("waits", noise(5, 2_000_000));
    pod.done(pod.backup("daily"));
    let running = pod.start(pod.restore_test(), now());
    let begun = running.job.join("scratch/restored/waits");
    until("the restore to begin", async || begun.exists().then_some(())).await;
    let locks = pod.repository_dir().join("locks");
    let held = || std::fs::read_dir(&locks).expect("locks").count();
    until("restic to lock the repository", async || (held() > 0).then_some(())).await;
    running.signal(Signal::TERM);
    assert_eq!(running.outcome().error, Some(JobError::Cancelled));
    assert_eq!(held(), 0, "its lock is gone");
}
