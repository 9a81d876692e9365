//! What a Job finds in its pod: its spec, the Secrets' files, room for what it makes.

use crate::cancel::Cancel;
use crate::contract::Source;
use crate::failure::Failure;
use crate::programs::Programs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zentoria_types::Secret;
use zentoria_types::backup_job::{JobError, JobSpec, Operation, RestoreInto, SourceSpec};

/// The Secrets, one file each; see [`zentoria_types::backup_job::secrets`] for their names.
#[derive(Clone, Debug)]
pub struct Secrets(PathBuf);

impl Secrets {
    /// Those under this directory.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Where they are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Path of a file, whether it is there or not: for tools that read it themselves.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Path of a file, if it is there.
    #[must_use]
    pub fn path_if_there(&self, name: &str) -> Option<PathBuf> {
        Some(self.path(name)).filter(|path| path.is_file())
    }

    /// A secret without the line end at its end; `None` where there is no such file.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be read or is not UTF-8.
    pub fn read(&self, name: &str) -> Result<Option<Secret>, Failure> {
        match std::fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(name, &error)),
        }
    }

    /// A secret that has to be there, and not empty.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn require(&self, name: &str) -> Result<Secret, Failure> {
        self.read(name)?.filter(|secret| !secret.expose().is_empty()).ok_or_else(|| {
            Failure::new(
                JobError::Setup,
                format!(
                    "the secret `{name}` is missing or empty: look at the keys of the Secret that the resource names"
                ),
            )
        })
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(JobError::Setup, format!("the secret `{name}` cannot be read: {error}"))
}

/// A Job, with all that it was given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it does.
    pub spec: JobSpec,
    /// Where the spec was read from: a child process reads it again.
    pub spec_path: PathBuf,
    /// Its secrets.
    pub secrets: Secrets,
    /// Room for caches and what is unpacked. Ours alone.
    pub scratch: PathBuf,
    /// Where the programs are that it uses.
    pub programs: Programs,
    /// When the run counts as begun: seconds since 1970.
    pub started: i64,
    /// Whether it is to end.
    pub cancel: Cancel,
    /// What makes a source of its description.
    pub sources: Sources,
}

/// What makes a source of its description: [`crate::source::of`].
pub type Sources = fn(&SourceSpec, &Setup) -> Result<Box<dyn Source>, Failure>;

impl Setup {
    /// Reads the spec.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be read or is not a [`JobSpec`].
    pub fn read(spec_path: &Path, secrets: &Path, scratch: &Path, started: i64) -> Result<Self, Failure> {
        let failed = |why: String| Failure::new(JobError::Setup, format!("{}: {why}", spec_path.display()));
        let text = std::fs::read(spec_path).map_err(|error| failed(error.to_string()))?;
        let spec = serde_json::from_slice(&text).map_err(|error| {
            failed(format!("{error}; the operator and the image of the Jobs have to be of the same version"))
        })?;
        Ok(Self {
            spec,
            spec_path: spec_path.to_owned(),
            secrets: Secrets::at(secrets),
            scratch: scratch.to_owned(),
            programs: Programs::of_environment(),
            started,
            cancel: Cancel::default(),
            sources: crate::source::of,
        })
    }

    /// Whether the source itself is reached. A restore into another place reaches only what was backed up, and its pod gets
    /// no secret of the source.
    #[must_use]
    pub fn reaches_source(&self) -> bool {
        match &self.spec.operation {
            Operation::Restore { into, .. } => match into {
                RestoreInto::Scratch { .. } | RestoreInto::Directory(_) => false,
                RestoreInto::Source => true,
            },
            Operation::Init
            | Operation::Backup { .. }
            | Operation::Inspect
            | Operation::Check { .. }
            | Operation::Maintain { .. }
            | Operation::Unlock { .. }
            | Operation::Copy { .. } => true,
        }
    }

    /// A secret of the source, which has to be there where the source is reached. Elsewhere it is empty.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn source_secret(&self, name: &str) -> Result<Secret, Failure> {
        if self.reaches_source() { self.secrets.require(name) } else { Ok(Secret::new("")) }
    }

    /// A directory of this name in the scratch place that nobody else can read. Made where it is not there.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be made.
    pub fn private_dir(&self, name: &str) -> Result<PathBuf, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let path = self.scratch.join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| {
            Failure::new(JobError::Setup, format!("no room to work in at {}: {error}", path.display()))
        })?;
        Ok(path)
    }

    /// Writes a file with secrets into a private directory, readable by nobody else.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be written.
    pub fn write_private(&self, dir: &str, name: &str, text: &Secret) -> Result<PathBuf, Failure> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.private_dir(dir)?.join(name);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.expose().as_bytes()));
        written
            .map_err(|error| Failure::new(JobError::Setup, format!("{} cannot be written: {error}", path.display())))?;
        Ok(path)
    }
}
