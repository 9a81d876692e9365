//! A Redis server of our own that has loaded a file.

use super::wire::{Connection, Reply};
use crate::failure::Failure;
use crate::programs::Programs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;
use zentoria_types::backup_job::JobError;

/// Name of the file in its directory.
pub const FILE: &str = "dump.rdb";
/// How often is looked whether it has loaded.
const AGAIN: Duration = Duration::from_millis(100);

/// The server. It ends when it is dropped.
pub struct Scratch {
    _child: Child,
    socket: PathBuf,
}

impl Scratch {
    /// Starts it on the file [`FILE`] of this directory, and waits until it has loaded it.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no `redis-server`; [`JobError::TargetFailed`], when it does not take the file.
    pub async fn start(programs: &Programs, directory: &Path) -> Result<Self, Failure> {
        let socket = directory.join("redis.sock");
        let log = directory.join("redis.log");
        let mut command = Command::new(programs.find("redis-server")?);
        command.current_dir(directory).args(["--port", "0", "--save", "", "--appendonly", "no"]);
        command.args(["--dbfilename", FILE]).arg("--dir").arg(directory).arg("--unixsocket").arg(&socket);
        command.arg("--logfile").arg(&log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let failed = |why: String| Failure::new(JobError::TargetFailed, format!("a scratch Redis server: {why}"));
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        loop {
            if let Some(status) = child.try_wait().map_err(|error| failed(error.to_string()))? {
                return Err(failed(format!("it does not take the backup ({status}): {}", complaint(&log))));
            }
            if is_up(&socket).await {
                return Ok(Self { _child: child, socket });
            }
            sleep(AGAIN).await;
        }
    }

    /// A connection to it.
    ///
    /// # Errors
    /// [`JobError::TargetFailed`].
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            Failure::new(JobError::TargetFailed, format!("the scratch Redis server cannot be reached: {error}"))
        })?;
        Ok(Connection::over(stream))
    }
}

/// Whether it answers, and not only that it still loads.
async fn is_up(socket: &Path) -> bool {
    let Ok(stream) = UnixStream::connect(socket).await else { return false };
    matches!(Connection::over(stream).ask(&[b"PING"]).await, Ok(Reply::Word(_)))
}

/// The last lines of its log that are warnings.
fn complaint(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let warnings: Vec<&str> = text.lines().filter_map(|line| line.split_once(" # ")).map(|(_, said)| said).collect();
    let last = warnings.len().saturating_sub(3);
    warnings.get(last..).unwrap_or_default().join("; ")
}
