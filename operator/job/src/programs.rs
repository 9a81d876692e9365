//! Where the programs of others are.

use crate::failure::Failure;
use std::ffi::OsStr;
use std::path::PathBuf;
use zentoria_types::backup_job::JobError;

/// Directories with programs, as `PATH` is written, in place of `PATH` and the usual ones.
pub const DIRECTORIES: &str = "ZENTORIA_JOB_PATH";

/// Where Debian and its like put the programs of each major version of PostgreSQL: `16/bin` below it.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The directories that are looked into, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs(Vec<PathBuf>);

impl Programs {
    /// These directories alone.
    #[must_use]
    pub fn at(directories: Vec<PathBuf>) -> Self {
        Self(directories)
    }

    /// Those that [`DIRECTORIES`] names; else `PATH`, and those of each version of PostgreSQL.
    #[must_use]
    pub fn of_environment() -> Self {
        if let Some(given) = std::env::var_os(DIRECTORIES) {
            return Self(std::env::split_paths(&given).collect());
        }
        let path = std::env::var_os("PATH");
        let mut all: Vec<PathBuf> = std::env::split_paths(path.as_deref().unwrap_or(OsStr::new(""))).collect();
        let versions = std::fs::read_dir(POSTGRES);
        all.extend(versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin")));
        Self(all)
    }

    /// Every program of this name.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<PathBuf> {
        self.0.iter().map(|directory| directory.join(name)).filter(|path| path.is_file()).collect()
    }

    /// The first program of this name.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is none.
    pub fn find(&self, name: &str) -> Result<PathBuf, Failure> {
        self.all(name).into_iter().next().ok_or_else(|| {
            Failure::new(JobError::Setup, format!("there is no program `{name}`: the image of the Jobs has to hold it"))
        })
    }
}
