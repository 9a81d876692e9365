//! What a process remembers of policies of vzdump. All of it may be lost: the storages tell the same again.

use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zentoria_core::backup::vzdump::due::Asked;
use zentoria_core::backup::vzdump::report::Failed;
use zentoria_ops::slots::Slot;
use zentoria_types::upid::Upid;

/// How long a volume that was to be removed is left alone after that.
const LEFT_ALONE: Duration = Duration::from_mins(30);

/// A container and a tier.
pub(super) type Kept = (String, String);

/// What is remembered of all policies.
#[derive(Default)]
pub struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    policies: HashMap<String, Remembered>,
    /// Whether a backup is of a container, by the container's uid and the volume: what lies there does not change.
    proofs: HashMap<(String, String), bool>,
}

/// What is remembered of one policy.
#[derive(Default)]
pub(super) struct Remembered {
    /// Backups that failed.
    pub failed: BTreeMap<Kept, Failed>,
    /// Backups that ended well, and when that was seen.
    pub done: BTreeMap<Kept, Timestamp>,
    /// Those of them that nobody has looked for on the storage yet, by when they were begun.
    pub unverified: BTreeMap<Kept, Timestamp>,
    /// The place that the running task takes.
    pub slot: Option<(Upid, Slot)>,
    /// What a person asked for: the annotation, and when it was seen first.
    pub asked: Option<(String, Asked)>,
    /// The annotation that was carried out last.
    pub carried_out: Option<String>,
    /// Volumes that are being removed, or could not be.
    pub removing: BTreeMap<String, Removal>,
}

/// A volume that was to be removed.
pub(super) struct Removal {
    begun: Instant,
    /// The task, until its end was seen.
    pub task: Option<Upid>,
    /// Why it stays.
    pub failed: Option<String>,
}

impl Removal {
    /// Begun just now.
    pub(super) fn new(task: Option<Upid>, failed: Option<String>) -> Self {
        Self { begun: Instant::now(), task, failed }
    }
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered of a policy, by its uid.
    pub(super) fn of<T>(&self, uid: &str, with: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut state = self.lock();
        let remembered = state.policies.entry(uid.to_owned()).or_default();
        remembered.removing.retain(|_, removal| removal.begun.elapsed() < LEFT_ALONE);
        with(remembered)
    }

    /// The annotation that was carried out last in this process.
    pub(super) fn carried_out(&self, uid: &str) -> Option<String> {
        self.of(uid, |remembered| remembered.carried_out.clone())
    }

    /// What was found of a backup before.
    pub(super) fn proof(&self, container: &str, volid: &str) -> Option<bool> {
        self.lock().proofs.get(&(container.to_owned(), volid.to_owned())).copied()
    }

    /// Remembers what was found.
    pub(super) fn prove(&self, container: &str, volid: &str, is_of_it: bool) {
        self.lock().proofs.insert((container.to_owned(), volid.to_owned()), is_of_it);
    }

    /// Drops what is known of policies and containers that are gone.
    pub(crate) fn sweep(&self, policy: impl Fn(&str) -> bool, container: impl Fn(&str) -> bool) {
        let mut state = self.lock();
        state.policies.retain(|uid, _| policy(uid));
        state.proofs.retain(|(uid, _), _| container(uid));
    }
}
