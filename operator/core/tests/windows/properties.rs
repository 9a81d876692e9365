//! Random schedules, zones and instants: answers agree with each other, and with counting minutes.

use super::parse;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use zentoria_core::windows::{HORIZON, WindowState, Windows};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// One field of a schedule: its text, and what it means said a second time.
#[derive(Clone, Debug)]
enum Field {
    Any,
    Values(Vec<i8>),
    Range(i8, i8),
    Step(i8),
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Any => "*".into(),
            Self::Values(values) => values.iter().map(i8::to_string).collect::<Vec<_>>().join(","),
            Self::Range(from, to) => format!("{from}-{to}"),
            Self::Step(step) => format!("*/{step}"),
        }
    }

    fn allows(&self, value: i8, low: i8) -> bool {
        match self {
            Self::Any => true,
            Self::Values(values) => values.contains(&value),
            Self::Range(from, to) => (*from..=*to).contains(&value),
            Self::Step(step) => (value - low) % step == 0,
        }
    }
}

fn field(low: i8, high: i8) -> impl Strategy<Value = Field> {
    prop_oneof![
        3 => Just(Field::Any),
        3 => prop::collection::vec(low..=high, 1..4).prop_map(Field::Values),
        1 => (low..=high, low..=high).prop_map(|(a, b)| Field::Range(a.min(b), a.max(b))),
        1 => (2i8..=15).prop_map(Field::Step),
    ]
}

#[derive(Clone, Debug)]
struct Cron([Field; 5]);

impl Cron {
    fn text(&self) -> String {
        self.0.each_ref().map(Field::text).join(" ")
    }

    fn meets(&self, wall: DateTime) -> bool {
        let [minute, hour, day, month, weekday] = &self.0;
        let on_day = day.allows(wall.day(), 1);
        let on_weekday = weekday.allows(wall.weekday().to_sunday_zero_offset(), 0);
        let today = match (day, weekday) {
            (Field::Any, _) | (_, Field::Any) => on_day && on_weekday,
            _ => on_day || on_weekday,
        };
        today && month.allows(wall.month(), 1) && hour.allows(wall.hour(), 0) && minute.allows(wall.minute(), 0)
    }
}

fn cron() -> impl Strategy<Value = Cron> {
    // Few times a day, and often at night: most changes of the clocks are there.
    let minute = prop_oneof![3 => prop::collection::vec(0i8..=59, 1..3).prop_map(Field::Values), 1 => field(0, 59)];
    let hour = prop_oneof![2 => prop::collection::vec(0i8..=4, 1..3).prop_map(Field::Values), 2 => field(0, 23)];
    let month = prop_oneof![4 => Just(Field::Any), 1 => field(1, 12)];
    (minute, hour, field(1, 31), month, field(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| Cron([minute, hour, day, month, weekday]))
}

const CHOSEN: &[&str] =
    &["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata"];

/// Every zone that is known, and more often those with changes of an unusual kind or none.
fn zone() -> impl Strategy<Value = String> {
    let all: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    prop_oneof![select(all).boxed(), select(CHOSEN).prop_map(str::to_owned).boxed()]
}

fn zone_of(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An instant near a change of the clocks, if the zone has one after the one given.
fn near_change(zone: &TimeZone, at: Timestamp, minutes: i64) -> Timestamp {
    let change = zone.following(at).next().map_or(at, |change| change.timestamp());
    change + SignedDuration::from_mins(minutes)
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    (0i64..4_102_444_800, 0i32..1_000_000_000).prop_map(|(second, nanosecond)| {
        Timestamp::new(second, nanosecond).unwrap_or_else(|error| panic!("{second}: {error}"))
    })
}

/// The windows, or none when the schedule has no day that any month has.
fn windows(written: &[(Cron, i64, String)]) -> Option<Windows> {
    let written: Vec<_> =
        written.iter().map(|(cron, minutes, zone)| (cron.text(), format!("{minutes}m"), zone)).collect();
    let borrowed: Vec<_> =
        written.iter().map(|(cron, span, zone)| (cron.as_str(), span.as_str(), Some(zone.as_str()))).collect();
    match parse(&borrowed) {
        Ok(windows) => Some(windows),
        Err(error) => {
            assert_eq!(error.why, "no day ever meets it", "{error}");
            None
        }
    }
}

fn minutes() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 5i64..300, 1 => 300i64..=7 * 24 * 60]
}

/// That what is said of `now` is also said of the moments it speaks of.
fn check_consistent(windows: &Windows, now: Timestamp) {
    let state = windows.at(now);
    assert_eq!(windows.at(now), state, "asked twice");
    match state {
        WindowState::Open { until: Some(until) } => {
            assert!(until > now && until <= now + HORIZON, "{until}");
            assert_eq!(windows.at(until - NANOSECOND), state, "just before {until}");
            assert!(!windows.at(until).is_open(), "at {until}");
        }
        WindowState::Open { until: None } => {
            for part in 0..=16 {
                assert!(windows.at(now + HORIZON * part / 16).is_open(), "{part}/16 of the horizon after {now}");
            }
        }
        WindowState::Closed { next } => {
            let next = next.unwrap_or_else(|| panic!("no next opening after {now}"));
            assert!(next > now, "{next}");
            assert_eq!(windows.at(next - NANOSECOND), state, "just before {next}");
            assert!(windows.at(next).is_open(), "at {next}");
        }
    }
}

/// Whether the window is open, for each minute from `start` on. Each minute opens it for the wall-clock times that come
/// up, or are passed by, for the first time.
fn by_counting(cron: &Cron, minutes: i64, zone: &TimeZone, start: Timestamp, count: i64) -> Vec<bool> {
    let first = start - MINUTE * i32::try_from(minutes).unwrap_or(i32::MAX) - SignedDuration::from_hours(36);
    let mut shown = zone.to_datetime(first);
    let mut closes = Timestamp::MIN;
    let mut open = Vec::new();
    let mut now = first;
    while now < start + SignedDuration::from_mins(count) {
        let wall = zone.to_datetime(now);
        let mut opens = false;
        while shown < wall {
            shown += MINUTE;
            opens |= cron.meets(shown);
        }
        if opens {
            closes = now + SignedDuration::from_mins(minutes);
        }
        if now >= start {
            open.push(now < closes);
        }
        now += MINUTE;
    }
    open
}

fn check_by_counting(cron: &Cron, minutes: i64, name: &str, start: Timestamp) {
    const COUNT: i64 = 10 * 24 * 60;
    let Some(windows) = windows(&[(cron.clone(), minutes, name.to_owned())]) else { return };
    let counted = by_counting(cron, minutes, &zone_of(name), start, COUNT);
    let at = |minute: usize| start + MINUTE * i32::try_from(minute).unwrap_or(i32::MAX);
    let changes = (1..counted.len()).filter(|minute| counted[*minute] != counted[minute - 1]).take(60);
    for minute in changes.flat_map(|minute| [minute - 1, minute]).chain((0..counted.len()).step_by(131)) {
        let now = at(minute);
        let same = counted[minute..].iter().take_while(|open| **open == counted[minute]).count();
        // What lies behind the last counted minute is not known.
        let change = (minute + same < counted.len()).then(|| at(minute + same));
        match (windows.at(now), change) {
            (WindowState::Open { until: Some(until) }, Some(change)) => {
                assert!(counted[minute], "{now} is counted as closed");
                assert_eq!(until, change, "until, at {now}");
            }
            (WindowState::Open { until }, change) => {
                assert!(counted[minute], "{now} is counted as closed");
                let reached = until.unwrap_or(now + HORIZON);
                assert!(change.is_none_or(|change| change > reached), "until, at {now}");
            }
            (WindowState::Closed { next }, change) => {
                assert!(!counted[minute], "{now} is counted as open");
                match change {
                    Some(change) => assert_eq!(next, Some(change), "next, at {now}"),
                    None => assert!(next.is_some_and(|next| next >= at(counted.len())), "next, at {now}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_of_a_moment_is_said_of_the_moments_it_speaks_of(
        written in prop::collection::vec((cron(), minutes(), zone()), 1..4),
        at in any_instant(),
        around in -180i64..180,
    ) {
        if let Some(windows) = windows(&written) {
            check_consistent(&windows, at);
            check_consistent(&windows, near_change(&zone_of(&written[0].2), at, around));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn counting_minutes_over_ten_days_with_a_change_of_the_clocks_says_the_same(
        cron in cron(),
        minutes in 1i64..600,
        name in zone(),
        // From 1972 on: before, some zones had offsets with seconds, and minutes do not meet.
        second in 70_000_000i64..2_500_000_000,
        before in 0i64..10 * 24 * 60,
    ) {
        let at = Timestamp::from_second(second / 60 * 60).unwrap_or_default();
        let start = near_change(&zone_of(&name), at, -before);
        check_by_counting(&cron, minutes, &name, start);
    }
}

#[test]
fn counting_minutes_over_the_changes_in_amsterdam_says_the_same() {
    let some = |values: &[i8]| Field::Values(values.to_vec());
    let crons = [
        Cron([some(&[0]), some(&[2]), Field::Any, Field::Any, Field::Any]),
        Cron([some(&[30]), some(&[2]), Field::Any, Field::Any, Field::Any]),
        Cron([Field::Step(15), some(&[1, 2, 3]), Field::Any, Field::Any, Field::Any]),
        Cron([some(&[0]), Field::Any, Field::Any, Field::Any, Field::Any]),
    ];
    for start in ["2026-03-24T00:00Z", "2026-10-20T00:00Z"] {
        for cron in &crons {
            for minutes in [1, 15, 60, 90] {
                check_by_counting(cron, minutes, "Europe/Amsterdam", super::instant(start));
            }
        }
    }
}
