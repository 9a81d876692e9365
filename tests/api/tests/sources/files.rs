//! Templates that a storage lacks.

use super::{Web, downloads, made_from, may_download, may_fetch_from};
use serde_json::{Value, json};
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::Conditions;

const BODY: &[u8] = b"a template, as far as anybody here looks";
/// `sha256sum` of it.
const CHECKSUM: &str = "sha256:7169d9adf3ada48b7c6b618c8f9fb933a5fb20b9f085b663329c6ca90dd9c236";
const FILE: &str = "debian-13.tar.zst";

fn source(url: &str, checksum: &str) -> Value {
    json!({"template": {"name": FILE, "storage": "local", "url": url, "checksum": checksum}})
}

#[tokio::test]
async fn seventeen_containers_make_one_download() {
    let web = Web::held(BODY).await;
    let world = World::builder("one download").seed(may_download).cluster(web.is_granted()).start().await;
    let url = format!("{}/{FILE}", web.url);
    for number in 0..17 {
        let container = world.container(&format!("c{number}"), 400 + number);
        world.apply(&made_from(container, source(&url, CHECKSUM))).await;
    }
    world.says("c0", "Pulling").await;
    web.answer();
    eventually("17 containers are Ready", || async {
        let all = world.all().await;
        let ready = all.iter().filter(|c| c.truth(READY) == "True").count();
        if ready == 17 { Ok(()) } else { Err(format!("{ready}")) }
    })
    .await;
    assert_eq!(web.fetched(), 1);
    assert_eq!(downloads(&world).await.len(), 1);
    let made_with = world.get("c3").await.status.unwrap().defaults.unwrap().template;
    assert_eq!(made_with.as_deref(), Some("local:vztmpl/debian-13.tar.zst"));
}

#[tokio::test]
async fn a_restarted_operator_joins_the_download_that_runs() {
    let web = Web::held(BODY).await;
    let world = World::builder("download restart").seed(may_download).cluster(web.is_granted()).start().await;
    let url = format!("{}/{FILE}", web.url);
    world.apply(&made_from(world.container("db", 400), source(&url, CHECKSUM))).await;
    eventually("the download was asked for", || async {
        if downloads(&world).await.iter().any(|row| row.status.is_some()) { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
    world.kill_operator().await;
    world.start_operator().await;
    world.says("db", "Pulling").await;
    web.answer();
    world.ready("db").await;
    assert_eq!((downloads(&world).await.len(), web.fetched()), (1, 1));
}

#[tokio::test]
async fn what_fails_its_checksum_is_refused_once_and_a_corrected_one_is_taken() {
    let web = Web::serve(BODY).await;
    let world = World::builder("checksum").seed(may_download).cluster(web.is_granted()).start().await;
    let url = format!("{}/{FILE}", web.url);
    let wrong = format!("sha256:{}", "a".repeat(64));
    for (name, vmid) in [("one", 400), ("two", 401)] {
        world.apply(&made_from(world.container(name, vmid), source(&url, &wrong))).await;
    }
    for name in ["one", "two"] {
        world.refused(name, "SourceUnusable", &["source.template.checksum", &url, "mismatch", "nothing is made"]).await;
    }
    assert_eq!(downloads(&world).await.len(), 1, "who comes second is told the same");
    assert!(world.pve.guests().await.is_empty());
    world.patch("one", json!({"source": source(&url, CHECKSUM)})).await;
    world.ready("one").await;
}

#[tokio::test]
async fn a_url_that_nobody_answers_is_tried_again_and_a_file_that_is_not_there_is_not() {
    let web = Web::serve(BODY).await;
    let granted = web.is_granted();
    let world = World::builder("unreachable")
        .seed(may_download)
        .cluster(move |spec| {
            granted(spec);
            may_fetch_from(spec, &["127.0.0.1:9"]);
        })
        .start()
        .await;
    let nobody = "http://127.0.0.1:9/debian-13.tar.zst";
    world.apply(&made_from(world.container("nobody", 400), source(nobody, CHECKSUM))).await;
    let container = world.says("nobody", "TaskFailed").await;
    for part in [nobody, "refused", "tried again", "upload it once"] {
        assert!(container.message().contains(part), "{part:?}: {}", container.message());
    }
    let none = format!("{}/none", web.url);
    let other = json!({"template": {"name": "other.tar.zst", "storage": "local", "url": none, "checksum": CHECKSUM}});
    world.apply(&made_from(world.container("none", 401), other)).await;
    world.refused("none", "NotFound", &["source.template.url", &none, "404"]).await;
    // And what is uploaded by a person is found.
    let uploaded = made_from(world.container("uploaded", 402), source(nobody, CHECKSUM));
    world.apply(&uploaded).await;
    world.says("uploaded", "TaskFailed").await;
}

#[tokio::test]
async fn who_may_not_download_says_what_is_missing_and_what_to_do() {
    let web = Web::serve(BODY).await;
    let world = World::builder("no download").cluster(web.is_granted()).start().await;
    let url = format!("{}/{FILE}", web.url);
    world.apply(&made_from(world.container("db", 400), source(&url, CHECKSUM))).await;
    let missing =
        ["/nodes/pve1: Sys.AccessNetwork", "/storage/local: Datastore.AllocateTemplate", "upload it once", FILE];
    world.refused("db", "PermissionDenied", &missing).await;
    assert!(downloads(&world).await.is_empty());
    let never =
        json!({"template": {"name": FILE, "storage": "local", "url": url, "checksum": CHECKSUM, "pull": "Never"}});
    world.apply(&made_from(world.container("never", 401), never)).await;
    world.refused("never", "NotFound", &["upload it once"]).await;
    assert_eq!(web.fetched(), 0);
}
