//! Who holds the locks of a repository, and whether they may be removed.

use jiff::Timestamp;
use std::collections::BTreeMap;
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

/// Judges the locks that a run met. `holders` tells of each host; one that is not in it is unknown.
#[must_use]
pub fn judge(locks: &[Lock], holders: &BTreeMap<String, Holder>) -> (LockVerdict, Vec<LockSeen>) {
    let _ = (locks, holders);
    todo!()
}
