//! Speaches: models of faster-whisper behind an API like OpenAI's.
//!
//! It pulls the newest commit of a repository, once: what it has is not looked up again, and no revision can be asked for.
//! It answers when the model is there, and says nothing until then.

use std::time::Duration;

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use zentoria_types::HubRepository;

use crate::http::{Http, Refused};
use crate::server::OnProgress;
use crate::{Endpoint, Installed, Model, ModelError, ModelServer, Progress, PullOptions, Stage};

/// How long a pull may take: nothing shows whether it grows.
const LONGEST_PULL: Duration = Duration::from_secs(6 * 3600);
/// How often the server is asked whether it is still there, in the midst of a pull: a part of what it may stall.
const PULSE: u32 = 5;
/// What an unknown path gives, which is not what an unknown model gives.
const NO_SUCH_PATH: &str = "Not Found";

/// A Speaches server.
pub struct Speaches {
    http: Http,
}

/// `GET /v1/models`.
#[derive(Deserialize)]
struct Models {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

/// `GET /api/ps`.
#[derive(Deserialize)]
struct Running {
    models: Vec<String>,
}

/// What FastAPI makes of a failure.
#[derive(Deserialize)]
struct Detail {
    detail: String,
}

impl Speaches {
    /// The server, nothing connected to yet.
    ///
    /// # Errors
    /// [`ModelError::Setup`], where the CA cannot be read.
    pub fn new(endpoint: Endpoint) -> Result<Self, ModelError> {
        Ok(Self { http: Http::new("Speaches", endpoint)? })
    }

    /// Returns when the server has given no sign of life for `stall`.
    async fn pulse(&self, stall: Duration) -> ModelError {
        let mut last = Instant::now();
        loop {
            sleep(stall / PULSE).await;
            match self.list().await {
                Ok(_) => last = Instant::now(),
                Err(error) if last.elapsed() >= stall => return error,
                Err(_) => {}
            }
        }
    }

    fn refused(&self, what: &str, name: &HubRepository, refused: &Refused) -> ModelError {
        let detail = serde_json::from_slice::<Detail>(&refused.body).ok().map(|said| said.detail);
        let source_name = "the hub".to_owned();
        match (refused.status, detail) {
            (StatusCode::NOT_FOUND, Some(detail)) if detail != NO_SUCH_PATH => {
                ModelError::ModelNotFound { source_name, name: name.to_string() }
            }
            // its own refusal of our token says nothing of a repository
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(why)) if why.contains("gated") => {
                ModelError::RegistryDenied { source_name, name: name.to_string(), why }
            }
            (_, Some(_) | None) => self.http.failed(what, refused),
        }
    }

    /// Deletes something; that it is not there is no error.
    async fn take_away(&self, path: &str) -> Result<(), ModelError> {
        match self.http.ask(Method::DELETE, path, None).await? {
            Ok(_) => Ok(()),
            Err(refused) if refused.status == StatusCode::NOT_FOUND && is_about_model(&refused) => Ok(()),
            Err(refused) => Err(self.http.failed(&format!("DELETE {path}"), &refused)),
        }
    }
}

/// A 404 of a model that is not there, not of a server that does not know the path.
fn is_about_model(refused: &Refused) -> bool {
    match serde_json::from_slice::<Detail>(&refused.body) {
        Ok(said) => said.detail != NO_SUCH_PATH,
        Err(_) => refused.body.starts_with(b"Model not found"),
    }
}

fn named(model: &Model) -> Result<HubRepository, ModelError> {
    let bad = |why: String| ModelError::BadName { name: model.name.clone(), why };
    if let Some(revision) = &model.revision {
        return Err(bad(format!("Speaches cannot pull its revision {revision}: leave it out, or use HuggingFace")));
    }
    model.name.parse().map_err(|why: zentoria_types::model::InvalidHubRepository| bad(why.to_string()))
}

#[async_trait]
impl ModelServer for Speaches {
    async fn list(&self) -> Result<Vec<Installed>, ModelError> {
        let models: Models = self.http.json("/v1/models").await?;
        let installed = |listed: Listed| Installed { name: listed.id, digest: None, size: None, revision: None };
        Ok(models.data.into_iter().map(installed).collect())
    }

    async fn installed(&self, model: &Model) -> Result<Option<Installed>, ModelError> {
        let name = named(model)?;
        Ok(self.list().await?.into_iter().find(|installed| installed.name == name.as_str()))
    }

    async fn pull(&self, model: &Model, ask: PullOptions, progress: OnProgress<'_>) -> Result<(), ModelError> {
        let name = named(model)?;
        progress(Progress { stage: Stage::Downloading, completed: 0, total: 0 });
        let path = format!("/v1/models/{name}");
        let what = format!("POST {path}");
        let asked = self.http.begin(Method::POST, &path, None, LONGEST_PULL);
        let answer = tokio::select! {
            answer = asked => answer?,
            error = self.pulse(ask.stall) => return Err(error),
        };
        answer.map_err(|refused| self.refused(&what, &name, &refused))?;
        match self.installed(model).await? {
            Some(_) => Ok(()),
            None => Err(self.http.not_this(format!("{what} succeeds, and the model is not in its list"))),
        }
    }

    async fn loaded(&self, model: &Model) -> Result<bool, ModelError> {
        let name = named(model)?;
        let running: Running = self.http.json("/api/ps").await?;
        Ok(running.models.iter().any(|running| running == name.as_str()))
    }

    async fn unload(&self, model: &Model) -> Result<(), ModelError> {
        self.take_away(&format!("/api/ps/{}", named(model)?)).await
    }

    async fn delete(&self, model: &Model) -> Result<(), ModelError> {
        if self.loaded(model).await? {
            self.unload(model).await?;
        }
        self.take_away(&format!("/v1/models/{}", named(model)?)).await
    }
}
