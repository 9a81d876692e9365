//! What a namespace may have in all.

use serde_json::json;
use zentoria_api::cluster::Quota;
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::world::Conditions;

async fn world(test: &str, quota: Quota) -> World {
    World::builder(test).cluster(move |spec| spec.access[0].quota = Some(quota)).start().await
}

fn cores(world: &World, name: &str, vmid: u32, cores: u32) -> zentoria_api::ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.resources.cores = Some(cores);
    container
}

#[tokio::test]
async fn what_exceeds_the_quota_is_refused_by_how_much_and_made_once_others_leave_room() {
    let world = world("quota", Quota { cores: Some(4), ..Quota::default() }).await;
    world.create(&cores(&world, "a", 400, 2)).await;
    world.create(&cores(&world, "b", 401, 2)).await;
    world.pve.forget_requests().await;
    world.apply(&cores(&world, "c", 402, 2)).await;
    world
        .refused("c", "QuotaExceeded", &["cores: 4 of 4 used, this one asks for 2: 2 too many", "access[].quota"])
        .await;
    // A smaller one would not fit either, and one without a word on cores counts as one.
    world.patch("c", json!({"resources": {"cores": null}})).await;
    world.refused("c", "QuotaExceeded", &["this one asks for 1: 1 too many"]).await;
    assert!(world.pve.writes().await.is_empty());

    world.patch("a", json!({"resources": {"cores": 1}})).await;
    world.ready("c").await;
}

#[tokio::test]
async fn of_two_that_do_not_both_fit_the_older_is_made() {
    let world = world("quota order", Quota { count: Some(1), ..Quota::default() }).await;
    world.stop_operator().await;
    world.apply(&cores(&world, "old", 401, 1)).await;
    // Creation times have whole seconds.
    let created = world.get("old").await.metadata.creation_timestamp;
    let mut young = 0;
    zentoria_api_tests::eventually("a second has passed", || {
        young += 1;
        let (world, created) = (&world, created.clone());
        async move {
            let name = format!("young{young}");
            world.apply(&cores(world, &name, 400, 1)).await;
            if world.get(&name).await.metadata.creation_timestamp > created {
                return Ok(());
            }
            world.delete(&name).await;
            Err("not yet".to_owned())
        }
    })
    .await;
    world.start_operator().await;
    world.ready("old").await;
    world.refused(&format!("young{young}"), "QuotaExceeded", &["containers: 1 of 1 used: 1 too many"]).await;
}

#[tokio::test]
async fn a_guest_does_not_grow_beyond_the_quota_and_everything_else_goes_on() {
    let quota = Quota {
        cores: Some(4),
        memory: Some(zentoria_api_tests::size("2Gi")),
        disk: Some(zentoria_api_tests::size("20Gi")),
        count: None,
    };
    let world = world("quota growth", quota).await;
    world.create(&cores(&world, "a", 400, 2)).await;
    world.create(&cores(&world, "b", 401, 2)).await;
    world.patch("a", json!({"resources": {"cores": 4, "memory": "1Gi"}, "rootDisk": {"size": "16Gi"}})).await;
    world.guest_until("has the memory", 400, |guest| guest.option("memory") == "1024").await;
    let refused = world
        .refused(
            "a",
            "QuotaExceeded",
            &[
                "cores: 4 of 4 used, this one asks for 2 more: 2 too many",
                "disk: 16Gi of 20Gi used, this one asks for 8Gi more: 4Gi too much",
            ],
        )
        .await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.option("cores"), guest.part("rootfs", "size")), ("2".to_owned(), Some("8G".to_owned())));
    assert!(guest.runs());
    let pending = refused.status.unwrap().pending_changes;
    let fields: Vec<&str> = pending.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["resources.cores", "rootDisk.size"]);

    // Shrinking goes on, and leaves room.
    world.patch("b", json!({"resources": {"cores": 1, "memory": "256Mi"}})).await;
    world.guest_until("has fewer cores", 401, |guest| guest.option("cores") == "1").await;
    world.patch("a", json!({"resources": {"cores": 3}, "rootDisk": {"size": "12Gi"}})).await;
    world.guest_until("has grown", 400, |guest| guest.option("cores") == "3").await;
    world.guest_until("has grown", 400, |guest| guest.part("rootfs", "size").as_deref() == Some("12G")).await;
    world.ready("a").await;
}

#[tokio::test]
async fn a_larger_quota_lets_those_in_that_waited_for_it() {
    let world =
        world("quota raised", Quota { memory: Some(zentoria_api_tests::size("1Gi")), ..Quota::default() }).await;
    world.create(&cores(&world, "a", 400, 1)).await;
    let mut large = world.container("large", 401);
    large.spec.resources.memory = Some(zentoria_api_tests::size("2Gi"));
    world.apply(&large).await;
    world
        .refused("large", "QuotaExceeded", &["memory: 512Mi of 1Gi used, this one asks for 2Gi: 1536Mi too much"])
        .await;
    // One that does not fit does not keep out one that does.
    world.create(&cores(&world, "small", 402, 1)).await;
    let mut access = serde_json::to_value(&world.get_cluster().await.spec.access).unwrap();
    access[0]["quota"]["memory"] = json!("3Gi");
    world.patch_cluster(json!({"access": access})).await;
    world.ready("large").await;
    assert_eq!(world.get("small").await.truth(READY), "True");
}
