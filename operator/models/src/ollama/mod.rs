//! Ollama, by its HTTP API.

mod pulling;
mod refusal;

use std::time::Duration;

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use zentoria_types::{Checksum, OllamaName};

use self::pulling::{Pulling, Turn};
use crate::http::{Http, Refused};
use crate::ndjson::{Lines, TooLong};
use crate::server::OnProgress;
use crate::{Endpoint, Installed, Model, ModelError, ModelServer, Progress, PullOptions, Stage};

/// Longest line of a pull, in bytes: those of Ollama have 200, and an error of a registry may stand in one.
const LONGEST_LINE: usize = 64 * 1024;
/// Longest pull, in bytes of its lines: 16 a second for two weeks, which nobody waits for.
const LONGEST_PULL: usize = 2 * 1024 * 1024 * 1024;
/// What a disk is believed to read at least while digests are compared, in bytes per second: nothing is said meanwhile.
const SLOWEST_DISK: u64 = 20 * 1024 * 1024;
const PULL: &str = "POST /api/pull";

/// An Ollama server.
pub struct Ollama {
    http: Http,
}

/// `GET /api/tags` and `GET /api/ps`.
#[derive(Deserialize)]
struct List {
    // null is none; without the key it is another program's
    #[serde(deserialize_with = "Option::deserialize")]
    models: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    digest: String,
    size: Option<u64>,
}

impl Ollama {
    /// The server, nothing connected to yet.
    ///
    /// # Errors
    /// [`ModelError::Setup`], where the CA cannot be read.
    pub fn new(endpoint: Endpoint) -> Result<Self, ModelError> {
        Ok(Self { http: Http::new("Ollama", endpoint)? })
    }

    async fn models(&self, path: &str) -> Result<Vec<Listed>, ModelError> {
        Ok(self.http.json::<List>(path).await?.models.unwrap_or_default())
    }

    /// Sends a body about a model; that there is no such model is no error.
    async fn tell(&self, method: Method, path: &str, body: &serde_json::Value) -> Result<(), ModelError> {
        let what = format!("{method} {path}");
        match self.http.ask(method, path, Some(body)).await? {
            Ok(_) => Ok(()),
            Err(refused) if refused.status == StatusCode::NOT_FOUND && refusal::said(&refused.body).is_some() => Ok(()),
            Err(refused) => Err(self.http.failed(&what, &refused)),
        }
    }

    fn refused(&self, name: &OllamaName, refused: &Refused) -> ModelError {
        match refusal::said(&refused.body) {
            // a proxy before Ollama: it never asks who we are itself
            Some(_) | None if matches!(refused.status.as_u16(), 401 | 403) => self.http.failed(PULL, refused),
            Some(said) => refusal::read(&self.http.name(), name, Some(refused.status.as_u16()), &said),
            None => self.http.failed(PULL, refused),
        }
    }

    fn too_long(&self, why: TooLong) -> ModelError {
        match why {
            TooLong::Line(limit) => self.http.too_much(format!("in one line of {PULL}"), limit),
            TooLong::All(limit) => self.http.too_much(format!("in answer to {PULL}"), limit),
        }
    }
}

fn named(model: &Model) -> Result<OllamaName, ModelError> {
    let bad = |why: String| ModelError::BadName { name: model.name.clone(), why };
    model.name.parse().map_err(|why: zentoria_types::model::InvalidOllamaName| bad(why.to_string()))
}

#[async_trait]
impl ModelServer for Ollama {
    async fn list(&self) -> Result<Vec<Installed>, ModelError> {
        let installed = |listed: Listed| Installed {
            // without `sha256:` in Ollama's list
            digest: format!("sha256:{}", listed.digest.trim_start_matches("sha256:")).parse::<Checksum>().ok(),
            name: listed.name,
            size: listed.size,
            revision: None,
        };
        Ok(self.models("/api/tags").await?.into_iter().map(installed).collect())
    }

    async fn installed(&self, model: &Model) -> Result<Option<Installed>, ModelError> {
        let name = named(model)?;
        Ok(self
            .list()
            .await?
            .into_iter()
            .find(|installed| installed.name.parse().is_ok_and(|it: OllamaName| it == name)))
    }

    async fn pull(&self, model: &Model, ask: PullOptions, progress: OnProgress<'_>) -> Result<(), ModelError> {
        let name = named(model)?;
        progress(Progress { stage: Stage::Resolving, completed: 0, total: 0 });
        let body = json!({ "model": name.to_string(), "insecure": ask.insecure, "stream": true });
        let answer = self.http.begin(Method::POST, "/api/pull", Some(&body), ask.stall).await?;
        let mut stream = answer.map_err(|refused| self.refused(&name, &refused))?.into_body();
        let mut lines = Lines::new(LONGEST_LINE, LONGEST_PULL);
        let mut pulling = Pulling::default();
        let mut grown = Instant::now();
        loop {
            let patience = patience(&pulling, ask.stall);
            let next = timeout_at(grown + patience, self.http.part(PULL, &mut stream, 2 * patience)).await;
            let Ok(next) = next else {
                return Err(ModelError::NoGrowth { server: self.http.name(), after: patience });
            };
            let next = next?;
            let whole = match &next {
                Some(bytes) => lines.push(bytes).map_err(|why| self.too_long(why))?,
                None => lines.end().into_iter().collect(),
            };
            for line in whole {
                match pulling.take(&line) {
                    Turn::Same => {}
                    Turn::Grown => {
                        grown = Instant::now();
                        progress(pulling.progress());
                        fits(&self.http.name(), &name, &pulling, ask.room)?;
                    }
                    Turn::Done => return Ok(()),
                    Turn::Failed(said) => return Err(refusal::read(&self.http.name(), &name, None, &said)),
                    Turn::Foreign(why) => return Err(self.http.not_this(format!("{PULL} gives {why}"))),
                    Turn::TooMany(limit) => {
                        return Err(self.http.too_much(format!("in parts of one model of {PULL}"), limit));
                    }
                }
            }
            if next.is_none() {
                return Err(self.http.broken(PULL, "the answer ended before `success`"));
            }
        }
    }

    async fn loaded(&self, model: &Model) -> Result<bool, ModelError> {
        let name = named(model)?;
        let models = self.models("/api/ps").await?;
        Ok(models.iter().any(|listed| listed.name.parse().is_ok_and(|it: OllamaName| it == name)))
    }

    async fn unload(&self, model: &Model) -> Result<(), ModelError> {
        // without a prompt nothing is generated; one that is not loaded is not loaded for it either
        let body = json!({ "model": named(model)?.to_string(), "keep_alive": 0, "stream": false });
        self.tell(Method::POST, "/api/generate", &body).await
    }

    async fn delete(&self, model: &Model) -> Result<(), ModelError> {
        if self.loaded(model).await? {
            self.unload(model).await?;
        }
        self.tell(Method::DELETE, "/api/delete", &json!({ "model": named(model)?.to_string() })).await
    }
}

/// How long nothing may grow: longer while digests of many bytes are compared.
fn patience(pulling: &Pulling, stall: Duration) -> Duration {
    let progress = pulling.progress();
    match progress.stage {
        Stage::Resolving | Stage::Downloading => stall,
        Stage::Verifying | Stage::Writing => stall + Duration::from_secs(progress.total / SLOWEST_DISK),
    }
}

fn fits(server: &str, name: &OllamaName, pulling: &Pulling, room: Option<u64>) -> Result<(), ModelError> {
    let progress = pulling.progress();
    // what is there already has its room
    let total = progress.total.saturating_sub(progress.completed);
    match room {
        Some(free) if total > free => {
            Err(ModelError::TooBig { server: server.to_owned(), name: name.to_string(), total, free })
        }
        Some(_) | None => Ok(()),
    }
}
