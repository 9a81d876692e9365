//! Texts for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;
use zentoria_types::size::Bytes;

/// A duration by its two largest units: `2h`, `1h30m`, `8d`, `45s`.
#[must_use]
pub fn in_units(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [("d", seconds / 86_400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let first = units.iter().position(|(_, count)| *count > 0);
    let Some(first) = first else { return "0s".to_owned() };
    let shown = units.iter().skip(first).take(2).filter(|(_, count)| *count > 0);
    shown.map(|(unit, count)| format!("{count}{unit}")).collect()
}

/// A moment in UTC: `2026-03-29 01:30 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long ago, or in how long.
#[must_use]
pub fn apart(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second());
    in_units(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A size with a unit: `1.4 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    Bytes(bytes).rounded()
}
