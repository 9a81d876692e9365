//! Restore drills: begun when they are due or asked for, once; reported, whatever they came to; and cleared away.

use super::{Kcm, apply, apply_with, backed_up, failure, holds, policy, ready_repository, repository, started, until};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use zentoria_api::backup::{BackupRepository, BackupRestore, DrillStatus, RestorePhase};
use zentoria_api::conditions::DRILLED;
use zentoria_api::wire::{DRILL_ANNOTATION, PAUSED_ANNOTATION};
use zentoria_api_tests::World;
use zentoria_api_tests::builders::{after, container};
use zentoria_api_tests::wait::eventually;
use zentoria_core::backup::drill::report::{JSON, Report, TEXT};
use zentoria_types::backup_job::{JobError, Outcome, Proof};

const HOURLY: &[(&str, &str)] = &[("hourly", "0 * * * *")];

fn drilled(schedule: &str, keep: u32) -> Value {
    let mut spec = repository("main");
    spec["drill"] = json!({"schedule": schedule, "keepReports": keep});
    spec
}

/// A repository with a drill that is not due for a long time, and policies of these names.
async fn estate(world: &World, kcm: &Kcm, policies: &[&str]) {
    ready_repository(world, kcm, "main").await;
    apply(world, "BackupRepository", "main", drilled("0 8 29 2 *", 2)).await;
    for name in policies {
        apply(world, "BackupPolicy", name, policy("main", HOURLY)).await;
        kcm.cron(&format!("bp-{name}-hourly")).await;
    }
}

/// Asks for a drill by hand, and waits for its BackupRestore.
async fn ask(world: &World, word: &str) -> String {
    apply_with(world, "BackupRepository", "main", drilled("0 8 29 2 *", 2), json!({DRILL_ANNOTATION: word})).await;
    let told = until(world, "has begun a drill", "main", |object: &BackupRepository| {
        status(object).run.as_deref() == Some(word)
    });
    status(&told.await).running.expect("it runs")
}

fn status(object: &BackupRepository) -> DrillStatus {
    object.status.as_ref().and_then(|status| status.drill.clone()).unwrap_or_default()
}

/// Waits until the drill of this name has ended.
async fn ended(world: &World, name: &str) -> BackupRepository {
    until(world, &format!("has ended {name}"), "main", |object: &BackupRepository| {
        let status = status(object);
        status.last.as_deref() == Some(name) && status.running.is_none()
    })
    .await
}

async fn report(kcm: &Kcm, name: &str) -> Report {
    let api: Api<ConfigMap> = kcm.api();
    let data = api.get(name).await.unwrap_or_else(|error| panic!("report {name}: {error}")).data.unwrap();
    assert!(data[TEXT].contains(name), "{}", data[TEXT]);
    serde_json::from_str(&data[JSON]).unwrap()
}

fn proved(word: &str, rows: u64) -> Outcome {
    let proof = Proof { compared: format!("1 database, 4 tables, {rows} rows, schema equal"), seconds: 9 };
    Outcome { proof: Some(proof), ..backed_up(word) }
}

async fn restores(kcm: &Kcm) -> Vec<String> {
    let mut names = kcm.names::<BackupRestore>().await;
    names.retain(|name| name.starts_with("drill-"));
    names
}

#[tokio::test]
async fn a_drill_by_hand_restores_everything_and_its_report_tells_of_each() {
    let (world, kcm) = started("bk-drill").await;
    estate(&world, &kcm, &["db", "shop"]).await;
    let name = ask(&world, "one").await;
    world.event("main", "DrillBegun").await;
    kcm.ends(&kcm.job_like(&format!("brs-{name}-db")).await, &proved("aa", 12)).await;
    kcm.ends(&kcm.job_like(&format!("brs-{name}-shop")).await, &proved("bb", 7)).await;
    let told = ended(&world, &name).await;
    assert!(holds(&told, DRILLED), "{:#?}", told.status);
    assert!(status(&told).seconds.is_some() && status(&told).data_age_seconds.is_some());
    world.event("main", "DrillSucceeded").await;
    let report = report(&kcm, &name).await;
    assert!(report.succeeded && report.policies.len() == 2, "{report:#?}");
    assert!(report.policies["db"].compared.as_ref().unwrap().contains("12 rows"));
    assert_eq!(report.policies["shop"].seconds, Some(3));

    // A schedule that is still far away has begun nothing, and a look later nothing is done twice.
    world.restart_operator().await;
    let second = ask(&world, "two").await;
    assert_ne!(name, second);
    for policy in ["db", "shop"] {
        kcm.ends(&kcm.job_like(&format!("brs-{second}-{policy}")).await, &proved("cc", 1)).await;
    }
    ended(&world, &second).await;
    // The last one stays to be looked at, the one before is cleared away with its Jobs; the reports stay.
    eventually("the spent drill is gone", || async {
        let there = restores(&kcm).await;
        if there == [second.clone()] { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
    let third = ask(&world, "three").await;
    for policy in ["db", "shop"] {
        kcm.ends(&kcm.job_like(&format!("brs-{third}-{policy}")).await, &proved("dd", 1)).await;
    }
    ended(&world, &third).await;
    eventually("two reports are kept", || async {
        let mut there = kcm.names::<ConfigMap>().await;
        there.retain(|name| name.starts_with("drill-"));
        let mut expected = vec![second.clone(), third.clone()];
        expected.sort();
        if there == expected { Ok(()) } else { Err(format!("{there:?}, not {expected:?}")) }
    })
    .await;
    let text = world.kubectl_zentoria(&["drill", "report"]).await.with(0);
    text.has(&format!("Restore drill {third} of br/main"));
    let text = world.kubectl_zentoria(&["drill", "report", &second]).await.with(0);
    text.has("4 tables, 1 rows");
    world.kubectl_zentoria(&["drill", "report", "drill-main-none"]).await.with(1).has(&second);
}

#[tokio::test]
async fn a_drill_that_fails_says_which_and_why_and_one_that_cannot_be_restored_does_not_hide_the_others() {
    let (world, kcm) = started("bk-drill-fails").await;
    estate(&world, &kcm, &["db", "shop"]).await;
    // Nothing of it is known here: it cannot be restored, and the others can.
    apply(&world, "BackupPolicy", "astray", policy("nowhere", HOURLY)).await;
    let name = ask(&world, "one").await;
    let why = "table orders: 12 rows, not 13";
    kcm.ends(&kcm.job_like(&format!("brs-{name}-db")).await, &failure(JobError::Mismatch, why)).await;
    kcm.ends(&kcm.job_like(&format!("brs-{name}-shop")).await, &proved("bb", 7)).await;
    let told = ended(&world, &name).await;
    assert!(!holds(&told, DRILLED) && status(&told).last_success.is_none(), "{:#?}", told.status);
    assert!(holds(&told, "Ready"), "a repository whose drill failed is ready all the same");
    world.event("main", "DrillFailed").await;
    let report = report(&kcm, &name).await;
    assert!(!report.succeeded && report.policies["shop"].succeeded, "{report:#?}");
    assert_eq!(report.policies["db"].message.as_deref(), Some(why));
    assert!(report.policies["astray"].message.as_ref().unwrap().contains("nowhere"), "{report:#?}");
    let labels = format!("namespace=\"{}\",repository=\"main\"", world.namespace);
    world.measures("zentoria_backup_drill_failed{", &labels, |failed| (failed - 1.0).abs() < 0.5).await;
}

#[tokio::test]
async fn a_drill_that_is_due_begins_by_itself_and_a_restart_in_the_middle_begins_no_second_one() {
    let (world, kcm) = started("bk-drill-due").await;
    ready_repository(&world, &kcm, "main").await;
    apply(&world, "BackupPolicy", "db", policy("main", HOURLY)).await;
    kcm.cron("bp-db-hourly").await;
    apply(&world, "BackupRepository", "main", drilled("0 8 29 2 *", 2)).await;
    until(&world, "has seen the schedule", "main", |object: &BackupRepository| status(object).since.is_some()).await;
    // The 29th of February was seen years ago: its time has passed, as it does for an operator that was away.
    let long_ago = json!({"status": {"drill": {"since": "2023-01-01T00:00:00Z"}}});
    world.kill_operator().await;
    let api: Api<BackupRepository> = kcm.api();
    api.patch_status("main", &PatchParams::default(), &Patch::Merge(&long_ago)).await.unwrap();
    world.start_operator().await;
    let began = until(&world, "has begun", "main", |object: &BackupRepository| status(object).running.is_some()).await;
    let (name, due) = (status(&began).running.unwrap(), status(&began).due.unwrap());
    assert!(name.starts_with("drill-main-2") && name.ends_with("0229-0800"), "{name}");
    // Killed in the middle, and what it had written of it is lost.
    let job = kcm.job_like(&format!("brs-{name}-db")).await;
    world.kill_operator().await;
    let lost = json!({"status": {"drill": {"due": null, "running": null}}});
    api.patch_status("main", &PatchParams::default(), &Patch::Merge(&lost)).await.unwrap();
    kcm.ends(&job, &proved("aa", 12)).await;
    world.start_operator().await;
    let told = ended(&world, &name).await;
    assert_eq!(status(&told).due, Some(due));
    assert!(status(&told).last_success.is_some());
    assert_eq!(restores(&kcm).await, std::slice::from_ref(&name));
    assert_eq!(report(&kcm, &name).await.due.map(|due| due.to_string()).unwrap().get(4..), Some("-02-29T08:00:00Z"));
    // And once more: nothing is begun again.
    world.restart_operator().await;
    apply(&world, "BackupRestore", "proof", json!({"policyRef": {"name": "db"}, "into": {"scratch": {}}})).await;
    kcm.job_like("brs-proof-db").await;
    assert_eq!(restores(&kcm).await, [name]);
}

#[tokio::test]
async fn a_drill_whose_restore_is_deleted_has_failed() {
    let (world, kcm) = started("bk-drill-gone").await;
    estate(&world, &kcm, &["db"]).await;
    let name = ask(&world, "one").await;
    kcm.job_like(&format!("brs-{name}-db")).await;
    kcm.remove::<BackupRestore>(&name).await;
    let told = ended(&world, &name).await;
    assert!(status(&told).message.unwrap().contains("deleted before it had ended"));
    assert!(!report(&kcm, &name).await.succeeded);
}

#[tokio::test]
async fn a_platform_is_restored_wave_by_wave_and_a_restore_that_is_paused_waits() {
    let (world, kcm) = started("bk-waves").await;
    ready_repository(&world, &kcm, "main").await;
    let at = |container: &str| {
        let mut spec = policy("main", HOURLY);
        spec["source"]["postgres"]["server"] = json!({"containerRef": {"name": container}});
        spec
    };
    // Of a container that exists its wave counts, whether it runs or not: a restore elsewhere needs no source.
    for (vmid, name, depends_on) in [(401, "base", None), (402, "middle", Some("base")), (403, "top", Some("middle"))] {
        let mut container = container(&world.cluster, &world.namespace, name, vmid);
        container.spec.depends_on = depends_on.map(after).into_iter().collect();
        let spec = serde_json::to_value(&container.spec).expect("JSON");
        apply(&world, "ZentoriaContainer", name, spec).await;
        apply(&world, "BackupPolicy", &format!("p-{name}"), at(name)).await;
    }
    let all = json!({"selector": {}, "into": {"scratch": {}}});
    apply_with(&world, "BackupRestore", "all", all.clone(), json!({PAUSED_ANNOTATION: "true"})).await;
    let summary = |restore: &BackupRestore| restore.status.as_ref().and_then(|status| status.summary.clone());
    until(&world, "is paused", "all", |restore: &BackupRestore| summary(restore).as_deref() == Some("Paused")).await;
    assert!(kcm.names::<Job>().await.iter().all(|name| !name.starts_with("brs-")));
    let api: Api<BackupRestore> = kcm.api();
    let resumed = json!({"metadata": {"annotations": {PAUSED_ANNOTATION: null}}});
    api.patch("all", &PatchParams::default(), &Patch::Merge(&resumed)).await.unwrap();
    for (count, name) in ["base", "middle", "top"].into_iter().enumerate() {
        let job = kcm.job_like(&format!("brs-all-p-{name}")).await;
        let mut begun = kcm.names::<Job>().await;
        begun.retain(|name| name.starts_with("brs-all-"));
        assert_eq!(begun.len(), count + 1, "{name} comes when the wave before has ended: {begun:?}");
        // Elsewhere a failure does not hold up what comes later.
        let outcome = if name == "middle" { failure(JobError::Mismatch, "a row is missing") } else { proved("aa", 1) };
        kcm.ends(&job, &outcome).await;
    }
    let told = until(&world, "has ended", "all", |restore: &BackupRestore| {
        restore.status.as_ref().is_some_and(|status| status.phase == RestorePhase::Failed)
    })
    .await;
    let status = told.status.unwrap();
    assert_eq!(status.progress.as_deref(), Some("2/3 policies"));
    assert_eq!(status.results["p-top"].phase, RestorePhase::Succeeded);
    assert!(status.begun.is_some() && status.ended.is_some());
}
