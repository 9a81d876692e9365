//! What a policy says when something is missing, fails, or does not happen.

use super::{
    apply, apply_with, backed_up, failure, holds, message, policy, ready_policy, ready_repository, says, started,
    success, until,
};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use serde_json::json;
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::conditions::FRESH;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_types::backup_job::{JobError, Outcome};

const HOURLY: &[(&str, &str)] = &[("hourly", "0 * * * *")];

#[tokio::test]
async fn a_secret_that_is_missing_is_named_and_its_coming_is_noticed() {
    let (world, kcm) = started("bk-secret").await;
    ready_repository(&world, &kcm, "main").await;
    let mut spec = policy("main", HOURLY);
    spec["source"]["postgres"]["passwordSecretRef"] = json!({"name": "later", "key": "password"});
    apply(&world, "BackupPolicy", "db", spec).await;
    let told = says::<BackupPolicy>(&world, "db", "SecretNotFound").await;
    assert!(message(&told).contains("later"), "{}", message(&told));
    world.event("db", "SecretNotFound").await;
    put_secret(&world.client, &world.namespace, "later", &[("wrong", "x")]).await;
    let told = until(&world, "names the key", "db", |policy: &BackupPolicy| message(policy).contains("password")).await;
    assert!(!message(&told).is_empty());
    put_secret(&world.client, &world.namespace, "later", &[("password", "x")]).await;
    kcm.cron("bp-db-hourly").await;
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_the_next_that_succeeds_takes_it_back() {
    let (world, kcm) = started("bk-fails").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let cron = kcm.cron("bp-db-hourly").await;
    let why = "pg_dump of database shop: connection reset by peer";
    kcm.ends(&kcm.fire(&cron, "1").await, &failure(JobError::SourceFailed, why)).await;
    let told = says::<BackupPolicy>(&world, "db", "BackupFailed").await;
    assert!(message(&told).contains(why), "{}", message(&told));
    let event = world.event("db", "BackupFailed").await;
    assert!(event.note.unwrap().contains(why));
    world.measures("zentoria_backup_runs_total", "result=\"failure\"", |failed| (failed - 1.0).abs() < 0.5).await;
    kcm.ends(&kcm.fire(&cron, "2").await, &backed_up("abcd1234")).await;
    let told = says::<BackupPolicy>(&world, "db", "Fresh").await;
    assert!(told.status.unwrap().tiers["hourly"].operation.message.is_none());
}

#[tokio::test]
async fn a_newest_backup_that_grows_too_old_is_late_at_that_moment_without_anything_happening() {
    let (world, kcm) = started("bk-late").await;
    ready_policy(&world, &kcm, "db", &[("often", "* * * * *")]).await;
    let mut spec = policy("main", &[("often", "* * * * *")]);
    spec["promise"] = json!("90s");
    apply(&world, "BackupPolicy", "db", spec).await;
    // Begun 80 seconds ago: in 10 it is late.
    let mut outcome = backed_up("abcd1234");
    outcome.snapshot.as_mut().unwrap().time -= 80;
    outcome.started -= 80;
    kcm.ends(&kcm.fire(&kcm.cron("bp-db-often").await, "1").await, &outcome).await;
    until(&world, "has a backup", "db", |policy: &BackupPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_success.is_some())
    })
    .await;
    let told = says::<BackupPolicy>(&world, "db", "Late").await;
    assert!(!holds(&told, FRESH));
    let begun = told.status.as_ref().unwrap().last_success.as_ref().unwrap().0;
    assert!(Timestamp::now().duration_since(begun).as_secs() >= 90, "late before its time: {told:#?}");
    world.event("db", "Late").await;
    world.measures("zentoria_backup_late", "policy=\"db\"", |late| (late - 1.0).abs() < 0.5).await;
    // A backup that is young again is all that it takes.
    kcm.ends(&kcm.fire(&kcm.cron("bp-db-often").await, "2").await, &backed_up("beef1234")).await;
    says::<BackupPolicy>(&world, "db", "Fresh").await;
}

#[tokio::test]
async fn runs_whose_pods_are_gone_are_learnt_from_one_look_at_the_repository() {
    let (world, kcm) = started("bk-lost").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let before = kcm.names::<Job>().await;
    world.kill_operator().await;
    for number in ["1", "2"] {
        let job = kcm.fire(&kcm.cron("bp-db-hourly").await, number).await;
        kcm.job_ends(&job, true).await;
    }
    world.start_operator().await;
    let inspections = || async {
        let mut names = kcm.names::<Job>().await;
        names.retain(|name| name.starts_with("br-main-inspect") && !before.contains(name));
        names
    };
    let inspect = zentoria_api_tests::wait::eventually("another inspection", || async {
        inspections().await.pop().ok_or_else(|| "there is none".to_owned())
    })
    .await;
    let newest = backed_up("feed1234").snapshot.unwrap();
    let outcome = Outcome { newest: [("db/hourly".to_owned(), newest)].into(), ..success() };
    kcm.ends(&kcm.job(&inspect).await, &outcome).await;
    let told = until(&world, "knows the snapshot", "db", |policy: &BackupPolicy| {
        let tier = policy.status.as_ref().and_then(|status| status.tiers.get("hourly")?.snapshot.clone());
        tier.is_some_and(|snapshot| snapshot.id.starts_with("feed1234"))
    })
    .await;
    assert!(holds(&told, FRESH));
    assert_eq!(inspections().await, [inspect], "one tells of all");
}

#[tokio::test]
async fn what_happened_while_no_operator_ran_is_folded_by_the_next_one() {
    let (world, kcm) = started("bk-away").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let cron = kcm.cron("bp-db-hourly").await;
    let job = kcm.fire(&cron, "1").await;
    let pod = kcm.pod(&job).await;
    says::<BackupPolicy>(&world, "db", "Running").await;
    world.kill_operator().await;
    kcm.pod_ends(&pod, &backed_up("abcd1234")).await;
    kcm.job_ends(&job, true).await;
    world.start_operator().await;
    says::<BackupPolicy>(&world, "db", "Fresh").await;
}

#[tokio::test]
async fn a_policy_that_is_suspended_or_paused_has_its_cron_jobs_suspended_and_no_run() {
    let (world, kcm) = started("bk-paused").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let mut spec = policy("main", HOURLY);
    spec["suspend"] = json!(true);
    apply_with(&world, "BackupPolicy", "db", spec, json!({"zentoria.ai/run": "now"})).await;
    let suspended = |expected: bool| {
        let kcm = &kcm;
        async move {
            zentoria_api_tests::wait::eventually(&format!("suspend is {expected}"), || async {
                let found = kcm.cron("bp-db-hourly").await.spec.suspend;
                if found == Some(expected) { Ok(()) } else { Err(format!("{found:?}")) }
            })
            .await;
        }
    };
    suspended(true).await;
    assert!(!kcm.names::<Job>().await.iter().any(|name| name.starts_with("bp-db-run")));
    apply(&world, "BackupPolicy", "db", policy("main", HOURLY)).await;
    suspended(false).await;
}

#[tokio::test]
async fn what_cannot_work_is_said_with_what_to_do_and_starts_nothing() {
    let (world, kcm) = started("bk-bad").await;
    ready_repository(&world, &kcm, "main").await;
    let mut zone = policy("main", HOURLY);
    zone["timeZone"] = json!("Europe/Atlantis");
    let mut keeps_nothing = policy("main", HOURLY);
    keeps_nothing["tiers"][0]["keep"] = json!("0h");
    let mut container = policy("main", HOURLY);
    container["source"]["postgres"]["server"] = json!({"containerRef": {"name": "nobody"}});
    for (name, spec, reason, part) in [
        ("cron", policy("main", &[("hourly", "61 * * * *")]), "InvalidSpec", "61"),
        ("zone", zone, "InvalidSpec", "Europe/Atlantis"),
        ("keep", keeps_nothing, "InvalidSpec", "keep"),
        ("container", container, "NotFound", "nobody"),
        ("repository", policy("elsewhere", HOURLY), "NotFound", "elsewhere"),
    ] {
        apply(&world, "BackupPolicy", name, spec).await;
        let told = says::<BackupPolicy>(&world, name, reason).await;
        assert!(message(&told).contains(part), "{name}: {}", message(&told));
        world.event(name, reason).await;
    }
    assert!(!kcm.names::<CronJob>().await.iter().any(|name| name.starts_with("bp-")));
}

#[tokio::test]
async fn pods_of_jobs_hold_no_secret_but_files_and_no_token() {
    let (world, kcm) = started("bk-pod").await;
    ready_policy(&world, &kcm, "db", HOURLY).await;
    let pod: Pod = kcm.pod(&kcm.fire(&kcm.cron("bp-db-hourly").await, "1").await).await;
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!(spec.automount_service_account_token, Some(false));
    let text = serde_json::to_string(&pod.spec).unwrap();
    assert!(!text.contains("secretKeyRef") && !text.contains("envFrom"), "{text}");
    assert_eq!(pod.labels()["zentoria.ai/backup-owner"], "policy.db");
    // Nobody asked for the values: the operator reads them in no other way than by the names of their keys.
    let secrets: kube::Api<Secret> = kcm.api();
    let secret = secrets.get("db").await.unwrap();
    assert!(!world.log().contains(&format!("{:?}", secret.data)), "the log shows a Secret");
    says::<BackupRepository>(&world, "main", "Ready").await;
}
