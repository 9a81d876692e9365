//! What Proxmox VE does for a guest beside us holds its deletion, before anything is stopped.

use super::{builder, disposable, with_policy, writes};
use serde_json::json;
use zentoria_api::container::DeletionPolicy;

#[tokio::test]
async fn guests_under_ha_or_with_replication_are_held_with_the_remedy() {
    let world = builder("duties", "1h").start().await;
    world.create(&with_policy(&world, "db", 400, DeletionPolicy::Delete)).await;
    world.create(&disposable(&world, "web", 401)).await;
    world.create(&with_policy(&world, "api", 402, DeletionPolicy::Delete)).await;
    let duties = json!({"ha": ["ct:400", "ct:401"], "replication": [{"guest": 402, "target": "pve2"}]});
    world.pve.fault("plant_duties", json!([]), duties).await;
    world.settled().await;
    world.pve.forget_requests().await;
    for name in ["db", "web", "api"] {
        world.delete(name).await;
    }
    world.refused("db", "ManagedByHA", &["ha-manager remove ct:400"]).await;
    world.refused("web", "ManagedByHA", &["ha-manager remove ct:401"]).await;
    world.refused("api", "Replicated", &["pvesr delete 402-0"]).await;
    world.polls(2).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    for vmid in [400, 401, 402] {
        assert!(world.pve.guest(vmid).await.runs(), "{vmid}");
    }
}
