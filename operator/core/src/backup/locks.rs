//! Who holds the locks of a repository, and whether they may be removed.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::backup::LockSeen;
use zentoria_types::backup_job::Lock;

/// What is known of a host that holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A pod of ours that has not ended, or whose Job may still start it again.
    Alive,
    /// A pod of ours that has ended for good: its Job has finished, and the pod is gone or has terminated.
    Gone,
    /// No pod of ours.
    Unknown,
}

impl Holder {
    /// The word in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "Alive",
            Self::Gone => "Gone",
            Self::Unknown => "Unknown",
        }
    }
}

/// What may be done about locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockVerdict {
    /// There are none.
    Free,
    /// Somebody alive holds one: wait.
    Wait {
        /// Who.
        host: String,
    },
    /// All holders are proved gone: take the repository's Lease and start the unlock Job with these hosts.
    Unlock {
        /// All holders, sorted.
        hosts: Vec<String>,
    },
    /// A host that is no pod of ours holds one: a person.
    Foreign {
        /// Who.
        host: String,
        /// Since when.
        since: Timestamp,
    },
}

/// Whether a Job makes pods of this name: its own name and five characters, the whole cut as Kubernetes cuts it.
#[must_use]
pub fn is_pod_of(host: &str, job: &str) -> bool {
    const SUFFIX: usize = 5;
    const LONGEST: usize = 63;
    let stem: String = format!("{job}-").chars().take(LONGEST - SUFFIX).collect();
    let suffix = host.strip_prefix(stem.as_str());
    suffix.is_some_and(|suffix| suffix.len() == SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Judges the locks that a run met. `holders` tells of each host; one that is not in it is unknown. As removing is all or
/// nothing, one lock of somebody else's protects all.
#[must_use]
pub fn judge(locks: &[Lock], holders: &BTreeMap<String, Holder>) -> (LockVerdict, Vec<LockSeen>) {
    let holder = |lock: &Lock| holders.get(&lock.host).copied().unwrap_or(Holder::Unknown);
    let since = |lock: &Lock| Timestamp::from_second(lock.since).unwrap_or(Timestamp::UNIX_EPOCH);
    let seen = locks.iter().map(|lock| LockSeen {
        host: lock.host.clone(),
        since: Time(since(lock)),
        exclusive: lock.exclusive,
        holder: holder(lock).as_str().to_owned(),
    });
    let held_by =
        |kind: Holder| locks.iter().filter(|lock| holder(lock) == kind).min_by_key(|lock| (&lock.host, lock.since));
    let verdict = match (held_by(Holder::Unknown), held_by(Holder::Alive)) {
        (Some(lock), _) => LockVerdict::Foreign { host: lock.host.clone(), since: since(lock) },
        (None, Some(lock)) => LockVerdict::Wait { host: lock.host.clone() },
        (None, None) if locks.is_empty() => LockVerdict::Free,
        (None, None) => {
            let hosts: BTreeSet<&String> = locks.iter().map(|lock| &lock.host).collect();
            LockVerdict::Unlock { hosts: hosts.into_iter().cloned().collect() }
        }
    };
    (verdict, seen.collect())
}
