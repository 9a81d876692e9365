//! `zentoria-job` with a source that tests can steer: a directory, each file of which is a part.
//!
//! It is told as `command`, with the directory as the command line. A part named `fails` breaks off after its last byte,
//! one named `hangs` never ends.

use async_trait::async_trait;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use zentoria_job::contract::{Held, Input, Output, Part, PartKind, Place, Source, StoredPart};
use zentoria_job::failure::Failure;
use zentoria_job::setup::Setup;
use zentoria_types::backup_job::{JobError, SourceSpec};

struct Files(PathBuf);

/// Counts the lines of a file while it is held.
struct Counting(PathBuf);

fn failed(error: JobError) -> impl Fn(std::io::Error) -> Failure {
    move |why| Failure::new(error, why.to_string())
}

fn lines(path: &Path) -> Result<serde_json::Value, Failure> {
    let text = std::fs::read(path).map_err(failed(JobError::SourceGone))?;
    Ok(text.iter().filter(|byte| **byte == b'\n').count().into())
}

#[async_trait]
impl Held for Counting {
    fn token(&self) -> String {
        format!("held-{}", self.0.display())
    }

    async fn facts(self: Box<Self>) -> Result<serde_json::Value, Failure> {
        lines(&self.0)
    }
}

#[async_trait]
impl Source for Files {
    fn repeatable(&self) -> bool {
        true
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(failed(JobError::SourceGone))? {
            names.push(entry.map_err(failed(JobError::SourceFailed))?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names.into_iter().map(|name| Part { path: format!("/files/{name}"), name, kind: PartKind::Data }).collect())
    }

    async fn hold(&self, part: &Part) -> Result<Box<dyn Held>, Failure> {
        Ok(Box::new(Counting(self.0.join(&part.name))))
    }

    async fn stream(&self, part: &Part, token: &str, out: Output<'_>) -> Result<(), Failure> {
        let path = self.0.join(&part.name);
        if token != format!("held-{}", path.display()) {
            return Err(Failure::new(JobError::Setup, format!("{token} is not the token of {}", part.name)));
        }
        let mut file = tokio::fs::File::open(&path).await.map_err(failed(JobError::SourceGone))?;
        tokio::io::copy(&mut file, out).await.map_err(failed(JobError::SourceFailed))?;
        out.flush().await.map_err(failed(JobError::SourceFailed))?;
        match part.name.as_str() {
            "fails" => Err(Failure::new(JobError::SourceFailed, "the source broke off")),
            "hangs" => std::future::pending().await,
            _ => Ok(()),
        }
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        let directory = match place {
            Place::Scratch { directory, postgres_port: _ } | Place::Directory(directory) => directory,
            Place::Source => &self.0,
        };
        let path = directory.join(&stored.part.name);
        let mut file = tokio::fs::File::create(&path).await.map_err(failed(JobError::TargetFailed))?;
        if stored.part.name == "waits" {
            return std::future::pending().await;
        }
        tokio::io::copy(bytes, &mut file).await.map_err(failed(JobError::TargetFailed))?;
        file.flush().await.map_err(failed(JobError::TargetFailed))?;
        let found = lines(&path)?;
        Ok(if found == stored.facts { vec![] } else { vec![format!("{found} lines, recorded {}", stored.facts)] })
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let lines: u64 = parts.iter().filter_map(|part| part.facts.as_u64()).sum();
        format!("{} files, {lines} lines", parts.len())
    }
}

fn of(spec: &SourceSpec, _: &Setup) -> Result<Box<dyn Source>, Failure> {
    match spec {
        SourceSpec::Command { command, .. } => Ok(Box::new(Files(command.into()))),
        SourceSpec::Postgres { .. }
        | SourceSpec::Redis { .. }
        | SourceSpec::Qdrant { .. }
        | SourceSpec::Vault { .. }
        | SourceSpec::S3 { .. }
        | SourceSpec::Files { .. } => Err(Failure::new(JobError::Setup, "this one knows directories alone")),
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    zentoria_job::cli::main(of).await
}
