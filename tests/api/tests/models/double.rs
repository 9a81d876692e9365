//! A server that speaks as Ollama does: its registry is a table, and each pull does what the test says.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use zentoria_api_tests::wait::eventually;

/// What a pull does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It goes through.
    Whole,
    /// It stops at this percentage until it is let go.
    Hold(u64),
    /// It breaks off at this percentage; the next one goes through.
    Break(u64),
}

/// A model of the registry.
#[derive(Clone, Debug)]
struct Offer {
    digest: String,
    size: u64,
    act: Act,
}

/// The server. It ends when dropped.
pub struct Double {
    pub port: u16,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    installed: Mutex<BTreeMap<String, (String, u64)>>,
    registry: Mutex<BTreeMap<String, Offer>>,
    calls: Mutex<Vec<String>>,
    at_work: Mutex<(usize, usize)>,
    release: watch::Sender<bool>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The digest that stands for a word.
pub fn digest(word: char) -> String {
    format!("sha256:{}", word.to_string().repeat(64))
}

impl Double {
    /// A server without models.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner {
            installed: Mutex::default(),
            registry: Mutex::default(),
            calls: Mutex::default(),
            at_work: Mutex::default(),
            release: watch::channel(false).0,
        });
        let app = Router::new()
            .route("/api/tags", get(tags))
            .route("/api/ps", get(|| async { json!({"models": []}).to_string() }))
            .route("/api/pull", post(pull))
            .route("/api/delete", delete(remove))
            .route("/api/generate", post(|| async { json!({"done": true, "done_reason": "unload"}).to_string() }))
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("a server") });
        Self { port, inner, task }
    }

    /// Where it is, as specs have it: of each its own, for ModelPulls of all namespaces know each other.
    pub fn authority(&self) -> String {
        format!("10.9.{}.{}:11434", self.port >> 8, self.port & 255)
    }

    /// The same, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// What the registry has under a name from now on.
    pub fn offer(&self, name: &str, word: char, act: Act) {
        let offer = Offer { digest: digest(word), size: 4_000_000_000, act };
        self.inner.registry.lock().unwrap().insert(name.to_owned(), offer);
    }

    /// Somebody pulls, or replaces, a model on the server.
    pub fn install(&self, name: &str, word: char) {
        self.inner.installed.lock().unwrap().insert(name.to_owned(), (digest(word), 4_000_000_000));
    }

    /// Somebody deletes a model on the server.
    pub fn uninstall(&self, name: &str) {
        self.inner.installed.lock().unwrap().remove(name);
    }

    pub fn has(&self, name: &str) -> bool {
        self.inner.installed.lock().unwrap().contains_key(name)
    }

    /// Pulls that are held go on, and none is held any more.
    pub fn release(&self) {
        self.inner.release.send_replace(true);
    }

    /// How often a call was made: `pull NAME`, `cancelled NAME`, `delete NAME`, `tags`.
    pub fn count(&self, call: &str) -> usize {
        self.inner.calls.lock().unwrap().iter().filter(|made| *made == call).count()
    }

    /// The most pulls that were at work at once.
    pub fn most_at_once(&self) -> usize {
        self.inner.at_work.lock().unwrap().1
    }

    /// Waits until a call was made so often.
    pub async fn called(&self, call: &str, times: usize) {
        eventually(&format!("{times} x {call}"), || async {
            let count = self.count(call);
            if count >= times { Ok(()) } else { Err(format!("{count}")) }
        })
        .await;
    }

    /// Waits until the server was looked at some times more.
    pub async fn looked_at(&self, more: usize) {
        let times = self.count("tags") + more;
        self.called("tags", times).await;
    }
}

impl Inner {
    fn call(&self, text: String) {
        self.calls.lock().unwrap().push(text);
    }
}

async fn tags(State(inner): State<Arc<Inner>>) -> String {
    inner.call("tags".to_owned());
    let installed = inner.installed.lock().unwrap();
    let row = |(name, (digest, size)): (&String, &(String, u64))| json!({"name": name, "model": name, "digest": digest.trim_start_matches("sha256:"), "size": size});
    let models: Vec<Value> = installed.iter().map(row).collect();
    json!({"models": models}).to_string()
}

async fn remove(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let name = body["model"].as_str().unwrap_or_default().to_owned();
    inner.call(format!("delete {name}"));
    let there = inner.installed.lock().unwrap().remove(&name).is_some();
    let status = if there { http::StatusCode::OK } else { http::StatusCode::NOT_FOUND };
    (status, json!({"error": "model not found"}).to_string()).into_response()
}

/// A pull at work; dropped before its end, its client has gone.
struct Work {
    inner: Arc<Inner>,
    name: String,
    ended: bool,
}

impl Work {
    fn begin(inner: &Arc<Inner>, name: &str) -> Self {
        inner.call(format!("pull {name}"));
        let mut at_work = inner.at_work.lock().unwrap();
        at_work.0 += 1;
        at_work.1 = at_work.1.max(at_work.0);
        Self { inner: Arc::clone(inner), name: name.to_owned(), ended: false }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.inner.at_work.lock().unwrap().0 -= 1;
        if !self.ended {
            self.inner.call(format!("cancelled {}", self.name));
        }
    }
}

async fn pull(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let name = body["model"].as_str().unwrap_or_default().to_owned();
    let (lines, stream) = mpsc::channel::<Value>(1);
    let work = Work::begin(&inner, &name);
    tokio::spawn(async move {
        let mut work = work;
        tokio::select! {
            () = script(&work.inner, &work.name, &lines) => work.ended = true,
            () = lines.closed() => {}
        }
    });
    let stream = futures::stream::unfold(stream, |mut stream| async move {
        let line = stream.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))), stream))
    });
    Body::from_stream(stream).into_response()
}

async fn script(inner: &Arc<Inner>, name: &str, lines: &mpsc::Sender<Value>) {
    let send = async |line: Value| drop(lines.send(line).await);
    send(json!({"status": "pulling manifest"})).await;
    let Some(Offer { digest, size, act }) = inner.registry.lock().unwrap().get(name).cloned() else {
        return send(json!({"error": "pull model manifest: file does not exist"})).await;
    };
    for percent in (0..=100).step_by(5) {
        let part = digest.trim_start_matches("sha256:");
        send(json!({"status": format!("pulling {}", &part[..12]), "digest": digest, "total": size, "completed": size / 100 * percent}))
            .await;
        match act {
            Act::Hold(at) if at == percent => {
                let _ = inner.release.subscribe().wait_for(|released| *released).await;
            }
            Act::Break(at) if at == percent => {
                if let Some(offer) = inner.registry.lock().unwrap().get_mut(name) {
                    offer.act = Act::Whole;
                }
                return;
            }
            Act::Whole | Act::Hold(_) | Act::Break(_) => {}
        }
    }
    send(json!({"status": "verifying sha256 digest"})).await;
    send(json!({"status": "writing manifest"})).await;
    inner.installed.lock().unwrap().insert(name.to_owned(), (digest, size));
    send(json!({"status": "success"})).await;
}
