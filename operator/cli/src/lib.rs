//! `kubectl zentoria`: what a person says to the operator and wants to know from it. One module for each verb; what they
//! say is decided in the core, what they ask of Proxmox VE is asked by ops, as the operator does it.
//!
//! No verb writes to Proxmox VE. What is written to Kubernetes are annotations alone, and BackupRestores, which are no spec
//! but an errand: spec belongs to git.

pub mod annotate;
pub mod approve;
pub mod backup;
pub mod can_connect;
pub mod completion;
pub mod connect;
pub mod drill;
pub mod error;
pub mod gather;
#[cfg(test)]
mod golden;
pub mod manifests;
pub mod matrix;
pub mod object;
pub mod options;
pub mod paint;
pub mod pause;
pub mod plan;
pub mod recovery_kit;
pub mod restore;
pub mod status;
pub mod structured;
pub mod table;
pub mod takeover;
pub mod version;

use error::Error;
use options::{Backup, Cli, Drill, Kit, Verb};

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well, or as it was asked for.
    Done,
    /// Something went wrong, or was refused.
    Error,
    /// `plan`: something would change.
    Changes,
    /// `can-connect`: no.
    No,
}

impl Exit {
    /// The process' exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes | Self::No => 2,
        }
    }
}

/// What a verb says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub page: String,
    /// For standard error: errors, and what should not stand in the way of a pipe.
    pub asides: Vec<String>,
    /// How it ended.
    pub exit: Exit,
}

impl Answer {
    /// A page, and all is well.
    #[must_use]
    pub fn done(page: impl Into<String>) -> Self {
        Self { page: page.into(), asides: Vec::new(), exit: Exit::Done }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self { page: String::new(), asides: vec![format!("error: {error}")], exit: Exit::Error }
    }
}

/// Carries a verb out.
pub async fn run(cli: Cli) -> Answer {
    let Cli { verb, to } = cli;
    let answer = match verb {
        Verb::Approve(what) => approve::run(&to, &what).await,
        Verb::Pause(what) => pause::run(&to, &what, pause::Wish::Pause).await,
        Verb::Resume(what) => pause::run(&to, &what, pause::Wish::Resume).await,
        Verb::Takeover(what) => takeover::run(&to, &what).await,
        Verb::Status(what) => status::run(&to, &what).await,
        Verb::Plan(what) => plan::run(&to, &what).await,
        Verb::CanConnect(what) => can_connect::run(&to, &what).await,
        Verb::Matrix(what) => matrix::run(&to, &what).await,
        Verb::Backup(Backup::Run(what)) => backup::run(&to, &what).await,
        Verb::Restore(what) => restore::run(&to, &what).await,
        Verb::Drill(Drill::Run(what)) => drill::run(&to, &what).await,
        Verb::Drill(Drill::Report(what)) => drill::report(&to, &what).await,
        Verb::RecoveryKit(what) => match &what.verb {
            Some(Kit::Open(open)) => recovery_kit::open(open),
            None => recovery_kit::run(&to, &what).await,
        },
        Verb::Version => Ok(version::run()),
        Verb::Completion(what) => Ok(completion::run(&what)),
    };
    answer.unwrap_or_else(Answer::from)
}
