//! restic: one repository, and calls on it.

pub mod calls;
pub mod error;
pub mod location;
mod process;

use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::programs;
use crate::setup::Setup;
use location::{Names, Place};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinHandle;
use zentoria_types::backup_job::{JobError, Location};

pub use process::{Call, Finished, Reading};

/// How long the first look at a repository may take. restic itself would try for 15 minutes.
pub const PREFLIGHT: Duration = Duration::from_secs(60);

/// A repository, and how it is called.
pub struct Restic {
    place: Place,
    cache: PathBuf,
    home: PathBuf,
    temporary: PathBuf,
    retry_lock_seconds: u64,
    cancel: Cancel,
    program: PathBuf,
    kept: Mutex<Vec<JoinHandle<()>>>,
    extra_env: Vec<(&'static str, OsString)>,
    extra_args: Vec<OsString>,
}

impl Restic {
    /// Prepares calls on the repository at `location`, whose secrets are at `names`.
    ///
    /// # Errors
    /// [`JobError::Setup`], when a secret is missing or there is no room to work in.
    pub fn open(setup: &Setup, location: &Location, names: Names) -> Result<Self, Failure> {
        Ok(Self {
            place: Place::prepare(setup, location, names)?,
            cache: setup.private_dir("cache")?,
            home: setup.private_dir("home")?,
            temporary: setup.private_dir("tmp")?,
            retry_lock_seconds: setup.spec.retry_lock_seconds,
            cancel: setup.cancel.clone(),
            program: setup.programs.find("restic")?,
            kept: Mutex::default(),
            extra_env: Vec::new(),
            extra_args: Vec::new(),
        })
    }

    /// What people call the repository.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.place.shown
    }

    /// How it is told to restic.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// With another CA file than its own.
    pub(crate) fn set_ca(&mut self, ca: Option<PathBuf>) {
        self.place.ca = ca;
    }

    /// With one more variable in its environment.
    pub(crate) fn set_env(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.extra_env.push((name, value.into()));
    }

    /// With more arguments before the command.
    pub(crate) fn add_args(&mut self, args: impl IntoIterator<Item = OsString>) {
        self.extra_args.extend(args);
    }

    /// Must not be printed either.
    pub(crate) fn hide(&mut self, others: Vec<zentoria_types::Secret>) {
        self.place.secrets.extend(others);
    }

    /// The command, with everything but what it is to do. No secret is in its arguments or its environment.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().kill_on_drop(true);
        for name in ["PATH", programs::DIRECTORIES] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", &self.home).env("TMPDIR", &self.temporary).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command.env("RESTIC_PROGRESS_FPS", "0.02");
        if let Some(file) = &self.place.aws_file {
            command.env("AWS_SHARED_CREDENTIALS_FILE", file);
        }
        command.envs(self.extra_env.iter().map(|(name, value)| (name, value)));
        command.arg("--json").arg("--cache-dir").arg(&self.cache);
        command.arg("--repository-file").arg(&self.place.repository_file);
        command.arg("--password-file").arg(&self.place.password_file);
        if let Some(ca) = &self.place.ca {
            command.arg("--cacert").arg(ca);
        }
        if let Some(region) = &self.place.region {
            command.arg("-o").arg(format!("s3.region={region}"));
        }
        command.args(&self.extra_args);
        command
    }

    /// What restic said, without secrets.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.place.secrets.iter().map(zentoria_types::Secret::expose).filter(|secret| secret.len() >= 4) {
            text = text.replace(secret, "***");
        }
        text
    }

    fn failure(&self, code: Option<i32>, said: &[String]) -> Failure {
        let scratch = self.temporary.to_string_lossy();
        error::failure(&error::Ended { code, said, repository: self.shown(), scratch: &scratch })
    }
}

/// What restic prints is not what it is known to print.
fn unexpected(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(JobError::Other, format!("restic {what} answered something unknown: {error}"))
}
