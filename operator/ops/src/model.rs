//! Model servers: looked at, pulled to, deleted from. Clients are made of what the core wants; failures become the core's.

use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use zentoria_api::conditions::ModelReason;
use zentoria_core::model::decide::Installed;
use zentoria_core::model::report::Failure;
use zentoria_core::model::want::{self, Http, Server, WantModel};
use zentoria_models::{
    Class, Endpoint, Hub, HuggingFace, Model, ModelError, ModelServer, Ollama, Progress, PullOptions, Speaches,
    SshAccess, Stage,
};
use zentoria_net::Dialer;
use zentoria_types::Secret;
use zentoria_types::ssh::SshServer;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// For a whole list.
const LIST: Duration = Duration::from_secs(60);
/// For the beginning of an answer, and each of its parts. Pulls have a limit of their own.
const IDLE: Duration = Duration::from_secs(30);

/// What a server's Secrets hold.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// PEM of the CA.
    pub ca: Option<String>,
    /// Bearer token of the server; of the hub, its token.
    pub token: Option<Secret>,
    /// Private key for SSH.
    pub ssh: Option<Secret>,
}

/// One model server.
#[derive(Clone)]
pub struct Site(Arc<dyn ModelServer>);

/// How far a pull is: bytes that are there, bytes in all, whether all are there.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64, bool) + Send + Sync);

/// The client of a server; nothing is connected to yet.
///
/// # Errors
/// Where a Secret or an address cannot be used.
pub fn open(server: &Server, keys: Keys, dialer: &Dialer) -> Result<Site, Failure> {
    let server: Arc<dyn ModelServer> = match server {
        Server::Ollama(http) => Arc::new(Ollama::new(endpoint(http, keys, dialer)?).map_err(|error| failure(&error))?),
        Server::Speaches(http) => {
            Arc::new(Speaches::new(endpoint(http, keys, dialer)?).map_err(|error| failure(&error))?)
        }
        Server::Hub(hub) => {
            let Keys { ca: _, token, ssh } = keys;
            let access = SshAccess {
                server: SshServer {
                    host: hub.host.clone(),
                    port: hub.port,
                    user: hub.user.clone(),
                    known_hosts: hub.known_hosts.clone(),
                },
                key: ssh.unwrap_or_else(|| Secret::new("")),
                dialer: dialer.clone(),
            };
            let there = Hub {
                directory: hub.directory.clone(),
                endpoint: hub.endpoint.clone(),
                token,
                client: hub.client.clone(),
            };
            Arc::new(HuggingFace::new(access, there).map_err(|error| failure(&error))?)
        }
    };
    Ok(Site(server))
}

fn endpoint(http: &Http, keys: Keys, dialer: &Dialer) -> Result<Endpoint, Failure> {
    let base = Endpoint::parse(&http.base)
        .map_err(|error| Failure { reason: ModelReason::InvalidSpec, message: format!("spec.url: {error}") })?;
    Ok(Endpoint {
        base,
        ca: keys.ca,
        token: keys.token,
        connect_timeout: CONNECT,
        idle_timeout: IDLE,
        dialer: dialer.clone(),
    })
}

impl Site {
    /// All models that are there.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn list(&self) -> Result<Vec<Installed>, Failure> {
        let silent = |_| Failure {
            reason: ModelReason::Unreachable,
            message: format!("the list of its models did not come to an end within {} s", LIST.as_secs()),
        };
        let list = timeout(LIST, self.0.list()).await.map_err(silent)?.map_err(|error| failure(&error))?;
        let installed = |model: zentoria_models::Installed| Installed {
            name: model.name,
            digest: model.digest.map(|digest| digest.to_string()),
            bytes: model.size,
            revision: model.revision,
        };
        Ok(list.into_iter().map(installed).collect())
    }

    /// Pulls; dropped, it ends. `room` is what is free where the model goes.
    ///
    /// # Errors
    /// Whatever kept it from the end.
    pub async fn pull(&self, want: &WantModel, room: Option<u64>, on: OnProgress<'_>) -> Result<(), Failure> {
        let insecure = matches!(want.model, want::Model::Ollama { insecure: true, .. });
        let ask = PullOptions { insecure, stall: want.stall, room };
        let tell = |progress: Progress| {
            let all_there = match progress.stage {
                Stage::Resolving | Stage::Downloading => false,
                Stage::Verifying | Stage::Writing => true,
            };
            on(progress.completed, progress.total, all_there);
        };
        self.0.pull(&model(&want.model), ask, &tell).await.map_err(|error| failure(&error))
    }

    /// Takes the model out of memory and deletes it. One that is not there is no error.
    ///
    /// # Errors
    /// Where the server cannot be asked, or refuses.
    pub async fn delete(&self, what: &want::Model) -> Result<(), Failure> {
        let model = model(what);
        if self.0.loaded(&model).await.map_err(|error| failure(&error))? {
            self.0.unload(&model).await.map_err(|error| failure(&error))?;
        }
        self.0.delete(&model).await.map_err(|error| failure(&error))
    }
}

fn model(model: &want::Model) -> Model {
    match model {
        want::Model::Ollama { name, .. } => Model { name: name.clone(), revision: None },
        want::Model::Whisper { repository, revision, .. } => {
            Model { name: repository.clone(), revision: revision.clone() }
        }
    }
}

/// A failure as the status of a ModelPull says it.
fn failure(error: &ModelError) -> Failure {
    let reason = match error {
        ModelError::Unreachable { .. } | ModelError::TimedOut { .. } => ModelReason::Unreachable,
        ModelError::NoGrowth { .. } | ModelError::Broken { .. } | ModelError::Cancelled => ModelReason::Interrupted,
        ModelError::NotThisServer { .. } | ModelError::TooMuch { .. } => ModelReason::NotAModelServer,
        ModelError::BadName { .. } | ModelError::Setup(_) => ModelReason::InvalidSpec,
        ModelError::ModelNotFound { .. } => ModelReason::ModelNotFound,
        ModelError::RegistryUnreachable { .. } => ModelReason::RegistryUnreachable,
        ModelError::RegistryNotTls { .. } | ModelError::Tls { .. } => ModelReason::TlsFailed,
        ModelError::RegistryDenied { .. } | ModelError::Unauthorized { .. } => ModelReason::AccessDenied,
        ModelError::DigestMismatch { .. } => ModelReason::Damaged,
        ModelError::DiskFull { .. } | ModelError::TooBig { .. } => ModelReason::NotEnoughSpace,
        ModelError::NeedsNewerServer { .. } => ModelReason::NeedsNewerServer,
        ModelError::ServerError { .. } => ModelReason::PullFailed,
        ModelError::ClientMissing { .. } => ModelReason::ClientMissing,
        ModelError::Ssh { class: Class::Retry, .. } => ModelReason::Unreachable,
        ModelError::Ssh { class: Class::Stalled, .. } => ModelReason::AccessDenied,
    };
    Failure { reason, message: error.to_string() }
}
