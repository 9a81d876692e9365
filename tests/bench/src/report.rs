//! The figures of one size beside the aims, as a table and as JSON.

use crate::firewall::Firewall;
use crate::measure::{Creation, Drift, Steady};
use crate::models::Models;
use crate::nodes::OnNodes;
use serde::Serialize;
use std::fmt::Write;

/// What was measured for one size.
#[derive(Debug, Serialize)]
pub struct Size {
    /// Containers.
    pub containers: u32,
    /// The bare client's wall times in seconds, in order.
    pub bare_seconds: Vec<f64>,
    /// Its calls per guest, task polls included.
    pub bare_calls_per_guest: f64,
    /// The operator's creations, in order.
    pub creations: Vec<Creation>,
    /// The time in which nothing changes.
    pub steady: Steady,
    /// Changes made behind its back.
    pub drift: Vec<Drift>,
    /// The description's, in a round-robin of [`Self::round_seconds`].
    pub description: Drift,
    /// `poll.fullResync` of that measurement, in seconds.
    pub round_seconds: f64,
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is.
    pub what: String,
    /// Its value.
    pub value: f64,
    /// The most that it should be, where there is an aim.
    pub aim: Option<f64>,
    /// Whether the aim is met.
    pub met: Option<bool>,
}

/// The middle of an odd number of values.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A row; with an aim it says whether it is met.
pub fn row(what: impl Into<String>, value: f64, aim: impl Into<Option<f64>>) -> Row {
    let aim = aim.into();
    Row { what: what.into(), value, aim, met: aim.map(|aim| value <= aim) }
}

impl Size {
    /// Fills the table.
    #[must_use]
    pub fn with_rows(mut self) -> Self {
        let guests = f64::from(self.containers);
        let of = |pick: fn(&Creation) -> f64| median(self.creations.iter().map(pick));
        let bare = median(self.bare_seconds.iter().copied());
        let wall = of(|creation| creation.wall_seconds);
        let per_minute = |calls: f64| calls / guests * 60.0 / self.steady.seconds;
        let steady = &self.steady;
        let reads = steady.calls.by_template.get("GET /nodes/{node}/lxc/{vmid}/pending").copied().unwrap_or_default();
        let other = per_minute((steady.calls.calls() + steady.calls.task_polls - reads) as f64);
        let mut rows = vec![
            row("bare client, s", bare, None),
            row("apply to all Ready, s", wall, None),
            row("... x bare client", wall / bare, 1.2),
            row("... until all were applied, s", of(|c| c.applied_seconds), None),
            row("calls per created guest, without task polls", of(|c| c.calls.calls() as f64) / guests, 9.0),
            row("task polls per task", of(|c| c.calls.task_polls as f64) / (2.0 * guests), None),
            row("most polls of one task in a second", of(|c| c.calls.polls_of_a_task_in_a_second as f64), 1.0),
            row("bare client: calls per guest, with task polls", self.bare_calls_per_guest, None),
            row("status writes per created guest", of(|c| c.status_writes) / guests, None),
            row("reconciles per created guest", of(|c| c.reconciles) / guests, None),
            row("CPU to create, s", of(|c| c.cpu_seconds), None),
            row("steady: calls per guest and minute, seen", per_minute(steady.calls.calls() as f64), None),
            // Right after a creation nothing is due yet: each guest's turn is counted as once in half of poll.fullResync.
            row("steady: ... with the whole round-robin", other + 0.2, steady_aim(self.containers)),
            row("steady: status writes", steady.status_writes, 0.0),
            row("steady: objects written", steady.objects_changed as f64, 0.0),
            row("steady: CPU s per minute", steady.cpu_seconds_per_minute, None),
            row("peak RSS, MiB", peak(&self), (self.containers >= 500).then_some(64.0)),
        ];
        for drift in &self.drift {
            rows.push(row(format!("drift: {}, polls", drift.what), drift.polls as f64, 2.0));
            rows.push(row(format!("drift: {}, s", drift.what), drift.seconds, None));
        }
        let rounds = self.description.seconds / self.round_seconds;
        rows.push(row(
            format!("drift: {}, round-robins of {} s", self.description.what, self.round_seconds),
            rounds,
            1.0,
        ));
        self.rows = rows;
        self
    }
}

fn steady_aim(containers: u32) -> Option<f64> {
    match containers {
        500.. => Some(0.25),
        17 => Some(1.0),
        _ => None,
    }
}

fn peak(size: &Size) -> f64 {
    size.creations.iter().map(|creation| creation.peak_mib).fold(size.steady.peak_mib, f64::max)
}

/// The tables of all sizes, and the calls by path.
#[must_use]
pub fn text(sizes: &[Size]) -> String {
    let mut out = String::new();
    for size in sizes {
        let _ = writeln!(out, "\n{} containers (median of {})", size.containers, size.creations.len());
        out += &table(&size.rows);
        if let Some(creation) = size.creations.last() {
            out += &calls(creation, size.containers);
        }
        let _ = writeln!(out, "  calls of {} s in which nothing changes:", size.steady.seconds);
        for (template, count) in &size.steady.calls.by_template {
            let _ = writeln!(out, "    {template:<56} {count:>9}");
        }
    }
    out
}

/// The tables of the estates on several nodes.
#[must_use]
pub fn on_nodes(all: &[OnNodes]) -> String {
    let mut out = String::new();
    for one in all {
        let guests: Vec<String> = one.guests.iter().map(|(node, guests)| format!("{node} {guests}")).collect();
        let _ = writeln!(out, "\n{} containers on {} nodes ({})", one.containers, one.nodes, guests.join(", "));
        out += &table(&one.rows);
    }
    out
}

/// The tables of the firewalls.
#[must_use]
pub fn firewalls(all: &[Firewall]) -> String {
    let mut out = String::new();
    for one in all {
        let _ = writeln!(out, "\nfirewalls of {} containers with ten flows each", one.containers);
        out += &table(&one.rows);
    }
    out
}

/// The table of the models.
#[must_use]
pub fn models(figures: &Models) -> String {
    format!("\nmodels on real Ollamas\n{}", table(&figures.rows))
}

fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    for Row { what, value, aim, met } in rows {
        let aim = aim.map_or_else(String::new, |aim| format!("<= {aim}"));
        let met = met.map_or("", |met| if met { "met" } else { "MISSED" });
        let _ = writeln!(out, "  {what:<58} {value:>9.2}  {aim:<8} {met}");
    }
    out
}

/// The calls of a creation by path, for each guest.
#[must_use]
pub fn calls(creation: &Creation, containers: u32) -> String {
    let guests = f64::from(containers);
    let mut out = "  calls per guest of the last creation:\n".to_owned();
    for (template, count) in &creation.calls.by_template {
        let _ = writeln!(out, "    {template:<56} {:>9.2}", *count as f64 / guests);
    }
    let _ = writeln!(out, "    {:<56} {:>9.2}", "task polls", creation.calls.task_polls as f64 / guests);
    let _ = writeln!(out, "  reconciles per guest: {:.2}", creation.reconciles / guests);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_value_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert!(median([]).is_nan());
    }

    #[test]
    fn an_aim_is_met_up_to_its_value() {
        assert_eq!(row("x", 1.2, 1.2).met, Some(true));
        assert_eq!(row("x", 1.21, 1.2).met, Some(false));
        assert_eq!(row("x", 1.0, None).met, None);
    }
}
