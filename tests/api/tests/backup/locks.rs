//! Locks: waited for while their holder lives, removed once it is proved gone, and left to a person where it is a stranger.

use super::{Kcm, failure, message, ready_policy, says, started, success};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use zentoria_api::backup::BackupRepository;
use zentoria_api_tests::World;
use zentoria_types::backup_job::{JobError, Lock, Operation, Outcome};

const HOURLY: &[(&str, &str)] = &[("hourly", "0 * * * *")];

fn kept_out(host: &str) -> Outcome {
    let lock = Lock { host: host.into(), since: Timestamp::now().as_second() - 60, exclusive: false };
    Outcome { locks: vec![lock], ..failure(JobError::Locked, "another run holds a lock") }
}

/// A backup whose pod is at work, and a maintenance that its lock keeps out.
async fn blocked(world: &World, kcm: &Kcm) -> (Job, Pod) {
    ready_policy(world, kcm, "db", HOURLY).await;
    let backup = kcm.fire(&kcm.cron("bp-db-hourly").await, "1").await;
    let pod = kcm.pod(&backup).await;
    let maintain = kcm.fire(&kcm.cron("br-main-maintain").await, "1").await;
    kcm.ends(&maintain, &kept_out(&pod.name_any())).await;
    (backup, pod)
}

#[tokio::test]
async fn a_lock_of_a_pod_that_lives_is_waited_for_and_one_of_a_pod_that_is_gone_is_removed() {
    let (world, kcm) = started("bk-lock").await;
    let (backup, pod) = blocked(&world, &kcm).await;
    let told = says::<BackupRepository>(&world, "main", "Locked").await;
    let locks = told.status.unwrap().locks;
    assert_eq!((locks[0].host.as_str(), locks[0].holder.as_str()), (pod.name_any().as_str(), "Alive"));
    assert!(unlocks(&kcm).await.is_empty());

    // kill -9, node and all: the pod is gone, and then its Job has failed. Only both together prove it.
    kcm.remove::<Pod>(&pod.name_any()).await;
    says::<BackupRepository>(&world, "main", "Locked").await;
    assert!(unlocks(&kcm).await.is_empty(), "its Job may start another pod");
    kcm.job_ends(&backup, false).await;
    let unlock = kcm.job_like("br-main-unlock-").await;
    let told = kcm.told(&unlock.name_any()).await;
    assert_eq!(told.operation, Operation::Unlock { hosts: vec![pod.name_any()] });
    let lease = kcm.api::<Lease>().get("br-main").await.unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(unlock.name_any().as_str()));
    says::<BackupRepository>(&world, "main", "Unlocking").await;
    kcm.ends(&unlock, &success()).await;
    world.event("main", "Unlocked").await;
    let told = super::until(&world, "is free", "main", |repository: &BackupRepository| {
        repository.status.as_ref().is_some_and(|status| status.locks.is_empty())
    })
    .await;
    assert!(!message(&told).is_empty());
    assert_eq!(unlocks(&kcm).await.len(), 1);
}

#[tokio::test]
async fn a_lock_of_a_host_that_is_no_pod_of_ours_is_left_to_a_person() {
    let (world, kcm) = started("bk-foreign").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let maintain = kcm.cron("br-main-maintain").await;
    // A name as ours have it, of another control plane perhaps: no Job here has made it.
    let stranger = "bp-db-hourly-29384760-x7k2p";
    kcm.ends(&kcm.fire(&maintain, "1").await, &kept_out(stranger)).await;
    let told = says::<BackupRepository>(&world, "main", "ForeignLock").await;
    assert!(message(&told).contains(stranger), "{}", message(&told));
    assert_eq!(told.status.unwrap().locks[0].holder, "Unknown");
    world.event("main", "ForeignLock").await;
    assert!(unlocks(&kcm).await.is_empty());
    // The person has removed it: the next run gets through.
    kcm.ends(&kcm.fire(&maintain, "2").await, &success()).await;
    says::<BackupRepository>(&world, "main", "Ready").await;
}

#[tokio::test]
async fn of_several_holders_one_that_lives_keeps_the_locks_of_all() {
    let (world, kcm) = started("bk-both").await;
    let (backup, pod) = blocked(&world, &kcm).await;
    kcm.remove::<Pod>(&pod.name_any()).await;
    // Before anything proves the first gone, a second run is met that lives.
    let alive = kcm.fire(&kcm.cron("bp-db-hourly").await, "2").await;
    let alive = kcm.pod(&alive).await;
    let lock = |host: String| Lock { host, since: Timestamp::now().as_second(), exclusive: false };
    let mut outcome = kept_out(&pod.name_any());
    outcome.locks.push(lock(alive.name_any()));
    let maintain = kcm.fire(&kcm.cron("br-main-maintain").await, "2").await;
    kcm.ends(&maintain, &outcome).await;
    super::until(&world, "shows both locks", "main", |repository: &BackupRepository| {
        repository.status.as_ref().is_some_and(|status| status.locks.len() == 2)
    })
    .await;
    kcm.job_ends(&backup, false).await;
    super::until(&world, "knows that one is gone", "main", |repository: &BackupRepository| {
        let locks = repository.status.as_ref().map(|status| status.locks.clone()).unwrap_or_default();
        let holder = |host: &str| locks.iter().find(|lock| lock.host == host).map(|lock| lock.holder.clone());
        holder(&pod.name_any()).as_deref() == Some("Gone") && holder(&alive.name_any()).as_deref() == Some("Alive")
    })
    .await;
    assert!(unlocks(&kcm).await.is_empty());
}

async fn unlocks(kcm: &Kcm) -> Vec<String> {
    let mut names = kcm.names::<Job>().await;
    names.retain(|name| name.starts_with("br-main-unlock-"));
    names
}
