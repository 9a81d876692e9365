//! A ModelPull that was checked: what is wanted, where, and with which Secrets.

use crate::backup::schedule::Runs;
use std::time::Duration;
use zentoria_api::backup::SecretKey;

/// What a ModelPull asks for.
#[derive(Clone, Debug)]
pub struct WantModel {
    /// The model.
    pub model: Model,
    /// The server.
    pub server: Server,
    /// The container that the server is in, by name.
    pub container: Option<String>,
    /// Where it is to be, for people.
    pub target: String,
    /// When it is pulled again though it is there.
    pub refresh: Option<RefreshPlan>,
    /// Whether it is deleted with its resource.
    pub deletes: bool,
    /// A pull without any byte for so long is broken off.
    pub stall: Duration,
    /// Changes with everything that the server shows depends on: its address, who asks.
    pub access: String,
    /// Changes with everything that a try depends on: model, server, Secrets.
    pub wish: String,
}

/// When a model is pulled again.
#[derive(Clone, Debug)]
pub struct RefreshPlan {
    /// The schedule.
    pub runs: Runs,
    /// And so much later.
    pub delay: Duration,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Of Ollama.
    Ollama {
        /// Its canonical name.
        name: String,
        /// Whether its registry may speak HTTP.
        insecure: bool,
        /// The digest that the server has to show.
        digest: Option<String>,
    },
    /// Of the hub.
    Whisper {
        /// What people call it: a size, or the repository.
        called: String,
        /// Its repository.
        repository: String,
        /// Branch, tag or commit.
        revision: Option<String>,
        /// The commit that has to be there.
        pin: Option<String>,
    },
}

impl Model {
    /// As its server calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Ollama { name, .. } => name,
            Self::Whisper { repository, .. } => repository,
        }
    }

    /// As people call it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Ollama { name, .. } => name.clone(),
            Self::Whisper { called, revision: Some(revision), .. } => {
                let short = if is_commit(revision) { 12 } else { usize::MAX };
                format!("{called}@{}", revision.chars().take(short).collect::<String>())
            }
            Self::Whisper { called, revision: None, .. } => called.clone(),
        }
    }

    /// What it is pinned to.
    #[must_use]
    pub fn pin(&self) -> Option<&str> {
        match self {
            Self::Ollama { digest, .. } => digest.as_deref(),
            Self::Whisper { pin, .. } => pin.as_deref(),
        }
    }
}

/// Whether a revision is a commit of the hub: one content, for ever.
#[must_use]
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where models are managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// Ollama's API.
    Ollama(Http),
    /// That of speaches.
    Speaches(Http),
    /// The client of the hub, over SSH.
    Hub(Box<Hub>),
}

impl Server {
    /// One name for one server, however it is written: whoever pulls there takes turns.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Ollama(http) | Self::Speaches(http) => {
                with_port(&http.base.trim_end_matches('/').to_ascii_lowercase())
            }
            Self::Hub(hub) => format!("ssh://{}:{}{}", hub.host, hub.port, hub.directory.trim_end_matches('/')),
        }
    }

    /// What kind it is, as a label.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Ollama(_) => "ollama",
            Self::Speaches(_) => "speaches",
            Self::Hub(_) => "huggingface",
        }
    }
}

/// The same URL with its port, where it is left to the scheme.
fn with_port(base: &str) -> String {
    let port = if base.starts_with("https:") { 443 } else { 80 };
    let Some((scheme, rest)) = base.split_once("://") else { return base.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    if after_host.contains(':') { base.to_owned() } else { format!("{scheme}://{authority}:{port}{path}") }
}

/// A server over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// `http(s)://HOST[:PORT][/PREFIX]`.
    pub base: String,
    /// PEM of the CA.
    pub ca: Option<SecretKey>,
    /// Bearer token.
    pub token: Option<SecretKey>,
}

/// The client of the hub on another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Address.
    pub host: String,
    /// Port of SSH.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The private key.
    pub key: SecretKey,
    /// Lines of `known_hosts`.
    pub known_hosts: Vec<String>,
    /// Where models lie.
    pub directory: String,
    /// Path of the client.
    pub client: Option<String>,
    /// URL of the hub.
    pub endpoint: Option<String>,
    /// Token for the hub.
    pub token: Option<SecretKey>,
}
