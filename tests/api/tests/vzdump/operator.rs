//! Mode Operator: begun one after the other, followed, and pruned by notes.

use super::{apply, archive, dumps, mark, message, notes, patch, says, until, volumes, weekly, world};
use serde_json::json;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::wait::eventually;

#[tokio::test]
async fn a_run_backs_up_each_container_once_with_notes_and_prunes_by_them_alone() {
    let world = world("vzdump run", &[], |ns| {
        let db = mark(ns, "db", 400);
        let mut protected = archive(400, 24 * 50, &db, &notes(ns, "all", "weekly"));
        protected["protected"] = json!(1);
        vec![
            archive(400, 24 * 60, &db, &notes(ns, "all", "weekly")),
            protected,
            archive(400, 24 * 61, &db, "by hand, keep"),
            archive(400, 24 * 62, &db, &notes(ns, "other", "weekly")),
            archive(400, 24 * 63, &db, &notes("office", "all", "weekly")),
        ]
    })
    .await;
    for (name, vmid) in [("db", 400), ("web", 401), ("mail", 402)] {
        world.create(&world.container(name, vmid)).await;
    }
    world.pve.set(json!({"ct_secs": {"backup": 10}})).await;
    let vzdump = json!({"mode": "Operator", "storage": "local"});
    apply(&world, "all", vzdump, weekly(), json!({"jitter": "0s"})).await;
    until(&world, "is looked at", "all", |policy| policy.status.is_some()).await;
    assert!(dumps(&world).await.is_empty(), "what was due before it was made is not its");
    world.kubectl_zentoria(&["backup", "run", "bp/all", "--tier", "weekly"]).await.with(0).has("is asked for");
    until(&world, "has the task in status", "all", |policy| {
        let tiers = policy.status.as_ref().map(|status| status.tiers.clone()).unwrap_or_default();
        tiers
            .get("weekly")
            .is_some_and(|tier| tier.operation.running.as_deref().is_some_and(|upid| upid.contains(":vzdump:")))
    })
    .await;
    let policy = until(&world, "is carried out", "all", |policy| {
        policy.status.as_ref().is_some_and(|status| status.run.is_some() && status.guests.len() == 3)
    })
    .await;
    let word = policy.metadata.annotations.as_ref().unwrap()["zentoria.ai/run"].clone();
    assert_eq!(policy.status.as_ref().unwrap().run.as_deref(), Some(word.as_str()));
    says(&world, "all", "Fresh").await;

    let begun = dumps(&world).await;
    let mut vmids: Vec<String> = begun.iter().filter_map(|row| row.param("vmid")).collect();
    vmids.sort();
    assert_eq!(vmids, ["400", "401", "402"]);
    for row in &begun {
        assert_eq!(row.param("remove").as_deref(), Some("0"));
        assert_eq!(row.param("prune-backups"), None);
        assert_eq!(row.param("notes-template"), Some(notes(&world.namespace, "all", "weekly")));
    }
    one_after_the_other(&world.pve.tasks().await);
    eventually("what is kept no longer is removed, and nothing else", || async {
        let left: Vec<i64> = volumes(&world).await.iter().filter_map(|volume| volume["ctime"].as_i64()).collect();
        if left.len() == 7 { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let deleted: Vec<String> =
        world.pve.writes().await.iter().filter(|row| row.method == "DELETE").map(Request::line).collect();
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    world.polls(4).await;
    assert_eq!(dumps(&world).await.len(), 3, "once");
    let stopped = world.kubectl_zentoria(&["backup", "run", "all", "--tier", "hourly"]).await.with(1);
    stopped.has("it has weekly");
}

/// No vzdump task began before the one before it had ended.
fn one_after_the_other(tasks: &[serde_json::Value]) {
    let mut spans: Vec<(f64, f64)> = tasks
        .iter()
        .filter(|task| task["type"] == "vzdump")
        .map(|task| (task["starttime"].as_f64().unwrap(), task["endtime"].as_f64().unwrap()))
        .collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{spans:?}");
    }
}

#[tokio::test]
async fn a_failure_is_told_by_the_log_and_does_not_keep_the_others_from_theirs() {
    let world = world("vzdump failure", &[], |_| Vec::new()).await;
    world.create(&world.container("db", 400)).await;
    world.create(&world.container("web", 401)).await;
    let fault = json!({"type": "vzdump", "vmid": 400, "message": "job errors", "times": 1});
    world.pve.fault("task_fault", json!([]), fault).await;
    apply(&world, "all", json!({"mode": "Operator", "storage": "local"}), weekly(), json!({})).await;
    world.kubectl_zentoria(&["backup", "run", "all"]).await.with(0).has("tier weekly");
    let policy = says(&world, "all", "BackupFailed").await;
    assert!(message(&policy).contains("the backup of db failed: job errors"), "{}", message(&policy));
    let status = until(&world, "has backed the other one up", "all", |policy| {
        policy.status.as_ref().is_some_and(|status| status.guests.contains_key("web"))
    })
    .await
    .status
    .unwrap();
    assert!(status.tiers["weekly"].operation.message.as_deref().is_some_and(|text| text.starts_with("db: job errors")));
    world.event("all", "BackupFailed").await;
    until(&world, "is carried out", "all", |policy| policy.status.as_ref().is_some_and(|status| status.run.is_some()))
        .await;
    world.kubectl_zentoria(&["backup", "run", "all"]).await.with(0).has("tier weekly");
    says(&world, "all", "Fresh").await;
}

#[tokio::test]
async fn what_may_not_be_written_is_refused_before_anything_is_begun() {
    let world = world("vzdump rights", &[], |_| Vec::new()).await;
    world.create(&world.container("db", 400)).await;
    apply(&world, "all", json!({"mode": "Operator", "storage": "elsewhere"}), weekly(), json!({})).await;
    let policy = says(&world, "all", "NotAllowed").await;
    assert!(message(&policy).contains("access[].allow.storages"), "{}", message(&policy));
    patch(&world, "all", json!({"source": {"vzdump": {"storage": "local"}}})).await;
    world.patch_cluster(json!({"mode": "Observe"})).await;
    until(&world, "respects the cluster's mode", "all", |policy| message(policy).contains("in mode Observe")).await;
    assert!(dumps(&world).await.is_empty());
}

#[tokio::test]
async fn a_killed_operator_takes_its_running_backup_up_again_and_begins_no_second_one() {
    let world = world("vzdump kill", &[], |_| Vec::new()).await;
    world.create(&world.container("db", 400)).await;
    apply(&world, "all", json!({"mode": "Operator", "storage": "local"}), weekly(), json!({})).await;
    until(&world, "is looked at", "all", |policy| policy.status.is_some()).await;
    // Long enough for another process to find it at work.
    world.pve.set(json!({"ct_secs": {"backup": 400}})).await;
    let barrier = json!({"at": 1, "when": "after", "mutating_only": true, "user": zentoria_api_tests::pve::OPERATOR, "path": "/vzdump"});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&barrier)).await;
    world.kubectl_zentoria(&["backup", "run", "all"]).await.with(0).has("is asked for");
    world.pve.barrier_hit(60).await.expect("the backup is begun");
    world.kill_operator().await;
    world.pve.release_barrier().await;
    world.start_operator().await;
    until(&world, "is carried out", "all", |policy| policy.status.as_ref().is_some_and(|status| status.run.is_some()))
        .await;
    says(&world, "all", "Fresh").await;
    assert_eq!(dumps(&world).await.len(), 1);
    assert_eq!(volumes(&world).await.len(), 1);
}
