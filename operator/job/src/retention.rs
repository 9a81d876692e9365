//! Which snapshots are forgotten: whole runs, by the rule of their tier.
//!
//! restic's own `forget` goes by single snapshots, and would let an unfinished run, which holds the newest snapshot of one
//! database, push out the last finished one. Here the newest whole run of a tier is what its time counts from, and it stays
//! in any case; a run goes with all of its parts or stays with all of them.

use crate::failure::Failure;
use crate::runs::{Run, newest};
use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use zentoria_types::backup_job::{JobError, KeepRule};

/// How far a clock may be ahead of ours before what it dated is not believed.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What the rules say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Ids of the snapshots that are no longer kept, sorted.
    pub forgotten: Vec<String>,
    /// How many runs are of a time that has not come yet.
    pub of_the_future: usize,
}

/// What these rules no longer keep. Runs of no rule, and tiers without a whole run, are kept. What is dated later than
/// `now` was made by a clock that was wrong: it is kept, and no time is counted from it, for it would make everything old.
///
/// # Errors
/// [`JobError::Setup`], when a rule's time cannot be read.
pub fn judge(runs: &[Run], rules: &[KeepRule], now: Timestamp) -> Result<Verdict, Failure> {
    let latest = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let believed: Vec<Run> = runs.iter().filter(|run| run.time <= latest).cloned().collect();
    let newest = newest(&believed);
    let mut ids = Vec::new();
    for rule in rules {
        let (Some(within), Some(last)) = (&rule.within, newest.get(&(rule.policy.as_str(), rule.tier.as_str()))) else {
            continue;
        };
        let limit = before(last.time, within)?;
        let of_rule = believed.iter().filter(|run| run.policy == rule.policy && run.tier == rule.tier);
        let old = of_rule.filter(|run| run.time < last.time && run.time < limit);
        ids.extend(old.flat_map(Run::snapshots).map(|one| one.id.clone()));
    }
    ids.sort();
    ids.dedup();
    Ok(Verdict { forgotten: ids, of_the_future: runs.len() - believed.len() })
}

/// `within` before `time`; the beginning of time, when that is even earlier.
fn before(time: Timestamp, within: &str) -> Result<Timestamp, Failure> {
    let span = span(within).ok_or_else(|| {
        Failure::new(
            JobError::Setup,
            format!("`{within}` is no time to keep snapshots for: it is written as 1y6m7d12h"),
        )
    })?;
    let zoned = time.to_zoned(TimeZone::UTC).checked_sub(span);
    Ok(zoned.map_or(Timestamp::MIN, |then| then.timestamp()))
}

/// `1y6m2w7d12h`, each at most once and in this order, and together more than nothing.
fn span(text: &str) -> Option<Span> {
    let mut span = Span::new();
    let mut rest = text;
    for unit in ['y', 'm', 'w', 'd', 'h'] {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let Some(after) = after.strip_prefix(unit) else { continue };
        let number: i64 = number.parse().ok()?;
        span = match unit {
            'y' => span.try_years(number),
            'm' => span.try_months(number),
            'w' => span.try_weeks(number),
            'd' => span.try_days(number),
            _ => span.try_hours(number),
        }
        .ok()?;
        rest = after;
    }
    (rest.is_empty() && !span.is_zero()).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::run;
    use crate::runs::{Listed, runs};
    use proptest::prelude::*;

    const HOUR: i64 = 3600;

    fn now() -> Timestamp {
        Timestamp::from_second(5000 * HOUR).unwrap()
    }

    fn rule(within: Option<&str>) -> KeepRule {
        KeepRule { policy: "db".to_owned(), tier: "hourly".to_owned(), within: within.map(str::to_owned) }
    }

    fn gone(made: &[(i64, bool)], rule: KeepRule) -> Vec<String> {
        let listed: Vec<Listed> = made.iter().flat_map(|&(hour, whole)| run(hour * HOUR, whole)).collect();
        judge(&runs(&listed, "ns"), &[rule], now()).unwrap().forgotten
    }

    #[test]
    fn whole_runs_older_than_the_rule_go_with_all_parts() {
        let at = |hour: i64| (hour, true);
        assert_eq!(gone(&[at(1), at(5), at(10)], rule(Some("5h"))), ["d3600", "e3600"]);
        assert!(gone(&[at(1), at(5), at(10)], rule(None)).is_empty(), "for ever");
        assert!(gone(&[at(1)], rule(Some("1h"))).is_empty(), "the newest stays");
    }

    #[test]
    fn half_runs_never_push_out_the_last_whole_one() {
        let half: Vec<(i64, bool)> = (100..200).map(|hour| (hour, false)).collect();
        let made = [vec![(1, true), (2, true)], half].concat();
        assert_eq!(gone(&made, rule(Some("1h"))), Vec::<String>::new());
        assert!(gone(&[(1, false), (9, false)], rule(Some("1h"))).is_empty(), "no whole run: nothing is touched");
        assert_eq!(gone(&[(1, false), (9, true)], rule(Some("1h"))), ["d3600"], "an old half run goes");
    }

    #[test]
    fn other_tiers_and_policies_are_not_touched() {
        let other = KeepRule { tier: "daily".to_owned(), ..rule(Some("1h")) };
        assert!(gone(&[(1, true), (9, true)], other).is_empty());
    }

    #[test]
    fn a_run_of_the_future_makes_nothing_old_and_stays() {
        let listed: Vec<Listed> = [1, 2, 9000].into_iter().flat_map(|hour| run(hour * HOUR, true)).collect();
        let verdict = judge(&runs(&listed, "ns"), &[rule(Some("5h"))], now()).unwrap();
        assert_eq!(verdict, Verdict { forgotten: vec![], of_the_future: 1 });
    }

    #[test]
    fn times_are_read_as_restic_writes_them() {
        for (text, hours) in [("7d", 168), ("12h", 12), ("1w", 168), ("1d12h", 36)] {
            let time = Timestamp::from_second(10_000 * HOUR).unwrap();
            assert_eq!((time - before(time, text).unwrap()).get_seconds() / HOUR, hours, "{text}");
        }
        for text in ["", "7", "d", "0d", "1h1d", "1d1d", "-1d", "forever", "99999999y"] {
            assert!(span(text).is_none(), "{text}");
        }
        assert!(before(Timestamp::UNIX_EPOCH, "9000y").is_ok_and(|then| then < Timestamp::UNIX_EPOCH));
    }

    proptest! {
        /// Whatever was made: the newest whole run stays, every forgotten run is older than the rule, and a second look
        /// forgets nothing more.
        #[test]
        fn the_newest_whole_run_always_stays(
            made in proptest::collection::btree_map(1i64..2000, any::<bool>(), 1..40),
            hours in 1i64..500,
        ) {
            let listed: Vec<Listed> = made.iter().flat_map(|(&hour, &whole)| run(hour * HOUR, whole)).collect();
            let rules = [rule(Some(&format!("{hours}h")))];
            let gone = judge(&runs(&listed, "ns"), &rules, now()).unwrap().forgotten;
            let newest = made.iter().filter(|(_, whole)| **whole).map(|(hour, _)| *hour).next_back();
            for (&hour, &whole) in &made {
                let kept = newest.is_none_or(|newest| hour >= newest - hours);
                prop_assert_eq!(!gone.contains(&format!("d{}", hour * HOUR)), kept);
                prop_assert_eq!(gone.contains(&format!("e{}", hour * HOUR)), whole && !kept);
            }
            let left: Vec<Listed> = listed.into_iter().filter(|one| !gone.contains(&one.id)).collect();
            prop_assert!(judge(&runs(&left, "ns"), &rules, now()).unwrap().forgotten.is_empty());
        }
    }
}
