//! Mode Observe: age and verification of what lies there, whoever made it.

use super::{apply, archive, dumps, mark, message, says, until, volumes, weekly, world};
use serde_json::json;

#[tokio::test]
async fn what_others_left_is_shown_with_its_age_and_never_touched() {
    let world = world("vzdump observe", &[], |ns| {
        let mut verified = archive(400, 20, &mark(ns, "db", 400), "nightly");
        let upid = "UPID:pbs:00000A1B:00000C2D:0000000E:69560F80:verificationjob:store:root@pam:";
        verified["verification"] = json!({"state": "ok", "upid": upid});
        vec![
            verified,
            archive(400, 44, &mark(ns, "db", 400), ""),
            // Another guest had the number since: a younger backup that is not of ours.
            archive(400, 2, &mark("office", "payroll", 400), ""),
            archive(401, 30, &mark(ns, "web", 401), ""),
        ]
    })
    .await;
    world.create(&world.container("db", 400)).await;
    world.create(&world.container("web", 401)).await;
    world.pve.forget_requests().await;
    apply(&world, "all", json!({}), weekly(), json!({})).await;
    let policy = says(&world, "all", "Fresh").await;
    let status = policy.status.unwrap();
    let db = &status.guests["db"];
    assert!(db.volume.contains("vzdump-lxc-400-") && db.verification.as_deref() == Some("ok"), "{db:?}");
    assert_eq!(status.guests["web"].verification, None);
    let oldest = status.guests["web"].time.clone();
    assert_eq!(status.last_success, Some(oldest), "as old as the oldest of its containers' newest");
    assert_ne!(db.time, status.guests["web"].time);
    assert_eq!((status.promise.as_deref(), status.schedule.as_deref()), (Some("14d"), Some("0 4 * * 0")));

    // Many looks later nothing was written anywhere.
    let version = |policy: &zentoria_api::backup::BackupPolicy| policy.metadata.resource_version.clone();
    let quiet = until(&world, "is there", "all", |_| true).await;
    world.polls(6).await;
    let later = until(&world, "is there", "all", |_| true).await;
    assert_eq!(version(&quiet), version(&later));
    let lines: Vec<String> = world.pve.writes().await.iter().map(|row| row.line()).collect();
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(volumes(&world).await.len(), 4);

    // A container whose only backup is of another guest of its number.
    world.create(&world.container("new", 402)).await;
    let policy =
        until(&world, "sees that one has none yet", "all", |policy| message(policy).contains("no backup yet of new"))
            .await;
    assert!(!policy.status.unwrap().guests.contains_key("new"));
}

#[tokio::test]
async fn what_is_too_old_is_late_in_status_event_and_figures_and_says_what_pve_said() {
    let world = world("vzdump late", &[], |ns| vec![archive(400, 20, &mark(ns, "db", 400), "")]).await;
    world.create(&world.container("db", 400)).await;
    let tier = json!({"name": "hourly", "schedule": "0 * * * *", "keep": "7d"});
    apply(&world, "all", json!({"selector": {"matchLabels": {}}}), tier, json!({"promise": "6h"})).await;
    let policy = says(&world, "all", "Late").await;
    assert!(message(&policy).contains("no backup that is younger than 6h of db"), "{}", message(&policy));
    world.event("all", "Late").await;
    world.measures("zentoria_backup_late{", "policy=\"all\"", |late| late > 0.5).await;
    // What PVE's own job ran into is told beside it.
    let fault = json!({"type": "vzdump", "vmid": 400, "message": "no space left on device", "times": 1});
    world.pve.fault("task_fault", json!([]), fault).await;
    world
        .pve
        .ctl
        .json("POST", "/ctl/person", Some(&json!({"act": "backup", "vmid": 400, "storage": "local", "wait": true})))
        .await;
    until(&world, "tells what vzdump said", "all", |policy| message(policy).contains("no space left on device")).await;
    // A backup by hand, and all is well.
    world
        .pve
        .ctl
        .json("POST", "/ctl/person", Some(&json!({"act": "backup", "vmid": 400, "storage": "local", "wait": true})))
        .await;
    says(&world, "all", "Fresh").await;
    assert_eq!(dumps(&world).await.iter().filter(|row| row.user.as_deref() != Some("root@pam")).count(), 0);

    // Nothing is begun by hand for what others make.
    let said = world.kubectl_zentoria(&["backup", "run", "all"]).await.with(1);
    said.has("observes backups that others make");
}

#[tokio::test]
async fn a_backup_that_a_backup_server_could_not_verify_is_told() {
    let world = world("vzdump verify", &[], |ns| {
        let mut broken = archive(400, 2, &mark(ns, "db", 400), "");
        broken["verification"] =
            json!({"state": "failed", "upid": "UPID:pbs:1:1:1:69560F80:verificationjob:s:root@pam:"});
        vec![broken]
    })
    .await;
    world.create(&world.container("db", 400)).await;
    apply(&world, "all", json!({"storage": "local"}), weekly(), json!({})).await;
    let policy = says(&world, "all", "VerificationFailed").await;
    assert!(message(&policy).contains("newest backup of db"), "{}", message(&policy));
    apply(&world, "none", json!({"storage": "nowhere"}), weekly(), json!({})).await;
    let policy = says(&world, "none", "NotAllowed").await;
    assert!(message(&policy).contains("no node has a storage nowhere"), "{}", message(&policy));
}
