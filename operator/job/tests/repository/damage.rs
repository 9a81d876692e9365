//! Repositories and backups that are not what they were.

use crate::pod::{Pod, noise, succeeded};
use crate::servers::Server;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zentoria_types::backup_job::{JobError, Operation, RestoreInto, SnapshotWish};

/// The largest file below a directory.
fn largest(dir: &Path) -> PathBuf {
    let mut all = vec![dir.to_owned()];
    let mut files = Vec::new();
    while let Some(dir) = all.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
            let path = entry.path();
            if path.is_dir() { all.push(path) } else { files.push((entry.metadata().expect("a file").len(), path)) }
        }
    }
    files.into_iter().max().expect("a file").1
}

fn corrupt(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    std::fs::write(file, bytes).expect("a pack");
}

#[tokio::test]
async fn a_corrupted_pack_is_found_within_as_many_checks_as_there_are_parts() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("data", noise(1, 2_000_000));
    pod.done(pod.backup("daily"));
    let check = || Operation::Check { parts: 3, period_seconds: 3600 };
    corrupt(&largest(&pod.repository_dir().join("data")));
    let outcomes: Vec<_> = (0..3).map(|hour| pod.run_at(check(), hour * 3600)).collect();
    let parts: BTreeSet<_> = outcomes.iter().filter_map(|outcome| outcome.part).collect();
    assert_eq!(parts, [1, 2, 3].into());
    let found: Vec<_> = outcomes.iter().filter(|outcome| outcome.error.is_some()).collect();
    assert_eq!(found.iter().map(|outcome| outcome.error).collect::<Vec<_>>(), [Some(JobError::Damaged)]);
    assert!(found[0].message.as_ref().is_some_and(|message| message.contains("repair")), "{:?}", found[0].message);

    // and a restore says the same, and never writes over the source
    pod.write("data", "what is there now\n");
    pod.fails(pod.restore_test(), JobError::Damaged);
    pod.fails(pod.restore(SnapshotWish::Latest, RestoreInto::Source), JobError::Damaged);
    assert_eq!(std::fs::read_to_string(pod.source().join("data")).expect("it"), "what is there now\n");
}

#[tokio::test]
async fn a_backup_that_was_tampered_with_is_not_restored() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("a", "one\ntwo\n");
    let at = 1_772_420_400;
    succeeded(pod.run_at(pod.backup("daily"), at));
    // who has the password of the repository puts another content in place of the part
    let listed: Vec<serde_json::Value> =
        serde_json::from_slice(&pod.restic(&["snapshots", "--tag", "kind=data"])).expect("a list");
    pod.restic(&["forget", listed[0]["id"].as_str().expect("an id")]);
    let tags = "policy=files,tier=daily,run=20260302T030000Z,kind=data";
    let host = ["--host", "zentoria-test", "--time", "2026-03-02 03:00:00", "--tag", tags];
    let forged = ["--stdin-filename", "/files/a", "--stdin-from-command", "--", "printf", "one\\nTWO\\n"];
    pod.restic(&[&["backup"], &host[..], &forged[..]].concat());

    let message = pod.fails(pod.restore_test(), JobError::Mismatch);
    assert!(message.contains("with another content"), "{message}");
    pod.write("a", "now\n");
    pod.fails(pod.restore(SnapshotWish::Latest, RestoreInto::Source), JobError::Mismatch);
    assert_eq!(std::fs::read_to_string(pod.source().join("a")).expect("it"), "now\n");
}

#[tokio::test]
async fn a_full_repository_is_said_and_what_is_in_it_stays() {
    let Some(server) = Server::rest(&["--max-size", "3000000"]).await else { return };
    let Some(pod) = server.rest_pod("r") else { return };
    let pod = pod.initialised();
    pod.write("a", "small\n");
    pod.done(pod.backup("daily"));
    pod.write("b", noise(2, 6_000_000));
    let message = pod.fails(pod.backup("daily"), JobError::StorageFull);
    assert!(message.contains("Make room"), "{message}");
    assert_eq!(pod.done(pod.restore_test()).proof.expect("a proof").compared, "1 files, 1 lines");
}
