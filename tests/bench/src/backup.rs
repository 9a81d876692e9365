//! Backups: what a scheduled run takes beside restic alone, what 500 policies cost, when a missed backup is noticed.

mod pod;
mod policies;
mod runs;

pub use pod::pod_start;

use crate::report::{Row, median, row};
use crate::stage::Stage;
use policies::Policies;
use runs::Runs;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// The figures.
#[derive(Debug, Serialize)]
pub struct Backup {
    /// A run beside restic; nothing where its tools cannot be had.
    pub runs: Option<Runs>,
    /// Many policies.
    pub policies: Policies,
    /// From a Job to its pod's first instruction, in seconds, each; nothing where no pods run. `--pod-start` fills it.
    pub pod_start_seconds: Option<Vec<f64>>,
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// Measures; big files lie in `dir`. The settled operator is watched for `window`.
pub async fn backup(stage: &Stage, dir: &Path, rounds: usize, window: Duration) -> Backup {
    let runs = runs::measure(dir, rounds).await;
    let policies = policies::measure(stage, window).await;
    let mut rows = runs.as_ref().map(rows_of_runs).unwrap_or_default();
    rows.extend(rows_of_policies(&policies));
    Backup { runs, policies, pod_start_seconds: None, rows }
}

fn rows_of_runs(runs: &Runs) -> Vec<Row> {
    let of = |pick: fn(&runs::Round) -> f64| median(runs.rounds.iter().map(pick));
    vec![
        row("1 GiB by restic, of the file itself, s", of(|round| round.file_seconds), None),
        row("... by restic, of what a command prints over SSH, s", of(|round| round.bare_seconds), None),
        row("... by a scheduled run with that source, s", of(|round| round.run_seconds), None),
        row("... x restic with that source", of(|round| round.run_seconds / round.bare_seconds), 1.15),
    ]
}

fn rows_of_policies(figures: &Policies) -> Vec<Row> {
    let hourly = figures.status_writes_per_run * f64::from(figures.policies);
    let quiet = figures.quiet_status_writes * 3600.0 / figures.quiet_seconds;
    let policies = figures.policies;
    vec![
        row(format!("{policies} policies: CronJobs"), figures.cron_jobs as f64, None),
        row("... until all are accepted and have theirs, s", figures.accepted_seconds, None),
        row("... peak RSS, MiB", figures.peak_mib, 128.0),
        row("... CPU s per minute in which nothing happens", figures.quiet_cpu_seconds_per_minute, None),
        row("... status writes in an hour without a run", quiet, 0.0),
        row("status writes of a run, the repository's among them", figures.status_writes_per_run, None),
        row(format!("... in an hour in which each of {policies} runs once"), hourly, None),
        row("a missed backup is noticed after, s", median(figures.noticed_seconds.iter().copied()), 2.0),
        row("... the slowest of them", figures.noticed_seconds.iter().copied().fold(0.0, f64::max), None),
    ]
}
