//! Retention over days that pass in seconds.

use crate::pod::{Pod, noise, succeeded};
use std::collections::BTreeSet;
use zentoria_types::backup_job::{KeepRule, Operation, SnapshotWish};

const DAY: i64 = 86_400;
/// 2 March 2026, 03:00 UTC.
const BEGIN: i64 = 1_772_420_400;

#[tokio::test]
async fn each_tier_is_kept_for_its_own_time_and_the_room_is_freed() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    for (day, tier) in [(0, "weekly"), (0, "daily"), (1, "daily"), (7, "weekly"), (8, "daily"), (9, "daily")] {
        pod.write("data", noise(u64::try_from(day).expect("a day") + 1, 1_000_000));
        succeeded(pod.run_at(pod.backup(tier), BEGIN + day * DAY));
    }
    // a person's own snapshot, and another policy's without a rule
    let own = pod.dir.path().join("source");
    pod.restic(&["backup", "--host", "laptop", "--time", "2020-01-01 00:00:00", own.to_str().expect("UTF-8")]);
    let before = pod.done(Operation::Inspect);
    assert_eq!(before.snapshots, Some(13));

    let keep = |tier: &str, within: Option<&str>| KeepRule {
        policy: "files".to_owned(),
        tier: tier.to_owned(),
        within: within.map(str::to_owned),
    };
    let after = pod.done(Operation::Maintain { keep: vec![keep("daily", Some("7d")), keep("weekly", None)] });
    assert_eq!(after.snapshots, Some(9));
    let kept: BTreeSet<_> = pod.snapshots().into_iter().filter_map(|tags| tags.get("run").cloned()).collect();
    let expected = ["20260302T030000Z", "20260309T030000Z", "20260310T030000Z", "20260311T030000Z"];
    assert_eq!(kept, expected.map(str::to_owned).into());
    let (before, after) = (before.repository_bytes.expect("bytes"), after.repository_bytes.expect("bytes"));
    assert!(after + 900_000 < before, "the day that only the daily tier held is gone: {before} -> {after}");

    // a clock that jumped ten years ahead for one backup makes nothing old, and is said
    succeeded(pod.run_at(pod.backup("daily"), BEGIN + 3650 * DAY));
    let jumped = succeeded(pod.run_at(Operation::Maintain { keep: vec![keep("daily", Some("7d"))] }, BEGIN + 9 * DAY));
    assert_eq!(jumped.snapshots, Some(11));
    assert!(jumped.warnings.iter().any(|warning| warning.contains("a clock was wrong")), "{:?}", jumped.warnings);
    let then = pod.restore(
        SnapshotWish::Before(BEGIN + 8 * DAY + 60),
        zentoria_types::backup_job::RestoreInto::Scratch { postgres_port: 1 },
    );
    assert_eq!(pod.done(then).snapshot.expect("a backup").time, BEGIN + 8 * DAY);
}
