//! The Hugging Face client over SSH.

use async_trait::async_trait;

use crate::server::OnProgress;
use zentoria_net::Dialer;
use zentoria_types::Secret;
use zentoria_types::ssh::SshServer;

use crate::{Installed, Model, ModelError, ModelServer, PullOptions};

/// How the machine is logged in to. Its Debug shows no secret.
#[derive(Debug, Clone)]
pub struct SshAccess {
    /// The machine, who logs in, and the keys of the host.
    pub server: SshServer,
    /// The private key.
    pub key: Secret,
    /// The way.
    pub dialer: Dialer,
}

/// Where models come from and go to. Its Debug shows no secret.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Absolute path of a directory on the machine; each model gets one below it: `OWNER--NAME`.
    pub directory: String,
    /// A mirror of the hub: `https://hf-mirror.example`.
    pub endpoint: Option<String>,
    /// For models that need one.
    pub token: Option<Secret>,
    /// Path of `hf` there, where it is not in `PATH` or a usual place.
    pub client: Option<String>,
}

/// The Hugging Face client on another machine.
pub struct HuggingFace {
    #[expect(dead_code, reason = "used by its calls")]
    parts: (SshAccess, Hub),
}

impl HuggingFace {
    /// The machine, nothing connected to yet.
    ///
    /// # Errors
    /// [`ModelError::Setup`], where the keys of the host or the directory cannot be used.
    pub fn new(ssh: SshAccess, hub: Hub) -> Result<Self, ModelError> {
        Ok(Self { parts: (ssh, hub) })
    }
}

#[async_trait]
impl ModelServer for HuggingFace {
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
