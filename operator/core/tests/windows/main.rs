//! Maintenance windows: what is read and refused, when they open over the changes of the clocks, and that every answer
//! agrees with the others and with counting minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod calendar;
mod properties;
mod words;

use jiff::Timestamp;
use zentoria_api::common::Span;
use zentoria_core::windows::{WindowError, WindowSpec, WindowState, Windows};

/// A window as a test writes it: schedule, duration, time zone.
type Written<'a> = (&'a str, &'a str, Option<&'a str>);

fn parse(windows: &[Written<'_>]) -> Result<Windows, WindowError> {
    let spans: Vec<Span> = windows.iter().map(|(_, duration, _)| Span((*duration).to_owned())).collect();
    Windows::parse(windows.iter().zip(&spans).map(|((schedule, _, time_zone), duration)| WindowSpec {
        schedule,
        duration,
        time_zone: *time_zone,
    }))
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn open(until: &str) -> WindowState {
    WindowState::Open { until: Some(instant(until)) }
}

fn closed(next: &str) -> WindowState {
    WindowState::Closed { next: Some(instant(next)) }
}
