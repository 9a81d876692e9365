//! Breakers: when many guests vanish at once it is a fault of Proxmox VE or of our rights, not a fact; and destructions
//! are rationed.

use crate::digest::of_parts;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use zentoria_api::cluster::{Breaker, Destroy, MissingGuests, Safety};
use zentoria_api::common::VmidField;
use zentoria_types::vmid::Vmid;

/// Whether the guests that are missing trip the breaker.
///
/// `managed` are the guests that we had, `present` those that the cluster shows now; `destroyed` are our own doing and
/// do not count. More than the larger of `count` and `percent` of the managed trips it, unless a person has
/// acknowledged just this set.
#[must_use]
pub fn missing_guests(
    limits: &MissingGuests,
    managed: &BTreeSet<Vmid>,
    present: &BTreeSet<Vmid>,
    destroyed: &BTreeSet<Vmid>,
    acknowledged: Option<&str>,
) -> Option<Breaker> {
    let missing: Vec<Vmid> =
        managed.iter().filter(|vmid| !present.contains(vmid) && !destroyed.contains(vmid)).copied().collect();
    let share = managed.len() * limits.percent as usize / 100;
    if missing.len() <= share.max(limits.count as usize) {
        return None;
    }
    let words: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let digest = of_parts(std::iter::once("MissingGuests").chain(words.iter().map(String::as_str)));
    if acknowledged == Some(digest.as_str()) {
        return None;
    }
    let message = format!(
        "{} of {} managed guests are not shown by Proxmox VE any more ({}): either it or the operator's rights are at \
         fault. Nothing is written. If they are really gone, annotate this ProxmoxCluster with \
         zentoria.ai/acknowledge={digest}",
        missing.len(),
        managed.len(),
        words.join(", "),
    );
    let missing = missing.iter().map(|vmid| VmidField(vmid.get())).collect();
    Some(Breaker { reason: "MissingGuests".into(), message, digest, missing })
}

/// How long a destruction counts.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The destructions of the last hour.
#[must_use]
pub fn recent_destroys(history: &[Destroy], now: Timestamp) -> Vec<Destroy> {
    history.iter().filter(|destroy| now.duration_since(destroy.at.0) < WINDOW).cloned().collect()
}

/// How many more guests may be destroyed now.
#[must_use]
pub fn destroys_left(safety: &Safety, history: &[Destroy], now: Timestamp) -> u32 {
    let used = u32::try_from(recent_destroys(history, now).len()).unwrap_or(u32::MAX);
    safety.max_destroys_per_hour.saturating_sub(used)
}

/// Whether the destruction of this guest is counted already. `since` is when its object was made: what was destroyed
/// before was another guest with its VMID.
#[must_use]
pub fn is_counted(vmid: Vmid, since: Timestamp, history: &[Destroy]) -> bool {
    history.iter().any(|destroy| destroy.vmid.0 == vmid.get() && destroy.at.0 >= since)
}

/// When the oldest counted destruction stops counting; `None` where there is none.
#[must_use]
pub fn next_destroy_at(history: &[Destroy], now: Timestamp) -> Option<Timestamp> {
    recent_destroys(history, now).iter().map(|destroy| destroy.at.0).min().and_then(|at| at.checked_add(WINDOW).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn vmids(range: std::ops::Range<u32>) -> BTreeSet<Vmid> {
        range.map(|number| Vmid::new(number).unwrap()).collect()
    }

    #[test]
    fn more_than_two_guests_or_ten_percent_trip_it() {
        let limits = MissingGuests::default();
        let none = BTreeSet::new();
        let cases = [(10, 2, false), (10, 3, true), (100, 10, false), (100, 11, true), (2, 2, false)];
        for (managed, gone, trips) in cases {
            let (managed, present) = (vmids(100..100 + managed), vmids(100 + gone..100 + managed));
            let breaker = missing_guests(&limits, &managed, &present, &none, None);
            assert_eq!(breaker.is_some(), trips, "{gone} of {}", managed.len());
        }
    }

    #[test]
    fn our_own_destructions_do_not_count() {
        let limits = MissingGuests::default();
        assert_eq!(missing_guests(&limits, &vmids(100..110), &vmids(105..110), &vmids(100..104), None), None);
    }

    #[test]
    fn an_acknowledgement_holds_for_one_set_of_guests_alone() {
        let limits = MissingGuests::default();
        let none = BTreeSet::new();
        let breaker = missing_guests(&limits, &vmids(100..110), &vmids(104..110), &none, None).unwrap();
        let digest = Some(breaker.digest.as_str());
        assert_eq!(missing_guests(&limits, &vmids(100..110), &vmids(104..110), &none, digest), None);
        assert!(missing_guests(&limits, &vmids(100..110), &vmids(105..110), &none, digest).is_some());
    }

    #[test]
    fn a_destruction_is_counted_once_for_each_guest_that_had_the_vmid() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let history = [Destroy { vmid: VmidField(100), at: Time(at(50)) }];
        let vmid = |number| Vmid::new(number).unwrap();
        assert!(is_counted(vmid(100), at(10), &history));
        assert!(!is_counted(vmid(100), at(60), &history), "the guest that had the VMID before");
        assert!(!is_counted(vmid(101), at(10), &history));
    }

    #[test]
    fn destructions_are_counted_within_the_hour() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let history: Vec<Destroy> =
            [0, 100].iter().map(|s| Destroy { vmid: VmidField(100), at: Time(at(*s)) }).collect();
        let safety = Safety::default();
        assert_eq!(destroys_left(&safety, &history, at(200)), 0);
        assert_eq!(next_destroy_at(&history, at(200)), Some(at(3600)));
        assert_eq!(destroys_left(&safety, &history, at(3600)), 1);
        assert_eq!(destroys_left(&safety, &history, at(3700)), 2);
    }
}
