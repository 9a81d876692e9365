//! Tasks of the workspace: what is derived from the code is generated and checked here.
//!
//! `cargo run -p xtask -- gen` writes the derived files, `gen --check` says which of them are not up to date,
//! `check` adds the rules of the source tree. Every task works without network and without a cluster.

mod check;
mod generate;
mod tree;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of the workspace.
#[derive(Parser)]
#[command(name = "xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes CRDs, field reference and install manifests.
    Gen {
        /// Writes nothing; fails and names the files that are not what the code says.
        #[arg(long)]
        check: bool,
    },
    /// Checks derived files, layers, unread fields and private paths; reports long files.
    Check,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Gen { check: false } => generate::write(),
        Task::Gen { check: true } => generate::verify(),
        Task::Check => check::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
