//! What every model server can do.

use async_trait::async_trait;
use std::time::Duration;
use zentoria_types::Checksum;

use crate::ModelError;

/// A model that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// As the server calls it: `llama3.2:latest` for Ollama, `OWNER/NAME` of the hub for the others.
    pub name: String,
    /// Branch, tag or commit in the hub; `main` without one. Ollama has none.
    pub revision: Option<String>,
}

/// A model that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// As the server calls it.
    pub name: String,
    /// Of Ollama: the digest that its list shows. Of the Hugging Face client: over the files' digests. Speaches shows none.
    pub digest: Option<Checksum>,
    /// In bytes.
    pub size: Option<u64>,
    /// Commit in the hub, of the Hugging Face client.
    pub revision: Option<String>,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Bytes that are there, of those known so far. What a server need not fetch again counts.
    pub completed: u64,
    /// Bytes known so far: it grows while the server comes to know more parts; 0 while it knows none.
    pub total: u64,
}

/// What a pull is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Finding out what belongs to the model.
    Resolving,
    /// Fetching it.
    Downloading,
    /// Comparing digests.
    Verifying,
    /// Putting it into place.
    Writing,
}

/// How a model is to be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullOptions {
    /// From a registry without TLS, or with a certificate that is not verified. Ollama alone knows it.
    pub insecure: bool,
    /// Without any growth for so long, the pull is given up.
    pub stall: Duration,
    /// Free bytes where the model goes, if known: a model that does not fit is stopped as soon as its size is known.
    pub room: Option<u64>,
}

/// Told how far a pull is; often, and many times the same.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A server of models.
#[async_trait]
pub trait ModelServer: Send + Sync {
    /// All models that are there.
    ///
    /// # Errors
    /// The server cannot be reached, or is none of its kind.
    async fn list(&self) -> Result<Vec<Installed>, ModelError>;

    /// The model, if it is there.
    ///
    /// # Errors
    /// As [`ModelServer::list`]; [`ModelError::BadName`].
    async fn installed(&self, model: &Model) -> Result<Option<Installed>, ModelError>;

    /// Pulls the model, whether it is there or not: a moved tag or branch is followed. What an earlier pull left is used.
    /// Dropped, it ends.
    ///
    /// # Errors
    /// Whatever kept it from the end.
    async fn pull(&self, model: &Model, ask: PullOptions, progress: OnProgress<'_>) -> Result<(), ModelError>;

    /// Whether the model is in memory. The Hugging Face client knows nothing of who uses its files: never.
    ///
    /// # Errors
    /// As [`ModelServer::list`].
    async fn loaded(&self, model: &Model) -> Result<bool, ModelError>;

    /// Takes the model out of memory. One that is not there is no error.
    ///
    /// # Errors
    /// As [`ModelServer::list`].
    async fn unload(&self, model: &Model) -> Result<(), ModelError>;

    /// Deletes the model, in memory or not. One that is not there is no error.
    ///
    /// # Errors
    /// As [`ModelServer::list`].
    async fn delete(&self, model: &Model) -> Result<(), ModelError>;
}
