//! How long snapshots are kept.

use std::collections::BTreeMap;
use zentoria_api::backup::{BackupPolicy, BackupRepository, Keep};
use zentoria_types::backup_job::KeepRule;

/// How long, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// For ever.
    Forever,
    /// As `restic forget --keep-within` takes it: `1y6m`, `7d12h`.
    Within(String),
}

impl Keeping {
    /// Reads one.
    ///
    /// # Errors
    /// Where it is none, or keeps nothing; the text says what to write.
    pub fn parse(keep: &Keep) -> Result<Self, String> {
        let _ = keep;
        todo!()
    }

    /// As a rule of a Job has it.
    #[must_use]
    pub fn within(&self) -> Option<String> {
        match self {
            Self::Forever => None,
            Self::Within(text) => Some(text.clone()),
        }
    }
}

/// The rules of a repository: those of all policies that go to it, or to a repository that is copied to it. Policies that
/// are paused, or whose `keep` cannot be read, have none: then nothing of them is forgotten.
#[must_use]
pub fn rules(
    repository: &str,
    repositories: &BTreeMap<String, BackupRepository>,
    policies: &BTreeMap<String, BackupPolicy>,
) -> Vec<KeepRule> {
    let _ = (repository, repositories, policies);
    todo!()
}
