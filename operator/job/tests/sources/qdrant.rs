//! Qdrant, by a double of its snapshot API: the real server is in no package registry.

use crate::support::job::{Pod, bring_back, scratch, take, take_all};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use zentoria_job::contract::Place;
use zentoria_test_servers::http::{Double, serve};
use zentoria_test_servers::process::free_port;
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;
use zentoria_types::backup_job::{JobError, Server, SourceSpec};

const KEY: &str = "qdrant-secret";

/// Collections, and the snapshots that lie on the server.
#[derive(Default)]
struct Data {
    collections: BTreeMap<String, Vec<u8>>,
    snapshots: BTreeMap<String, Vec<u8>>,
    /// Points that everybody sees, beside one for each byte of the collection.
    more_points: usize,
    /// A download breaks off.
    breaks: bool,
    /// A download ends early, as if that were all.
    short: bool,
}

type Shared = Arc<Mutex<Data>>;

async fn list(State(data): State<Shared>, headers: HeaderMap) -> Response {
    if headers.get("api-key").is_none_or(|key| key != KEY) {
        return (StatusCode::FORBIDDEN, "Invalid api-key").into_response();
    }
    let names: Vec<_> = data.lock().unwrap().collections.keys().map(|name| json!({ "name": name })).collect();
    json!({ "result": { "collections": names }, "status": "ok", "time": 0.1 }).to_string().into_response()
}

async fn count(State(data): State<Shared>, Path(collection): Path<String>, body: Bytes) -> Response {
    let asked: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(asked, json!({ "exact": true }));
    let data = data.lock().unwrap();
    let Some(contents) = data.collections.get(&collection) else { return StatusCode::NOT_FOUND.into_response() };
    json!({ "result": { "count": contents.len() + data.more_points }, "status": "ok", "time": 0.1 })
        .to_string()
        .into_response()
}

async fn make(State(data): State<Shared>, Path(collection): Path<String>) -> Response {
    let mut data = data.lock().unwrap();
    let Some(contents) = data.collections.get(&collection).cloned() else {
        let said = json!({ "status": { "error": format!("Not found: Collection `{collection}` doesn't exist!") } });
        return (StatusCode::NOT_FOUND, said.to_string()).into_response();
    };
    let sum: String = Sha256::digest(&contents).iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{collection}-1.snapshot");
    let size = contents.len();
    data.snapshots.insert(name.clone(), contents);
    json!({ "result": { "name": name, "creation_time": null, "size": size, "checksum": sum } })
        .to_string()
        .into_response()
}

async fn fetch(State(data): State<Shared>, Path((_, name)): Path<(String, String)>) -> Response {
    let data = data.lock().unwrap();
    let Some(contents) = data.snapshots.get(&name).cloned() else { return StatusCode::NOT_FOUND.into_response() };
    let half = Bytes::copy_from_slice(&contents[..contents.len() / 2]);
    if data.breaks {
        let chunks = [Ok(half), Err(std::io::Error::other("gone"))];
        return Body::from_stream(futures::stream::iter(chunks)).into_response();
    }
    if data.short { half.into_response() } else { contents.into_response() }
}

async fn delete(State(data): State<Shared>, Path((_, name)): Path<(String, String)>) -> Response {
    data.lock().unwrap().snapshots.remove(&name).map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK).into_response()
}

async fn upload(
    State(data): State<Shared>,
    Path(collection): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let find = |what: &[u8]| body.windows(what.len()).position(|bytes| bytes == what);
    let begin = find(b"\r\n\r\n").expect("a head") + 4;
    let end = find(format!("\r\n--{boundary}--").as_bytes()).expect("an end");
    assert!(body.starts_with(format!("--{boundary}\r\n").as_bytes()));
    data.lock().unwrap().collections.insert(collection, body[begin..end].to_vec());
    json!({ "result": true }).to_string().into_response()
}

async fn server() -> (Double, Shared) {
    let data = Shared::default();
    {
        let mut data = data.lock().unwrap();
        data.collections.insert("docs".into(), (0..200_000_u32).flat_map(u32::to_le_bytes).collect());
        data.collections.insert("user 1/docs".into(), b"small".to_vec());
    }
    let routes = Router::new()
        .route("/collections", get(list))
        .route("/collections/{collection}/points/count", post(count))
        .route("/collections/{collection}/snapshots", post(make))
        .route(
            "/collections/{collection}/snapshots/upload",
            post(upload).layer(axum::extract::DefaultBodyLimit::disable()),
        )
        .route("/collections/{collection}/snapshots/{name}", get(fetch).delete(delete))
        .with_state(Arc::clone(&data));
    (serve(routes).await, data)
}

fn spec(port: u16, collections: &[&str]) -> SourceSpec {
    SourceSpec::Qdrant {
        server: Server { host: "127.0.0.1".into(), port },
        tls: false,
        collections: collections.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn pod(key: &str) -> Pod {
    Pod::with(&[(SOURCE_PASSWORD, key)], &[])
}

#[tokio::test]
async fn every_collection_is_fetched_and_put_back_and_no_snapshot_stays_on_the_server() {
    let (server, data) = server().await;
    let pod = pod(KEY);
    let source = pod.source(&spec(server.port, &[])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    assert_eq!(all["user 1/docs"].stored.part.path, "/qdrant/user%201%2Fdocs.snapshot");
    assert!(data.lock().unwrap().snapshots.is_empty());
    let before = data.lock().unwrap().collections.clone();
    assert_eq!(all["docs"].bytes, before["docs"]);
    assert_eq!(all["docs"].stored.facts, json!({ "points": [800_000, 800_000] }));
    let said = source.compared(&[all["docs"].stored.clone(), all["user 1/docs"].stored.clone()]);
    assert_eq!(said, "2 collections with 800005 points, 800005 bytes equal");
    let place = scratch(&pod.directory("proved"), 0);
    bring_back(source.as_ref(), &all["docs"], &place).await.expect("a restore");
    data.lock().unwrap().collections.clear();
    for kept in all.values() {
        let found = bring_back(source.as_ref(), kept, &Place::Source).await.expect("a restore");
        assert_eq!(found, Vec::<String>::new());
    }
    assert_eq!(data.lock().unwrap().collections, before);
}

#[tokio::test]
async fn a_collection_that_is_put_back_has_the_points_that_were_counted_unless_it_was_written_to_meanwhile() {
    let (server, data) = server().await;
    let pod = pod(KEY);
    let source = pod.source(&spec(server.port, &["docs"])).expect("a source");
    let mut kept = take_all(source.as_ref()).await.expect("a backup").remove("docs").expect("the collection");
    data.lock().unwrap().more_points = 3;
    let found = bring_back(source.as_ref(), &kept, &Place::Source).await.expect("a restore");
    assert_eq!(found, ["800003 points are there, and 800000 were backed up"]);
    for facts in [json!({ "points": [799_990, 800_000] }), json!(null)] {
        kept.stored.facts = facts;
        let found = bring_back(source.as_ref(), &kept, &Place::Source).await.expect("a restore");
        assert_eq!(found, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_or_is_not_what_the_server_says_is_an_error_and_is_deleted() {
    let (server, data) = server().await;
    let pod = pod(KEY);
    let source = pod.source(&spec(server.port, &["docs"])).expect("a source");
    let part = source.parts().await.expect("parts").remove(0);
    for (breaks, short, said) in [(true, false, "broke off"), (false, true, "is not what Qdrant")] {
        {
            let mut data = data.lock().unwrap();
            (data.breaks, data.short) = (breaks, short);
        }
        let failure = take(source.as_ref(), &part).await.map(|_| ()).expect_err(said);
        assert_eq!(failure.error, JobError::SourceFailed, "{failure}");
        assert!(failure.message.contains(said), "{failure}");
        assert!(data.lock().unwrap().snapshots.is_empty());
    }
    data.lock().unwrap().collections.remove("docs");
    let failure = take(source.as_ref(), &part).await.map(|_| ()).expect_err("it vanished");
    assert_eq!(failure.error, JobError::SourceGone, "{failure}");
}

#[tokio::test]
async fn each_way_to_be_refused_has_its_own_error() {
    let (server, _) = server().await;
    for (key, spec, error, said) in [
        ("wrong", spec(server.port, &[]), JobError::SourceAccessDenied, "look at the API key"),
        (KEY, spec(server.port, &["docs", "vanished"]), JobError::SourceGone, "`vanished`"),
        (KEY, spec(free_port(), &[]), JobError::SourceUnreachable, "cannot be reached"),
    ] {
        let pod = pod(key);
        let source = pod.source(&spec).expect("a source");
        let failure = source.parts().await.expect_err(said);
        assert_eq!(failure.error, error, "{failure}");
        assert!(failure.message.contains(said), "{failure}");
    }
}
