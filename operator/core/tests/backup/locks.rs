//! Locks: removed only where every holder is proved gone.

use proptest::prelude::*;
use std::collections::BTreeMap;
use zentoria_core::backup::locks::{Holder, LockVerdict, is_pod_of, judge};
use zentoria_types::backup_job::Lock;

fn lock(host: &str) -> Lock {
    Lock { host: host.into(), since: 1_767_225_600, exclusive: false }
}

fn holders(list: &[(&str, Holder)]) -> BTreeMap<String, Holder> {
    list.iter().map(|(host, holder)| ((*host).to_owned(), *holder)).collect()
}

#[test]
fn locks_are_removed_where_all_holders_are_gone_and_only_then() {
    let both = [lock("b"), lock("a"), lock("b")];
    let judged = |list: &[(&str, Holder)]| judge(&both, &holders(list)).0;
    let gone = judged(&[("a", Holder::Gone), ("b", Holder::Gone)]);
    assert_eq!(gone, LockVerdict::Unlock { hosts: vec!["a".into(), "b".into()] });
    assert_eq!(judged(&[("a", Holder::Gone), ("b", Holder::Alive)]), LockVerdict::Wait { host: "b".into() });
    let foreign = judged(&[("b", Holder::Alive)]);
    assert!(matches!(foreign, LockVerdict::Foreign { host, .. } if host == "a"));
    assert_eq!(judge(&[], &BTreeMap::new()).0, LockVerdict::Free);
}

#[test]
fn every_lock_is_shown_with_its_holder() {
    let (_, seen) = judge(&[lock("a"), lock("laptop")], &holders(&[("a", Holder::Gone)]));
    let shown: Vec<(&str, &str)> = seen.iter().map(|lock| (lock.host.as_str(), lock.holder.as_str())).collect();
    assert_eq!(shown, [("a", "Gone"), ("laptop", "Unknown")]);
    assert_eq!(seen[0].since.0.to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn a_pod_is_known_by_the_name_of_its_job_also_where_that_was_cut() {
    assert!(is_pod_of("bp-db-hourly-29000000-x7k2p", "bp-db-hourly-29000000"));
    let job = format!("bp-{}-29000000", "a".repeat(49));
    assert_eq!(job.len(), 61, "the longest name of a Job of a CronJob");
    let pod = format!("{}x7k2p", &format!("{job}-")[..58]);
    assert!(is_pod_of(&pod, &job) && pod.len() == 63);
    for host in [
        "bp-db-hourly-29000000",
        "bp-db-hourly-29000000-",
        "bp-db-hourly-29000000-x7k2p1",
        "laptop",
        "bp-db-hourly-29000000-x.k2p",
    ] {
        assert!(!is_pod_of(host, "bp-db-hourly-29000000"), "{host}");
    }
}

proptest! {
    #[test]
    fn nobody_elses_lock_is_ever_removed(
        kinds in prop::collection::vec(prop::sample::select(vec![Holder::Alive, Holder::Gone, Holder::Unknown]), 0..6),
        known in prop::collection::vec(any::<bool>(), 6),
    ) {
        let locks: Vec<Lock> = (0..kinds.len()).map(|number| lock(&format!("h{number}"))).collect();
        let told: BTreeMap<String, Holder> = kinds.iter().enumerate().filter(|(number, _)| known[*number])
            .map(|(number, kind)| (format!("h{number}"), *kind)).collect();
        let all_gone = kinds.iter().enumerate().all(|(number, kind)| known[number] && *kind == Holder::Gone);
        let (verdict, seen) = judge(&locks, &told);
        let unlocks = matches!(&verdict, LockVerdict::Unlock { .. });
        prop_assert_eq!(unlocks, all_gone && !kinds.is_empty());
        prop_assert_eq!(seen.len(), locks.len());
        if let LockVerdict::Unlock { hosts } = verdict {
            prop_assert_eq!(hosts.len(), locks.len());
        }
    }
}
