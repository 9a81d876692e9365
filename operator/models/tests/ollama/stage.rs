//! An Ollama, a registry, and the line between them.

use std::sync::Mutex;
use std::time::Duration;

use zentoria_models::{Dialer, Endpoint, Model, ModelError, ModelServer, Ollama, Progress, PullOptions};
use zentoria_test_servers::line::Line;
use zentoria_test_servers::registry::Registry;

pub const MIB: usize = 1024 * 1024;

/// Enough for a busy machine; only a test of it makes it shorter.
pub const PATIENT: PullOptions = PullOptions { insecure: true, stall: Duration::from_secs(60), room: None };

/// All that a test of pulls needs.
pub struct Stage {
    pub server: zentoria_test_servers::ollama::Ollama,
    pub registry: Registry,
    pub line: Line,
    pub ollama: Ollama,
}

impl Stage {
    pub async fn set() -> Option<Self> {
        let registry = Registry::start().await?;
        Self::with(zentoria_test_servers::ollama::Ollama::start().await?, registry).await
    }

    pub async fn with(server: zentoria_test_servers::ollama::Ollama, registry: Registry) -> Option<Self> {
        let line = Line::to(registry.port).await;
        let ollama = client(&server.url());
        Some(Self { server, registry, line, ollama })
    }

    /// A model of the registry, reached over the line.
    pub fn model(&self, name: &str) -> Model {
        Model { name: format!("127.0.0.1:{}/{name}", self.line.port), revision: None }
    }

    pub async fn pull(&self, model: &Model, ask: PullOptions) -> Result<Vec<Progress>, ModelError> {
        pull(&self.ollama, model, ask).await
    }

    /// Pulls until so many bytes are there, and drops the pull.
    pub async fn pull_until(&self, model: &Model, bytes: u64) {
        let (reached, reach) = tokio::sync::oneshot::channel();
        let reached = Mutex::new(Some(reached));
        let progress = |progress: Progress| {
            if progress.completed >= bytes
                && let Some(reached) = reached.lock().unwrap().take()
            {
                reached.send(()).unwrap();
            }
        };
        tokio::select! {
            outcome = self.ollama.pull(model, PATIENT, &progress) => panic!("it ended first: {outcome:?}"),
            reached = reach => reached.unwrap(),
        }
    }
}

/// All that was told of a pull.
pub async fn pull(ollama: &Ollama, model: &Model, ask: PullOptions) -> Result<Vec<Progress>, ModelError> {
    let told = Mutex::new(Vec::new());
    ollama.pull(model, ask, &|progress| told.lock().unwrap().push(progress)).await?;
    Ok(told.into_inner().unwrap())
}

pub fn client(url: &str) -> Ollama {
    let endpoint = Endpoint {
        base: Endpoint::parse(url).unwrap(),
        ca: None,
        token: None,
        connect_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(60),
        dialer: Dialer::direct(),
    };
    Ollama::new(endpoint).unwrap()
}
