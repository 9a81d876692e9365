//! From a repository and a policy to a backup that status, events and figures show.

use super::{
    ID, Kcm, apply, backed_up, empty, holds, policy, ready_policy, repository, says, started, success, until, versions,
};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::conditions::{FRESH, INITIALISED, REPOSITORY_READY, VERIFIED};
use zentoria_api_tests::World;
use zentoria_api_tests::wait::{eventually, when};
use zentoria_types::backup_job::{Operation, Outcome, Proof, RestoreInto};

const HOURLY: &[(&str, &str)] = &[("hourly", "0 * * * *")];

#[tokio::test]
async fn a_repository_is_initialised_once_and_then_has_its_cron_jobs_and_its_policies_theirs() {
    let (world, kcm) = started("bk-slice").await;
    apply(&world, "BackupRepository", "main", repository("main")).await;
    apply(&world, "BackupPolicy", "db", policy("main", &[("hourly", "0 * * * *"), ("daily", "30 2 * * *")])).await;
    let job = kcm.job("br-main-init").await;
    assert_eq!(kcm.told("br-main-init").await.operation, Operation::Init);
    says::<BackupRepository>(&world, "main", "Initialising").await;
    says::<BackupPolicy>(&world, "db", "RepositoryNotReady").await;
    assert!(kcm.names::<CronJob>().await.is_empty(), "nothing is scheduled before its id is known");

    kcm.ends(&job, &empty()).await;
    let told = until(&world, "has its id", "main", |repository: &BackupRepository| {
        repository.status.as_ref().is_some_and(|status| status.repository_id.as_deref() == Some(ID))
    })
    .await;
    assert!(holds(&told, INITIALISED), "{told:#?}");
    for name in ["br-main-check", "br-main-maintain", "bp-db-hourly", "bp-db-daily"] {
        let cron = kcm.cron(name).await;
        assert_eq!(cron.spec.concurrency_policy.as_deref(), Some("Forbid"), "{name}");
        assert_eq!(kcm.told(name).await.repository_id.as_deref(), Some(ID), "{name}");
    }
    says::<BackupRepository>(&world, "main", "Ready").await;
    let Operation::Maintain { keep } = kcm.told("br-main-maintain").await.operation else { panic!("not maintenance") };
    let rules: Vec<_> = keep.iter().map(|rule| (rule.policy.as_str(), rule.tier.as_str())).collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert!(rules.contains(&("db", "hourly")) && rules.contains(&("db", "daily")), "{rules:?}");
    assert!(!kcm.names::<Job>().await.iter().any(|name| name.contains("inspect")), "it was empty: nobody asks it");
}

#[tokio::test]
async fn a_repository_that_held_backups_when_it_was_met_tells_the_policies_of_them() {
    let (world, kcm) = started("bk-met").await;
    apply(&world, "BackupRepository", "main", repository("main")).await;
    apply(&world, "BackupPolicy", "db", policy("main", HOURLY)).await;
    kcm.ends(&kcm.job("br-main-init").await, &Outcome { snapshots: Some(9), ..success() }).await;
    let inspect = kcm.job_like("br-main-inspect").await;
    let newest = backed_up("beef1234").snapshot.unwrap();
    kcm.ends(&inspect, &Outcome { newest: [("db/hourly".to_owned(), newest)].into(), ..success() }).await;
    let told = says::<BackupPolicy>(&world, "db", "Fresh").await;
    let snapshot = told.status.unwrap().tiers["hourly"].snapshot.clone().unwrap();
    assert!(snapshot.id.starts_with("beef1234"), "{snapshot:#?}");
    // Once is enough.
    kcm.remove::<Job>(&inspect.name_any()).await;
    world.restart_operator().await;
    kcm.ends(&kcm.fire(&kcm.cron("bp-db-hourly").await, "1").await, &backed_up("abcd1234")).await;
    until(&world, "has the newer one", "db", |policy: &BackupPolicy| {
        let tier = policy.status.as_ref().and_then(|status| status.tiers.get("hourly")?.snapshot.clone());
        tier.is_some_and(|snapshot| snapshot.id.starts_with("abcd1234"))
    })
    .await;
    assert!(!kcm.names::<Job>().await.iter().any(|name| name.contains("inspect")));
}

#[tokio::test]
async fn a_run_of_a_cron_job_is_shown_in_status_events_and_figures_and_then_nothing_is_written() {
    let (world, kcm) = started("bk-run").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    says::<BackupPolicy>(&world, "db", "Pending").await;
    let cron = kcm.cron("bp-db-hourly").await;
    let job = kcm.fire(&cron, "1").await;
    let pod = kcm.pod(&job).await;
    says::<BackupPolicy>(&world, "db", "Running").await;
    kcm.pod_ends(&pod, &backed_up("abcd1234")).await;
    kcm.job_ends(&job, true).await;
    let told = says::<BackupPolicy>(&world, "db", "Fresh").await;
    assert!(holds(&told, FRESH) && holds(&told, REPOSITORY_READY), "{told:#?}");
    let status = told.status.unwrap();
    let tier = &status.tiers["hourly"];
    assert!(tier.snapshot.as_ref().unwrap().id.starts_with("abcd1234"), "{tier:#?}");
    assert!(tier.operation.last_success.is_some() && tier.operation.running.is_none(), "{tier:#?}");
    assert!(status.last_success.is_some() && status.next.is_some() && status.promise.is_some(), "{status:#?}");
    let event = world.event("db", "BackupSucceeded").await;
    assert!(event.note.unwrap().contains("abcd1234"));
    let labels = format!("namespace=\"{}\",policy=\"db\"", world.namespace);
    world.measures("zentoria_backup_last_success_timestamp_seconds", &labels, |newest| newest > 1.7e9).await;
    world.measures("zentoria_backup_added_bytes", &labels, |bytes| (bytes - 4096.0).abs() < 0.5).await;
    world.measures("zentoria_backup_late", &labels, |late| late.abs() < 0.5).await;
    quiet(&world, &kcm).await;
}

/// Waits until the operator has looked at policy and repository, and nothing was written.
async fn quiet(world: &World, kcm: &Kcm) {
    let looked = async |kind: &str| world.metric("zentoria_reconcile_total", &format!("kind=\"{kind}\"")).await;
    let written = async || world.metric("zentoria_status_writes_total", "kind=\"Backup").await;
    eventually("looks without a write", || async {
        let (before, writes) = (versions(kcm).await, written().await);
        // An annotation that nobody reads makes the operator look.
        let (repositories, policies) = (looked("BackupRepository").await, looked("BackupPolicy").await);
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"look": format!("{policies}")}}}));
        kcm.api::<BackupPolicy>().patch("db", &PatchParams::default(), &patch).await.unwrap();
        eventually("another look at the policy", || async {
            when(looked("BackupPolicy").await, |now| *now > policies)
        })
        .await;
        eventually("another look at the repository", || async {
            when(looked("BackupRepository").await, |now| *now > repositories)
        })
        .await;
        let (mut after, wrote) = (versions(kcm).await, written().await);
        after.retain(|name, version| before.get(name) != Some(version) && name != "BackupPolicy db");
        if after.is_empty() && (wrote - writes).abs() < 0.5 { Ok(()) } else { Err(format!("{wrote}, {after:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_restore_test_proves_the_newest_backup() {
    let (world, kcm) = started("bk-verify").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let mut spec = policy("main", HOURLY);
    spec["verify"] = json!({"restoreTest": {"schedule": "0 4 * * 0"}});
    apply(&world, "BackupPolicy", "db", spec).await;
    let hourly = kcm.cron("bp-db-hourly").await;
    kcm.ends(&kcm.fire(&hourly, "1").await, &backed_up("abcd1234")).await;
    says::<BackupPolicy>(&world, "db", "Fresh").await;
    let test = kcm.cron("bp-db-restore-test").await;
    let Operation::Restore { into, .. } = kcm.told("bp-db-restore-test").await.operation else { panic!("no restore") };
    assert!(matches!(into, RestoreInto::Scratch { .. }), "{into:?}");
    let proof = Proof { compared: "3 databases, 41 tables, 1204221 rows, schema equal".into(), seconds: 7 };
    let outcome = Outcome { proof: Some(proof), ..backed_up("abcd1234") };
    kcm.ends(&kcm.fire(&test, "1").await, &outcome).await;
    let told = until(&world, "is verified", "db", |policy: &BackupPolicy| holds(policy, VERIFIED)).await;
    let status = told.status.unwrap();
    assert!(status.verified.is_some());
    let evidence = status.evidence.expect("evidence");
    assert!(evidence.compared.contains("1204221 rows") && evidence.snapshot.starts_with("abcd1234"), "{evidence:#?}");
    world.event("db", "RestoreTestSucceeded").await;
}

#[tokio::test]
async fn a_tier_that_is_taken_away_takes_its_cron_job_with_it_and_a_hand_that_changes_one_is_corrected() {
    let (world, kcm) = started("bk-tiers").await;
    ready_policy(&world, &kcm, "db", &[("hourly", "0 * * * *"), ("daily", "30 2 * * *")]).await;
    apply(&world, "BackupPolicy", "db", policy("main", &[("hourly", "15 * * * *")])).await;
    eventually("the daily CronJob is gone", || async {
        when(kcm.names::<CronJob>().await, |names| !names.iter().any(|name| name == "bp-db-daily")).map(|_| ())
    })
    .await;
    let schedule = async || kcm.cron("bp-db-hourly").await.spec.schedule;
    eventually("the schedule is the new one", || async { when(schedule().await, |now| now == "15 * * * *") }).await;
    let patch = Patch::Merge(json!({"spec": {"schedule": "1 1 1 1 *", "suspend": true}}));
    kcm.api::<CronJob>().patch("bp-db-hourly", &PatchParams::default(), &patch).await.unwrap();
    eventually("the schedule is back", || async { when(schedule().await, |now| now == "15 * * * *") }).await;
    assert_eq!(kcm.cron("bp-db-hourly").await.spec.suspend, Some(false));
    kcm.remove::<ConfigMap>("bp-db-hourly").await;
    eventually("the ConfigMap is back", || async {
        when(kcm.names::<ConfigMap>().await, |names| names.iter().any(|name| name == "bp-db-hourly")).map(|_| ())
    })
    .await;
    let rules = async || match kcm.told("br-main-maintain").await.operation {
        Operation::Maintain { keep } => keep.into_iter().map(|rule| rule.tier).collect::<Vec<_>>(),
        _ => panic!("not maintenance"),
    };
    eventually("what is kept follows the tiers", || async { when(rules().await, |tiers| *tiers == ["hourly"]) }).await;
}

#[tokio::test]
async fn a_person_starts_a_run_by_annotation_once_for_each_word() {
    let (world, kcm) = started("bk-manual").await;
    ready_policy(&world, &kcm, "db", &[("hourly", "0 * * * *"), ("daily", "30 2 * * *")]).await;
    let annotate = async |word: &str| {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"zentoria.ai/run": word}}}));
        kcm.api::<BackupPolicy>().patch("db", &PatchParams::default(), &patch).await.unwrap();
    };
    let carried_out = async |word: &str| {
        until(&world, "has carried it out", "db", |policy: &BackupPolicy| {
            policy.status.as_ref().is_some_and(|status| status.run.as_deref() == Some(word))
        })
        .await;
    };
    annotate("now-1").await;
    let job = kcm.job_like("bp-db-run-").await;
    let Operation::Backup { tier, .. } = kcm.told(&job.name_any()).await.operation else { panic!("no backup") };
    assert_eq!(tier, "hourly");
    carried_out("now-1").await;
    kcm.ends(&job, &backed_up("aaaa1111")).await;
    says::<BackupPolicy>(&world, "db", "Fresh").await;
    let runs = async || {
        let mut names = kcm.names::<Job>().await;
        names.retain(|name| name.starts_with("bp-db-run-"));
        names.len()
    };
    annotate("now-2/daily").await;
    carried_out("now-2/daily").await;
    assert_eq!(runs().await, 2);
    annotate("now-3/monthly").await;
    carried_out("now-3/monthly").await;
    assert_eq!(runs().await, 2, "there is no tier monthly");
    let event = world.event("db", "RunRefused").await;
    assert!(event.note.unwrap().contains("hourly, daily"));
    // The word was carried out: neither another look nor another process starts it again.
    kcm.remove::<Job>(&job.name_any()).await;
    world.restart_operator().await;
    annotate("now-4/hourly").await;
    carried_out("now-4/hourly").await;
    assert_eq!(runs().await, 2, "the one of now-2 and the one of now-4");
    let told = until(&world, "is at work", "db", |policy: &BackupPolicy| {
        let tier = policy.status.as_ref().and_then(|status| status.tiers.get("hourly"));
        tier.is_some_and(|tier| tier.operation.running.is_some())
    })
    .await;
    assert!(holds(&told, FRESH));
}
