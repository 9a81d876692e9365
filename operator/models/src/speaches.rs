//! Speaches.

use async_trait::async_trait;

use crate::server::OnProgress;
use crate::{Endpoint, Installed, Model, ModelError, ModelServer, PullOptions};

/// A Speaches server.
pub struct Speaches {
    #[expect(dead_code, reason = "used by its calls")]
    http: crate::http::Http,
}

impl Speaches {
    /// The server, nothing connected to yet.
    ///
    /// # Errors
    /// [`ModelError::Setup`], where the CA cannot be read.
    pub fn new(endpoint: Endpoint) -> Result<Self, ModelError> {
        Ok(Self { http: crate::http::Http::new("Speaches", endpoint)? })
    }
}

#[async_trait]
impl ModelServer for Speaches {
    async fn list(&self) -> Result<Vec<Installed>, ModelError> {
        Err(missing())
    }
    async fn installed(&self, _: &Model) -> Result<Option<Installed>, ModelError> {
        Err(missing())
    }
    async fn pull(&self, _: &Model, _: PullOptions, _: OnProgress<'_>) -> Result<(), ModelError> {
        Err(missing())
    }
    async fn loaded(&self, _: &Model) -> Result<bool, ModelError> {
        Err(missing())
    }
    async fn unload(&self, _: &Model) -> Result<(), ModelError> {
        Err(missing())
    }
    async fn delete(&self, _: &Model) -> Result<(), ModelError> {
        Err(missing())
    }
}

fn missing() -> ModelError {
    ModelError::Setup("this driver is not in this version".to_owned())
}
