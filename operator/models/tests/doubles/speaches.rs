//! Speaches, as its routers answer (`routers/models.py` and `routers/misc.py` of 0.8).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::json;
use zentoria_models::{Class, Model, ModelServer, PullOptions, Speaches, Stage};
use zentoria_test_servers::http::serve;

use crate::at;

const ASK: PullOptions = PullOptions { insecure: false, stall: Duration::from_secs(20), room: None };

#[derive(Default)]
struct Double {
    installed: Mutex<BTreeSet<String>>,
    loaded: Mutex<BTreeSet<String>>,
    asked: Mutex<Vec<String>>,
}

fn detail(status: StatusCode, said: &str) -> Response {
    (status, Json(json!({"detail": said}))).into_response()
}

async fn list(State(double): State<Arc<Double>>) -> Response {
    let data: Vec<_> = double.installed.lock().unwrap().iter().map(|id| json!({"id": id, "object": "model"})).collect();
    Json(json!({"data": data, "object": "list"})).into_response()
}

async fn pull(State(double): State<Arc<Double>>, Path(id): Path<String>) -> Response {
    double.asked.lock().unwrap().push(format!("pull {id}"));
    match id.as_str() {
        "owner/gated" => detail(StatusCode::UNAUTHORIZED, "Model 'owner/gated' is a gated repository and requires"),
        "owner/none" => detail(StatusCode::NOT_FOUND, "Model 'owner/none' not found"),
        "owner/liar" => StatusCode::OK.into_response(),
        "owner/hangs" => std::future::pending().await,
        _ if double.installed.lock().unwrap().insert(id.clone()) => {
            (StatusCode::OK, format!("Model '{id}' downloaded")).into_response()
        }
        _ => (StatusCode::CREATED, format!("Model '{id}' already exists")).into_response(),
    }
}

async fn remove(State(double): State<Arc<Double>>, Path(id): Path<String>) -> Response {
    double.asked.lock().unwrap().push(format!("delete {id}"));
    match double.installed.lock().unwrap().remove(&id) {
        true => detail(StatusCode::OK, "deleted"),
        false => detail(StatusCode::NOT_FOUND, "Model not found"),
    }
}

async fn running(State(double): State<Arc<Double>>) -> Response {
    Json(json!({"models": *double.loaded.lock().unwrap()})).into_response()
}

async fn unload(State(double): State<Arc<Double>>, Path(id): Path<String>) -> Response {
    double.asked.lock().unwrap().push(format!("unload {id}"));
    match double.loaded.lock().unwrap().remove(&id) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => (StatusCode::NOT_FOUND, "Model not found").into_response(),
    }
}

fn routes(double: &Arc<Double>) -> Router {
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{*id}", post(pull).delete(remove))
        .route("/api/ps", get(running))
        .route("/api/ps/{*id}", delete(unload))
        .with_state(Arc::clone(double))
}

fn model(name: &str) -> Model {
    Model { name: name.to_owned(), revision: None }
}

#[tokio::test]
async fn a_whisper_model_is_pulled_unloaded_and_deleted() {
    let double = Arc::new(Double::default());
    let server = serve(routes(&double)).await;
    let speaches = Speaches::new(at(server.port)).unwrap();
    let small = model("Systran/faster-whisper-small");
    assert_eq!(speaches.installed(&small).await, Ok(None));
    let told = Mutex::new(Vec::new());
    speaches.pull(&small, ASK, &|progress| told.lock().unwrap().push(progress)).await.unwrap();
    assert!(told.lock().unwrap().iter().all(|progress| progress.stage == Stage::Downloading && progress.total == 0));
    assert!(speaches.installed(&small).await.unwrap().is_some());
    speaches.pull(&small, ASK, &|_| ()).await.unwrap();
    double.loaded.lock().unwrap().insert(small.name.clone());
    assert_eq!(speaches.loaded(&small).await, Ok(true));
    assert_eq!(speaches.delete(&small).await, Ok(()));
    assert_eq!(speaches.delete(&small).await, Ok(()), "that it is gone is no error");
    assert_eq!(speaches.unload(&small).await, Ok(()));
    let asked = double.asked.lock().unwrap().join(", ").replace(&small.name, "it");
    assert_eq!(asked, "pull it, pull it, unload it, delete it, delete it, unload it");
}

#[tokio::test]
async fn what_speaches_refuses_is_told() {
    let double = Arc::new(Double::default());
    let server = serve(routes(&double)).await;
    let speaches = Speaches::new(at(server.port)).unwrap();
    let pinned = Model { revision: Some("main".to_owned()), ..model("owner/tiny") };
    for (model, reason, class, said) in [
        (model("owner/none"), "ModelNotFound", Class::Retry, "owner/none"),
        (model("owner/gated"), "RegistryDenied", Class::Stalled, "gated repository"),
        (model("owner/liar"), "NotThisServer", Class::Retry, "not in its list"),
        (model("small"), "BadName", Class::Stalled, "OWNER/NAME"),
        (model("../etc/passwd"), "BadName", Class::Stalled, "OWNER/NAME"),
        (pinned, "BadName", Class::Stalled, "use HuggingFace"),
    ] {
        let error = speaches.pull(&model, ASK, &|_| ()).await.unwrap_err();
        assert_eq!((error.reason(), error.class()), (reason, class), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_speaches_that_falls_silent_in_a_pull_is_not_waited_for() {
    let double = Arc::new(Double::default());
    // what it pulls never comes, and whether it still lives cannot be seen
    let server = serve(Router::new().route("/v1/models/{*id}", post(pull)).with_state(double)).await;
    let speaches = Speaches::new(at(server.port)).unwrap();
    let impatient = PullOptions { stall: Duration::from_millis(200), ..ASK };
    let error = speaches.pull(&model("owner/hangs"), impatient, &|_| ()).await.unwrap_err();
    assert_eq!(error.reason(), "NotThisServer", "{error}");
}
