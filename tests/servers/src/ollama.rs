//! A real Ollama. It is never asked to generate: built without a backend, it ends itself then.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::{Process, component, free_port, is_root};
use crate::wait::until;

/// Gives it a file system of its own, of a size, for its models; `$1` is the directory, `$2` the size.
const SMALL: &str = "mount -t tmpfs -o size=$2 none $1 && shift 2 && exec \"$@\"";

/// The server.
pub struct Ollama {
    /// Where it listens, on loopback.
    pub port: u16,
    program: PathBuf,
    dir: TempDir,
    small: Option<u64>,
    process: Option<Process>,
}

impl Ollama {
    /// Starts one without models; `None`, said loudly, where it cannot be had.
    pub async fn start() -> Option<Self> {
        Self::start_with(None).await
    }

    /// Starts one whose models have only so many bytes; `None` also where no file system can be mounted.
    pub async fn start_small(bytes: u64) -> Option<Self> {
        let mut probe = unshared();
        if !probe.arg("true").status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a small file system cannot be mounted here, by root or in a user namespace");
            return None;
        }
        Self::start_with(Some(bytes)).await
    }

    async fn start_with(small: Option<u64>) -> Option<Self> {
        let program = component("ollama")?;
        let dir = tempfile::Builder::new().prefix("zo").tempdir_in("/tmp").expect("a directory");
        std::fs::create_dir_all(dir.path().join("models")).expect("its directory");
        let mut ollama = Self { port: 0, program, dir, small, process: None };
        for _ in 0..5 {
            ollama.port = free_port();
            if ollama.resume().await {
                return Some(ollama);
            }
        }
        panic!("ollama does not start: {}", ollama.log());
    }

    /// Starts it again on the same port with the same models; false, where somebody has taken the port.
    pub async fn resume(&mut self) -> bool {
        let port = self.port;
        let mut process = Process::start(&mut self.command(), &self.dir.path().join("log"), Signal::TERM);
        let up = until("Ollama to start", async || {
            if process.ended() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true)
        })
        .await;
        if up {
            self.process = Some(process);
        }
        up
    }

    /// Ends it in the midst of whatever it does.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it wrote since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Where its models are.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.dir.path().join("models")
    }

    fn command(&self) -> Command {
        let mut command = match self.small {
            None => Command::new(&self.program),
            Some(bytes) => {
                let mut command = unshared();
                command.args(["sh", "-c", SMALL, "sh"]).arg(self.models()).arg(bytes.to_string()).arg(&self.program);
                command
            }
        };
        let home = |path: &Path| path.join("home");
        command
            .arg("serve")
            .env("HOME", home(self.dir.path()))
            .env("OLLAMA_HOST", format!("127.0.0.1:{}", self.port))
            .env("OLLAMA_MODELS", self.models())
            // a registry on loopback is never behind a proxy
            .env("NO_PROXY", "127.0.0.1");
        command
    }
}

/// A command with mounts of its own.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--propagation", "private", "--"]);
    command
}
