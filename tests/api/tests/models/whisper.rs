//! Models of Whisper: through the API of a server, and by the client of the hub over SSH.

use super::{apply, phase, pulls, says, until};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::{get, post};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use zentoria_api::model::ModelPhase;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::{World, container};
use zentoria_test_servers::http::serve;
use zentoria_test_servers::hub::Hub;
use zentoria_test_servers::process::component;
use zentoria_test_servers::sshd::Sshd;

const SMALL: &str = "Systran/faster-whisper-small";

/// What a server with the API of speaches has.
type Shelf = Arc<Mutex<BTreeSet<String>>>;

type Answer = ([(HeaderName, &'static str); 1], String);

fn answer(value: &Value) -> Answer {
    ([(CONTENT_TYPE, "application/json")], value.to_string())
}

/// As speaches 0.8 answers.
fn speaches(shelf: &Shelf) -> Router {
    async fn list(State(shelf): State<Shelf>) -> Answer {
        let data: Vec<_> = shelf.lock().unwrap().iter().map(|id| json!({"id": id, "object": "model"})).collect();
        answer(&json!({"data": data, "object": "list"}))
    }
    async fn pull(State(shelf): State<Shelf>, Path(id): Path<String>) -> String {
        shelf.lock().unwrap().insert(id.clone());
        format!("Model '{id}' downloaded")
    }
    async fn delete(State(shelf): State<Shelf>, Path(id): Path<String>) -> StatusCode {
        if shelf.lock().unwrap().remove(&id) { StatusCode::OK } else { StatusCode::NOT_FOUND }
    }
    async fn none() -> Answer {
        answer(&json!({"models": []}))
    }
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{*id}", post(pull).delete(delete))
        .route("/api/ps", get(none))
        .route("/api/ps/{*id}", axum::routing::delete(|| async { StatusCode::NOT_FOUND }))
        .with_state(Arc::clone(shelf))
}

#[tokio::test]
async fn a_whisper_model_comes_to_a_speaches_server_comes_back_and_goes_with_its_resource() {
    let shelf = Shelf::default();
    let server = serve(speaches(&shelf)).await;
    let row = format!("10.10.4.11:8000=127.0.0.1:{}", server.port);
    let flags = ["--dial-map", &row, "--model-poll", "500ms"];
    let world = World::builder("mp-speaches").without_cluster().flags(&flags).start().await;
    let spec = json!({"url": "http://10.10.4.11:8000", "whisper": {"size": "small"}, "deletionPolicy": "Delete"});
    apply(&world, "small", spec).await;
    let ready = says(&world, "small", "Ready").await;
    assert_eq!((phase(&ready), ready.status.unwrap().model.as_deref()), (ModelPhase::Ready, Some("whisper small")));
    assert_eq!(shelf.lock().unwrap().iter().collect::<Vec<_>>(), [SMALL]);

    shelf.lock().unwrap().clear();
    eventually("the model that somebody deleted is there again", || async {
        if shelf.lock().unwrap().contains(SMALL) { Ok(()) } else { Err("it is not".to_owned()) }
    })
    .await;

    pulls(&world).delete("small", &DeleteParams::default()).await.unwrap();
    eventually("the model is deleted with its resource", || async {
        let gone = pulls(&world).get_opt("small").await.map_err(|error| error.to_string())?.is_none();
        let left = shelf.lock().unwrap().clone();
        if gone && left.is_empty() { Ok(()) } else { Err(format!("gone: {gone}, there: {left:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_whisper_model_is_fetched_from_the_hub_in_its_container_and_its_commit_is_known() {
    let (Some(programs), Some(sshd)) = (component("whisper"), Sshd::start().await) else { return };
    let hub = Hub::start().await;
    let files = BTreeMap::from([
        ("config.json".to_owned(), b"{}".to_vec()),
        ("model.bin".to_owned(), vec![7; 300_000]),
        ("vocabulary.json".to_owned(), b"[]".to_vec()),
    ]);
    let commit = hub.commit(SMALL, &files);
    hub.ask_for("hf_secret");
    let row = format!("10.10.4.14:22=127.0.0.1:{}", sshd.port);
    let flags = ["--dial-map", &row, "--model-poll", "500ms"];
    let world = World::builder("mp-hub").flags(&flags).start().await;
    // 413 is at 10.10.4.14
    let voice = container(&world.cluster, &world.namespace, "voice", 413);
    world.apply(&voice).await;
    world.ready("voice").await;

    put_secret(&world.client, &world.namespace, "login", &[("ssh-privatekey", &sshd.key)]).await;
    let directory = sshd.dir.path().join("models").display().to_string();
    let server = sshd.server();
    let spec = json!({
        "containerRef": {"name": "voice"},
        "whisper": {
            "size": "small", "engine": "HuggingFace", "revision": commit,
            "download": {
                "ssh": {
                    "user": server.user, "knownHosts": server.known_hosts,
                    "keySecretRef": {"name": "login", "key": "ssh-privatekey"},
                },
                "directory": directory, "client": programs.join("hf"), "endpoint": hub.url(),
                "tokenSecretRef": {"name": "hub", "key": "token"},
            },
        },
        "policy": "Pinned",
    });
    apply(&world, "small", spec).await;
    says(&world, "small", "SecretNotFound").await;
    put_secret(&world.client, &world.namespace, "hub", &[("token", "hf_secret")]).await;
    let ready = says(&world, "small", "Ready").await.status.unwrap();
    assert_eq!((ready.phase, ready.revision.as_deref()), (ModelPhase::Ready, Some(commit.as_str())));
    let bin = std::path::Path::new(&directory).join(SMALL.replace('/', "--")).join("model.bin");
    assert_eq!(std::fs::read(&bin).unwrap().len(), 300_000);

    // Who changes a file behind its back has not the model any more.
    std::fs::write(&bin, b"no model").unwrap();
    until(&world, "is pulled again", "small", |_| std::fs::read(&bin).is_ok_and(|bytes| bytes.len() == 300_000)).await;
    says(&world, "small", "Ready").await;
}
