//! When Jobs run: Kubernetes' own reading of a CronJob's schedule in a time zone, the gaps between runs, what was missed,
//! and the promise.
//!
//! Kubernetes starts a Job at every instant at which the clock of the time zone shows one of the schedule's times. So a
//! time that a change of the clocks leaves out has no run that day, and one that is shown twice has two (maintenance
//! windows differ: they open once in either case).

use super::clocks::is_believed;
use crate::cron::{Fault, Schedule, zone};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How many changes of the clocks are looked past for a run: more than come between two 29ths of February.
const CHANGES: usize = 64;

/// A schedule in a time zone.
#[derive(Clone, Debug)]
pub struct Runs {
    schedule: Schedule,
    zone: TimeZone,
}

/// Why a schedule or a time zone cannot work, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; {remedy}")]
pub struct ScheduleError {
    /// What is wrong.
    pub why: String,
    /// What to write instead.
    pub remedy: String,
}

impl From<Fault> for ScheduleError {
    fn from(Fault { why, remedy }: Fault) -> Self {
        Self { why, remedy }
    }
}

/// Whether a time zone is known.
///
/// # Errors
/// Where it is not a name of the IANA database.
pub fn check_time_zone(name: &str) -> Result<(), ScheduleError> {
    zone::parse(name).map(|_| ()).map_err(ScheduleError::from)
}

impl Runs {
    /// Reads a schedule in a time zone (IANA name; `None`: UTC).
    ///
    /// # Errors
    /// Where Kubernetes would not take it, or no day ever meets it.
    pub fn parse(schedule: &str, time_zone: Option<&str>) -> Result<Self, ScheduleError> {
        let zone = match time_zone {
            None => TimeZone::UTC,
            Some(name) => zone::parse(name)?,
        };
        Ok(Self { schedule: Schedule::parse(schedule)?, zone })
    }

    /// Minute, hour, day, month and weekday: `*`, or the values with commas between them. Sunday is 0.
    pub(crate) fn fields(&self) -> [String; 5] {
        self.schedule.fields()
    }

    /// The first run after `after`; `None` outside of the years that are known.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = zone::floor_to_second(after);
        for _ in 0..CHANGES {
            // Until the clocks change, the wall clock runs as time does.
            let change = self.zone.following(from).next().map(|change| change.timestamp());
            let offset = self.zone.to_offset(from);
            let found = self.schedule.first_after(offset.to_datetime(from));
            let found = found.and_then(|wall| offset.to_timestamp(wall).ok());
            if let Some(found) = found.filter(|found| change.is_none_or(|change| *found < change)) {
                return Some(found);
            }
            from = change?;
            if self.schedule.matches(self.zone.to_offset(from).to_datetime(from)) {
                return Some(from);
            }
        }
        None
    }

    /// The last run at or before `at`.
    #[must_use]
    pub fn last(&self, at: Timestamp) -> Option<Timestamp> {
        let mut until = zone::floor_to_second(at);
        for _ in 0..CHANGES {
            let after = until.checked_add(zone::SECOND).ok()?;
            let change = self.zone.preceding(after).next().map(|change| change.timestamp());
            let offset = self.zone.to_offset(until);
            let found = self.schedule.last_until(offset.to_datetime(until));
            let found = found.and_then(|wall| offset.to_timestamp(wall).ok());
            if let Some(found) = found.filter(|found| change.is_none_or(|change| *found >= change)) {
                return Some(found);
            }
            until = change?.checked_sub(zone::SECOND).ok()?;
        }
        None
    }

    /// How many runs were due after `since` and until `until`, counted up to `most`.
    #[must_use]
    pub fn due_between(&self, since: Timestamp, until: Timestamp, most: u32) -> u32 {
        let mut at = since;
        let mut count = 0;
        while count < most {
            match self.next(at) {
                Some(run) if run <= until => {
                    count += 1;
                    at = run;
                }
                Some(_) | None => break,
            }
        }
        count
    }

    /// The longest time between two runs that follow on each other, by the calendar (a change of the clocks may add to it).
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        Duration::from_secs(self.schedule.longest_gap_minutes().saturating_mul(60))
    }
}

/// The promise where the spec says none: twice the longest gap of the most frequent tier, and at least an hour more than it.
/// `None` where there is no tier.
#[must_use]
pub fn default_promise<'a>(tiers: impl IntoIterator<Item = &'a Runs>) -> Option<Duration> {
    const HOUR: Duration = Duration::from_secs(3600);
    let gap = tiers.into_iter().map(Runs::longest_gap).min()?;
    Some(gap.saturating_mul(2).max(gap.saturating_add(HOUR)))
}

/// How old the newest backup is, and whether that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is younger than the promise. It is late from this moment on: look again then.
    Fresh {
        /// When it becomes late.
        until: Timestamp,
    },
    /// It is as old as the promise or older, or there is none though one was promised by now.
    Late {
        /// Since when.
        since: Timestamp,
    },
    /// There is none yet, and none was promised by now.
    NoneYet {
        /// When the lack of one becomes late.
        until: Timestamp,
    },
    /// Its time lies in the future: a clock has jumped, and it proves nothing.
    FromTheFuture,
}

/// Judges the age of the newest backup (`newest`: when it was begun) of a policy that exists since `created`.
#[must_use]
pub fn freshness(newest: Option<Timestamp>, created: Timestamp, promise: Duration, now: Timestamp) -> Freshness {
    let end = |from: Timestamp| from.checked_add(promise).unwrap_or(Timestamp::MAX);
    match newest {
        Some(newest) if !is_believed(newest, now) => Freshness::FromTheFuture,
        Some(newest) if now < end(newest) => Freshness::Fresh { until: end(newest) },
        Some(newest) => Freshness::Late { since: end(newest) },
        None if now < end(created) => Freshness::NoneYet { until: end(created) },
        None => Freshness::Late { since: end(created) },
    }
}
