//! When Jobs run over the changes of the clocks, gaps, promises, and ages.

use super::fixture::at;
use jiff::Timestamp;
use std::time::Duration;
use zentoria_core::backup::schedule::{Freshness, Runs, default_promise, freshness};

const AMSTERDAM: Option<&str> = Some("Europe/Amsterdam");

fn runs(schedule: &str, zone: Option<&str>) -> Runs {
    Runs::parse(schedule, zone).unwrap_or_else(|error| panic!("{schedule}: {error}"))
}

/// The first runs after a moment.
fn list(schedule: &str, zone: Option<&str>, after: &str, count: usize) -> Vec<String> {
    let runs = runs(schedule, zone);
    let next = |last: &Timestamp| runs.next(*last);
    std::iter::successors(next(&at(after)), next).take(count).map(|run| run.to_string()).collect()
}

#[test]
fn a_run_is_read_on_the_clock_of_its_time_zone() {
    let summer = list("0 2 * * *", AMSTERDAM, "2026-07-01T00:00:00Z", 2);
    assert_eq!(summer, ["2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"]);
    let winter = list("0 2 * * *", AMSTERDAM, "2026-01-01T00:59:59.5Z", 2);
    assert_eq!(winter, ["2026-01-01T01:00:00Z", "2026-01-02T01:00:00Z"]);
    assert_eq!(list("0 2 * * *", None, "2026-07-01T02:00:00Z", 1), ["2026-07-02T02:00:00Z"]);
}

#[test]
fn a_time_that_the_clocks_leave_out_has_no_run_that_day() {
    // 2026-03-29 goes from 01:59 to 03:00.
    let found = list("30 2 * * *", AMSTERDAM, "2026-03-28T00:00:00Z", 2);
    assert_eq!(found, ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]);
    let hourly = list("0 * * * *", AMSTERDAM, "2026-03-28T23:30:00Z", 3);
    assert_eq!(hourly, ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"], "every hour of time");
    let at_the_change = list("0 3 * * *", AMSTERDAM, "2026-03-28T12:00:00Z", 1);
    assert_eq!(at_the_change, ["2026-03-29T01:00:00Z"]);
}

#[test]
fn a_time_that_the_clocks_show_twice_has_two_runs() {
    // 2026-10-25 shows 02:00 to 02:59 twice.
    let found = list("30 2 * * *", AMSTERDAM, "2026-10-24T12:00:00Z", 3);
    assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
    let last = runs("30 2 * * *", AMSTERDAM).last(at("2026-10-25T01:29:59Z"));
    assert_eq!(last, Some(at("2026-10-25T00:30:00Z")));
}

#[test]
fn a_zone_without_whole_hours_and_one_with_half_an_hour_of_change_are_read_too() {
    assert_eq!(list("0 9 * * *", Some("Asia/Kathmandu"), "2026-05-01T00:00:00Z", 1), ["2026-05-01T03:15:00Z"]);
    // Lord Howe Island goes back by half an hour at 02:00.
    let found = list("45 1 * * *", Some("Australia/Lord_Howe"), "2026-04-04T12:00:00Z", 2);
    assert_eq!(found, ["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"]);
}

#[test]
fn the_last_run_is_looked_for_over_years() {
    let leap = runs("0 0 29 2 *", AMSTERDAM);
    assert_eq!(leap.next(at("2025-01-01T00:00:00Z")), Some(at("2028-02-28T23:00:00Z")));
    assert_eq!(leap.last(at("2027-12-31T00:00:00Z")), Some(at("2024-02-28T23:00:00Z")));
    assert_eq!(leap.last(at("2024-02-28T23:00:00Z")), Some(at("2024-02-28T23:00:00Z")), "at the moment itself");
}

#[test]
fn runs_that_were_missed_are_counted_up_to_a_limit() {
    let hourly = runs("0 * * * *", None);
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T05:00:00Z"));
    assert_eq!(hourly.due_between(from, to, 99), 5, "not the one at the beginning, the one at the end");
    assert_eq!(hourly.due_between(from, at("2027-01-01T00:00:00Z"), 99), 99);
    assert_eq!(hourly.due_between(to, from, 99), 0, "a clock that went back");
}

#[test]
fn the_longest_gap_is_that_of_the_calendar() {
    const DAY: u64 = 24 * 60;
    let cases = [
        ("* * * * *", 1),
        ("*/7 * * * *", 7),
        ("0 * * * *", 60),
        ("@daily", DAY),
        ("0 2 * * *", DAY),
        ("0 */6 * * *", 6 * 60),
        ("0 9-17 * * *", 16 * 60),
        ("0 9-17 * * mon-fri", 16 * 60 + 2 * DAY),
        ("0 3 * * 0", 7 * DAY),
        ("@monthly", 31 * DAY),
        ("0 0 31 * *", 61 * DAY),
        ("0 0 1 * 1", 7 * DAY),
        ("0 0 */1 * mon", 7 * DAY),
        ("0 0 29 2 *", 4 * 365 * DAY + DAY),
        ("@yearly", 366 * DAY),
    ];
    for (schedule, minutes) in cases {
        assert_eq!(runs(schedule, None).longest_gap(), Duration::from_secs(minutes * 60), "{schedule}");
    }
}

#[test]
fn the_promise_is_twice_the_gap_of_the_most_frequent_tier_and_an_hour_more_than_it() {
    let of = |tiers: &[&str]| {
        let tiers: Vec<Runs> = tiers.iter().map(|tier| runs(tier, None)).collect();
        default_promise(&tiers).map(|promise| promise.as_secs() / 60)
    };
    assert_eq!(of(&["0 3 * * 0", "0 * * * *", "0 2 * * *"]), Some(120));
    assert_eq!(of(&["*/5 * * * *"]), Some(65));
    assert_eq!(of(&["0 2 * * *"]), Some(2 * 24 * 60));
    assert_eq!(of(&[]), None);
}

#[test]
fn a_backup_is_late_from_the_very_moment_that_the_promise_ends() {
    let promise = Duration::from_secs(2 * 3600);
    let created = at("2026-01-01T00:00:00Z");
    let judge = |newest: Option<&str>, now: &str| freshness(newest.map(at), created, promise, at(now));
    let end = at("2026-01-02T05:00:00Z");
    assert_eq!(judge(Some("2026-01-02T03:00:00Z"), "2026-01-02T04:59:59.999Z"), Freshness::Fresh { until: end });
    assert_eq!(judge(Some("2026-01-02T03:00:00Z"), "2026-01-02T05:00:00Z"), Freshness::Late { since: end });
    let first = at("2026-01-01T02:00:00Z");
    assert_eq!(judge(None, "2026-01-01T01:00:00Z"), Freshness::NoneYet { until: first });
    assert_eq!(judge(None, "2026-01-01T02:00:00Z"), Freshness::Late { since: first });
}

#[test]
fn a_backup_from_the_future_proves_nothing_but_clocks_may_differ_a_little() {
    let promise = Duration::from_secs(2 * 3600);
    let created = at("2026-01-01T00:00:00Z");
    let now = at("2026-01-02T00:00:00Z");
    let soon = at("2026-01-02T00:09:00Z");
    assert!(matches!(freshness(Some(soon), created, promise, now), Freshness::Fresh { .. }));
    let far = at("2027-01-02T00:00:00Z");
    assert_eq!(freshness(Some(far), created, promise, now), Freshness::FromTheFuture);
}
