//! The digest of a configuration file.

use serde::{Deserialize, Serialize};
use std::fmt;

/// SHA-1 of a guest's configuration file, as Proxmox VE gives it; sent back, it refuses a write over a change in
/// between (500 "detected modified configuration").
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigDigest(String);

impl ConfigDigest {
    /// Takes what Proxmox VE gave. An empty digest would not be checked by it, so it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfigDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
