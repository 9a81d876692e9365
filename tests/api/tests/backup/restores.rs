//! Restores: to a scratch place, to a directory, and over the source; each of them done once.

use super::{Kcm, apply, backed_up, failure, message, ready_policy, says, started, started_alone, until};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};
use zentoria_api::backup::{BackupPolicy, BackupRestore, RestorePhase};
use zentoria_api_tests::World;
use zentoria_types::backup_job::{JobError, Operation, Outcome, Proof, RestoreInto, SnapshotWish};

const HOURLY: &[(&str, &str)] = &[("hourly", "0 * * * *")];

/// A policy that has a backup.
async fn backed(world: &World, kcm: &Kcm) {
    ready_policy(world, kcm, "db", HOURLY).await;
    kcm.ends(&kcm.fire(&kcm.cron("bp-db-hourly").await, "1").await, &backed_up("abcd1234")).await;
    says::<BackupPolicy>(world, "db", "Fresh").await;
}

fn restore(into: Value) -> Value {
    json!({"policyRef": {"name": "db"}, "into": into})
}

async fn jobs(kcm: &Kcm) -> Vec<String> {
    let mut names = kcm.names::<Job>().await;
    names.retain(|name| name.starts_with("brs"));
    names
}

fn phase(restore: &BackupRestore) -> RestorePhase {
    restore.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

#[tokio::test]
async fn a_restore_to_a_scratch_place_proves_a_backup_and_is_never_done_twice() {
    let (world, kcm) = started("bk-scratch").await;
    backed(&world, &kcm).await;
    apply(&world, "BackupRestore", "proof", restore(json!({"scratch": {}}))).await;
    let job = kcm.job_like("brs-proof-db").await;
    let told = kcm.told(&job.name_any()).await.operation;
    let Operation::Restore { snapshot, into, .. } = told else { panic!("no restore") };
    assert_eq!(snapshot, SnapshotWish::Latest);
    assert!(matches!(into, RestoreInto::Scratch { .. }), "{into:?}");
    says::<BackupRestore>(&world, "proof", "Restoring").await;
    let proof = Proof { compared: "1 database, 4 tables, 12 rows, schema equal".into(), seconds: 9 };
    kcm.ends(&job, &Outcome { proof: Some(proof), ..backed_up("abcd1234") }).await;
    let told = says::<BackupRestore>(&world, "proof", "Succeeded").await;
    let status = told.status.unwrap();
    let evidence = status.results["db"].evidence.clone().expect("evidence");
    assert!(evidence.compared.contains("12 rows"), "{evidence:#?}");
    assert!(status.snapshot.unwrap().starts_with("abcd1234"));
    world.event("proof", "Succeeded").await;
    // Jobs go after a while; that is no reason to restore again.
    kcm.remove::<Job>(&job.name_any()).await;
    world.restart_operator().await;
    apply(&world, "BackupRestore", "second", restore(json!({"scratch": {}}))).await;
    kcm.job_like("brs-second-db").await;
    assert_eq!(jobs(&kcm).await.len(), 1, "{:?}", jobs(&kcm).await);
}

#[tokio::test]
async fn nothing_is_written_over_without_confirmation_and_not_before_a_backup_of_what_is_there() {
    let (world, kcm) = started("bk-over").await;
    backed(&world, &kcm).await;
    apply(&world, "BackupRestore", "bare", restore(json!({"source": {}}))).await;
    let told = says::<BackupRestore>(&world, "bare", "ConfirmationRequired").await;
    assert!(message(&told).contains("db"), "{}", message(&told));
    world.event("bare", "ConfirmationRequired").await;
    assert!(jobs(&kcm).await.is_empty());

    let mut spec = restore(json!({"source": {}}));
    spec["confirm"] = json!("db");
    apply(&world, "BackupRestore", "over", spec).await;
    let secure = kcm.job_like("brss-over-db").await;
    let told = kcm.told(&secure.name_any()).await.operation;
    assert!(matches!(told, Operation::Backup { .. }), "{told:?}");
    says::<BackupRestore>(&world, "over", "SecuringSource").await;
    assert_eq!(jobs(&kcm).await.len(), 1, "{:?}", jobs(&kcm).await);
    kcm.ends(&secure, &backed_up("5ec5e5e1")).await;
    let job = kcm.job_like("brs-over-db").await;
    let Operation::Restore { into, snapshot, .. } = kcm.told(&job.name_any()).await.operation else {
        panic!("no restore")
    };
    assert_eq!(into, RestoreInto::Source);
    // The newest backup is now the one of what was there: not that is restored.
    assert_eq!(snapshot, SnapshotWish::Latest);
    kcm.ends(&job, &backed_up("abcd1234")).await;
    says::<BackupRestore>(&world, "over", "Succeeded").await;
}

#[tokio::test]
async fn where_what_is_there_cannot_be_backed_up_nothing_is_restored_over_it() {
    let (world, kcm) = started("bk-secure").await;
    backed(&world, &kcm).await;
    let mut spec = restore(json!({"source": {}}));
    spec["confirm"] = json!("db");
    apply(&world, "BackupRestore", "over", spec).await;
    let secure = kcm.job_like("brss-over-db").await;
    kcm.ends(&secure, &failure(JobError::SourceUnreachable, "10.10.40.1:5432 does not answer")).await;
    let told = says::<BackupRestore>(&world, "over", "SecuringFailed").await;
    assert!(message(&told).contains("does not answer"), "{}", message(&told));
    assert_eq!(phase(&told), RestorePhase::Failed);
    assert_eq!(jobs(&kcm).await, [secure.name_any()]);
    // Who knows that there is nothing worth keeping says so.
    let mut spec = restore(json!({"source": {"withoutBackup": true}}));
    spec["confirm"] = json!("db");
    apply(&world, "BackupRestore", "anyway", spec).await;
    kcm.job_like("brs-anyway-db").await;
}

#[tokio::test]
async fn a_restore_whose_job_is_deleted_has_failed_and_is_not_begun_again() {
    let (world, kcm) = started("bk-deleted").await;
    backed(&world, &kcm).await;
    apply(&world, "BackupRestore", "proof", restore(json!({"scratch": {}}))).await;
    let job = kcm.job_like("brs-proof-db").await;
    until(&world, "is at work", "proof", |restore: &BackupRestore| phase(restore) == RestorePhase::Restoring).await;
    kcm.remove::<Job>(&job.name_any()).await;
    let told = says::<BackupRestore>(&world, "proof", "Failed").await;
    assert!(message(&told).contains("deleted"), "{}", message(&told));
    assert!(jobs(&kcm).await.is_empty());
}

#[tokio::test]
async fn a_snapshot_that_does_not_exist_is_said_and_a_directory_needs_its_claim() {
    let (world, kcm) = started("bk-directory").await;
    backed(&world, &kcm).await;
    let target = json!({"directory": {"claimName": "target", "path": "out"}});
    let mut spec = restore(target);
    spec["snapshot"] = json!({"id": "0123456789"});
    apply(&world, "BackupRestore", "out", spec).await;
    let told = says::<BackupRestore>(&world, "out", "NotFound").await;
    assert!(message(&told).contains("target"), "{}", message(&told));
    let claim = json!({"metadata": {"name": "target"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
    kcm.api().create(&PostParams::default(), &claim).await.unwrap();
    let job = kcm.job_like("brs-out-db").await;
    let Operation::Restore { snapshot, .. } = kcm.told(&job.name_any()).await.operation else { panic!("no restore") };
    assert_eq!(snapshot, SnapshotWish::Id("0123456789".into()));
    kcm.ends(&job, &failure(JobError::SnapshotNotFound, "there is no snapshot 0123456789 of policy db")).await;
    let told = says::<BackupRestore>(&world, "out", "SnapshotNotFound").await;
    assert!(message(&told).contains("0123456789"), "{}", message(&told));
}

#[tokio::test]
async fn an_operator_that_is_killed_between_two_jobs_goes_on_where_it_was() {
    let (world, kcm) = started("bk-killed").await;
    backed(&world, &kcm).await;
    let mut spec = restore(json!({"source": {}}));
    spec["confirm"] = json!("db");
    apply(&world, "BackupRestore", "over", spec).await;
    let secure = kcm.job_like("brss-over-db").await;
    world.kill_operator().await;
    kcm.ends(&secure, &backed_up("5ec5e5e1")).await;
    world.start_operator().await;
    let job = kcm.job_like("brs-over-db").await;
    world.kill_operator().await;
    kcm.ends(&job, &backed_up("abcd1234")).await;
    world.start_operator().await;
    says::<BackupRestore>(&world, "over", "Succeeded").await;
    assert_eq!(jobs(&kcm).await.len(), 2);
}

#[tokio::test]
async fn who_waits_for_a_restore_hears_its_end_good_or_bad() {
    let (world, kcm) = started_alone("bk-waits").await;
    backed(&world, &kcm).await;
    let proof = Proof { compared: "1 database, 4 tables, 12 rows, schema equal".into(), seconds: 9 };
    let warned = vec!["the database `db_before_1` was put aside by an earlier restore".to_owned()];
    let good = Outcome { proof: Some(proof), warnings: warned, ..backed_up("abcd1234") };
    let bad = failure(JobError::Mismatch, "table orders: 12 rows, not 13");
    for (name, outcome, code, said) in [
        ("good", good, 0, ["12 rows", "note: the database `db_before_1` was put aside"]),
        ("bad", bad, 1, ["12 rows, not 13", "Failed"]),
    ] {
        let args = ["restore", "db", "--into", "scratch", "--wait", "--name", name];
        let ending = async { kcm.ends(&kcm.job_like(&format!("brs-{name}-db")).await, &outcome).await };
        let (told, ()) = tokio::join!(world.kubectl_zentoria(&args), ending);
        let told = told.with(code);
        said.iter().for_each(|part| told.has(part));
    }
    // One that can never begin is not waited for.
    let args = ["restore", "db", "--into", "nowhere/at/all", "--wait"];
    world.kubectl_zentoria(&args).await.with(1).has("there is no PersistentVolumeClaim");
}
