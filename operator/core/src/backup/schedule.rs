//! When Jobs run: Kubernetes' own reading of a CronJob's schedule in a time zone, the gaps between runs, what was missed,
//! and the promise.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A schedule in a time zone.
#[derive(Clone, Debug)]
pub struct Runs {
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

impl Runs {
    /// Reads a schedule in a time zone (IANA name; `None`: UTC).
    ///
    /// # Errors
    /// Where Kubernetes would not take it, or no day ever meets it.
    pub fn parse(schedule: &str, time_zone: Option<&str>) -> Result<Self, ScheduleError> {
        let _ = (schedule, time_zone);
        todo!()
    }

    /// The first run after `after`.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let _ = (after, &self.zone);
        todo!()
    }

    /// The last run at or before `at`.
    #[must_use]
    pub fn last(&self, at: Timestamp) -> Option<Timestamp> {
        let _ = at;
        todo!()
    }

    /// How many runs were due after `since` and until `until`, counted up to `most`.
    #[must_use]
    pub fn due_between(&self, since: Timestamp, until: Timestamp, most: u32) -> u32 {
        let _ = (since, until, most);
        todo!()
    }

    /// The longest time between two runs that follow on each other, by the calendar (a change of the clocks may add to it).
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        todo!()
    }
}

/// The promise where the spec says none: twice the longest gap of the most frequent tier, and at least an hour more than it.
#[must_use]
pub fn default_promise<'a>(tiers: impl IntoIterator<Item = &'a Runs>) -> Duration {
    let _ = tiers.into_iter().count();
    todo!()
}

/// How old the newest backup is, and whether that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is younger than the promise. It is late from this moment on: look again then.
    Fresh {
        /// When it becomes late.
        until: Timestamp,
    },
    /// It is older than the promise, or there is none though one was promised by now.
    Late {
        /// Since when.
        since: Timestamp,
    },
    /// There is none yet, and none was promised by now.
    NoneYet {
        /// When the lack of one becomes late.
        until: Timestamp,
    },
    /// Its time lies in the future: the clock has jumped, and it proves nothing.
    FromTheFuture,
}

/// Judges the age of the newest backup (`newest`: when it was begun) of a policy that exists since `created`.
#[must_use]
pub fn freshness(newest: Option<Timestamp>, created: Timestamp, promise: Duration, now: Timestamp) -> Freshness {
    let _ = (newest, created, promise, now);
    todo!()
}
