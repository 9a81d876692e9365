//! Why something failed, for the operator and for people.

use serde::{Deserialize, Serialize};
use std::fmt;
use zentoria_types::backup_job::{JobError, Lock};

/// A failure. Its message says what, where, why and what to do, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the operator decides by.
    pub error: JobError,
    /// For people.
    pub message: String,
    /// Locks that it met, with [`JobError::Locked`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Lock>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(error: JobError, message: impl Into<String>) -> Self {
        Self { error, message: message.into(), locks: Vec::new() }
    }

    /// The same failure, with what was being done when it happened.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
