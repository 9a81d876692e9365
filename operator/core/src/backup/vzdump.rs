//! Backups by vzdump: which volumes belong to which policy ([`notes`]), what is due ([`due`]), which volumes are to go
//! ([`prune`]), the job that PVE keeps ([`job`]), and what status says of all that ([`report`]).

pub mod due;
pub mod job;
pub mod notes;
pub mod prune;
pub mod report;

use super::clocks::is_believed;
use jiff::Timestamp;
use std::collections::BTreeMap;
use zentoria_types::names::NodeName;

/// A backup volume as a storage lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its id: `backup:backup/vzdump-lxc-201-2026_01_02-03_04_05.tar.zst`.
    pub volid: String,
    /// A node that sees it.
    pub node: NodeName,
    /// Of which guest.
    pub vmid: u32,
    /// When it was begun.
    pub time: Timestamp,
    /// Bytes.
    pub bytes: u64,
    /// Its notes.
    pub notes: String,
    /// Whether it is protected against deletion.
    pub protected: bool,
    /// What Proxmox Backup Server says of it.
    pub verification: Option<String>,
    /// When it said so.
    pub verified_at: Option<Timestamp>,
}

impl Volume {
    /// Whether it may count: it holds something, and its time does not lie in the future (a clock that has jumped proves
    /// nothing).
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.bytes > 0 && is_believed(self.time, now)
    }
}

/// The volumes of each guest that may count, the newest first.
#[must_use]
pub fn by_guest(volumes: &[Volume], now: Timestamp) -> BTreeMap<u32, Vec<&Volume>> {
    let mut found: BTreeMap<u32, Vec<&Volume>> = BTreeMap::new();
    for volume in volumes.iter().filter(|volume| volume.counts(now)) {
        found.entry(volume.vmid).or_default().push(volume);
    }
    for of_guest in found.values_mut() {
        of_guest.sort_by(|one, other| (other.time, &other.volid).cmp(&(one.time, &one.volid)));
    }
    found
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn volume(vmid: u32, time: &str, notes: &str) -> Volume {
        Volume {
            volid: format!("local:backup/vzdump-lxc-{vmid}-{time}.tar.zst"),
            node: "pve1".parse().unwrap(),
            vmid,
            time: at(time),
            bytes: 1,
            notes: notes.to_owned(),
            protected: false,
            verification: None,
            verified_at: None,
        }
    }

    #[test]
    fn the_newest_comes_first_and_what_is_empty_or_from_the_future_does_not_count() {
        let now = at("2026-05-10T00:00:00Z");
        let empty = Volume { bytes: 0, ..volume(1, "2026-05-09T00:00:00Z", "") };
        let all = [
            volume(1, "2026-05-01T00:00:00Z", ""),
            volume(1, "2026-05-02T00:00:00Z", ""),
            volume(1, "2026-06-02T00:00:00Z", ""),
            volume(2, "2026-05-10T00:05:00Z", ""),
            empty,
        ];
        let found = by_guest(&all, now);
        let times = |vmid| found[&vmid].iter().map(|volume| volume.time.to_string()).collect::<Vec<_>>();
        assert_eq!(times(1), ["2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z"]);
        assert_eq!(times(2), ["2026-05-10T00:05:00Z"], "clocks differ a little");
    }
}
