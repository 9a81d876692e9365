//! The maintenance windows of each cluster as they are now: read once per version of the ProxmoxCluster, and computed
//! again when what was computed does not hold any longer.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use zentoria_api::ProxmoxCluster;
use zentoria_core::cluster::maintenance;
use zentoria_core::container::seen::Window;
use zentoria_core::windows::{WindowState, Windows};

/// How long "open, and no end in sight" holds.
const LONG: SignedDuration = SignedDuration::from_hours(1);

/// The windows of the clusters, by name.
#[derive(Default)]
pub struct MaintenanceWindows(Mutex<HashMap<String, Entry>>);

struct Entry {
    /// Uid and generation that were read.
    version: (Option<String>, Option<i64>),
    read: Result<Windows, String>,
    window: Window,
    holds_until: Timestamp,
}

impl MaintenanceWindows {
    /// Where the moment stands to the cluster's windows. Five hundred containers ask, one of them computes.
    pub fn at(&self, cluster: &ProxmoxCluster, now: Timestamp) -> Window {
        if cluster.spec.maintenance_windows.is_empty() {
            return Window::None;
        }
        let version = (cluster.uid(), cluster.metadata.generation);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(cluster.name_any()).or_insert_with(|| Entry::read(cluster, version.clone(), now));
        if entry.version != version {
            *entry = Entry::read(cluster, version, now);
        } else if now >= entry.holds_until {
            entry.compute(now);
        }
        entry.window.clone()
    }
}

impl Entry {
    fn read(cluster: &ProxmoxCluster, version: (Option<String>, Option<i64>), now: Timestamp) -> Self {
        let mut entry = Self { version, read: read(cluster), window: Window::None, holds_until: Timestamp::MAX };
        entry.compute(now);
        entry
    }

    fn compute(&mut self, now: Timestamp) {
        let later = now.checked_add(LONG).unwrap_or(Timestamp::MAX);
        (self.window, self.holds_until) = match &self.read {
            Err(why) => (Window::Unusable(why.clone()), Timestamp::MAX),
            Ok(windows) => match windows.at(now) {
                WindowState::Open { until } => (Window::Open, until.unwrap_or(later)),
                WindowState::Closed { next } => (Window::Closed(next), next.unwrap_or(later)),
            },
        };
    }
}

/// What is wrong with the windows of a cluster.
pub(super) fn problem(cluster: &ProxmoxCluster) -> Option<String> {
    read(cluster).err()
}

fn read(cluster: &ProxmoxCluster) -> Result<Windows, String> {
    maintenance::windows(&cluster.spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(windows: serde_json::Value, generation: i64) -> ProxmoxCluster {
        let object = json!({
            "apiVersion": "zentoria.ai/v1alpha1", "kind": "ProxmoxCluster",
            "metadata": {"name": "home", "uid": "u", "generation": generation},
            "spec": {
                "estateId": "home", "endpoints": ["https://127.0.0.1:8006"], "mode": "Enforce",
                "tls": {"caSecretRef": {"name": "ca"}},
                "credentials": {"tokenSecretRef": {"name": "t"}}, "maintenanceWindows": windows,
            },
        });
        serde_json::from_value(object).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_opens_and_closes_on_time_and_a_new_version_is_read_anew() {
        let windows = MaintenanceWindows::default();
        let nightly = cluster(json!([{"schedule": "0 2 * * *", "duration": "1h"}]), 1);
        let opens = at("2026-03-02T02:00:00Z");
        assert_eq!(windows.at(&nightly, at("2026-03-01T12:00:00Z")), Window::Closed(Some(opens)));
        assert_eq!(windows.at(&nightly, at("2026-03-02T01:59:59Z")), Window::Closed(Some(opens)));
        assert_eq!(windows.at(&nightly, opens), Window::Open);
        assert_eq!(windows.at(&nightly, at("2026-03-02T02:59:59Z")), Window::Open);
        assert_eq!(windows.at(&nightly, at("2026-03-02T03:00:00Z")), Window::Closed(Some(at("2026-03-03T02:00:00Z"))));
        assert_eq!(windows.at(&cluster(json!([]), 2), opens), Window::None);
        let broken = cluster(json!([{"schedule": "0 0 31 2 *", "duration": "1h"}]), 3);
        assert!(matches!(windows.at(&broken, opens), Window::Unusable(why) if why.contains("maintenanceWindows[0]")));
        assert_eq!(problem(&nightly), None);
    }
}
