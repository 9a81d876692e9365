//! Maintenance windows: when they open, by cron in a time zone, and how long they stay open.
//!
//! - The schedule is what a Kubernetes CronJob takes: five fields, minute first, or `@hourly` to `@yearly`.
//! - It is read on the wall clock of the time zone, and each wall-clock opening opens once. One that a change of the
//!   clocks skips opens at the first instant after the gap; one in a repeated hour opens the first time only (so
//!   `@hourly` for `1h` is closed for one hour a year; `2h` is not).
//! - The duration is elapsed time: `2h` over a change of the clocks is two hours, whatever the wall clock shows.
//! - A window holds its opening instant and not its closing one. Windows that overlap or touch are one.
//! - Time zones are those that the program carries, not the host's: the same manifest opens at the same instant on
//!   every machine, and an image without `/usr/share/zoneinfo` knows them too.

mod error;

pub use error::{WindowError, WindowField};

use crate::cluster::span;
use crate::cron::{Fault, Schedule, zone};
use error::at;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use zentoria_api::common::Span;

/// The longest a window may be.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far ahead the end of an open window is looked for. More than [`LONGEST`]: only windows that follow on each
/// other reach further, and some of those never end.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(8 * 24);

/// One window as written.
#[derive(Clone, Copy, Debug)]
pub struct WindowSpec<'a> {
    /// When it opens: five cron fields (minute, hour, day of month, month, day of week), or `@daily` and its like.
    pub schedule: &'a str,
    /// How long it stays open: `2h30m`; at most seven days.
    pub duration: &'a Span,
    /// IANA name of the time zone that the schedule is read in; UTC when absent.
    pub time_zone: Option<&'a str>,
}

/// Maintenance windows, read and checked.
#[derive(Clone, Debug)]
pub struct Windows(Arc<[Window]>);

/// Where a moment stands to the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// Maintenance may be done.
    Open {
        /// When the windows that are open, and those that follow without a break, are over; `None` when that is more
        /// than [`HORIZON`] away, or never.
        until: Option<Timestamp>,
    },
    /// Maintenance has to wait.
    Closed {
        /// When the next window opens; `None` when there is no window.
        next: Option<Timestamp>,
    },
}

impl WindowState {
    /// Whether maintenance may be done.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Closed { .. } => false,
        }
    }
}

impl Windows {
    /// Reads windows.
    ///
    /// # Errors
    /// The first window that cannot work, with its index, field, value and remedy: a schedule that is not cron as
    /// Kubernetes writes it or that no day ever meets, an unknown time zone, a duration of zero or over [`LONGEST`].
    pub fn parse<'a>(windows: impl IntoIterator<Item = WindowSpec<'a>>) -> Result<Self, WindowError> {
        windows
            .into_iter()
            .enumerate()
            .map(|(index, spec)| Window::parse(index, spec))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there is no window: maintenance by window then never comes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where `now` stands to the windows. Looks at the last and the next opening of each window, and when open at those
    /// that follow without a break, up to [`HORIZON`]: none for most windows, thousands for one that opens each minute
    /// for a minute.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> WindowState {
        let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        let mut end = now;
        while let Some(later) = self.end_of_open(end) {
            if later > horizon {
                return WindowState::Open { until: None };
            }
            end = later;
        }
        if end > now {
            return WindowState::Open { until: Some(end) };
        }
        WindowState::Closed { next: self.0.iter().filter_map(|window| window.next_opening(now)).min() }
    }

    /// The latest end of the windows that are open at `at`; `None` when all are closed.
    fn end_of_open(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|window| window.last_end(at)).max().filter(|end| *end > at)
    }
}

#[derive(Clone, Debug)]
struct Window {
    schedule: Schedule,
    duration: SignedDuration,
    zone: TimeZone,
}

impl Window {
    fn parse(index: usize, spec: WindowSpec<'_>) -> Result<Self, WindowError> {
        let WindowSpec { schedule, duration, time_zone } = spec;
        Ok(Self {
            schedule: Schedule::parse(schedule).map_err(|fault| at(fault, index, WindowField::Schedule, schedule))?,
            duration: parse_duration(duration).map_err(|fault| at(fault, index, WindowField::Duration, &duration.0))?,
            zone: match time_zone {
                None => TimeZone::UTC,
                Some(name) => zone::parse(name).map_err(|fault| at(fault, index, WindowField::TimeZone, name))?,
            },
        })
    }

    /// When the last opening at or before `at` ends, which may be before `at`. All openings are equally long, so no
    /// earlier one ends later.
    fn last_end(&self, at: Timestamp) -> Option<Timestamp> {
        let wall = self.schedule.last_until(zone::shown_by(&self.zone, at))?;
        let opened = zone::first_showing(&self.zone, wall)?;
        Some(opened.checked_add(self.duration).unwrap_or(Timestamp::MAX))
    }

    /// The first opening after `at`.
    fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let wall = self.schedule.first_after(zone::shown_by(&self.zone, at))?;
        zone::first_showing(&self.zone, wall)
    }
}

fn parse_duration(duration: &Span) -> Result<SignedDuration, Fault> {
    let parsed = span::parse(duration)
        .and_then(|duration| SignedDuration::try_from(duration).ok())
        .ok_or_else(|| Fault::new("it is no duration", "write hours, minutes and seconds, as in 30m or 2h30m"))?;
    if parsed.is_zero() {
        return Err(Fault::new("the window never opens", "write how long it stays open, as in 30m or 2h30m"));
    }
    if parsed > LONGEST {
        return Err(Fault::new(
            "it is longer than seven days",
            "write at most 168h, or let rebootPolicy be Automatic where windows are not wanted",
        ));
    }
    Ok(parsed)
}
