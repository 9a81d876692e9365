//! What is wrong with a window, in words for who wrote it.

use crate::cron::Fault;
use std::fmt;

/// A window that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("maintenanceWindows[{index}].{field} {value:?}: {why}; {remedy}")]
pub struct WindowError {
    /// Which window, counted from 0.
    pub index: usize,
    /// Which of its fields.
    pub field: WindowField,
    /// What is written there.
    pub value: String,
    /// What is wrong with it.
    pub why: String,
    /// What to write instead.
    pub remedy: String,
}

/// A field of a window, by its name in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowField {
    /// `schedule`
    Schedule,
    /// `duration`
    Duration,
    /// `timeZone`
    TimeZone,
}

impl fmt::Display for WindowField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schedule => "schedule",
            Self::Duration => "duration",
            Self::TimeZone => "timeZone",
        })
    }
}

/// Where a fault stands.
pub(super) fn at(fault: Fault, index: usize, field: WindowField, value: &str) -> WindowError {
    let Fault { why, remedy } = fault;
    WindowError { index, field, value: value.to_owned(), why, remedy }
}
