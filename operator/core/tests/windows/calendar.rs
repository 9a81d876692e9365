//! Tables: a window, moments, and how things stand then. Instants carry the offset that the clock on the wall had.

use super::{Written, closed, instant, open, parse};
use zentoria_core::windows::{WindowState, Windows};

const AMSTERDAM: Option<&str> = Some("Europe/Amsterdam");

fn check(windows: &[Written<'_>], moments: &[(&str, WindowState)]) {
    let parsed = parse(windows).unwrap_or_else(|error| panic!("{error}"));
    for (now, state) in moments {
        assert_eq!(parsed.at(instant(now)), *state, "{windows:?} at {now}");
    }
}

#[test]
fn a_daily_window_opens_and_closes_on_the_minute() {
    check(
        &[("0 2 * * *", "2h", AMSTERDAM)],
        &[
            ("2026-07-01T01:59:59.999+02:00", closed("2026-07-01T02:00+02:00")),
            ("2026-07-01T02:00+02:00", open("2026-07-01T04:00+02:00")),
            ("2026-07-01T02:00:00.001+02:00", open("2026-07-01T04:00+02:00")),
            ("2026-07-01T03:59:59.999+02:00", open("2026-07-01T04:00+02:00")),
            ("2026-07-01T04:00+02:00", closed("2026-07-02T02:00+02:00")),
        ],
    );
}

#[test]
fn an_opening_that_the_clocks_skip_opens_after_the_gap_for_as_long_as_written() {
    // 02:00 +01:00 is 03:00 +02:00 on this day.
    check(
        &[("0 2 * * *", "2h", AMSTERDAM)],
        &[
            ("2026-03-29T01:59:59+01:00", closed("2026-03-29T03:00+02:00")),
            ("2026-03-29T03:00+02:00", open("2026-03-29T05:00+02:00")),
            ("2026-03-29T04:59:59+02:00", open("2026-03-29T05:00+02:00")),
            ("2026-03-29T05:00+02:00", closed("2026-03-30T02:00+02:00")),
        ],
    );
    // In the midst of the gap: not at 03:30, but at once after it.
    check(
        &[("30 2 * * *", "15m", AMSTERDAM)],
        &[
            ("2026-03-29T01:59:59+01:00", closed("2026-03-29T03:00+02:00")),
            ("2026-03-29T03:14:59+02:00", open("2026-03-29T03:15+02:00")),
            ("2026-03-29T03:15+02:00", closed("2026-03-30T02:30+02:00")),
        ],
    );
    // Several in the gap are one.
    check(
        &[("*/15 2 * * *", "10m", AMSTERDAM)],
        &[
            ("2026-03-29T03:00+02:00", open("2026-03-29T03:10+02:00")),
            ("2026-03-29T03:10+02:00", closed("2026-03-30T02:00+02:00")),
        ],
    );
}

#[test]
fn an_opening_in_the_repeated_hour_opens_once_for_as_long_as_written() {
    check(
        &[("0 2 * * *", "2h", AMSTERDAM)],
        &[
            ("2026-10-25T01:59:59+02:00", closed("2026-10-25T02:00+02:00")),
            ("2026-10-25T02:00+02:00", open("2026-10-25T03:00+01:00")),
            ("2026-10-25T02:59:59+01:00", open("2026-10-25T03:00+01:00")),
            ("2026-10-25T03:00+01:00", closed("2026-10-26T02:00+01:00")),
        ],
    );
    check(
        &[("30 2 * * *", "15m", AMSTERDAM)],
        &[
            ("2026-10-25T02:30+02:00", open("2026-10-25T02:45+02:00")),
            ("2026-10-25T02:45+02:00", closed("2026-10-26T02:30+01:00")),
            ("2026-10-25T02:00+01:00", closed("2026-10-26T02:30+01:00")),
            ("2026-10-25T02:30+01:00", closed("2026-10-26T02:30+01:00")),
        ],
    );
    // Those of a list also.
    check(
        &[("0,30 2 * * *", "15m", AMSTERDAM)],
        &[
            ("2026-10-25T02:15+02:00", closed("2026-10-25T02:30+02:00")),
            ("2026-10-25T02:45+02:00", closed("2026-10-26T02:00+01:00")),
            ("2026-10-25T02:00+01:00", closed("2026-10-26T02:00+01:00")),
        ],
    );
}

#[test]
fn hourly_windows_of_an_hour_are_closed_while_the_hour_is_repeated_and_longer_ones_are_not() {
    check(
        &[("@hourly", "1h", AMSTERDAM)],
        &[
            ("2026-10-25T02:59:59+02:00", open("2026-10-25T02:00+01:00")),
            ("2026-10-25T02:00+01:00", closed("2026-10-25T03:00+01:00")),
            ("2026-10-25T03:00+01:00", WindowState::Open { until: None }),
        ],
    );
    check(&[("@hourly", "2h", AMSTERDAM)], &[("2026-10-25T01:00+02:00", WindowState::Open { until: None })]);
}

#[test]
fn a_window_over_a_change_of_the_clocks_lasts_as_long_as_written() {
    check(
        &[("0 1 * * *", "3h", AMSTERDAM)],
        &[
            ("2026-03-29T01:30+01:00", open("2026-03-29T05:00+02:00")),
            ("2026-10-25T01:30+02:00", open("2026-10-25T03:00+01:00")),
        ],
    );
}

#[test]
fn clocks_that_change_by_half_an_hour_or_leave_out_a_day_are_followed() {
    // Lord Howe goes from 02:00 to 02:30 and from 02:00 back to 01:30.
    check(
        &[("10 2 * * *", "20m", Some("Australia/Lord_Howe"))],
        &[
            ("2026-10-04T01:59+10:30", closed("2026-10-04T02:30+11:00")),
            ("2026-10-04T02:30+11:00", open("2026-10-04T02:50+11:00")),
        ],
    );
    check(
        &[("45 1 * * *", "5m", Some("Australia/Lord_Howe"))],
        &[
            ("2026-04-05T01:45+11:00", open("2026-04-05T01:50+11:00")),
            ("2026-04-05T01:45+10:30", closed("2026-04-06T01:45+10:30")),
        ],
    );
    // Samoa had no 30th of December in 2011.
    check(
        &[("0 12 30 12 *", "1h", Some("Pacific/Apia"))],
        &[
            ("2011-12-29T23:59:59-10:00", closed("2011-12-31T00:00+14:00")),
            ("2011-12-31T00:30+14:00", open("2011-12-31T01:00+14:00")),
        ],
    );
}

#[test]
fn weekly_and_monthly_windows_open_on_their_days() {
    check(
        &[("0 3 * * sun", "90m", None)],
        &[
            ("2026-11-21T12:00Z", closed("2026-11-22T03:00Z")),
            ("2026-11-22T04:29Z", open("2026-11-22T04:30Z")),
            ("2026-11-22T04:30Z", closed("2026-11-29T03:00Z")),
        ],
    );
    // Months without a 31st have no such window.
    check(
        &[("0 3 31 * *", "1h", None)],
        &[("2026-03-31T04:00Z", closed("2026-05-31T03:00Z")), ("2026-12-31T04:00Z", closed("2027-01-31T03:00Z"))],
    );
    // 2100 is no leap year.
    check(
        &[("0 3 29 2 *", "1h", None)],
        &[("2026-01-01T00:00Z", closed("2028-02-29T03:00Z")), ("2096-02-29T04:00Z", closed("2104-02-29T03:00Z"))],
    );
}

#[test]
fn when_both_days_are_given_either_will_do_as_in_kubernetes() {
    check(
        &[("0 0 13 * 5", "1h", None)],
        &[
            ("2026-11-07T00:00Z", closed("2026-11-13T00:00Z")),
            ("2026-11-13T01:00Z", closed("2026-11-20T00:00Z")),
            ("2026-12-11T01:00Z", closed("2026-12-13T00:00Z")),
        ],
    );
    for every in ["*/1", "?", "*,3"] {
        check(&[(&format!("0 0 {every} * 1"), "1h", None)], &[("2026-11-21T00:00Z", closed("2026-11-23T00:00Z"))]);
    }
    check(&[("0 0 */2 * 1", "1h", None)], &[("2026-11-21T01:00Z", closed("2026-11-23T00:00Z"))]);
    check(&[("0 0 */2 * 1", "1h", None)], &[("2026-11-23T01:00Z", closed("2026-11-25T00:00Z"))]);
}

#[test]
fn windows_go_on_over_midnight_and_over_the_end_of_the_year() {
    check(
        &[("30 22 * * *", "3h", AMSTERDAM)],
        &[
            ("2026-12-31T23:59:59+01:00", open("2027-01-01T01:30+01:00")),
            ("2027-01-01T00:00+01:00", open("2027-01-01T01:30+01:00")),
            ("2027-01-01T01:30+01:00", closed("2027-01-01T22:30+01:00")),
        ],
    );
    check(
        &[("@yearly", "24h", None)],
        &[
            ("2026-12-31T23:59:59Z", closed("2027-01-01T00:00Z")),
            ("2027-01-01T12:00Z", open("2027-01-02T00:00Z")),
            ("2027-01-02T00:00Z", closed("2028-01-01T00:00Z")),
        ],
    );
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let windows =
        [("0 1 * * *", "2h", None), ("0 2 * * *", "30m", None), ("30 2 * * *", "90m", None), ("0 4 * * *", "1h", None)];
    check(
        &windows,
        &[
            ("2026-05-05T01:00Z", open("2026-05-05T05:00Z")),
            ("2026-05-05T02:45Z", open("2026-05-05T05:00Z")),
            ("2026-05-05T04:00Z", open("2026-05-05T05:00Z")),
            ("2026-05-05T05:00Z", closed("2026-05-06T01:00Z")),
        ],
    );
    // Of one schedule also: from nine to half past five, and not over lunch.
    check(
        &[("*/30 9-11,13-16 * * 1-5", "30m", None)],
        &[
            ("2026-11-20T09:10Z", open("2026-11-20T12:00Z")),
            ("2026-11-20T12:00Z", closed("2026-11-20T13:00Z")),
            ("2026-11-20T13:00Z", open("2026-11-20T17:00Z")),
            ("2026-11-20T17:00Z", closed("2026-11-23T09:00Z")),
        ],
    );
    // Each in its own time zone.
    check(
        &[("0 9 * * *", "1h", Some("Asia/Tokyo")), ("0 2 * * *", "1h", AMSTERDAM)],
        &[
            ("2026-01-15T00:00Z", open("2026-01-15T02:00Z")),
            ("2026-07-15T00:30Z", open("2026-07-15T01:00Z")),
            ("2026-07-15T01:00Z", closed("2026-07-16T00:00Z")),
        ],
    );
}

#[test]
fn windows_without_an_end_have_no_time_of_closing() {
    check(&[("* * * * *", "1m", None)], &[("2026-11-21T12:00:30Z", WindowState::Open { until: None })]);
    check(&[("@daily", "24h", None)], &[("2026-11-21T12:00Z", WindowState::Open { until: None })]);
    // The longest window has one, from its first moment on.
    check(&[("0 0 1 * *", "168h", None)], &[("2026-11-01T00:00Z", open("2026-11-08T00:00Z"))]);
}

#[test]
fn without_windows_it_is_closed_for_good() {
    let none = parse(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert!(none.is_empty());
    assert_eq!(none.at(instant("2026-11-21T12:00Z")), WindowState::Closed { next: None });
    assert!(!parse(&[("@daily", "1h", None)]).is_ok_and(|windows| Windows::is_empty(&windows)));
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let windows = parse(&[("0 2 * * *", "168h", AMSTERDAM), ("0 0 29 2 *", "1h", Some("Pacific/Apia"))]);
    let windows = windows.unwrap_or_else(|error| panic!("{error}"));
    for now in [jiff::Timestamp::MIN, jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX] {
        assert_eq!(windows.at(now), windows.at(now), "{now}");
    }
}
