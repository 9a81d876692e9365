//! The PVE clusters that are connected, each with a gate that containers ask before they act.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;
use zentoria_api::cluster::Breaker;
use zentoria_core::cluster::report::Sight;
use zentoria_ops::cluster::{Cluster, PollError};

/// Whether containers may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Not polled yet.
    Connecting,
    /// They may.
    Open,
    /// The cluster cannot be used, and why.
    Shut(String),
    /// A breaker holds all writes until a person has looked.
    Breaker(String),
}

/// What the poller saw last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// What was seen, if the cluster was ever reached.
    pub sight: Option<Sight>,
    /// Why the last poll failed.
    pub problem: Option<PollError>,
    /// The breaker that holds all writes.
    pub breaker: Option<Breaker>,
}

struct Entry {
    /// What it was connected with: spec and versions of Secrets.
    fingerprint: String,
    cluster: Arc<Cluster>,
    gate: Gate,
    view: View,
    poller: AbortHandle,
}

/// The clusters by name of their ProxmoxCluster.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<String, Entry>>);

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster and its gate.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<(Arc<Cluster>, Gate)> {
        self.lock().get(name).map(|entry| (Arc::clone(&entry.cluster), entry.gate.clone()))
    }

    /// What the poller saw last.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<View> {
        self.lock().get(name).map(|entry| entry.view.clone())
    }

    /// Whether the cluster is connected with just this.
    #[must_use]
    pub fn is_connected_with(&self, name: &str, fingerprint: &str) -> bool {
        self.lock().get(name).is_some_and(|entry| entry.fingerprint == fingerprint && !entry.poller.is_finished())
    }

    /// Puts a newly connected cluster in the place of the old one, whose poller ends.
    pub fn insert(&self, name: &str, fingerprint: String, cluster: Arc<Cluster>, poller: AbortHandle) {
        let entry = Entry { fingerprint, cluster, gate: Gate::Connecting, view: View::default(), poller };
        if let Some(old) = self.lock().insert(name.to_owned(), entry) {
            old.poller.abort();
        }
    }

    /// Ends the connection.
    pub fn remove(&self, name: &str) {
        if let Some(old) = self.lock().remove(name) {
            old.poller.abort();
        }
    }

    /// Sets the gate; whether those who wait for it are to look again: it opened, or is known for the first time.
    pub(super) fn set_gate(&self, name: &str, cluster: &Arc<Cluster>, gate: Gate) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(name).filter(|entry| Arc::ptr_eq(&entry.cluster, cluster)) else {
            return false;
        };
        let news = entry.gate != gate && (gate == Gate::Open || entry.gate == Gate::Connecting);
        entry.gate = gate;
        news
    }

    /// Sets the view; whether it changed.
    pub(super) fn set_view(&self, name: &str, cluster: &Arc<Cluster>, view: View) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(name).filter(|entry| Arc::ptr_eq(&entry.cluster, cluster)) else {
            return false;
        };
        let changed = entry.view != view;
        entry.view = view;
        changed
    }
}
