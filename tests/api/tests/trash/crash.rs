//! SIGKILL on the way into the trash and out of it.

use super::{backed, builder, disposable, tasks, thrown_away};
use serde_json::json;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;

async fn kill_at(world: &World, method: &str, path: &str, when: &str) {
    let body = json!({"at": 1, "when": when, "user": OPERATOR, "method": method, "path": path});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
}

async fn killed(world: &World, what: &str) {
    assert!(world.pve.barrier_hit(60).await.is_some(), "the operator never came to {what}");
    world.kill_operator().await;
    world.pve.release_barrier().await;
    world.start_operator().await;
}

#[tokio::test]
async fn a_crash_between_the_mark_and_the_finalizer_leaves_one_guest_in_the_trash() {
    let world = builder("trash crash", "1h").start().await;
    world.create(&disposable(&world, "db", 400)).await;
    kill_at(&world, "PUT", "/nodes/pve1/lxc/400/config", "after").await;
    world.delete("db").await;
    killed(&world, "the mark").await;
    world.gone("db").await;
    let guest = world.pve.guest(400).await;
    assert_eq!(guest.option("description").matches("trashUntil=").count(), 1, "{guest:?}");
    assert!(!guest.runs());
}

#[tokio::test]
async fn a_crash_between_the_backup_and_the_destruction_makes_neither_of_them_twice() {
    let world = backed("expiry crash", "1s").start().await;
    kill_at(&world, "POST", "/nodes/pve1/vzdump", "after").await;
    thrown_away(&world, "db", 400).await;
    killed(&world, "the backup").await;
    kill_at(&world, "DELETE", "/nodes/pve1/lxc/400", "after").await;
    killed(&world, "the destruction").await;
    world.guest_gone(400).await;
    world.polls(2).await;
    assert_eq!(
        (tasks(&world, "vzdump").await, tasks(&world, "vzdestroy").await),
        (vec!["OK".into()], vec!["OK".into()])
    );
    assert_eq!(world.get_cluster().await.status.unwrap().destroys.len(), 1);
}
