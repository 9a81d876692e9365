//! The backup before a destruction.

use super::{backed, builder, tasks, with_policy, writes};
use serde_json::json;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::DeletionPolicy;

#[tokio::test]
async fn a_guest_is_destroyed_once_its_backup_is_listed_and_is_kept_while_vzdump_fails() {
    let world = backed("final", "1h").start().await;
    world.create(&with_policy(&world, "db", 400, DeletionPolicy::Delete)).await;
    world.pve.fault("task_fault", json!([]), json!({"type": "vzdump", "message": "no space left", "times": 1})).await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.says("db", "TaskFailed").await;
    assert!(!world.pve.guest(400).await.runs());
    world.gone("db").await;
    let expected = [
        "POST /nodes/pve1/lxc/400/status/shutdown",
        "POST /nodes/pve1/vzdump",
        "POST /nodes/pve1/vzdump",
        "DELETE /nodes/pve1/lxc/400",
    ];
    assert_eq!(writes(&world).await, expected);
    let note = world.event("db", "Destroying").await.note.unwrap();
    assert!(note.contains("its final backup is local:backup/vzdump-lxc-400-"), "{note}");
}

#[tokio::test]
async fn a_task_that_says_ok_is_no_backup_until_its_volume_is_listed() {
    let world = backed("final unlisted", "1h").start().await;
    world.create(&with_policy(&world, "db", 400, DeletionPolicy::Delete)).await;
    let nothing = json!({"status": 200, "body": "{\"data\":[]}", "times": null});
    world.pve.fault("answer_with", json!(["GET", "/storage/local/content"]), nothing).await;
    world.delete("db").await;
    world.refused("db", "FinalBackupNotAvailable", &["vzdump said OK", "storage local"]).await;
    world.polls(4).await;
    world.annotate("db", "example.org/nudge", Some("1")).await;
    world.polls(2).await;
    assert_eq!(tasks(&world, "vzdump").await, ["OK"], "one is enough for a person to look");
    assert_eq!(tasks(&world, "vzdestroy").await, Vec::<String>::new());
    world.pve.clear_faults().await;
    world.annotate("db", "example.org/nudge", Some("2")).await;
    world.gone("db").await;
    assert_eq!(tasks(&world, "vzdump").await, ["OK"]);
}

#[tokio::test]
async fn where_no_backup_is_possible_and_none_is_required_an_event_says_so() {
    let world = builder("final if possible", "1h").cluster(|spec| spec.safety.final_backup = FinalBackup::IfPossible);
    let world = world.start().await;
    world.create(&with_policy(&world, "db", 400, DeletionPolicy::Delete)).await;
    world.delete("db").await;
    world.gone("db").await;
    let note = world.event("db", "Destroying").await.note.unwrap();
    assert!(note.contains("without a final backup") && note.contains("safety.backupStorage"), "{note}");
}
