//! Models: what a ModelPull costs beside a bare `curl` of the same pull, and many of them on several servers. The servers are
//! real Ollamas that pull from a real registry on loopback.

use crate::operator::Operator;
use crate::report::{Row, median, row};
use crate::stage::Stage;
use futures::future::join_all;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde_json::json;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use zentoria_api::model::{ModelPhase, ModelPull};
use zentoria_api_tests::kubernetes::{self, FIELD_MANAGER};
use zentoria_api_tests::wait::within;
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::ollama::Ollama;
use zentoria_test_servers::registry::Registry;

/// The size of the one large model, in bytes.
const LARGE: usize = 128 * 1024 * 1024;
/// The size of each of the many, in bytes.
const SMALL: usize = 64 * 1024;
const SERVERS: u32 = 4;
/// How long one pull may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The figures.
#[derive(Debug, Serialize)]
pub struct Models {
    /// One large model.
    pub one: One,
    /// Many small ones.
    pub many: Many,
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// One large model, pulled by both in turn.
#[derive(Debug, Serialize)]
pub struct One {
    /// Of the model.
    pub bytes: u64,
    /// `curl` of `/api/pull`, in order.
    pub curl_seconds: Vec<f64>,
    /// From apply to Ready, in order.
    pub operator_seconds: Vec<f64>,
    /// Writes of its status, in order.
    pub status_writes: Vec<f64>,
}

/// Many small models on several servers.
#[derive(Debug, Serialize)]
pub struct Many {
    /// ModelPulls.
    pub pulls: u32,
    /// Servers.
    pub servers: u32,
    /// `curl`, one after another on each server, the servers at once.
    pub curl_seconds: f64,
    /// From the first apply to the last Ready.
    pub operator_seconds: f64,
    /// Writes of statuses.
    pub status_writes: f64,
    /// Events that were written.
    pub events: usize,
    /// The most memory that the operator had, in MiB.
    pub peak_mib: f64,
    /// Processor seconds of the operator.
    pub cpu_seconds: f64,
}

/// Measures; none, said loudly, where Ollama or the registry cannot be had.
pub async fn models(stage: &Stage, runs: usize, pulls: u32) -> Option<Models> {
    let registry = Registry::start().await?;
    let one = one(stage, &registry, runs).await?;
    let many = many(stage, &registry, pulls).await?;
    let mut figures = Models { one, many, rows: Vec::new() };
    figures.rows = rows(&figures);
    Some(figures)
}

async fn one(stage: &Stage, registry: &Registry, runs: usize) -> Option<One> {
    let server = Ollama::start().await?;
    let pushed = registry.push("bench/large", "1b", &gguf(LARGE, 1)).await;
    let model = format!("127.0.0.1:{}/bench/large:1b", registry.port);
    let scene = Scene::start(stage, "bench-models-one", &[&server]).await;
    let mut one = One { bytes: pushed.size, curl_seconds: vec![], operator_seconds: vec![], status_writes: vec![] };
    for run in 0..runs {
        let started = Instant::now();
        curl(&server, "POST", "pull", &model).await;
        one.curl_seconds.push(started.elapsed().as_secs_f64());
        curl(&server, "DELETE", "delete", &model).await;

        let before = scene.status_writes().await;
        let started = Instant::now();
        let name = format!("large-{run}");
        scene.apply(&name, &server, &model).await;
        scene.all_ready(1).await;
        one.operator_seconds.push(started.elapsed().as_secs_f64());
        one.status_writes.push(scene.status_writes().await - before);
        // else it would bring back what is deleted
        scene.delete_all().await;
        curl(&server, "DELETE", "delete", &model).await;
    }
    scene.end().await;
    Some(one)
}

async fn many(stage: &Stage, registry: &Registry, pulls: u32) -> Option<Many> {
    let mut names = Vec::new();
    for number in 0..pulls {
        registry.push(&format!("bench/small-{number}"), "1b", &gguf(SMALL, u64::from(number) + 10)).await;
        names.push(format!("127.0.0.1:{}/bench/small-{number}:1b", registry.port));
    }
    let of = |server: usize| names.iter().skip(server).step_by(SERVERS as usize);
    let servers = several().await?;
    let started = Instant::now();
    join_all(servers.iter().enumerate().map(|(at, server)| async move {
        for model in of(at) {
            curl(server, "POST", "pull", model).await;
        }
    }))
    .await;
    let curl_seconds = started.elapsed().as_secs_f64();
    drop(servers);

    let servers = several().await?;
    let scene = Scene::start(stage, "bench-models-many", &servers.iter().collect::<Vec<_>>()).await;
    let (writes, cpu) = (scene.status_writes().await, scene.operator.cpu_seconds());
    let started = Instant::now();
    for (at, server) in servers.iter().enumerate() {
        for (number, model) in of(at).enumerate() {
            scene.apply(&format!("small-{at}-{number}"), server, model).await;
        }
    }
    scene.all_ready(pulls as usize).await;
    let many = Many {
        pulls,
        servers: SERVERS,
        curl_seconds,
        operator_seconds: started.elapsed().as_secs_f64(),
        status_writes: scene.status_writes().await - writes,
        events: scene.events().await,
        peak_mib: scene.operator.peak_mib(),
        cpu_seconds: scene.operator.cpu_seconds() - cpu,
    };
    scene.end().await;
    Some(many)
}

async fn several() -> Option<Vec<Ollama>> {
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Ollama::start().await?);
    }
    Some(servers)
}

/// What a person would do.
async fn curl(server: &Ollama, method: &str, call: &str, model: &str) {
    let body = json!({"model": model, "insecure": true}).to_string();
    let url = format!("{}/api/{call}", server.url());
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--no-buffer", "--request", method, "--data", &body, &url]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("curl runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "curl {call} {model}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(call != "pull" || said.contains(r#""status":"success""#), "curl {call} {model}: {said}");
}

/// An operator, and a namespace with ModelPulls.
struct Scene {
    client: Client,
    namespace: String,
    operator: Operator,
}

impl Scene {
    async fn start(stage: &Stage, name: &str, servers: &[&Ollama]) -> Self {
        let rows: Vec<String> =
            servers.iter().map(|server| format!("127.0.0.1:{0}=127.0.0.1:{0}", server.port)).collect();
        let operator = stage.operator(name, &rows).await;
        kubernetes::ensure_namespace(stage.client(), name).await;
        Self { client: stage.client().clone(), namespace: name.to_owned(), operator }
    }

    fn pulls(&self) -> Api<ModelPull> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn apply(&self, name: &str, server: &Ollama, model: &str) {
        let object = json!({
            "apiVersion": "zentoria.ai/v1alpha1", "kind": "ModelPull", "metadata": {"name": name},
            "spec": {"url": server.url(), "ollama": {"model": model, "insecure": true}},
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.pulls().patch(name, &params, &Patch::Apply(&object)).await.expect("a ModelPull is applied");
    }

    async fn all_ready(&self, count: usize) {
        let patience = PATIENCE + Duration::from_secs(20) * u32::try_from(count).unwrap_or(u32::MAX);
        within(patience, "every model is Ready", || async {
            let objects = self.pulls().list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
            let phase = |object: &ModelPull| object.status.as_ref().map(|status| status.phase).unwrap_or_default();
            let ready = objects.iter().filter(|object| phase(object) == ModelPhase::Ready).count();
            if ready == count { Ok(()) } else { Err(format!("{ready} of {count} are Ready")) }
        })
        .await;
    }

    async fn delete_all(&self) {
        let all = ListParams::default();
        self.pulls().delete_collection(&DeleteParams::default(), &all).await.expect("they are deleted");
        within(PATIENCE, "every ModelPull is gone", || async {
            let left = self.pulls().list(&all).await.map_err(|error| error.to_string())?.items.len();
            if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
        })
        .await;
    }

    async fn status_writes(&self) -> f64 {
        self.operator.metric("zentoria_status_writes_total").await
    }

    async fn events(&self) -> usize {
        let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(self.client.clone(), &self.namespace);
        events.list(&ListParams::default()).await.expect("events").items.len()
    }

    async fn end(self) {
        self.delete_all().await;
        self.operator.stop().await;
    }
}

fn rows(figures: &Models) -> Vec<Row> {
    let (one, many) = (&figures.one, &figures.many);
    let (curl, operator) = (median(one.curl_seconds.clone()), median(one.operator_seconds.clone()));
    let size = one.bytes / (1024 * 1024);
    vec![
        row(format!("curl of a model of {size} MiB, s"), curl, None),
        row("apply of its ModelPull to Ready, s", operator, None),
        row("... x curl", operator / curl, 1.2),
        row("status writes of it", median(one.status_writes.clone()), None),
        row(format!("curl of {} small models on {} servers, s", many.pulls, many.servers), many.curl_seconds, None),
        row("apply of their ModelPulls to all Ready, s", many.operator_seconds, None),
        row("... x curl", many.operator_seconds / many.curl_seconds, 1.2),
        row("status writes per ModelPull", many.status_writes / f64::from(many.pulls), None),
        row("events per ModelPull", many.events as f64 / f64::from(many.pulls), None),
        row("operator: most memory, MiB", many.peak_mib, None),
        row("operator: processor ms per ModelPull", many.cpu_seconds * 1000.0 / f64::from(many.pulls), None),
    ]
}
