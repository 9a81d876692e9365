//! What is done with a repository beside backups, and when.

use super::RepositoryUse;
use crate::backup::schedule::Runs;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// The restore drill of a repository: one by hand is possible without a schedule, too.
#[derive(Clone, Debug, PartialEq)]
pub struct WantDrill {
    /// Which policies; empty: all.
    pub selector: LabelSelector,
    /// How many reports are kept.
    pub keep_reports: usize,
}

/// What a repository says of itself, whatever lies around it: when things run, and how it is shown. A schedule that cannot
/// work is `None`; what has run is told all the same.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// Where it is, for people.
    pub target: String,
    /// How many policies go to it.
    pub policies: u32,
    /// When it is checked.
    pub check: Option<Runs>,
    /// In how many parts its data is read.
    pub parts: u32,
    /// When it is maintained.
    pub maintenance: Option<Runs>,
    /// When each copy is made, by its name.
    pub copies: Vec<(String, Option<Runs>)>,
    /// When its drills are.
    pub drill: Option<DrillTimes>,
    /// None of its Jobs is started.
    pub suspend: bool,
}

/// When drills are.
#[derive(Clone, Debug)]
pub struct DrillTimes {
    /// Schedule and time zone, as they are kept in status.
    pub words: String,
    /// The same, read.
    pub runs: Runs,
}

/// A copy to another repository.
#[derive(Clone, Debug)]
pub struct WantCopy {
    /// Its name.
    pub name: String,
    /// The schedule as Kubernetes takes it.
    pub cron: String,
    /// When it runs.
    pub runs: Runs,
    /// Where to. Its id is `None` while it is not initialised: the copy waits.
    pub to: RepositoryUse,
}
