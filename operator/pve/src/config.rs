//! A guest's configuration as PVE has it: what holds, what waits for the next start, and how to change it.

use std::collections::BTreeMap;

use serde_json::Value;
use zentoria_types::ConfigDigest;

use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::{self, Row};

/// The key under which raw `lxc.*` lines are kept in [`GuestConfig::current`], one `key: value` a line.
const RAW: &str = "lxc";

/// A guest's configuration. All values are texts as they stand in a form (`1` and `0` for flags).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestConfig {
    /// SHA-1 of the configuration file, to be sent with each change.
    pub digest: ConfigDigest,
    /// What holds now, without `digest` and `lock`. The description ends in the newline that PVE adds.
    pub current: BTreeMap<String, String>,
    /// What waits for the next start: a value, or none for a removal.
    pub pending: BTreeMap<String, Option<String>>,
    /// The lock (`create`, `backup`, ...). While `create` holds, nothing but the digest is there.
    pub lock: Option<String>,
}

impl GuestConfig {
    /// A value that holds now.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.current.get(key).map(String::as_str)
    }

    /// The value after the next start: the pending one if any, else the current one.
    #[must_use]
    pub fn after_start(&self, key: &str) -> Option<&str> {
        match self.pending.get(key) {
            Some(waiting) => waiting.as_deref(),
            None => self.get(key),
        }
    }

    /// From `GET config?current=1`: an object.
    pub(crate) fn from_config(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let current = row.0.iter().filter_map(|(key, value)| Some((key.clone(), option_text(value)?))).collect();
        Self::new(call, current, BTreeMap::new())
    }

    /// From `GET pending`: a list of `{key, value, pending, delete}`.
    pub(crate) fn from_pending(call: Call<'_>, rows: &[Row]) -> Result<Self, PveError> {
        let mut current = BTreeMap::new();
        let mut pending = BTreeMap::new();
        for row in rows {
            let Some(key) = row.text("key") else {
                return Err(payload(call, "a row without a key", b""));
            };
            if let Some(value) = row.0.get("value").and_then(option_text) {
                current.insert(key.clone(), value);
            }
            if let Some(value) = row.0.get("pending").and_then(option_text) {
                pending.insert(key, Some(value));
            } else if row.unsigned("delete").is_some_and(|delete| delete > 0) {
                pending.insert(key, None);
            }
        }
        Self::new(call, current, pending)
    }

    fn new(
        call: Call<'_>,
        mut current: BTreeMap<String, String>,
        pending: BTreeMap<String, Option<String>>,
    ) -> Result<Self, PveError> {
        let digest = current.remove("digest").and_then(|digest| ConfigDigest::new(digest.trim()));
        let digest = digest.ok_or_else(|| payload(call, "no digest", b""))?;
        let lock = current.remove("lock");
        Ok(Self { digest, current, pending, lock })
    }
}

/// A scalar, or the pairs of `lxc`, as text.
fn option_text(value: &Value) -> Option<String> {
    let Value::Array(lines) = value else { return lenient::text(value) };
    let lines: Vec<String> = lines
        .iter()
        .filter_map(|line| match line {
            Value::Array(pair) => Some(pair.iter().filter_map(lenient::text).collect::<Vec<_>>().join(": ")),
            other => lenient::text(other),
        })
        .collect();
    Some(lines.join("\n"))
}

/// A change of a guest's configuration (`PUT config`), sent with the digest that it is based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// Options to set.
    pub set: BTreeMap<String, String>,
    /// Options to remove. An option that is only pending stays pending: use `revert` for it.
    pub delete: Vec<String>,
    /// Pending changes to take back.
    pub revert: Vec<String>,
    /// The digest of the configuration that this change was made for.
    pub digest: ConfigDigest,
}

impl ConfigChange {
    /// A change of nothing, to be filled.
    #[must_use]
    pub fn new(digest: ConfigDigest) -> Self {
        Self { set: BTreeMap::new(), delete: Vec::new(), revert: Vec::new(), digest }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty() && self.revert.is_empty()
    }

    /// Whether the raw `lxc` lines are touched, which the API cannot do.
    pub(crate) fn touches_raw(&self) -> bool {
        self.set.contains_key(RAW) || self.delete.iter().any(|key| key == RAW)
    }
}
