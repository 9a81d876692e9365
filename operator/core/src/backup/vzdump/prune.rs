//! Which volumes no tier keeps any longer.

use super::Volume;
use super::notes::Notes;
use crate::backup::keep::Keeping;
use jiff::Timestamp;
use std::collections::BTreeMap;
use zentoria_types::mark::EstateId;

/// The volumes to be removed, oldest first: those whose notes carry this policy and one of its tiers, older than the newest
/// of the same guest and tier by more than the tier keeps. Never the newest, never a protected one, never one whose tier the
/// policy does not have (any more), and never one that nobody's or another's notes are on.
#[must_use]
pub fn to_prune<'a>(
    volumes: &'a [Volume],
    estate: &EstateId,
    namespace: &str,
    policy: &str,
    tiers: &BTreeMap<String, Keeping>,
    now: Timestamp,
) -> Vec<&'a Volume> {
    let mut groups: BTreeMap<(u32, String), Vec<&Volume>> = BTreeMap::new();
    for volume in volumes.iter().filter(|volume| volume.counts(now)) {
        let Some(notes) = Notes::parse(&volume.notes) else { continue };
        if notes.is_of_policy(estate, namespace, policy) {
            groups.entry((volume.vmid, notes.tier)).or_default().push(volume);
        }
    }
    let mut list = Vec::new();
    for ((_, tier), group) in groups {
        let Some(Keeping::Within(within)) = tiers.get(&tier) else { continue };
        let Some(newest) = group.iter().map(|volume| volume.time).max() else { continue };
        let Some(limit) = within.before(newest) else { continue };
        list.extend(group.into_iter().filter(|volume| volume.time < limit && !volume.protected));
    }
    list.sort_by_key(|volume| volume.time);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::vzdump::tests::{at, volume};
    use proptest::prelude::*;
    use zentoria_api::backup::Keep;

    const OURS: &str = "zentoria.ai/backup estate=test policy=ns/all tier=daily";

    fn pruned(volumes: &[Volume], keep: &str) -> Vec<String> {
        let tiers = BTreeMap::from([("daily".to_owned(), Keeping::parse(&Keep(keep.into())).unwrap())]);
        let estate = EstateId::new("test".to_owned()).unwrap();
        let found = to_prune(volumes, &estate, "ns", "all", &tiers, at("2026-06-01T00:00:00Z"));
        found.iter().map(|volume| format!("{} {}", volume.vmid, volume.time.strftime("%m-%d"))).collect()
    }

    #[test]
    fn only_what_carries_the_policy_and_is_older_than_it_keeps_goes() {
        let kept = Volume { protected: true, ..volume(1, "2026-05-02T00:00:00Z", OURS) };
        let all = [
            volume(1, "2026-05-01T00:00:00Z", OURS),
            volume(1, "2026-05-25T00:00:00Z", OURS),
            volume(1, "2026-05-30T00:00:00Z", OURS),
            volume(1, "2026-05-03T00:00:00Z", ""),
            volume(1, "2026-05-03T01:00:00Z", "zentoria.ai/backup estate=test policy=ns/other tier=daily"),
            volume(1, "2026-05-03T02:00:00Z", "zentoria.ai/backup estate=other policy=ns/all tier=daily"),
            volume(1, "2026-05-03T03:00:00Z", "zentoria.ai/backup estate=test policy=ns/all tier=gone"),
            volume(1, "2026-05-03T04:00:00Z", "zentoria: before 12ab of ns/db in estate test"),
            // The newest of its guest, however old.
            volume(2, "2026-01-01T00:00:00Z", OURS),
            kept,
        ];
        assert_eq!(pruned(&all, "7d"), ["1 05-01"]);
        assert_eq!(pruned(&all, "4d"), ["1 05-01", "1 05-25"]);
        assert!(pruned(&all, "Forever").is_empty());
    }

    proptest! {
        #[test]
        fn the_newest_of_each_guest_always_stays(days in prop::collection::vec((1u32..4, 1i64..28), 1..20), keep in 1u32..40) {
            let all: Vec<Volume> = days
                .iter()
                .map(|(vmid, day)| volume(*vmid, &format!("2026-05-{day:02}T00:00:00Z"), OURS))
                .collect();
            let gone = pruned(&all, &format!("{keep}h"));
            for vmid in 1..4u32 {
                if let Some(newest) = all.iter().filter(|volume| volume.vmid == vmid).map(|volume| volume.time).max() {
                    let line = format!("{vmid} {}", newest.strftime("%m-%d"));
                    prop_assert!(!gone.contains(&line));
                }
            }
        }
    }
}
