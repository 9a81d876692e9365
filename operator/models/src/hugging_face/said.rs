//! What our program says: one line of JSON for each thing.

use serde::Deserialize;

use crate::Installed;

/// A line.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "at", rename_all = "lowercase")]
pub(super) enum Said {
    /// It asks the hub, and compares what is there already.
    Resolving { checked: u64 },
    /// Bytes that are there, and in all.
    Downloading { completed: u64, total: u64 },
    /// Bytes that are compared.
    Verifying { checked: u64 },
    /// It is there, and right.
    Done(Found),
    /// A model of the list.
    Installed(Found),
    /// The end of a list or a deletion.
    End,
    /// It failed.
    Failed { kind: String, said: String },
}

/// A model that is there.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    repository: String,
    revision: String,
    digest: String,
    /// In bytes.
    pub size: u64,
}

impl From<Found> for Installed {
    fn from(found: Found) -> Self {
        Self {
            name: found.repository,
            digest: found.digest.parse().ok(),
            size: Some(found.size),
            revision: Some(found.revision),
        }
    }
}
