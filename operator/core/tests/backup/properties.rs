//! Random schedules, zones and instants against counting minutes as Kubernetes does: a run is at each minute at which the
//! clock shows one of the schedule's times.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;
use zentoria_core::backup::schedule::{Freshness, Runs, freshness};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// How many minutes are counted: three days.
const COUNTED: i64 = 3 * 24 * 60;
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
];

/// A schedule, and what it means said a second time.
#[derive(Clone, Debug)]
struct Cron {
    minutes: Vec<i8>,
    hours: Option<Vec<i8>>,
    days: Option<Vec<i8>>,
    weekdays: Option<Vec<i8>>,
}

impl Cron {
    fn text(&self) -> String {
        let list = |values: &[i8]| values.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
        let or_any = |values: &Option<Vec<i8>>| values.as_deref().map_or_else(|| "*".to_owned(), list);
        let Self { minutes, hours, days, weekdays } = self;
        format!("{} {} {} * {}", list(minutes), or_any(hours), or_any(days), or_any(weekdays))
    }

    fn meets(&self, wall: DateTime) -> bool {
        let has = |values: &Option<Vec<i8>>, value: i8| values.as_ref().is_none_or(|values| values.contains(&value));
        let (day, weekday) = (has(&self.days, wall.day()), has(&self.weekdays, wall.weekday().to_sunday_zero_offset()));
        let either = if self.days.is_some() && self.weekdays.is_some() { day || weekday } else { day && weekday };
        self.minutes.contains(&wall.minute()) && has(&self.hours, wall.hour()) && either
    }
}

fn crons() -> impl Strategy<Value = Cron> {
    let values = |low: i8, high: i8| prop::collection::vec(low..=high, 1..4);
    let some = |low, high| prop::option::of(values(low, high));
    (values(0, 59), some(0, 23), prop::option::weighted(0.2, values(1, 31)), prop::option::weighted(0.3, values(0, 6)))
        .prop_map(|(minutes, hours, days, weekdays)| Cron { minutes, hours, days, weekdays })
}

/// An instant of this century, half of them within hours of a change of the clocks.
fn instants(zone: &'static str) -> impl Strategy<Value = Timestamp> {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    (946_684_800i64..2_500_000_000, any::<bool>(), -300i64..300, 0i32..1_000_000_000).prop_map(
        move |(second, near, minutes, nanosecond)| {
            let at = Timestamp::new(second, nanosecond).unwrap();
            let change = zone.following(at).next().filter(|_| near);
            change.map_or(at, |change| change.timestamp() + SignedDuration::from_mins(minutes))
        },
    )
}

fn cases() -> impl Strategy<Value = (Cron, &'static str, Timestamp)> {
    (crons(), select(&ZONES)).prop_flat_map(|(cron, zone)| (Just(cron), Just(zone), instants(zone)))
}

fn clock(zone: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(zone).unwrap()
}

fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_next_run_is_the_first_minute_that_the_clock_shows_it((cron, zone, at) in cases()) {
        let (runs, clock) = (Runs::parse(&cron.text(), Some(zone)).unwrap(), clock(zone));
        let minutes = (1..COUNTED).map(|count| whole_minute(at) + MINUTE * i32::try_from(count).unwrap());
        let counted = minutes.into_iter().find(|minute| cron.meets(clock.to_datetime(*minute)));
        let next = runs.next(at);
        match counted {
            Some(counted) => prop_assert_eq!(next, Some(counted)),
            None => prop_assert!(next.is_none_or(|next| next > at + MINUTE * i32::try_from(COUNTED - 2).unwrap())),
        }
    }

    #[test]
    fn the_last_run_is_the_one_before_the_next((cron, zone, at) in cases()) {
        let runs = Runs::parse(&cron.text(), Some(zone)).unwrap();
        if let Some(last) = runs.last(at) {
            prop_assert!(last <= at);
            prop_assert_eq!(runs.next(last), runs.next(at));
            prop_assert_eq!(runs.last(last), Some(last));
        }
        if let Some(next) = runs.next(at) {
            prop_assert!(next > at);
            prop_assert_eq!(runs.last(next), Some(next));
        }
    }

    #[test]
    fn runs_are_counted_as_they_come((cron, zone, at) in cases(), hours in 0i64..72) {
        let (runs, clock) = (Runs::parse(&cron.text(), Some(zone)).unwrap(), clock(zone));
        let until = at + SignedDuration::from_hours(hours);
        let minutes = (1..=hours * 60 + 1).map(|count| whole_minute(at) + MINUTE * i32::try_from(count).unwrap());
        let counted = minutes.filter(|minute| *minute <= until && cron.meets(clock.to_datetime(*minute))).count();
        prop_assert_eq!(runs.due_between(at, until, 10_000) as usize, counted);
    }

    #[test]
    fn no_two_runs_are_further_apart_than_the_longest_gap_but_for_a_change_of_the_clocks((cron, zone, at) in cases()) {
        let runs = Runs::parse(&cron.text(), Some(zone)).unwrap();
        let gap = SignedDuration::try_from(runs.longest_gap()).unwrap();
        let (Some(first), second) = (runs.next(at), runs.next(at).and_then(|first| runs.next(first))) else { return Ok(()) };
        let Some(second) = second else { return Ok(()) };
        // A time that is left out is made up for by the next one of the schedule.
        let slack = if zone == "UTC" { SignedDuration::ZERO } else { gap + SignedDuration::from_hours(25) };
        prop_assert!(second.duration_since(first) <= gap + slack, "{} {}: {first} {second}", cron.text(), zone);
    }

    #[test]
    fn a_policy_that_is_fresh_is_late_exactly_when_it_was_said(
        age in 0i64..100_000, promise in 60u64..100_000, later in 0i64..200_000,
    ) {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let promise = Duration::from_secs(promise);
        let newest = now - SignedDuration::from_secs(age);
        let judge = |at: Timestamp| freshness(Some(newest), newest, promise, at);
        if let Freshness::Fresh { until } = judge(now) {
            let at = now + SignedDuration::from_secs(later);
            prop_assert_eq!(matches!(judge(at), Freshness::Late { .. }), at >= until);
        } else {
            prop_assert!(now.duration_since(newest) >= SignedDuration::try_from(promise).unwrap());
        }
    }
}
