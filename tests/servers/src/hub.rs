//! A stub of the Hugging Face hub: repositories with commits, files with digests, and a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::http::{Double, serve};
use crate::registry::sha256;

/// What it has and how it answers.
#[derive(Default)]
struct Shelf {
    /// By repository: branches and commits, each with its commit.
    revisions: BTreeMap<String, BTreeMap<String, String>>,
    /// By commit: files.
    commits: BTreeMap<String, BTreeMap<String, Bytes>>,
    /// Without it nothing is shown.
    token: Option<String>,
    /// By repository, and file: what is sent in its place.
    damaged: BTreeMap<String, Bytes>,
    /// Bytes a second of each file.
    rate: Option<u64>,
    /// Bytes of files that were sent.
    sent: u64,
}

/// The stub; it ends when it is dropped.
pub struct Hub {
    shelf: Arc<Mutex<Shelf>>,
    server: Double,
}

/// Of the kind that the hub keeps by its SHA-256.
fn is_large(path: &str) -> bool {
    path.ends_with(".bin")
}

fn git_digest(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn etag(path: &str, bytes: &[u8]) -> String {
    if is_large(path) { sha256(bytes).trim_start_matches("sha256:").to_owned() } else { git_digest(bytes) }
}

impl Hub {
    /// An empty one.
    pub async fn start() -> Self {
        let shelf = Arc::<Mutex<Shelf>>::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shelf));
        Self { shelf, server: serve(routes).await }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// A new commit of the repository's `main`; gives back its digest.
    pub fn commit(&self, repository: &str, files: &BTreeMap<String, Vec<u8>>) -> String {
        let mut all = repository.as_bytes().to_vec();
        for (path, bytes) in files {
            all.extend_from_slice(etag(path, bytes).as_bytes());
        }
        let commit = git_digest(&all);
        let mut shelf = self.shelf.lock().unwrap();
        let revisions = shelf.revisions.entry(repository.to_owned()).or_default();
        revisions.insert("main".to_owned(), commit.clone());
        revisions.insert(commit.clone(), commit.clone());
        let files = files.iter().map(|(path, bytes)| (path.clone(), Bytes::from(bytes.clone()))).collect();
        shelf.commits.insert(commit.clone(), files);
        commit
    }

    /// From now on it asks for this token.
    pub fn ask_for(&self, token: &str) {
        self.shelf.lock().unwrap().token = Some(token.to_owned());
    }

    /// Sends other bytes in place of a file, or the right ones again.
    pub fn damage(&self, repository: &str, path: &str, bytes: Option<Vec<u8>>) {
        let key = format!("{repository}/{path}");
        let mut shelf = self.shelf.lock().unwrap();
        match bytes {
            Some(bytes) => shelf.damaged.insert(key, bytes.into()),
            None => shelf.damaged.remove(&key),
        };
    }

    /// Bytes a second, or all that there are.
    pub fn limit(&self, rate: Option<u64>) {
        self.shelf.lock().unwrap().rate = rate;
    }

    /// Bytes of files that were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shelf.lock().unwrap().sent
    }
}

async fn answer(State(shelf): State<Arc<Mutex<Shelf>>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let words: Vec<&str> = path.split('/').collect();
    let known = {
        let shelf = shelf.lock().unwrap();
        let given = request.headers().get("authorization").and_then(|given| given.to_str().ok());
        shelf.token.as_ref().is_none_or(|token| given == Some(&format!("Bearer {token}")))
    };
    if !known {
        let headers = [("X-Error-Code", "GatedRepo"), ("X-Error-Message", "Access to this model is restricted.")];
        return (StatusCode::FORBIDDEN, headers, "").into_response();
    }
    match words.as_slice() {
        ["api", "models", owner, name] => info(&shelf, &format!("{owner}/{name}"), "main"),
        ["api", "models", owner, name, "revision", revision] => info(&shelf, &format!("{owner}/{name}"), revision),
        ["api", "models", owner, name, "tree", revision, ..] => tree(&shelf, &format!("{owner}/{name}"), revision),
        [owner, name, "resolve", revision, file @ ..] => {
            let (repository, path) = (format!("{owner}/{name}"), file.join("/"));
            send(&shelf, request.method(), request.headers(), &repository, revision, &path)
        }
        _ => missing("RepoNotFound"),
    }
}

fn missing(code: &'static str) -> Response {
    (StatusCode::NOT_FOUND, [("X-Error-Code", code), ("X-Error-Message", "not found")], "{}").into_response()
}

fn find(
    shelf: &Mutex<Shelf>,
    repository: &str,
    revision: &str,
) -> Result<(String, BTreeMap<String, Bytes>), &'static str> {
    let shelf = shelf.lock().unwrap();
    let revisions = shelf.revisions.get(repository).ok_or("RepoNotFound")?;
    let commit = revisions.get(revision).ok_or("RevisionNotFound")?;
    Ok((commit.clone(), shelf.commits[commit].clone()))
}

fn info(shelf: &Mutex<Shelf>, repository: &str, revision: &str) -> Response {
    let (commit, files) = match find(shelf, repository, revision) {
        Ok(found) => found,
        Err(code) => return missing(code),
    };
    let siblings: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| {
            let mut sibling = json!({"rfilename": path, "size": bytes.len(), "blobId": git_digest(bytes)});
            if is_large(path) {
                sibling["lfs"] = json!({"sha256": etag(path, bytes), "size": bytes.len(), "pointerSize": 130});
            }
            sibling
        })
        .collect();
    let body = json!({"_id": "0", "id": repository, "modelId": repository, "sha": commit, "private": false,
        "disabled": false, "gated": false, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings});
    ([("Content-Type", "application/json".to_owned()), ("X-Repo-Commit", commit)], body.to_string()).into_response()
}

fn tree(shelf: &Mutex<Shelf>, repository: &str, revision: &str) -> Response {
    let (commit, files) = match find(shelf, repository, revision) {
        Ok(found) => found,
        Err(code) => return missing(code),
    };
    let rows: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| {
            let mut row = json!({"type": "file", "oid": git_digest(bytes), "size": bytes.len(), "path": path});
            if is_large(path) {
                row["lfs"] = json!({"oid": etag(path, bytes), "size": bytes.len(), "pointerSize": 130});
            }
            row
        })
        .collect();
    let body = Value::from(rows).to_string();
    ([("Content-Type", "application/json".to_owned()), ("X-Repo-Commit", commit)], body).into_response()
}

fn send(
    shelf: &Arc<Mutex<Shelf>>,
    method: &Method,
    asked: &HeaderMap,
    repository: &str,
    revision: &str,
    path: &str,
) -> Response {
    let (commit, files) = match find(shelf, repository, revision) {
        Ok(found) => found,
        Err(code) => return missing(code),
    };
    let Some(right) = files.get(path) else { return missing("EntryNotFound") };
    let (sent, rate) = {
        let shelf = shelf.lock().unwrap();
        (shelf.damaged.get(&format!("{repository}/{path}")).unwrap_or(right).clone(), shelf.rate)
    };
    let etag = etag(path, right);
    let mut response = Response::builder()
        .header("X-Repo-Commit", commit)
        .header("ETag", format!("\"{etag}\""))
        .header("Accept-Ranges", "bytes")
        .header("Content-Type", "application/octet-stream");
    if is_large(path) {
        response = response.header("X-Linked-Etag", format!("\"{etag}\"")).header("X-Linked-Size", sent.len());
    }
    if method == Method::HEAD {
        return response.header("Content-Length", sent.len()).body(Body::empty()).unwrap();
    }
    let from = asked
        .get("range")
        .and_then(|range| range.to_str().ok())
        .and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse::<usize>().ok());
    let total = sent.len();
    let rest = sent.slice(from.unwrap_or(0).min(total)..);
    if let Some(from) = from {
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header("Content-Range", format!("bytes {from}-{}/{total}", total.saturating_sub(1)));
    }
    response.header("Content-Length", rest.len()).body(slowly(Arc::clone(shelf), rest, rate)).unwrap()
}

/// The bytes, in parts, counted as they go.
fn slowly(shelf: Arc<Mutex<Shelf>>, bytes: Bytes, rate: Option<u64>) -> Body {
    let step = rate.map_or(64 * 1024, |rate| usize::try_from(rate / 50).unwrap_or(usize::MAX).max(1));
    Body::from_stream(futures::stream::unfold((bytes, shelf), move |(mut bytes, shelf)| async move {
        if bytes.is_empty() {
            return None;
        }
        if rate.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let part = bytes.split_to(step.min(bytes.len()));
        shelf.lock().unwrap().sent += part.len() as u64;
        Some((Ok::<_, std::convert::Infallible>(part), (bytes, shelf)))
    }))
}
