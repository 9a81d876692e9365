//! Which guest is to be backed up next.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::backup::want::WantTier;

/// The clock of a node may be behind by so much: a backup that it dates so long before the schedule's time is of it.
const SKEW: SignedDuration = SignedDuration::from_mins(2);
/// What failed is tried again after so long, and at the next time of its schedule.
pub const RETRY: SignedDuration = SignedDuration::from_mins(30);

/// What is known of a guest, for one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The container's name.
    pub name: String,
    /// When the container was created: what was due before that is not its.
    pub created: Timestamp,
    /// The newest backup of ours, by tier; one that this process has seen end well counts too.
    pub newest: BTreeMap<String, Timestamp>,
    /// When a backup failed last, by tier.
    pub failed: BTreeMap<String, Timestamp>,
}

/// A backup that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The container.
    pub guest: String,
    /// By which tier.
    pub tier: String,
    /// Since when.
    pub since: Timestamp,
}

/// A run that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// By which tier.
    pub tier: String,
    /// When.
    pub at: Timestamp,
}

/// When the tier was due last, with the delay that spreads policies over time; not before `from`.
#[must_use]
pub fn last_due(tier: &WantTier, delay: Duration, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let due = tier.runs.last(now.checked_sub(delay).ok()?)?.checked_add(delay).ok()?;
    (due > from).then_some(due)
}

/// When the tier is due next.
#[must_use]
pub fn next_due(tier: &WantTier, delay: Duration, now: Timestamp) -> Option<Timestamp> {
    tier.runs.next(now.checked_sub(delay).ok()?)?.checked_add(delay).ok()
}

/// The backups that are due: what a person asked for first, then by tier in the order of the spec, then by name. `delay` is
/// that of each tier. Of several times that were missed only the last one counts.
#[must_use]
pub fn due(
    tiers: &[WantTier],
    delay: impl Fn(&str) -> Duration,
    created: Timestamp,
    guests: &[Guest],
    asked: Option<&Asked>,
    now: Timestamp,
) -> Vec<Due> {
    let mut list = Vec::new();
    if let Some(Asked { tier, at }) = asked {
        list.extend(
            guests.iter().filter(|guest| lacks(guest, tier, *at, SignedDuration::ZERO, now)).map(|guest| Due {
                guest: guest.name.clone(),
                tier: tier.clone(),
                since: *at,
            }),
        );
    }
    for tier in tiers {
        let delay = delay(&tier.name);
        for guest in guests {
            let Some(since) = last_due(tier, delay, created.max(guest.created), now) else { continue };
            let known = list.iter().any(|due| due.guest == guest.name && due.tier == tier.name);
            if !known && lacks(guest, &tier.name, since, SKEW, now) {
                list.push(Due { guest: guest.name.clone(), tier: tier.name.clone(), since });
            }
        }
    }
    list
}

fn lacks(guest: &Guest, tier: &str, since: Timestamp, skew: SignedDuration, now: Timestamp) -> bool {
    let has = guest.newest.get(tier).is_some_and(|newest| *newest >= since.checked_sub(skew).unwrap_or(Timestamp::MIN));
    let failed = guest.failed.get(tier).is_some_and(|at| *at >= since && now.duration_since(*at) < RETRY);
    !has && !failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::keep::Keeping;
    use crate::backup::schedule::Runs;
    use crate::backup::vzdump::tests::at;
    use proptest::prelude::*;

    fn tier(name: &str, cron: &str) -> WantTier {
        let runs = Runs::parse(cron, None).unwrap();
        WantTier { name: name.into(), cron: cron.into(), runs, keep: Keeping::Forever, only_if_changed: false }
    }

    fn guest(name: &str) -> Guest {
        let created = at("2026-05-01T12:00:00Z");
        Guest { name: name.into(), created, newest: BTreeMap::new(), failed: BTreeMap::new() }
    }

    fn names(guests: &[Guest], asked: Option<&Asked>, now: &str) -> Vec<String> {
        let tiers = [tier("daily", "0 4 * * *"), tier("weekly", "0 5 * * 0")];
        let delay = |_: &str| Duration::from_mins(1);
        let found = due(&tiers, delay, at("2026-05-01T10:00:00Z"), guests, asked, at(now));
        found.iter().map(|due| format!("{} {} {}", due.guest, due.tier, due.since)).collect()
    }

    #[test]
    fn a_guest_is_due_at_its_time_once_and_never_for_a_time_before_it_was_made() {
        let mut db = guest("db");
        assert!(names(&[db.clone()], None, "2026-05-01T13:00:00Z").is_empty());
        assert!(names(&[db.clone()], None, "2026-05-02T04:00:30Z").is_empty(), "the delay");
        let due = names(&[db.clone()], None, "2026-05-02T04:01:00Z");
        assert_eq!(due, ["db daily 2026-05-02T04:01:00Z"]);
        db.newest.insert("daily".into(), at("2026-05-02T03:59:30Z"));
        assert!(names(&[db.clone()], None, "2026-05-02T09:00:00Z").is_empty(), "a node's clock is a little behind");
        // The operator was away for days: the last time of each tier counts.
        let due = names(&[db], None, "2026-05-05T06:00:00Z");
        assert_eq!(due, ["db daily 2026-05-05T04:01:00Z", "db weekly 2026-05-03T05:01:00Z"]);
    }

    #[test]
    fn what_failed_lets_others_go_first_and_is_tried_again_later() {
        let mut db = guest("db");
        db.failed.insert("daily".into(), at("2026-05-02T04:02:00Z"));
        let all = [db, guest("web")];
        assert_eq!(names(&all, None, "2026-05-02T04:03:00Z"), ["web daily 2026-05-02T04:01:00Z"]);
        assert_eq!(names(&all, None, "2026-05-02T04:40:00Z").len(), 2);
        assert_eq!(names(&all, None, "2026-05-03T04:01:00Z").len(), 2, "a new time forgets");
    }

    #[test]
    fn what_a_person_asks_for_comes_first_and_once() {
        let asked = Asked { tier: "weekly".into(), at: at("2026-05-02T10:00:00Z") };
        let mut db = guest("db");
        db.newest.insert("daily".into(), at("2026-05-02T04:01:00Z"));
        assert_eq!(names(&[db.clone()], Some(&asked), "2026-05-02T10:00:01Z"), ["db weekly 2026-05-02T10:00:00Z"]);
        db.newest.insert("weekly".into(), at("2026-05-02T10:00:02Z"));
        assert!(names(&[db], Some(&asked), "2026-05-02T10:01:00Z").is_empty());
    }

    proptest! {
        #[test]
        fn a_backup_at_any_moment_since_settles_it(minutes in 0i64..20_000, later in 0i64..600) {
            let now = at("2026-05-02T00:00:00Z").checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let tiers = [tier("daily", "0 4 * * *"), tier("hourly", "17 * * * *")];
            let delay = |_: &str| Duration::from_secs(30);
            let created = at("2026-05-01T10:00:00Z");
            let mut db = guest("db");
            for found in due(&tiers, delay, created, &[db.clone()], None, now) {
                prop_assert!(found.since <= now && found.since > db.created);
                db.newest.insert(found.tier, now);
            }
            prop_assert!(due(&tiers, delay, created, &[db.clone()], None, now).is_empty());
            let then = now.checked_add(SignedDuration::from_secs(later)).unwrap();
            for found in due(&tiers, delay, created, &[db], None, then) {
                prop_assert!(found.since > now);
            }
        }
    }
}
