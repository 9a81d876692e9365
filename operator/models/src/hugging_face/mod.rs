//! The Hugging Face client on the machine that has the models, over SSH.
//!
//! A program of ours ([`PROGRAM`]) runs there with the Python of `hf` and its library: it finds the commit, downloads, compares
//! the digests that the hub promises, and leaves a note of what it found, so that a look later is cheap. Each model
//! has the directory `OWNER--NAME`, which faster-whisper loads by its path.

mod running;
mod said;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::time::Instant;
use zentoria_net::Dialer;
use zentoria_ssh::{Client, quoted};
use zentoria_types::ssh::SshServer;
use zentoria_types::{HubRepository, Secret};

use self::running::Running;
use self::said::Said;
use crate::http::short;
use crate::server::OnProgress;
use crate::{Installed, Model, ModelError, ModelServer, Progress, PullOptions, Stage};

const PROGRAM: &str = include_str!("program.py");
/// Finds `hf`, and with its first line the Python that has its library; reads the token from standard input, so that it
/// stands in no list of processes and in no file.
const LAUNCH: &str = r#"IFS= read -r HF_TOKEN || HF_TOKEN=
[ -n "$HF_TOKEN" ] && export HF_TOKEN || unset HF_TOKEN
[ -n "$2" ] && export HF_ENDPOINT="$2"
export HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 HF_HUB_DISABLE_XET=1 PYTHONDONTWRITEBYTECODE=1
hf=$1
for found in "$(command -v hf)" "$HOME/.local/bin/hf" /usr/local/bin/hf /opt/*/bin/hf; do
  [ -n "$hf" ] || { [ -x "$found" ] && hf=$found; }
done
[ -x "$hf" ] || exit 97
python=$(sed -n '1s/^#! *//p' "$hf")
case $python in *python*) ;; *) python=python3 ;; esac
shift 2
exec $python -c "$@""#;
/// Its code when there is no `hf`.
const NO_CLIENT: i32 = 97;
/// Names of directories with our own files.
const FILES: &str = "zentoria-ssh";
/// Most models of one directory.
const MOST_MODELS: usize = 10_000;
/// How long a look or a deletion may say nothing.
const SILENCE: Duration = Duration::from_secs(120);

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
    /// Absolute path of `hf` there, where it is not in `PATH` or a usual place.
    pub client: Option<String>,
}

/// The Hugging Face client on another machine.
pub struct HuggingFace {
    client: Client,
    /// `user@host:port`, as it was given.
    place: String,
    hub: Hub,
    /// The key and the known hosts, for ssh alone.
    _files: TempDir,
}

impl HuggingFace {
    /// The machine, nothing connected to yet.
    ///
    /// # Errors
    /// [`ModelError::Setup`], where the keys of the host or the directory cannot be used, or no file can be written;
    /// [`ModelError::Unreachable`], where a dial map lacks the address.
    pub fn new(ssh: SshAccess, hub: Hub) -> Result<Self, ModelError> {
        let setup = |why: String| ModelError::Setup(why);
        let place = zentoria_ssh::place(&ssh.server);
        for (what, path) in [("the directory of models", Some(&hub.directory)), ("the client", hub.client.as_ref())] {
            if path.is_some_and(|path| !path.starts_with('/') || path.contains(['\n', '\0'])) {
                return Err(setup(format!("{what} on {place} is not an absolute path")));
            }
        }
        let known = zentoria_ssh::known_hosts(&ssh.server.known_hosts).ok_or_else(|| {
            setup("knownHosts holds a line that is no key of a host: take them from ssh-keyscan".to_owned())
        })?;
        let (host, port) = ssh
            .dialer
            .target(&ssh.server.host, ssh.server.port)
            .map_err(|why| ModelError::Unreachable { server: place.clone(), why: why.to_string() })?;
        let unwritten = |why: std::io::Error| setup(format!("no file for ssh can be written: {why}"));
        let files = tempfile::Builder::new().prefix(FILES).tempdir().map_err(unwritten)?;
        let client = Client {
            program: PathBuf::from("ssh"),
            server: SshServer { host, port, ..ssh.server },
            known_hosts: write(files.path(), "known-hosts", &known).map_err(unwritten)?,
            identity: write(files.path(), "key", zentoria_ssh::identity(&ssh.key).expose()).map_err(unwritten)?,
        };
        Ok(Self { client, place, hub, _files: files })
    }

    /// What people know it by.
    fn name(&self) -> String {
        format!("the Hugging Face client on {}", self.place)
    }

    fn source_name(&self) -> String {
        self.hub.endpoint.as_ref().map_or_else(|| "the hub".to_owned(), |endpoint| format!("the hub {endpoint}"))
    }

    fn start(&self, words: &[&str]) -> Result<Running, ModelError> {
        let given = |given: &Option<String>| given.clone().unwrap_or_default();
        let head = [given(&self.hub.client), given(&self.hub.endpoint), PROGRAM.to_owned()];
        let words = words.iter().map(|word| (*word).to_owned());
        let quoted: Vec<String> = head.into_iter().chain(words).map(|word| quoted(&word)).collect();
        let line = format!("exec sh -c {} zentoria {}", zentoria_ssh::quoted(LAUNCH), quoted.join(" "));
        Running::start(self.client.command(&line), self.hub.token.as_ref(), &self.place)
    }

    /// The failure that the program says.
    fn failed(&self, name: &str, kind: &str, said: String) -> ModelError {
        let (server, source_name, name) = (self.name(), self.source_name(), name.to_owned());
        let (kind, said) = (short(kind), short(&said));
        match kind.as_str() {
            "NotFound" => ModelError::ModelNotFound { source_name, name },
            "Denied" => ModelError::RegistryDenied { source_name, name, why: said },
            "Unreachable" => ModelError::RegistryUnreachable { server, source_name, why: said },
            "Damaged" => ModelError::DigestMismatch { source_name, name, why: said },
            "Full" => ModelError::DiskFull { server, why: said },
            "Client" => running::missing(&self.place, "huggingface_hub"),
            "TooBig" => {
                let mut numbers = said.split(' ').map(|number| number.parse().unwrap_or(0));
                let (total, free) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                ModelError::TooBig { server, name, total, free }
            }
            _ => ModelError::ServerError { server, what: format!("{name} ({kind})"), status: None, said },
        }
    }

    fn foreign(&self, why: String) -> ModelError {
        ModelError::NotThisServer { server: self.place.clone(), kind: "our program", why }
    }
}

/// A file that nobody else may read.
fn write(directory: &Path, name: &str, text: &str) -> std::io::Result<PathBuf> {
    let path = directory.join(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

fn named(model: &Model) -> Result<HubRepository, ModelError> {
    let bad = |why: String| ModelError::BadName { name: model.name.clone(), why };
    let revision = model.revision.as_deref().unwrap_or("main");
    let plain = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
    if revision.is_empty() || revision.starts_with('-') || !revision.chars().all(plain) {
        return Err(bad(format!("its revision {revision:?} is no branch, tag or commit")));
    }
    model.name.parse().map_err(|why: zentoria_types::model::InvalidHubRepository| bad(why.to_string()))
}

#[async_trait]
impl ModelServer for HuggingFace {
    async fn list(&self) -> Result<Vec<Installed>, ModelError> {
        let mut running = self.start(&["list", &self.hub.directory])?;
        let mut all = Vec::new();
        loop {
            match running.next(SILENCE).await? {
                Some(Said::Installed(_)) if all.len() >= MOST_MODELS => {
                    return Err(self.foreign(format!("more than {MOST_MODELS} models in one directory")));
                }
                Some(Said::Installed(found)) => all.push(found.into()),
                Some(Said::End) => return Ok(all),
                Some(Said::Failed { kind, said }) => return Err(self.failed("the list", &kind, said)),
                Some(other) => return Err(self.foreign(format!("{other:?} in a list"))),
                None => return Err(self.foreign("a list without an end".to_owned())),
            }
        }
    }

    async fn installed(&self, model: &Model) -> Result<Option<Installed>, ModelError> {
        let name = named(model)?;
        Ok(self.list().await?.into_iter().find(|installed| installed.name == name.as_str()))
    }

    async fn pull(&self, model: &Model, ask: PullOptions, progress: OnProgress<'_>) -> Result<(), ModelError> {
        let name = named(model)?;
        let revision = model.revision.as_deref().unwrap_or("main");
        let room = ask.room.map(|room| room.to_string()).unwrap_or_default();
        let mut running = self.start(&["pull", &self.hub.directory, name.as_str(), revision, &room])?;
        let mut last = None;
        let mut grown = Instant::now();
        loop {
            let left = ask.stall.saturating_sub(grown.elapsed());
            let stalled = || ModelError::NoGrowth { server: self.name(), after: ask.stall };
            if left.is_zero() {
                return Err(stalled());
            }
            let next = match running.next(left).await {
                Err(ModelError::TimedOut { .. }) => return Err(stalled()),
                next => next?,
            };
            // beside it, how much is compared: that grows too
            let (now, checked) = match next {
                Some(Said::Resolving { checked }) => {
                    (Progress { stage: Stage::Resolving, completed: 0, total: 0 }, checked)
                }
                Some(Said::Downloading { completed, total }) => {
                    (Progress { stage: Stage::Downloading, completed, total }, 0)
                }
                Some(Said::Verifying { checked }) => {
                    let all = last.map_or(0, |(progress, _): (Progress, u64)| progress.total);
                    (Progress { stage: Stage::Verifying, completed: all, total: all }, checked)
                }
                Some(Said::Done(found)) => {
                    progress(Progress { stage: Stage::Writing, completed: found.size, total: found.size });
                    return Ok(());
                }
                Some(Said::Failed { kind, said }) => return Err(self.failed(name.as_str(), &kind, said)),
                Some(other @ (Said::Installed(_) | Said::End)) => {
                    return Err(self.foreign(format!("{other:?} in a pull")));
                }
                None => {
                    let why = "the answer ended before `done`".to_owned();
                    return Err(ModelError::Broken { server: self.name(), what: "the pull".to_owned(), why });
                }
            };
            if last != Some((now, checked)) {
                grown = Instant::now();
                last = Some((now, checked));
                progress(now);
            }
        }
    }

    async fn loaded(&self, _: &Model) -> Result<bool, ModelError> {
        Ok(false)
    }

    async fn unload(&self, _: &Model) -> Result<(), ModelError> {
        Ok(())
    }

    async fn delete(&self, model: &Model) -> Result<(), ModelError> {
        let name = named(model)?;
        let mut running = self.start(&["delete", &self.hub.directory, name.as_str()])?;
        match running.next(SILENCE).await? {
            Some(Said::End) => Ok(()),
            Some(Said::Failed { kind, said }) => Err(self.failed(name.as_str(), &kind, said)),
            Some(other) => Err(self.foreign(format!("{other:?} in a deletion"))),
            None => Err(self.foreign("a deletion without an end".to_owned())),
        }
    }
}
