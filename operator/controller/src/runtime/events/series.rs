//! Which events are repeats of each other, and when a repeat is worth a write.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::time::Instant;

use super::Event;

/// An event that did not repeat for so long starts a new one when it comes again.
const WINDOW: Duration = Duration::from_secs(30 * 60);
/// The second of a series is written at once, later ones at most this often: the count may lag, etcd stays quiet.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// How many series are remembered.
const CAPACITY: usize = 4096;

/// What makes two events the same: everything that a person reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeriesKey {
    pub regarding: ObjectReference,
    pub event: Event,
}

impl Eq for SeriesKey {}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.regarding.uid, &self.regarding.namespace, &self.regarding.name).hash(state);
        (&self.event.reason, &self.event.action, &self.event.note).hash(state);
    }
}

/// What to write for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Publication {
    /// A new event object.
    First,
    /// A new count in the event object of this name.
    Repeat { name: String, count: i32 },
    /// Nothing now; it is counted.
    Skip,
}

#[derive(Debug, Default)]
pub(super) struct Series(HashMap<SeriesKey, Known>);

#[derive(Debug)]
struct Known {
    name: String,
    count: i32,
    seen: Instant,
    written: Instant,
}

impl Series {
    /// Counts an occurrence and says what to write.
    pub fn next(&mut self, key: &SeriesKey) -> Publication {
        let now = Instant::now();
        self.0.retain(|_, known| now.saturating_duration_since(known.seen) < WINDOW);
        let Some(known) = self.0.get_mut(key) else {
            return Publication::First;
        };
        known.seen = now;
        known.count = known.count.saturating_add(1);
        if known.count == 2 || now.saturating_duration_since(known.written) >= REPEAT_INTERVAL {
            Publication::Repeat { name: known.name.clone(), count: known.count }
        } else {
            Publication::Skip
        }
    }

    /// The event object `name` now shows `count`.
    pub fn published(&mut self, key: &SeriesKey, name: String, count: i32) {
        let now = Instant::now();
        if self.0.len() >= CAPACITY && !self.0.contains_key(key) {
            let oldest = self.0.iter().min_by_key(|(_, known)| known.seen).map(|(key, _)| key.clone());
            oldest.map(|key| self.0.remove(&key));
        }
        self.0.insert(key.clone(), Known { name, count, seen: now, written: now });
    }
}
