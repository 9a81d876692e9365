//! What the process that streams a part counted in it, told to the one that keeps the evidence: by a file in the scratch
//! place that both have.

use crate::contract::Held;
use crate::failure::Failure;
use crate::setup::Setup;
use async_trait::async_trait;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zentoria_types::backup_job::JobError;

/// The file. Parts are streamed one after the other, so that one is enough.
#[derive(Clone)]
pub struct Counted(PathBuf);

impl Counted {
    /// In the scratch place of this Job.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no room.
    pub fn of(setup: &Setup) -> Result<Self, Failure> {
        Ok(Self(setup.private_dir("counted")?.join("facts.json")))
    }

    /// Held by who keeps the evidence, before the part is streamed: what an earlier part left is removed.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be removed.
    pub fn held(&self) -> Result<Box<dyn Held>, Failure> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(broken(&self.0, &error)),
            Ok(()) | Err(_) => Ok(Box::new(self.clone())),
        }
    }

    /// Told by who streamed the part.
    ///
    /// # Errors
    /// [`JobError::Setup`], when it cannot be written.
    pub fn tell(&self, facts: &Value) -> Result<(), Failure> {
        std::fs::write(&self.0, facts.to_string()).map_err(|error| broken(&self.0, &error))
    }
}

#[async_trait]
impl Held for Counted {
    async fn facts(self: Box<Self>) -> Result<Value, Failure> {
        let text = std::fs::read(&self.0).map_err(|error| broken(&self.0, &error))?;
        serde_json::from_slice(&text).map_err(|error| broken(&self.0, &error))
    }
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(JobError::Setup, format!("what was counted, in {}: {error}", path.display()))
}
