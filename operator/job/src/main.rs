//! `zentoria-job`: see the library.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use zentoria_job::contract::Part;
use zentoria_job::failure::Failure;
use zentoria_job::setup::Setup;
use zentoria_job::stream;
use zentoria_types::backup_job::JobError;

/// Runs one operation on one restic repository.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints one part of the source; started by restic.
    Source {
        #[command(flatten)]
        given: Given,
        /// The part, as JSON.
        #[arg(long)]
        part: String,
        /// What the process that holds the part tells.
        #[arg(long)]
        token: String,
        /// Where it is written how it went.
        #[arg(long)]
        report: PathBuf,
    },
}

#[derive(Args)]
struct Given {
    /// File with the JobSpec.
    #[arg(long)]
    spec: PathBuf,
    /// Directory with the Secrets' files.
    #[arg(long)]
    secrets: PathBuf,
    /// Directory to work in.
    #[arg(long)]
    scratch: PathBuf,
    /// When the run counts as begun, in seconds since 1970.
    #[arg(long)]
    at: Option<i64>,
}

impl Given {
    fn read(&self) -> Result<Setup, Failure> {
        let started = self.at.unwrap_or_else(|| jiff::Timestamp::now().as_second());
        Setup::read(&self.spec, &self.secrets, &self.scratch, started)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Source { given, part, token, report } => source(&given, &part, &token, &report).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn source(given: &Given, part: &str, token: &str, report: &std::path::Path) -> Result<(), Failure> {
    let part: Part =
        serde_json::from_str(part).map_err(|error| Failure::new(JobError::Setup, format!("--part {part}: {error}")))?;
    stream::stream(&given.read()?, &part, token, report).await
}
