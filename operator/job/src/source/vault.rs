//! A Vault or OpenBao server: the snapshot of its integrated storage.
//!
//! The unseal keys are not in it, and what is in it is sealed with them.

use super::directory;
use super::http::Http;
use super::tool;
use crate::contract::{Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use async_trait::async_trait;
use bytes::Bytes;
use hyper::Method;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;
use zentoria_types::backup_job::{JobError, Server};

const SNAPSHOT: &str = "/v1/sys/storage/raft/snapshot";
/// Also into a cluster with other keys: one that was made anew.
const RESTORE: &str = "/v1/sys/storage/raft/snapshot-force";
/// Digests of the other files of the archive.
const SUMS: &str = "SHA256SUMS";
/// How long the server may take to serve again after a restore.
const SERVES_AGAIN: Duration = Duration::from_secs(60);

/// A Vault or OpenBao server.
pub struct Vault {
    http: Http,
    programs: Programs,
    room: PathBuf,
}

impl Vault {
    /// The server, with the token read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &Server, tls: bool, setup: &Setup) -> Result<Self, Failure> {
        let token = setup.source_secret(SOURCE_PASSWORD)?;
        let http = Http::new("Vault", server, tls, Some(("X-Vault-Token", token)), setup)?;
        Ok(Self { http, programs: setup.programs.clone(), room: setup.private_dir("vault")? })
    }

    /// Whether it is open for service; `Err`: what it is instead.
    async fn health(&self) -> Result<Result<(), String>, Failure> {
        Ok(match self.http.ask(Method::GET, "/v1/sys/health?standbyok=true&perfstandbyok=true").await? {
            Ok(_) => Ok(()),
            Err(refused) if refused.status == 503 => Err("it is sealed: unseal it".to_owned()),
            Err(refused) if refused.status == 501 => Err("it is not initialised".to_owned()),
            Err(refused) => Err(format!("it answers {}: {}", refused.status, refused.said)),
        })
    }

    /// Whether the archive is whole, by the digests that are in it.
    async fn is_whole(&self, archive: &Path) -> Result<Result<(), String>, Failure> {
        let setup =
            |error: &dyn std::fmt::Display| Failure::new(JobError::Setup, format!("no room to work in: {error}"));
        let unpacked = tempfile::Builder::new().prefix("raft").tempdir_in(&self.room).map_err(|error| setup(&error))?;
        let mut command = tokio::process::Command::new(self.programs.find("tar")?);
        command.arg("--extract").arg("--gzip").arg("--file").arg(archive).arg("--directory").arg(unpacked.path());
        if let Err(error) = tool::ask(command).await {
            return Ok(Err(error.to_string()));
        }
        let Ok(sums) = tokio::fs::read_to_string(unpacked.path().join(SUMS)).await else {
            return Ok(Err(format!("there is no {SUMS} in it")));
        };
        let mut counted = 0;
        for (sum, name) in sums.lines().filter_map(|line| line.split_once("  ")) {
            match digest(&unpacked.path().join(directory::file_name(name))).await {
                Ok(found) if found == sum => counted += 1,
                Ok(_) => return Ok(Err(format!("{name} is not as {SUMS} says"))),
                Err(error) => return Ok(Err(format!("{name}: {error}"))),
            }
        }
        Ok(if counted > 0 { Ok(()) } else { Err(format!("{SUMS} names nothing")) })
    }

    async fn serves_again(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + SERVES_AGAIN;
        loop {
            let why = match self.health().await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(why)) => why,
                Err(failure) => failure.message,
            };
            if Instant::now() >= deadline {
                return Err(Failure::new(
                    JobError::TargetFailed,
                    format!(
                        "{} was restored, and does not serve: {why}; the keys are those of the time of the backup",
                        self.http.name
                    ),
                ));
            }
            sleep(Duration::from_millis(250)).await;
        }
    }
}

async fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

#[async_trait]
impl Source for Vault {
    fn repeatable(&self) -> bool {
        // a snapshot says when it was made
        false
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        self.health().await?.map_err(|why| {
            Failure::new(JobError::SourceUnreachable, format!("{} does not serve: {why}", self.http.name))
        })?;
        Ok(vec![Part { name: "vault".to_owned(), path: "/vault/raft.snap".to_owned(), kind: PartKind::Data }])
    }

    async fn stream(&self, _: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let room = |error: std::io::Error| Failure::new(JobError::Setup, format!("no room to work in: {error}"));
        // a server that fails half-way may end its answer as if nothing were: it is passed on when it is seen to be whole
        let kept = tempfile::Builder::new().prefix("snap").tempfile_in(&self.room).map_err(room)?;
        let mut file = File::from_std(kept.reopen().map_err(room)?);
        self.http.download(SNAPSHOT, &mut file).await?.map_err(|refused| {
            let remedy = match refused.status {
                401 | 403 => ": the token has to be valid, and may need `read` on sys/storage/raft/snapshot",
                _ => ": only the active node of a cluster with integrated storage makes snapshots",
            };
            self.http.failure(JobError::SourceFailed, &refused, remedy)
        })?;
        self.is_whole(kept.path()).await?.map_err(|why| {
            Failure::new(JobError::SourceFailed, format!("the snapshot of {} is not whole: {why}", self.http.name))
        })?;
        let mut file = File::open(kept.path()).await.map_err(room)?;
        let passed = async {
            tokio::io::copy(&mut file, out).await?;
            out.flush().await
        };
        passed
            .await
            .map_err(|error| Failure::new(JobError::SourceFailed, format!("it could not be passed on: {error}")))
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) => {
                directory::write(at, &stored.part, bytes).await?;
            }
            Place::Scratch { directory: at, .. } => {
                let path = directory::write(at, &stored.part, bytes).await?;
                return Ok(self.is_whole(&path).await?.err().into_iter().collect());
            }
            Place::Source => {
                let call = (Method::POST, RESTORE, "application/gzip");
                let answer = self.http.upload(call, (Bytes::new(), Bytes::new()), bytes).await?;
                answer.map_err(|refused| {
                    let failure = self.http.failure(
                        JobError::TargetFailed,
                        &refused,
                        ": the token may need `update` on sys/storage/raft/snapshot-force",
                    );
                    Failure { error: JobError::TargetFailed, ..failure }
                })?;
                self.serves_again().await?;
            }
        }
        Ok(Vec::new())
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        format!("{bytes} bytes equal, and the snapshot whole by its own digests")
    }
}
