//! A plan for people.

use super::firewall::Firewall;
use super::judge::{Forecast, Outcome, Row};
use crate::matrix::words::printable;
use crate::table::{WIDTH, cut, wrap};
use zentoria_api::conditions::Phase;
use zentoria_api::firewall::FirewallMode;
use zentoria_core::container::forecast::{Course, Line, NowOrPending};

/// The page.
pub fn page(forecast: &Forecast) -> String {
    let mut page = String::new();
    for note in &forecast.notes {
        page.push_str(&wrap(0, 2, &format!("note: {note}")));
    }
    for problem in &forecast.problems {
        page.push_str(&wrap(0, 2, &format!("error: {problem}")));
    }
    if !page.is_empty() {
        page.push('\n');
    }
    for row in &forecast.rows {
        page.push_str(&told(row));
    }
    page.push_str(&firewalls(&forecast.firewalls));
    page.push_str(&wrap(0, 0, &sum(forecast)));
    page
}

fn told(row: &Row) -> String {
    let key = &row.key;
    match &row.outcome {
        Outcome::Course(course) => of_course(row, course),
        Outcome::Silent(why) => wrap(0, 2, &format!("{key}: {why}")) + "\n",
        Outcome::Refused(refusal) => {
            wrap(0, 2, &format!("{key}: REFUSED {}: {}", refusal.reason, refusal.message)) + "\n"
        }
        Outcome::NotSeen => String::new(),
    }
}

fn of_course(row: &Row, course: &Course) -> String {
    let verdict = &course.verdict;
    let settled = verdict.reason.phase() == Phase::Settled;
    if course.lines.is_empty() && settled && course.notes.is_empty() {
        return String::new();
    }
    let guest = course.target.as_ref().map(|target| format!(": guest {} on {}", target.vmid, target.node));
    let mut page = format!("{}{}", row.key, guest.unwrap_or_default());
    let makes = course.lines.iter().any(|line| line.class == zentoria_api::container::ChangeClass::Create);
    if makes {
        page.push_str(&format!(", wave {}", row.wave));
        if !course.after.is_empty() {
            page = wrap(0, 2, &format!("{page}, after {}", course.after.join(", "))).trim_end().to_owned();
        }
    }
    page.push('\n');
    page.push_str(&table(&course.lines));
    let at_work = verdict.reason.phase() == Phase::Progressing && !course.lines.is_empty();
    if !settled && !at_work {
        let word = if course.lines.is_empty() { "" } else { "then " };
        page.push_str(&wrap(2, 4, &format!("{word}{}: {}", verdict.reason, verdict.message)));
    }
    for note in &course.notes {
        page.push_str(&wrap(2, 4, &format!("note: {note}")));
    }
    page.push('\n');
    page
}

fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let change = |line: &Line| {
        let from = if line.from.is_empty() { String::new() } else { format!(" {}", line.from) };
        cut(&format!("{}{from} -> {}", line.field, line.to), 58)
    };
    let width = lines.iter().map(|line| change(line).chars().count()).max().unwrap_or(0).max(6);
    let row = |change: &str, class: &str, downtime: &str, data: &str| {
        let text = format!("  {change:<width$}  {class:<10}  {downtime:<9}  {data}");
        text.trim_end().to_owned() + "\n"
    };
    let mut page = row("CHANGE", "CLASS", "DOWNTIME", "DATA AT RISK");
    for (index, line) in lines.iter().enumerate() {
        let class = format!("{:?}", line.class).to_lowercase();
        let data = line.data_at_risk.as_deref().unwrap_or("none");
        let left = WIDTH.saturating_sub(width + 27).max(12);
        let long = data.chars().count() > left;
        page.push_str(&row(&change(line), &class, &line.downtime.to_string(), if long { "see below" } else { data }));
        if long {
            page.push_str(&wrap(4, 6, &format!("data at risk: {data}")));
        }
        if let NowOrPending::Pending { why, digest: _ } = &line.done {
            page.push_str(&wrap(4, 6, &format!("waits: {why}")));
        }
        // Once for all changes that the call makes, below the last of them.
        let last = lines.get(index + 1).is_none_or(|next| next.call != line.call);
        if let (Some(call), true) = (&line.call, last) {
            page.push_str(&wrap(4, 6, call));
        }
    }
    page
}

/// What would be written to firewalls, and what people wrote there.
fn firewalls(all: &[Firewall]) -> String {
    let mut page = String::new();
    for firewall in all {
        let Firewall { key, vmid, mode, empty, writes, differences, foreign } = firewall;
        let guest = vmid.map(|vmid| format!(" of guest {vmid}")).unwrap_or_default();
        let writes = match writes {
            0 => "as it should be".to_owned(),
            1 => "1 write".to_owned(),
            several => format!("{several} writes"),
        };
        let word = match mode {
            FirewallMode::Enforce if *empty => ", before its first start",
            FirewallMode::Enforce => "",
            FirewallMode::Observe | FirewallMode::Off => ", shown only: its mode is Observe",
        };
        page.push_str(&wrap(0, 2, &format!("{key}: firewall{guest}, {writes}{word}")));
        for difference in differences {
            page.push_str(&wrap(2, 6, &printable(difference)));
        }
        for rule in foreign {
            page.push_str(&wrap(2, 6, &format!("not ours, left as it is: {}", printable(rule))));
        }
        page.push('\n');
    }
    page
}

/// The last line.
fn sum(forecast: &Forecast) -> String {
    let count = |holds: &dyn Fn(&Row) -> bool| forecast.rows.iter().filter(|row| holds(row)).count();
    let makes = |row: &Row| row.lines().iter().any(|line| line.call.is_some() && is_creation(line));
    let changes = |row: &Row| !makes(row) && row.lines().iter().any(|line| line.done == NowOrPending::Now);
    let waits = |row: &Row| row.lines().iter().any(|line| line.done != NowOrPending::Now);
    let walls = forecast.firewalls.iter().filter(|firewall| firewall.changes()).count();
    let parts = [
        (count(&makes), "to make"),
        (count(&changes), "to change"),
        (count(&waits), "with changes that wait"),
        (walls, if walls == 1 { "firewall to write" } else { "firewalls to write" }),
        (count(&Row::is_problem), "in error"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let all = forecast.rows.len();
    if told.is_empty() && forecast.problems.is_empty() {
        return format!("Nothing would change ({all} containers).");
    }
    let told = if told.is_empty() { "nothing could be planned".to_owned() } else { told.join(", ") };
    format!("Plan of {all} containers: {told}. Nothing was written.")
}

fn is_creation(line: &Line) -> bool {
    line.class == zentoria_api::container::ChangeClass::Create
}
