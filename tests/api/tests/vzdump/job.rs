//! Mode PVEJob: a job in Proxmox VE that is kept equal, and goes with its policy.

use super::{apply, delete, jobs, message, notes, patch, says, until, weekly, world};
use serde_json::{Value, json};
use zentoria_api_tests::World;
use zentoria_api_tests::wait::eventually;

async fn job_is(world: &World, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        let all = jobs(world).await;
        let ours = all.iter().find(|job| job["id"].as_str().is_some_and(|id| id.starts_with("zentoria-")));
        ours.filter(|job| holds(job)).cloned().ok_or_else(|| format!("{all:#?}"))
    })
    .await
}

#[tokio::test]
async fn a_job_is_kept_equal_and_goes_with_its_policy() {
    let world = world("vzdump job", &["Sys.Modify"], |_| Vec::new()).await;
    world.create(&world.container("db", 400)).await;
    let by_hand = json!({"id": "nightly", "schedule": "02:00", "storage": "local", "all": 1, "comment": "by hand"});
    world.pve.ctl.json("POST", "/ctl/backup-jobs", Some(&by_hand)).await;
    apply(&world, "all", json!({"mode": "PVEJob", "storage": "local"}), weekly(), json!({})).await;
    let job = job_is(&world, "the job is made", |_| true).await;
    let text = |key: &str| job[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text("schedule"), text("vmid"), text("storage")), ("sun 04:00".into(), "400".into(), "local".into()));
    assert_eq!(job["remove"].to_string().trim_matches('"'), "0");
    assert_eq!(text("comment"), notes(&world.namespace, "all", "weekly"));
    assert_eq!(text("notes-template"), text("comment"));
    says(&world, "all", "Pending").await;
    world.event("all", "BackupJobKept").await;

    // A person's hand is set right, a new container joins.
    let widened = json!({"id": text("id"), "prune-backups": "keep-last=1", "remove": 1, "enabled": 0});
    world.pve.ctl.json("POST", "/ctl/backup-jobs", Some(&widened)).await;
    job_is(&world, "the job is set right", |job| {
        job.get("prune-backups").is_none() && job["remove"].to_string().trim_matches('"') == "0"
    })
    .await;
    world.create(&world.container("web", 401)).await;
    job_is(&world, "the new container is in it", |job| job["vmid"] == "400,401").await;
    world.pve.forget_requests().await;
    world.polls(6).await;
    assert_eq!(world.pve.writes().await.len(), 0, "quiet");

    // PVE reads the schedule in the zone of its nodes.
    patch(&world, "all", json!({"timeZone": "Europe/Amsterdam"})).await;
    let policy = says(&world, "all", "InvalidSpec").await;
    assert!(message(&policy).contains("node pve1 is in UTC"), "{}", message(&policy));
    patch(&world, "all", json!({"timeZone": "UTC"})).await;
    says(&world, "all", "Pending").await;

    delete(&world, "all").await;
    let left = jobs(&world).await;
    assert_eq!(left.iter().map(|job| job["id"].clone()).collect::<Vec<_>>(), ["nightly"]);
}

#[tokio::test]
async fn another_mode_takes_the_job_away_and_a_missing_right_is_named() {
    let world = world("vzdump job rights", &[], |_| Vec::new()).await;
    world.create(&world.container("db", 400)).await;
    apply(&world, "all", json!({"mode": "PVEJob", "storage": "local"}), weekly(), json!({})).await;
    let policy = says(&world, "all", "NotAllowed").await;
    assert!(message(&policy).contains("Sys.Modify on /"), "{}", message(&policy));
    patch(&world, "all", json!({"source": {"vzdump": {"mode": "Observe"}}})).await;
    says(&world, "all", "Pending").await;
    let policy = until(&world, "is held no more", "all", |policy| policy.metadata.finalizers.is_none()).await;
    assert!(policy.metadata.deletion_timestamp.is_none());
    delete(&world, "all").await;
}
