//! What goes wrong, and what is said of it.

use super::double::{Act, digest};
use super::{apply, message, ollama, phase, pulls, says, started, until};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use zentoria_api::model::ModelPhase;
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::wait::{eventually, when};

#[tokio::test]
async fn what_fails_is_said_and_tried_again_until_it_works() {
    let (world, double) = started("mp-fails").await;
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    let missing = says(&world, "tiny", "ModelNotFound").await;
    assert_eq!(phase(&missing), ModelPhase::Stalled);
    let status = missing.status.as_ref().unwrap();
    assert!(status.retry_at.is_some() && message(&missing).contains("try "), "{}", message(&missing));
    world.event("tiny", "ModelNotFound").await;
    double.offer("tiny:latest", 'a', Act::Break(40));
    let ready = says(&world, "tiny", "Ready").await;
    let status = ready.status.unwrap();
    assert!(status.trouble.is_none() && status.retry_at.is_none());
    world.event("tiny", "Interrupted").await;
    world.measures("zentoria_model_pulls_total", "result=\"failure\"", |failed| failed >= 2.0).await;
}

#[tokio::test]
async fn a_pin_that_the_registry_does_not_hold_any_more_is_pulled_once_and_then_said() {
    let (world, double) = started("mp-pin").await;
    double.install("tiny:latest", 'b');
    double.offer("tiny:latest", 'b', Act::Whole);
    let spec = |word: char| json!({"url": double.url(), "policy": "Pinned", "ollama": {"model": "tiny", "digest": digest(word)}});
    apply(&world, "tiny", spec('a')).await;
    let stalled = says(&world, "tiny", "DigestMismatch").await;
    assert_eq!(phase(&stalled), ModelPhase::Stalled);
    assert!(message(&stalled).contains(&digest('a')) && message(&stalled).contains(&digest('b')));
    apply(&world, "tiny", spec('b')).await;
    says(&world, "tiny", "Ready").await;
}

#[tokio::test]
async fn secrets_servers_and_conflicts_are_named_with_what_to_do() {
    let (world, double) = started("mp-bad").await;
    double.offer("tiny:latest", 'a', Act::Whole);
    let mut spec = ollama(&double, "tiny");
    spec["tokenSecretRef"] = json!({"name": "token", "key": "token"});
    apply(&world, "secret", spec).await;
    let missing = says(&world, "secret", "SecretNotFound").await;
    assert!(message(&missing).contains("spec.tokenSecretRef: there is no Secret \"token\""));
    put_secret(&world.client, &world.namespace, "token", &[("token", "x")]).await;
    let touch = Patch::Merge(json!({"spec": {"stallTimeout": "6m"}}));
    pulls(&world).patch("secret", &PatchParams::default(), &touch).await.unwrap();
    says(&world, "secret", "Ready").await;

    apply(&world, "nobody", json!({"url": "http://10.9.9.8:1", "ollama": {"model": "tiny"}})).await;
    let unreachable = says(&world, "nobody", "Unreachable").await;
    assert_eq!(phase(&unreachable), ModelPhase::Failed);

    let pinned = |word: char| json!({"url": double.url(), "policy": "Pinned", "ollama": {"model": "tiny", "digest": digest(word)}});
    apply(&world, "older", pinned('a')).await;
    let older = says(&world, "older", "Ready").await;
    // Ages are whole seconds.
    let made = older.metadata.creation_timestamp.unwrap().0.as_second();
    eventually("the clock shows another second", || async {
        when(jiff::Timestamp::now().as_second(), |now| *now > made).map(|_| ())
    })
    .await;
    apply(&world, "younger", pinned('c')).await;
    let conflict = says(&world, "younger", "Conflict").await;
    assert!(message(&conflict).contains("/older pins tiny:latest"), "{}", message(&conflict));
    assert_eq!(double.count("pull tiny:latest"), 1, "a younger one that differs does nothing");
}

#[tokio::test]
async fn a_pull_of_what_is_suspended_or_changed_is_broken_off() {
    let (world, double) = started("mp-off").await;
    double.offer("tiny:latest", 'a', Act::Hold(30));
    double.offer("other:latest", 'b', Act::Whole);
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    double.called("pull tiny:latest", 1).await;
    let mut spec = ollama(&double, "tiny");
    spec["suspend"] = json!(true);
    apply(&world, "tiny", spec).await;
    double.called("cancelled tiny:latest", 1).await;
    until(&world, "is paused", "tiny", |pull| {
        pull.status
            .as_ref()
            .is_some_and(|status| status.summary.as_deref() == Some("Paused") && status.progress.is_none())
    })
    .await;
    apply(&world, "tiny", json!({"url": double.url(), "suspend": false, "ollama": {"model": "tiny"}})).await;
    double.called("pull tiny:latest", 2).await;
    apply(&world, "tiny", json!({"url": double.url(), "suspend": false, "ollama": {"model": "other"}})).await;
    double.called("cancelled tiny:latest", 2).await;
    let ready = says(&world, "tiny", "Ready").await;
    assert_eq!(ready.status.unwrap().model.as_deref(), Some("other:latest"));
}

#[tokio::test]
async fn a_server_that_is_none_of_its_kind_is_said() {
    let app = axum::Router::new().fallback(|| async { axum::response::Html("<html><body>Welcome</body></html>") });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let row = format!("10.9.1.2:11434={}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let world = World::builder("mp-html").without_cluster().flags(&["--dial-map", &row]).start().await;
    apply(&world, "tiny", json!({"url": "http://10.9.1.2:11434", "ollama": {"model": "tiny"}})).await;
    let said = says(&world, "tiny", "NotAModelServer").await;
    assert_eq!(phase(&said), ModelPhase::Stalled);
    assert!(message(&said).contains("10.9.1.2:11434"), "{}", message(&said));
    server.abort();
}
