//! Backups by vzdump: which volumes belong to which policy, which of them are to go, and how old the newest of each
//! container is.

use super::keep::Keeping;
use jiff::Timestamp;
use std::collections::BTreeMap;
use zentoria_api::backup::GuestBackup;

/// A backup volume as a storage lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its id: `backup:backup/vzdump-lxc-201-2026_01_02-03_04_05.tar.zst`.
    pub volid: String,
    /// Of which guest.
    pub vmid: u32,
    /// When it was made.
    pub time: Timestamp,
    /// Bytes.
    pub bytes: u64,
    /// Its notes.
    pub notes: String,
    /// Whether it is protected against deletion.
    pub protected: bool,
    /// What Proxmox Backup Server says of it.
    pub verification: Option<String>,
}

/// The notes of a volume of a policy's tier: `zentoria.ai/backup namespace/policy tier=TIER`.
#[must_use]
pub fn notes(namespace: &str, policy: &str, tier: &str) -> String {
    let _ = (namespace, policy, tier);
    todo!()
}

/// The newest backup of each container, by name; `guests` are names and VMIDs. Every volume counts, whoever made it.
#[must_use]
pub fn newest(volumes: &[Volume], guests: &BTreeMap<String, u32>) -> BTreeMap<String, GuestBackup> {
    let _ = (volumes, guests);
    todo!()
}

/// The volumes that no tier keeps any longer: of this policy by their notes, of a guest that it matches or matched, not
/// protected, not the newest of their guest and tier.
#[must_use]
pub fn to_prune<'a>(
    volumes: &'a [Volume],
    namespace: &str,
    policy: &str,
    tiers: &BTreeMap<String, Keeping>,
    now: Timestamp,
) -> Vec<&'a Volume> {
    let _ = (volumes, namespace, policy, tiers, now);
    todo!()
}
