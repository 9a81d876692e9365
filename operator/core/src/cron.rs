//! Cron as Kubernetes writes it for a CronJob, wall clocks, and time zones: what maintenance windows and backups share.

mod schedule;
pub(crate) mod zone;

pub(crate) use schedule::Schedule;

/// What is wrong with a schedule or a time zone, before it is known where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong.
    pub why: String,
    /// What to write instead.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { why: why.into(), remedy: remedy.into() }
    }
}
