//! Buckets of an S3 server, as a tar archive each, by rclone. Contents, names and times are in it; what S3 keeps beside an
//! object (its content type, its metadata, older versions) is not.

use super::directory;
use super::tool::{self, ToolFailure};
use crate::contract::{Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use async_trait::async_trait;
use std::path::PathBuf;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::{SOURCE_CA, SOURCE_CREDENTIALS};
use zentoria_types::backup_job::{JobError, Server};

/// What the server is called in rclone's configuration.
const REMOTE: &str = "source";
/// The end of a tar archive: what an empty one consists of.
const END: [u8; 1024] = [0; 1024];

/// An S3 server, and the buckets.
pub struct S3 {
    place: String,
    buckets: Vec<String>,
    config: PathBuf,
    ca: Option<PathBuf>,
    programs: Programs,
    room: PathBuf,
}

impl S3 {
    /// The server, with its credentials read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &Server, tls: bool, buckets: &[String], setup: &Setup) -> Result<Self, Failure> {
        let secret = |key: &str| {
            let secret = setup.source_secret(&format!("{SOURCE_CREDENTIALS}/{key}"))?;
            // more would be read as another line of the configuration
            let plain = !secret.expose().chars().any(|letter| letter.is_control() || letter == '"');
            plain.then_some(secret).ok_or_else(|| {
                Failure::new(JobError::Setup, format!("the secret `{SOURCE_CREDENTIALS}/{key}` is no key of S3"))
            })
        };
        let (id, key) = (secret("accessKeyId")?, secret("secretAccessKey")?);
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let scheme = if tls { "https" } else { "http" };
        let config = Secret::new(format!(
            "[{REMOTE}]\ntype = s3\nprovider = Other\nendpoint = {scheme}://{host}:{}\naccess_key_id = {}\nsecret_access_key = {}\n",
            server.port,
            id.expose(),
            key.expose()
        ));
        Ok(Self {
            place: format!("{}:{}", server.host, server.port),
            buckets: buckets.to_vec(),
            // one per process: the one that streams a part writes its own while this one's may be read
            config: setup.write_private("source", &format!("rclone-{}.conf", std::process::id()), &config)?,
            ca: setup.secrets.path_if_there(SOURCE_CA).filter(|_| tls),
            programs: setup.programs.clone(),
            room: setup.private_dir("s3")?,
        })
    }

    fn rclone(&self, args: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(self.programs.find("rclone")?);
        command.arg("--config").arg(&self.config).args(["--retries", "1", "--low-level-retries", "3"]);
        command.args(["--contimeout", "30s", "--timeout", "120s", "--log-level", "NOTICE", "--stats", "0"]);
        if let Some(ca) = &self.ca {
            command.arg("--ca-cert").arg(ca);
        }
        command.args(args);
        Ok(command)
    }

    /// Whether there is nothing in the bucket, and it is there.
    async fn is_empty(&self, bucket: &str) -> Result<bool, Failure> {
        let listed = tool::ask(self.rclone(&["lsf", "--max-depth", "1", &remote(bucket)])?).await;
        Ok(listed.is_ok_and(|listed| listed.trim().is_empty()))
    }

    fn failure(&self, kind: JobError, bucket: &str, error: &ToolFailure) -> Failure {
        let place = &self.place;
        let said = |phrases: &[&str]| phrases.iter().any(|phrase| error.said.contains(phrase));
        let (kind, remedy) = if said(&["directory not found", "NoSuchBucket"]) {
            (JobError::SourceGone, "the bucket does not exist: take it off the policy, or restore it")
        } else if said(&[
            "StatusCode: 403",
            "StatusCode: 401",
            "AccessDenied",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
        ]) {
            (JobError::SourceAccessDenied, "look at the key, and at what its policy lets it list and read")
        } else if said(&["certificate", "HTTP response to HTTPS"]) {
            (JobError::SourceAccessDenied, "compare tls and caSecretRef with what the server offers")
        } else if said(&["connection refused", "no such host", "i/o timeout", "no route to host", "unreachable"]) {
            (JobError::SourceUnreachable, "look whether it runs and the firewall lets the Jobs in")
        } else {
            (kind, "rclone broke off")
        };
        Failure::new(kind, format!("the bucket `{bucket}` of S3 at {place}: {remedy} ({error})"))
    }
}

fn remote(bucket: &str) -> String {
    format!("{REMOTE}:{bucket}")
}

#[async_trait]
impl Source for S3 {
    fn repeatable(&self) -> bool {
        // directories, which S3 does not have, get the time of the moment
        false
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let part = |bucket: &String| Part {
            name: bucket.clone(),
            path: format!("/s3/{}.tar", directory::file_name(bucket)),
            kind: PartKind::Data,
        };
        Ok(self.buckets.iter().map(part).collect())
    }

    async fn stream(&self, part: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let bucket = &part.name;
        let create = self.rclone(&["archive", "create", "--format", "tar", &remote(bucket)])?;
        let Err(error) = tool::print(create, out).await else { return Ok(()) };
        let failure = self.failure(JobError::SourceFailed, bucket, &error);
        // rclone makes no archive without files, and takes a bucket without objects for one that is not there
        let nothing = failure.error == JobError::SourceGone || error.said.contains("no files found");
        if !nothing || !self.is_empty(bucket).await? {
            return Err(failure);
        }
        let written = async {
            out.write_all(&END).await?;
            out.flush().await
        };
        written.await.map_err(|error| Failure::new(JobError::SourceFailed, format!("{bucket}: {error}")))
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        let bucket = &stored.part.name;
        match place {
            Place::Directory(at) => {
                directory::write(at, &stored.part, bytes).await?;
            }
            Place::Scratch { .. } => {
                let mut command = Command::new(self.programs.find("tar")?);
                command.args(["--list", "--file=-"]);
                tool::feed(command, bytes).await.map_err(|error| {
                    Failure::new(JobError::TargetFailed, format!("the archive of `{bucket}` cannot be read: {error}"))
                })?;
            }
            Place::Source => {
                let room = tempfile::Builder::new()
                    .prefix("bucket")
                    .tempdir_in(&self.room)
                    .map_err(|error| Failure::new(JobError::Setup, format!("no room to work in: {error}")))?;
                let archive = directory::write(room.path(), &stored.part, bytes).await?;
                let mut command = self.rclone(&["archive", "extract"])?;
                command.arg(&archive).arg(remote(bucket));
                tool::ask(command).await.map_err(|error| {
                    let failure = self.failure(JobError::TargetFailed, bucket, &error);
                    Failure { error: JobError::TargetFailed, ..failure }
                })?;
            }
        }
        Ok(Vec::new())
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        let buckets = if parts.len() == 1 { "bucket" } else { "buckets" };
        format!("{} {buckets}, {bytes} bytes equal, and listed", parts.len())
    }
}
