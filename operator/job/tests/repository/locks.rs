//! Two Jobs on one repository.

use crate::pod::{Pod, now, succeeded};
use rustix::process::Signal;
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::{JobError, Operation};

#[tokio::test]
async fn two_policies_back_up_at_the_same_minute_and_maintenance_waits_for_neither() {
    let Some(pod) = Pod::new() else { return };
    let pod = pod.initialised();
    pod.write("a", "a\n");
    let at = now();
    let of = |policy: &str| Operation::Backup {
        policy: policy.to_owned(),
        tier: "hourly".to_owned(),
        source: pod.source_spec(),
        only_if_changed: false,
    };
    let (one, other) = (pod.start(of("one"), at), pod.start(of("other"), at));
    succeeded(one.outcome());
    succeeded(other.outcome());
    let newest = pod.done(Operation::Inspect).newest;
    assert_eq!(newest.keys().collect::<Vec<_>>(), ["one/hourly", "other/hourly"]);

    pod.write("hangs", "a\n");
    let running = pod.start(of("one"), at + 1);
    until("the backup's lock", async || {
        let locks = std::fs::read_dir(pod.repository_dir().join("locks")).expect("locks");
        locks.flatten().next().filter(|_| running.job.join("scratch/stream").exists()).map(|_| ())
    })
    .await;
    pod.fails(Operation::Maintain { keep: vec![] }, JobError::Locked);
    running.signal(Signal::TERM);
    assert_eq!(running.outcome().error, Some(JobError::Cancelled));
    pod.done(Operation::Maintain { keep: vec![] });
}
