//! Why something is refused, before it is known for which kind.

use crate::backup::surroundings::{SecretSeen, Surroundings};
use std::collections::BTreeMap;
use std::time::Duration;
use zentoria_api::backup::SecretKey;
use zentoria_api::common::Span;
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backup) enum Problem {
    /// A field cannot work.
    Invalid(String),
    /// What a field names does not exist.
    NotFound(String),
    /// A Secret or a key of it does not exist.
    Secret(String),
    /// A container has no address, or does not run.
    Waiting(String),
    /// The repository was not initialised yet.
    RepositoryNotReady(String),
}

impl Problem {
    /// As a policy says it.
    pub fn of_policy(self) -> (PolicyReason, String) {
        match self {
            Self::Invalid(message) => (PolicyReason::InvalidSpec, message),
            Self::NotFound(message) => (PolicyReason::NotFound, message),
            Self::Secret(message) => (PolicyReason::SecretNotFound, message),
            Self::Waiting(message) => (PolicyReason::WaitingFor, message),
            Self::RepositoryNotReady(message) => (PolicyReason::RepositoryNotReady, message),
        }
    }

    /// As a repository says it.
    pub fn of_repository(self) -> (RepositoryReason, String) {
        match self {
            Self::Invalid(message) => (RepositoryReason::InvalidSpec, message),
            Self::NotFound(message) | Self::Waiting(message) | Self::RepositoryNotReady(message) => {
                (RepositoryReason::NotFound, message)
            }
            Self::Secret(message) => (RepositoryReason::SecretNotFound, message),
        }
    }

    /// As a restore says it.
    pub fn of_restore(self) -> (RestoreReason, String) {
        match self {
            Self::Invalid(message) => (RestoreReason::InvalidSpec, message),
            Self::NotFound(message) | Self::Secret(message) => (RestoreReason::NotFound, message),
            Self::Waiting(message) => (RestoreReason::WaitingFor, message),
            Self::RepositoryNotReady(message) => (RestoreReason::RepositoryNotReady, message),
        }
    }
}

/// That a Secret that was looked for exists and has a key.
pub(super) fn has_key(around: &Surroundings, field: &str, secret: &str, key: &str) -> Result<(), Problem> {
    let message = match around.secrets.get(secret) {
        None => return Ok(()),
        Some(SecretSeen::Keys(keys)) if keys.contains(key) => return Ok(()),
        Some(SecretSeen::Keys(keys)) => {
            let have: Vec<&str> = keys.iter().map(String::as_str).collect();
            let have = if have.is_empty() { "nothing".to_owned() } else { have.join(", ") };
            format!("{field}: the Secret {secret:?} has no key {key:?} (it has {have}): add it, or name another key")
        }
        Some(SecretSeen::Absent) => {
            format!("{field}: there is no Secret {secret:?} in this namespace: make one with the key {key:?}")
        }
    };
    Err(Problem::Secret(message))
}

/// The same for a reference.
pub(super) fn secret_key(around: &Surroundings, field: &str, key: &SecretKey) -> Result<SecretKey, Problem> {
    has_key(around, field, &key.name, &key.key).map(|()| key.clone())
}

/// That a claim that was looked for exists.
pub(super) fn claim(around: &Surroundings, field: &str, name: &str) -> Result<(), Problem> {
    if around.claims.get(name) == Some(&false) {
        let message = format!(
            "{field}: there is no PersistentVolumeClaim {name:?} in this namespace: make it, or name one that is there"
        );
        return Err(Problem::NotFound(message));
    }
    Ok(())
}

/// A duration of a field.
pub(super) fn span(field: &str, span: &Span) -> Result<Duration, Problem> {
    crate::cluster::span::parse(span).ok_or_else(|| {
        Problem::Invalid(format!("{field} {:?} is no duration: write hours, minutes and seconds, as in 1h30m", span.0))
    })
}

/// What there is in place of what a field names.
pub(super) fn there_are<T>(known: &BTreeMap<String, T>) -> String {
    const SHOWN: usize = 8;
    if known.is_empty() {
        return "there is none".to_owned();
    }
    let names: Vec<&str> = known.keys().take(SHOWN).map(String::as_str).collect();
    let more = known.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there are {}{more}", names.join(", "))
}
