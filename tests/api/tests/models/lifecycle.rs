//! A model from its first look to its deletion.

use super::double::{Act, Double, digest};
use super::{apply, flags, message, ollama, phase, pulls, says, started, until};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use zentoria_api::model::ModelPhase;
use zentoria_api_tests::World;
use zentoria_api_tests::builders::container;
use zentoria_api_tests::wait::eventually;

#[tokio::test]
async fn a_model_is_pulled_with_its_progress_shown_and_watched_from_then_on() {
    let (world, double) = started("mp-life").await;
    double.offer("tiny:latest", 'a', Act::Hold(50));
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    let half = until(&world, "is half there", "tiny", |pull| {
        pull.status.as_ref().is_some_and(|status| status.progress.as_deref() == Some("50%"))
    })
    .await;
    let status = half.status.as_ref().unwrap();
    assert_eq!((phase(&half), status.model.as_deref()), (ModelPhase::Pulling, Some("tiny:latest")));
    assert_eq!(status.target.as_deref(), Some(double.authority().as_str()));
    assert_eq!(status.transfer.unwrap().total_bytes, 4_000_000_000);
    world.event("tiny", "PullStarted").await;
    assert!(world.event("tiny", "Pulling").await.note.unwrap().contains("50%"));
    double.release();
    let ready = says(&world, "tiny", "Ready").await;
    let status = ready.status.as_ref().unwrap();
    assert_eq!((phase(&ready), status.size.as_deref()), (ModelPhase::Ready, Some("3.7 GiB")));
    assert_eq!((status.digest.clone(), status.pulled_digest.clone()), (Some(digest('a')), Some(digest('a'))));
    assert!(status.last_pull_time.is_some() && status.transfer.is_none());
    world.event("tiny", "Pulled").await;
    world.measures("zentoria_model_ready", "model_pull=\"tiny\"", |ready| ready > 0.5).await;

    double.looked_at(3).await;
    let quiet = pulls(&world).get("tiny").await.unwrap();
    assert_eq!(quiet.resource_version(), ready.resource_version(), "nothing is written while nothing changes");
    assert_eq!(double.count("pull tiny:latest"), 1);

    double.uninstall("tiny:latest");
    double.called("pull tiny:latest", 2).await;
    says(&world, "tiny", "Ready").await;
    world.event("tiny", "ModelGone").await;

    double.install("tiny:latest", 'b');
    let replaced = says(&world, "tiny", "Replaced").await;
    assert!(message(&replaced).contains(&digest('a')) && message(&replaced).contains(&digest('b')));
    double.looked_at(2).await;
    assert_eq!(double.count("pull tiny:latest"), 2, "it is left alone");
}

#[tokio::test]
async fn a_moved_tag_is_followed_when_its_refresh_is_due() {
    let (world, double) = started("mp-moved").await;
    double.install("tiny:latest", 'a');
    double.offer("tiny:latest", 'b', Act::Whole);
    let mut spec = ollama(&double, "tiny");
    spec["policy"] = json!("Always");
    spec["refresh"] = json!({"schedule": "0 0 1 1 *"});
    apply(&world, "tiny", spec).await;
    let ready = says(&world, "tiny", "Ready").await;
    assert_eq!((ready.status.unwrap().digest, double.count("pull tiny:latest")), (Some(digest('a')), 0));
    // As if it had been pulled in the year before.
    let past = json!({"status": {"lastPullTime": "2020-01-01T00:00:00Z"}});
    pulls(&world).patch_status("tiny", &PatchParams::default(), &Patch::Merge(past)).await.unwrap();
    until(&world, "has the digest of the moved tag", "tiny", |pull| {
        pull.status
            .as_ref()
            .is_some_and(|status| status.digest == Some(digest('b')) && status.phase == ModelPhase::Ready)
    })
    .await;
    double.looked_at(2).await;
    assert_eq!(double.count("pull tiny:latest"), 1, "once");
}

#[tokio::test]
async fn two_resources_for_one_model_pull_it_once_and_a_server_pulls_one_model_at_a_time() {
    let (world, double) = started("mp-two").await;
    double.offer("tiny:latest", 'a', Act::Hold(10));
    double.offer("other:latest", 'b', Act::Whole);
    apply(&world, "first", ollama(&double, "tiny")).await;
    double.called("pull tiny:latest", 1).await;
    apply(&world, "second", ollama(&double, "library/tiny:latest")).await;
    apply(&world, "third", ollama(&double, "other")).await;
    says(&world, "second", "Queued").await;
    says(&world, "third", "Queued").await;
    assert_eq!(double.count("pull other:latest"), 0);
    double.release();
    for name in ["first", "second", "third"] {
        says(&world, name, "Ready").await;
    }
    assert_eq!((double.count("pull tiny:latest"), double.most_at_once()), (1, 1));
}

#[tokio::test]
async fn a_resource_that_goes_in_mid_pull_ends_the_pull_and_takes_its_model_where_it_says_so() {
    let (world, double) = started("mp-gone").await;
    double.offer("tiny:latest", 'a', Act::Hold(50));
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    double.called("pull tiny:latest", 1).await;
    pulls(&world).delete("tiny", &DeleteParams::default()).await.unwrap();
    double.called("cancelled tiny:latest", 1).await;
    double.release();

    let mut deleting = ollama(&double, "tiny");
    deleting["deletionPolicy"] = json!("Delete");
    apply(&world, "owner", deleting.clone()).await;
    apply(&world, "other", deleting).await;
    let owner = says(&world, "owner", "Ready").await;
    assert_eq!(owner.finalizers(), ["zentoria.ai/model"]);
    says(&world, "other", "Ready").await;
    pulls(&world).delete("owner", &DeleteParams::default()).await.unwrap();
    let kept = world.event("owner", "ModelKept").await;
    let note = kept.note.unwrap();
    assert!(note.contains("/other names it, too"), "{note}");
    gone(&world, "owner").await;
    assert!(double.has("tiny:latest"));
    pulls(&world).delete("other", &DeleteParams::default()).await.unwrap();
    gone(&world, "other").await;
    assert!(!double.has("tiny:latest"), "the last one takes it along");
    assert_eq!(double.count("delete tiny:latest"), 1);
}

async fn gone(world: &World, name: &str) {
    let api = pulls(world);
    eventually(&format!("ModelPull {name} is gone"), || async {
        match api.get_opt(name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_container_is_waited_for_and_a_model_that_does_not_fit_into_it_is_stopped_with_the_numbers() {
    let double = Double::start().await;
    double.offer("tiny:latest", 'a', Act::Whole);
    let row = format!("10.10.4.6:11434=127.0.0.1:{}", double.port);
    let world = World::builder("mp-ct").flags(&flags(&double)).flags(&["--dial-map", &row]).start().await;
    apply(&world, "tiny", json!({"containerRef": {"name": "ai"}, "ollama": {"model": "tiny"}})).await;
    let missing = says(&world, "tiny", "NotFound").await;
    assert_eq!(phase(&missing), ModelPhase::Stalled);
    let mut ai = container(&world.cluster, &world.namespace, "ai", 405);
    ai.spec.services =
        serde_json::from_value(json!([{"name": "web", "port": 80}, {"name": "api", "port": 5000}])).unwrap();
    world.apply(&ai).await;
    let missing = says(&world, "tiny", "ServiceNotFound").await;
    assert!(message(&missing).contains("web, api"), "{}", message(&missing));
    ai.spec.services =
        serde_json::from_value(json!([{"name": "web", "port": 80}, {"name": "ollama", "port": 11434}])).unwrap();
    world.apply(&ai).await;
    let ready = says(&world, "tiny", "Ready").await;
    assert_eq!(ready.status.unwrap().target.as_deref(), Some("ai/ollama"));
    world.patch("ai", json!({"power": {"state": "Stopped"}})).await;
    let waits = says(&world, "tiny", "WaitingFor").await;
    assert_eq!(phase(&waits), ModelPhase::Waiting);
    assert!(waits.status.unwrap().digest.is_some(), "what is known stays");
    world.patch("ai", json!({"power": {"state": "Running"}})).await;
    says(&world, "tiny", "Ready").await;
    assert_eq!(double.count("pull tiny:latest"), 1);

    // 4 GB are to go where 2 GiB of 8 are free.
    world.pve.set(json!({"resource_lag": 0})).await;
    world.pve.set(json!({"vmid": 405, "stats": {"disk": 6_442_450_944_u64}})).await;
    world.polls(3).await;
    double.offer("big:latest", 'b', Act::Hold(50));
    apply(&world, "big", json!({"containerRef": {"name": "ai"}, "ollama": {"model": "big"}})).await;
    let full = says(&world, "big", "NotEnoughSpace").await;
    assert!(message(&full).contains("big:latest has 3.7 GiB"), "{}", message(&full));
    assert!(message(&full).contains("2.0 GiB free"), "{}", message(&full));
    assert_eq!(phase(&full), ModelPhase::Stalled);
    assert!(double.count("cancelled big:latest") > 0 && !double.has("big:latest"));
}
