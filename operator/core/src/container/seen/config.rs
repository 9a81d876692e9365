//! The configuration of a guest.

use crate::container::mounts::{Kind, MountPoint};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::container::{MountStatus, ReclaimPolicy};
use zentoria_types::digest::ConfigDigest;

/// The configuration of a guest, as `GET /nodes/{node}/lxc/{vmid}/pending` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// SHA-1 of the configuration file; guards against a change in between.
    pub digest: Option<ConfigDigest>,
    /// What holds now.
    pub current: BTreeMap<String, String>,
    /// What will hold after the next stop or reboot; `None` is "will be deleted".
    pub pending: BTreeMap<String, Option<String>>,
}

impl Config {
    /// What the option will be once everything pending is applied.
    #[must_use]
    pub fn effective(&self, key: &str) -> Option<&str> {
        match self.pending.get(key) {
            Some(pending) => pending.as_deref(),
            None => self.current.get(key).map(String::as_str),
        }
    }

    /// The guest's lock, such as `backup`.
    #[must_use]
    pub fn lock(&self) -> Option<&str> {
        self.current.get("lock").map(String::as_str)
    }

    /// The mount points and unused volumes that hold back a destruction, pending ones too, for Proxmox VE destroys their
    /// volumes with the guest: all but the volumes of `mounts` of ours whose `reclaimPolicy` lets them go with it. What is
    /// detached (`unusedN`) always holds; a directory of the node stays anyway.
    #[must_use]
    pub fn held_volumes(&self, mounts: &[MountStatus]) -> Vec<&str> {
        let holds = |(key, value): &(&str, &str)| {
            if is_numbered(key, "unused") {
                return true;
            }
            let Some(point) = MountPoint::parse(value) else { return true };
            let released = mounts.iter().any(|mount| {
                mount.slot == *key && mount.volume == point.volume() && mount.reclaim_policy == ReclaimPolicy::Delete
            });
            point.kind() != Kind::OfNode && !released
        };
        let now = self.current.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let then = self.pending.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)));
        let hanging = now.chain(then).filter(|(key, _)| is_numbered(key, "mp") || is_numbered(key, "unused"));
        let keys: BTreeSet<&str> = hanging.filter(holds).map(|(key, _)| key).collect();
        keys.into_iter().collect()
    }

    /// The description, with whatever mark it has.
    #[must_use]
    pub fn description(&self) -> &str {
        self.current.get("description").map_or("", String::as_str)
    }
}

/// Whether the option is `prefix` and a number: `mp0`.
#[must_use]
pub fn is_numbered(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}
