//! Templates of Proxmox VE made from containers, and linked clones of them.

use super::{made_from, may_keep};
use serde_json::json;
use zentoria_api_tests::World;

#[tokio::test]
async fn a_container_becomes_a_template_and_linked_clones_wait_for_it() {
    let world = World::builder("template").seed(may_keep).start().await;
    let linked = json!({"clone": {"container": "golden", "full": false}});
    let mut copy = made_from(world.container("linked", 400), linked);
    copy.spec.root_disk = None;
    world.apply(&copy).await;
    world.says("linked", "WaitingFor").await;
    let mut golden = world.container("golden", 450);
    golden.spec.template = true;
    world.apply(&golden).await;
    let golden = world.says("golden", "Template").await;
    assert_eq!(golden.status.unwrap().summary.as_deref(), Some("Template"));
    let guest = world.pve.guest(450).await;
    assert_eq!((guest.option("template").as_str(), guest.starts), ("1", 0), "it was never started");
    world.ready("linked").await;
    let guest = world.pve.guest(400).await;
    assert!(guest.runs() && guest.option("template").is_empty());
    let clone = world.pve.writes_to(400).await.into_iter().find(|row| row.path.ends_with("/clone")).unwrap();
    assert_eq!((clone.param("full").as_deref(), clone.param("storage")), (Some("0"), None));
    // Quiet afterwards.
    world.pve.forget_requests().await;
    world.polls(3).await;
    assert!(world.pve.writes().await.is_empty());
}

#[tokio::test]
async fn a_guest_that_runs_is_not_stopped_to_become_a_template() {
    let world = World::new("template running").await;
    world.create(&world.container("golden", 450)).await;
    world.patch("golden", json!({"template": true})).await;
    let container = world
        .until("shows why it is no template", "golden", |container| {
            container.status.as_ref().is_some_and(|s| s.pending_changes.iter().any(|change| change.field == "template"))
        })
        .await;
    let change = container.status.unwrap().pending_changes.remove(0);
    assert!(change.message.contains("stop it"), "{change:?}");
    assert!(world.pve.guest(450).await.runs());
}
