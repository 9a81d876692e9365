//! Streams of Ollama, cut and ended in every way.

use std::sync::Mutex;
use std::time::Duration;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use zentoria_models::{Model, ModelError, ModelServer, Ollama, Progress, PullOptions};
use zentoria_test_servers::http::serve;

use crate::at;
use crate::raw::{Then, stream};

const ASK: PullOptions = PullOptions { insecure: true, stall: Duration::from_secs(20), room: None };

/// A whole pull, as Ollama 0.17.4 sends it.
const WHOLE: &str = concat!(
    r#"{"status":"pulling manifest"}"#,
    "\n",
    r#"{"status":"pulling fe7453f48437","digest":"sha256:fe7453f48437","total":60416}"#,
    "\n",
    r#"{"status":"pulling fe7453f48437","digest":"sha256:fe7453f48437","total":60416,"completed":30208}"#,
    "\n",
    r#"{"status":"pulling fe7453f48437","digest":"sha256:fe7453f48437","total":60416,"completed":60416}"#,
    "\n",
    r#"{"status":"pulling 66fdcca2a5bd","digest":"sha256:66fdcca2a5bd","total":200,"completed":200}"#,
    "\n",
    r#"{"status":"verifying sha256 digest"}"#,
    "\n",
    r#"{"status":"writing manifest"}"#,
    "\n",
    r#"{"status":"success"}"#
);

async fn pulled(parts: &[&[u8]], then: Then) -> Result<Vec<Progress>, ModelError> {
    let server = stream(parts, then).await;
    let told = Mutex::new(Vec::new());
    let model = Model { name: "tiny".to_owned(), revision: None };
    let ollama = Ollama::new(at(server.port)).unwrap();
    ollama.pull(&model, ASK, &|progress| told.lock().unwrap().push(progress)).await?;
    Ok(told.into_inner().unwrap())
}

#[tokio::test]
async fn a_pull_may_be_cut_into_packets_at_any_byte() {
    let whole = WHOLE.as_bytes();
    let expected = pulled(&[whole], Then::Close).await.unwrap();
    assert_eq!(expected.last().map(|progress| (progress.completed, progress.total)), Some((60_616, 60_616)));
    for cut in 1..whole.len() {
        let (before, after) = whole.split_at(cut);
        assert_eq!(pulled(&[before, after], Then::Close).await.as_ref(), Ok(&expected), "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(pulled(&bytes, Then::Close).await, Ok(expected));
}

#[tokio::test]
async fn a_pull_that_ends_anywhere_before_success_has_not_succeeded() {
    let lines: Vec<&str> = WHOLE.lines().collect();
    for end in 0..lines.len() - 1 {
        let part = lines[..end].join("\n");
        let error = pulled(&[part.as_bytes()], Then::Close).await.unwrap_err();
        assert_eq!(error.reason(), "Broken", "{part}: {error}");
    }
    let with_end = format!("{WHOLE}\n");
    assert!(pulled(&[with_end.as_bytes()], Then::Close).await.is_ok());
    // it is done when it says so, whether the connection is closed or not
    assert!(pulled(&[with_end.as_bytes()], Then::Silence).await.is_ok());
    // in the midst of an answer with 200
    let failed = format!("{}\n{}\n", lines[..3].join("\n"), r#"{"error":"max retries exceeded: EOF"}"#);
    assert_eq!(pulled(&[failed.as_bytes()], Then::Close).await.unwrap_err().reason(), "RegistryUnreachable");
}

#[tokio::test]
async fn a_model_in_memory_is_unloaded_before_it_is_deleted() {
    let seen: Arc<Mutex<Vec<(&str, Value)>>> = Arc::default();
    let note = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move |Json(body): Json<Value>| async move {
            seen.lock().unwrap().push((what, body));
            Json(json!({}))
        }
    };
    let running = json!({"models": [{"name": "tiny:latest", "model": "tiny:latest", "size": 5, "digest": "ab"}]});
    let routes = Router::new()
        .route("/api/ps", get(move || async move { Json(running) }))
        .route("/api/generate", post(note("unload")))
        .route("/api/delete", delete(note("delete")));
    let server = serve(routes).await;
    let ollama = Ollama::new(at(server.port)).unwrap();
    let model = Model { name: "Tiny".to_owned(), revision: None };
    assert_eq!(ollama.loaded(&model).await, Ok(true));
    assert_eq!(ollama.delete(&model).await, Ok(()));
    let seen = seen.lock().unwrap();
    // without a prompt, and with keep_alive 0: nothing is generated
    let unload = json!({"model": "Tiny:latest", "keep_alive": 0, "stream": false});
    assert_eq!(*seen, [("unload", unload), ("delete", json!({"model": "Tiny:latest"}))]);
}
