//! The command line.

use crate::contract::Part;
use crate::failure::Failure;
use crate::setup::{Setup, Sources};
use crate::{operation, outcome, stream};
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use zentoria_types::backup_job::{JobError, Outcome};

/// Runs one operation on one restic repository.
#[derive(Parser)]
#[command(name = "zentoria-job", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Does what the spec says.
    Run {
        #[command(flatten)]
        given: Given,
        /// Where the outcome is written: where Kubernetes reads the termination message.
        #[arg(long, default_value = "/dev/termination-log")]
        outcome: PathBuf,
    },
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
    /// When the run counts as begun, in seconds since 1970. Default: now, after the delay of the spec.
    #[arg(long)]
    at: Option<i64>,
}

impl Given {
    fn read(&self, sources: Sources) -> Result<Setup, Failure> {
        let mut setup = Setup::read(&self.spec, &self.secrets, &self.scratch, 0)?;
        let after_delay = || now().saturating_add_unsigned(setup.spec.delay_seconds);
        setup.started = self.at.unwrap_or_else(after_delay);
        setup.sources = sources;
        Ok(setup)
    }
}

/// Does what the command line says, with sources that `sources` makes.
pub async fn main(sources: Sources) -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { given, outcome } => return run(&given, &outcome, sources).await,
        Command::Source { given, part, token, report } => source(&given, &part, &token, &report, sources).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn source(given: &Given, part: &str, token: &str, report: &Path, sources: Sources) -> Result<(), Failure> {
    let part: Part =
        serde_json::from_str(part).map_err(|error| Failure::new(JobError::Setup, format!("--part {part}: {error}")))?;
    stream::stream(&given.read(sources)?, &part, token, report).await
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An outcome is left behind in any case, and the exit code is that of it.
async fn run(given: &Given, path: &Path, sources: Sources) -> ExitCode {
    let done = match given.read(sources) {
        Ok(setup) => {
            end_on_signals(&setup);
            operation::run(&setup).await
        }
        Err(failure) => {
            let mut done = Outcome { started: now(), ..Outcome::default() };
            outcome::put_failure(&mut done, failure);
            done
        }
    };
    if let Some(message) = &done.message {
        eprintln!("{message}");
    }
    if let Err(error) = outcome::write(&done, path) {
        eprintln!("the outcome cannot be written to {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if done.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// SIGTERM is what the kubelet sends, at the deadline of the Job or when somebody deletes the pod.
fn end_on_signals(setup: &Setup) {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let cancel = setup.cancel.clone();
        match signal(kind) {
            Ok(mut signals) => {
                tokio::spawn(async move {
                    signals.recv().await;
                    cancel.cancel();
                });
            }
            Err(error) => eprintln!("signals cannot be heard, so that an end will be a hard one: {error}"),
        }
    }
}
