//! What a repository says: initialised once and never again, swapped, gone, and what its runs tell.

use super::{
    ID, apply, empty, failure, holds, message, policy, ready_policy, ready_repository, repository, says, started,
    success, until,
};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::json;
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::conditions::{INITIALISED, VERIFIED};
use zentoria_api_tests::wait::{eventually, when};
use zentoria_types::backup_job::{JobError, Operation, Outcome};

#[tokio::test]
async fn an_initialisation_that_fails_is_tried_again_one_job_at_a_time() {
    let (world, kcm) = started("bk-init").await;
    apply(&world, "BackupRepository", "main", repository("main")).await;
    let first = kcm.job("br-main-init").await;
    let why = "s3.test.local:9000 does not answer";
    kcm.ends(&first, &failure(JobError::RepositoryUnreachable, why)).await;
    let event = world.event("main", "InitialisationFailed").await;
    assert!(event.note.unwrap().contains(why));
    let second = eventually("the Job is made anew", || async {
        let job = kcm.job("br-main-init").await;
        if job.uid() == first.uid() { Err("the first is still there".to_owned()) } else { Ok(job) }
    })
    .await;
    // Its pod of the first run has the name of the second's: it is gone by then.
    kcm.remove::<k8s_openapi::api::core::v1::Pod>("br-main-init-abcde").await;
    kcm.ends(&second, &empty()).await;
    until(&world, "is initialised", "main", |repository: &BackupRepository| holds(repository, INITIALISED)).await;
    assert_eq!(kcm.job("br-main-init").await.uid(), second.uid(), "it is not done once more");
}

#[tokio::test]
async fn a_repository_that_was_initialised_is_never_initialised_again_whatever_its_runs_say() {
    let (world, kcm) = started("bk-swapped").await;
    ready_repository(&world, &kcm, "main").await;
    kcm.remove::<Job>("br-main-init").await;
    let check = kcm.cron("br-main-check").await;
    for (run, error, reason) in [
        ("1", JobError::RepositoryGone, "RepositoryGone"),
        ("2", JobError::RepositorySwapped, "RepositorySwapped"),
        ("3", JobError::WrongPassword, "WrongPassword"),
        ("4", JobError::StorageFull, "StorageFull"),
    ] {
        kcm.ends(&kcm.fire(&check, run).await, &failure(error, "as the test says")).await;
        let told = says::<BackupRepository>(&world, "main", reason).await;
        assert_eq!(told.status.as_ref().unwrap().repository_id.as_deref(), Some(ID));
        assert!(!message(&told).is_empty());
        world.event("main", reason).await;
    }
    world.restart_operator().await;
    kcm.ends(&kcm.fire(&check, "5").await, &Outcome { part: Some(1), ..success() }).await;
    let told = says::<BackupRepository>(&world, "main", "Ready").await;
    assert!(holds(&told, VERIFIED));
    assert_eq!(told.status.unwrap().check.part, Some(1));
    assert!(!kcm.names::<Job>().await.iter().any(|name| name == "br-main-init"), "it was initialised again");
}

#[tokio::test]
async fn damage_that_a_check_finds_stays_until_the_same_part_was_read_whole() {
    let (world, kcm) = started("bk-damage").await;
    ready_repository(&world, &kcm, "main").await;
    let check = kcm.cron("br-main-check").await;
    let damaged = Outcome { part: Some(3), ..failure(JobError::Damaged, "pack 0123 cannot be read") };
    kcm.ends(&kcm.fire(&check, "1").await, &damaged).await;
    let told = says::<BackupRepository>(&world, "main", "Damaged").await;
    assert!(!holds(&told, VERIFIED) && message(&told).contains("part 3"), "{}", message(&told));
    world.event("main", "CheckFailed").await;
    kcm.ends(&kcm.fire(&check, "2").await, &Outcome { part: Some(4), ..success() }).await;
    until(&world, "has read another part", "main", |repository: &BackupRepository| {
        repository.status.as_ref().is_some_and(|status| status.check.part == Some(4))
    })
    .await;
    says::<BackupRepository>(&world, "main", "Damaged").await;
    kcm.ends(&kcm.fire(&check, "3").await, &Outcome { part: Some(3), ..success() }).await;
    let told = says::<BackupRepository>(&world, "main", "Ready").await;
    assert!(holds(&told, VERIFIED));
}

#[tokio::test]
async fn a_policy_learns_what_ails_its_repository_and_waits() {
    let (world, kcm) = started("bk-ails").await;
    ready_policy(&world, &kcm, "db", &[("hourly", "0 * * * *")]).await;
    let cron = kcm.cron("bp-db-hourly").await;
    kcm.ends(&kcm.fire(&cron, "1").await, &failure(JobError::WrongPassword, "the password does not open it")).await;
    says::<BackupRepository>(&world, "main", "WrongPassword").await;
    says::<BackupPolicy>(&world, "db", "RepositoryNotReady").await;
    let labels = format!("namespace=\"{}\"", world.namespace);
    world.measures("zentoria_backup_repository_ready", &labels, |ready| ready.abs() < 0.5).await;
}

#[tokio::test]
async fn a_claim_that_comes_later_is_noticed_and_nobody_connects_to_the_pods() {
    let (world, kcm) = started("bk-claim").await;
    let spec = json!({
        "backend": {"pvc": {"claimName": "backups", "path": "restic"}},
        "passwordSecretRef": {"name": "repository", "key": "password"},
    });
    apply(&world, "BackupRepository", "main", spec).await;
    let told = says::<BackupRepository>(&world, "main", "NotFound").await;
    assert!(message(&told).contains("backups"), "{}", message(&told));
    assert!(kcm.names::<Job>().await.is_empty());
    let claim = json!({"metadata": {"name": "backups"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
    kcm.api().create(&PostParams::default(), &claim).await.unwrap();
    kcm.job("br-main-init").await;
    let policy = kcm.api::<NetworkPolicy>().get("br-main").await.unwrap();
    let types = policy.spec.unwrap().policy_types.unwrap();
    assert!(types.iter().any(|kind| kind == "Ingress"), "{types:?}");
}

#[tokio::test]
async fn a_copy_begins_once_the_other_repository_has_its_id() {
    let (world, kcm) = started("bk-copy").await;
    apply(&world, "BackupRepository", "offsite", repository("offsite")).await;
    let init = kcm.job("br-offsite-init").await;
    let mut spec = repository("main");
    spec["copies"] = json!([{"name": "offsite", "to": {"name": "offsite"}, "schedule": "0 7 * * *"}]);
    apply(&world, "BackupRepository", "main", spec).await;
    kcm.ends(&kcm.job("br-main-init").await, &empty()).await;
    kcm.cron("br-main-check").await;
    assert!(!kcm.names::<CronJob>().await.iter().any(|name| name == "br-main-copy-offsite"));
    let other = "0ff5".repeat(16);
    kcm.ends(&init, &Outcome { repository_id: Some(other.clone()), ..empty() }).await;
    let cron = kcm.cron("br-main-copy-offsite").await;
    let Operation::Copy { to_id, .. } = kcm.told("br-main-copy-offsite").await.operation else { panic!("no copy") };
    assert_eq!(to_id, other);
    kcm.ends(&kcm.fire(&cron, "1").await, &success()).await;
    until(&world, "has copied", "main", |repository: &BackupRepository| {
        let copies = repository.status.as_ref().map(|status| status.copies.clone()).unwrap_or_default();
        copies.get("offsite").is_some_and(|copy| copy.last_success.is_some())
    })
    .await;
}

#[tokio::test]
async fn two_repositories_at_one_place_are_told_apart_by_age() {
    let (world, kcm) = started("bk-conflict").await;
    ready_repository(&world, &kcm, "main").await;
    let mut spec = repository("main");
    spec["prefix"] = json!(null);
    spec.as_object_mut().unwrap().remove("prefix");
    // Ages have whole seconds.
    let made = kcm.api::<BackupRepository>().get("main").await.unwrap().creation_timestamp().unwrap().0;
    eventually("another second", || async {
        when(jiff::Timestamp::now().duration_since(made).as_secs(), |age| *age >= 2).map(|_| ())
    })
    .await;
    apply(&world, "BackupRepository", "other", spec).await;
    let told = says::<BackupRepository>(&world, "other", "Conflict").await;
    assert!(message(&told).contains("main"), "{}", message(&told));
    assert!(!kcm.names::<Job>().await.iter().any(|name| name.starts_with("br-other")));
    apply(&world, "BackupPolicy", "db", policy("other", &[("hourly", "0 * * * *")])).await;
    says::<BackupPolicy>(&world, "db", "RepositoryNotReady").await;
}

#[tokio::test]
async fn a_repository_whose_spec_is_refused_forgets_nothing_and_rests_whole_where_it_is_suspended() {
    let (world, kcm) = started("bk-refused").await;
    ready_repository(&world, &kcm, "main").await;
    let rests = async |expected: [bool; 2]| {
        eventually(&format!("suspend of check and maintenance is {expected:?}"), || async {
            let (check, maintain) = (kcm.cron("br-main-check").await, kcm.cron("br-main-maintain").await);
            let found = [check, maintain].map(|cron| cron.spec.suspend == Some(true));
            when(found, |found| *found == expected).map(|_| ())
        })
        .await;
    };
    rests([false, false]).await;
    let mut spec = repository("main");
    spec["timeZone"] = json!("Europe/Atlantis");
    apply(&world, "BackupRepository", "main", spec.clone()).await;
    says::<BackupRepository>(&world, "main", "InvalidSpec").await;
    rests([false, true]).await;
    spec["suspend"] = json!(true);
    apply(&world, "BackupRepository", "main", spec).await;
    rests([true, true]).await;
    // As it was: the very objects that were applied before are wished again.
    apply(&world, "BackupRepository", "main", repository("main")).await;
    says::<BackupRepository>(&world, "main", "Ready").await;
    rests([false, false]).await;
}
