//! OCI images.

use super::{downloads, made_from, may_download, may_fetch_from};
use serde_json::{Value, json};
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::container::Origin;
use zentoria_api_tests::World;

const REFERENCE: &str = "docker.io/library/redis:7";

fn source(reference: &str) -> Value {
    json!({"image": {"reference": reference, "storage": "local", "entrypoint": "redis-server --port 7000",
                     "env": {"MODE": "cache"}}})
}

fn registries(spec: &mut ProxmoxClusterSpec) {
    may_fetch_from(spec, &["docker.io", "127.0.0.1:5000"]);
}

fn registry(seed: &mut Value) {
    may_download(seed);
    let image = json!({"size": 40_000_000, "entrypoint": "docker-entrypoint.sh redis-server",
                       "env": "PATH=/usr/local/bin\u{0}MODE=image", "ostype": "alpine"});
    seed["settings"] = json!({"oci_images": {REFERENCE: image, "127.0.0.1:5000/evil/redis:7": 1000}});
}

#[tokio::test]
async fn an_image_is_pulled_once_and_runs_as_the_spec_says_from_its_first_start_on() {
    let world = World::builder("image").seed(registry).cluster(registries).start().await;
    for (name, vmid) in [("one", 400), ("two", 401)] {
        world.apply(&made_from(world.container(name, vmid), source(REFERENCE))).await;
    }
    for name in ["one", "two"] {
        let status = world.ready(name).await.status.unwrap();
        assert_eq!(status.created.unwrap().origin, Origin::Image);
        assert_eq!(status.defaults.unwrap().template.as_deref(), Some(REFERENCE));
    }
    assert_eq!(downloads(&world).await.len(), 1);
    let guest = world.pve.guest(400).await;
    assert_eq!(guest.option("entrypoint"), "redis-server --port 7000");
    let env = guest.option("env");
    let entries: Vec<&str> = env.split('\0').collect();
    assert_eq!(entries, ["PATH=/usr/local/bin", "MODE=cache"], "the image's own variables stay");
    assert_eq!((guest.starts, guest.option("ostype").as_str()), (1, "alpine"));
    let writes = world.pve.writes_to(400).await;
    let put = writes.iter().position(|row| row.param("entrypoint").is_some() && row.method == "PUT").unwrap();
    let start = writes.iter().position(|row| row.path.ends_with("/status/start")).unwrap();
    assert!(put < start);
}

#[tokio::test]
async fn images_of_one_name_from_two_registries_are_two_images() {
    let world = World::builder("registries").seed(registry).cluster(registries).start().await;
    world
        .create(&made_from(
            world.container("evil", 400),
            json!({"image": {
        "reference": "127.0.0.1:5000/evil/redis:7", "storage": "local"}}),
        ))
        .await;
    world.create(&made_from(world.container("good", 401), source(REFERENCE))).await;
    assert_eq!(downloads(&world).await.len(), 2);
    assert_eq!(world.pve.guest(401).await.option("ostype"), "alpine");
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_said() {
    let world = World::builder("no image").seed(registry).cluster(registries).start().await;
    world.apply(&made_from(world.container("db", 400), source("docker.io/library/redsi:7"))).await;
    world.refused("db", "NotFound", &["docker.io/library/redsi:7", "manifest unknown"]).await;
    assert!(world.pve.guests().await.is_empty());
}

#[tokio::test]
async fn an_old_proxmox_ve_makes_no_guests_of_images() {
    let world = World::builder("old version")
        .seed(|seed| {
            registry(seed);
            seed["version"] = json!("8.4.1");
        })
        .cluster(registries)
        .start()
        .await;
    world.apply(&made_from(world.container("cache", 400), source(REFERENCE))).await;
    world.refused("cache", "NotSupported", &["8.4.1", "9.1", "source.image"]).await;
    world.create(&world.container("db", 401)).await;
    assert!(downloads(&world).await.is_empty());
}
