//! The containers of a namespace: how many are ready by wave, what waits for what, what is pending, what is stuck.

use crate::table::{WIDTH, columns, cut, wrap};
use kube::ResourceExt;
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{ContainerReason, Phase, READY};
use zentoria_core::conditions::is_true;
use zentoria_core::estate::{approved, graph, is_paused, ready_reason};

/// Everything about one namespace.
pub fn namespace(name: &str, containers: &[&ZentoriaContainer]) -> String {
    let ready = containers.iter().filter(|container| is_ready(container)).count();
    let mut page = format!("NAMESPACE {name}  {ready} of {} ready\n", containers.len());
    page.push_str(&waves(name, containers));
    page.push('\n');
    let parts: [(&str, String); 5] = [
        ("WAITING", waiting(containers)),
        ("STALLED", stalled(containers)),
        ("AT WORK", of_phases(containers, &[Phase::Progressing, Phase::Retrying])),
        ("STOPPED OR PAUSED", resting(containers)),
        ("PENDING CHANGES", pending(containers)),
    ];
    for (title, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        page.push_str(&format!("{title}\n{text}\n"));
    }
    page
}

fn is_ready(container: &ZentoriaContainer) -> bool {
    container.status.as_ref().is_some_and(|status| is_true(&status.conditions, READY))
}

fn summary(container: &ZentoriaContainer) -> &str {
    container.status.as_ref().and_then(|status| status.summary.as_deref()).unwrap_or("not seen yet")
}

/// Ready n of m, wave by wave; who is not ready is named.
fn waves(namespace: &str, containers: &[&ZentoriaContainer]) -> String {
    let waves = graph(namespace, containers).waves();
    let mut rows: BTreeMap<u32, Vec<&ZentoriaContainer>> = BTreeMap::new();
    for container in containers {
        rows.entry(waves.get(&container.name_any()).copied().unwrap_or(1)).or_default().push(container);
    }
    let told = rows.into_iter().map(|(wave, members)| {
        let ready = members.iter().filter(|container| is_ready(container)).count();
        let mut names: Vec<String> = members
            .iter()
            .map(|container| {
                let mark = if is_ready(container) { "" } else { "!" };
                format!("{mark}{}", container.name_any())
            })
            .collect();
        names.sort_by_key(|name| (!name.starts_with('!'), name.clone()));
        vec![format!("wave {wave}"), format!("{ready}/{}", members.len()), names.join(" ")]
    });
    let rows: Vec<Vec<String>> = told.collect();
    let indent = 2 + rows.iter().map(|row| row[0].len() + row[1].len() + 4).max().unwrap_or(0);
    let mut page = String::new();
    for row in rows {
        let head = format!("{}  {:<5}", row[0], row[1]);
        let names = wrap(0, 0, &row[2]);
        page.push_str(&hanging(&head, indent.max(16), &names));
    }
    page
}

/// A head and, beside it, text broken to what is left of the line.
fn hanging(head: &str, indent: usize, text: &str) -> String {
    let mut page = String::new();
    let mut line = format!("  {head:<width$}", width = indent.saturating_sub(2));
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            page.push_str(line.trim_end());
            page.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    page.push_str(line.trim_end());
    page.push('\n');
    page
}

/// Who waits for whom, down to the one that nobody holds up.
fn waiting(containers: &[&ZentoriaContainer]) -> String {
    let by_name: BTreeMap<String, &ZentoriaContainer> = containers.iter().map(|c| (c.name_any(), *c)).collect();
    let rows = containers.iter().filter_map(|container| {
        let reason = ready_reason(container)?;
        if reason.phase() != Phase::Waiting {
            return None;
        }
        let told = match reason {
            ContainerReason::WaitingFor => format!("waits for {}", chain(container, &by_name)),
            _ => summary(container).to_owned(),
        };
        Some((container.name_any(), told, message(container, reason)))
    });
    let mut page = String::new();
    for (name, told, message) in rows {
        let text = if message.is_empty() { format!("{name}: {told}") } else { format!("{name}: {told} ({message})") };
        page.push_str(&wrap(2, 6, &text));
    }
    page
}

/// The message of a wait that its chain does not tell.
fn message(container: &ZentoriaContainer, reason: ContainerReason) -> String {
    let conditions = container.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = conditions.iter().find(|condition| condition.type_ == READY);
    match reason {
        ContainerReason::WaitingFor => String::new(),
        _ => ready.map(|condition| condition.message.clone()).unwrap_or_default(),
    }
}

fn chain(container: &ZentoriaContainer, by_name: &BTreeMap<String, &ZentoriaContainer>) -> String {
    let mut way: Vec<String> = Vec::new();
    let mut at = container;
    loop {
        let Some(next) = summary(at).strip_prefix("WaitingFor ").map(str::to_owned) else {
            let last = if way.is_empty() { String::new() } else { format!(" ({})", summary(at)) };
            return way.join(" -> ") + &last;
        };
        let round = way.contains(&next);
        way.push(next.clone());
        match by_name.get(&next) {
            Some(other) if !round => at = other,
            Some(_) => return way.join(" -> "),
            None => return way.join(" -> ") + " (does not exist)",
        }
    }
}

fn stalled(containers: &[&ZentoriaContainer]) -> String {
    of_phases(containers, &[Phase::Stalled])
}

/// The containers whose reason is of these phases, with the whole message, which says what to do.
fn of_phases(containers: &[&ZentoriaContainer], phases: &[Phase]) -> String {
    let mut page = String::new();
    for container in containers {
        let told = match ready_reason(container) {
            Some(reason) if phases.contains(&reason.phase()) && !is_silent(container) => Some(ready_message(container)),
            None if phases.contains(&Phase::Progressing) => Some("no operator has looked at it yet".to_owned()),
            Some(_) | None => None,
        };
        if let Some(message) = told {
            page.push_str(&wrap(2, 6, &format!("{}: {}: {message}", container.name_any(), summary(container))));
        }
    }
    page
}

fn ready_message(container: &ZentoriaContainer) -> String {
    let conditions = container.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == READY).map(|c| c.message.clone()).unwrap_or_default()
}

fn is_silent(container: &ZentoriaContainer) -> bool {
    is_paused(&container.metadata) || container.spec.suspend
}

fn resting(containers: &[&ZentoriaContainer]) -> String {
    let mut page = String::new();
    for container in containers {
        let name = container.name_any();
        if is_silent(container) {
            let remedy = if container.spec.suspend {
                "spec.suspend is true".to_owned()
            } else {
                format!("kubectl zentoria resume zc/{name} -n {}", container.namespace().unwrap_or_default())
            };
            page.push_str(&wrap(2, 6, &format!("{name}: paused ({remedy})")));
        } else if ready_reason(container).is_some_and(|reason| reason.phase() == Phase::Resting) {
            page.push_str(&wrap(2, 6, &format!("{name}: {}: {}", summary(container), ready_message(container))));
        }
    }
    page
}

fn pending(containers: &[&ZentoriaContainer]) -> String {
    let mut rows = vec![["NAME", "CLASS", "DIGEST", "CHANGE"].map(str::to_owned).to_vec()];
    for container in containers {
        let given = approved(&container.metadata);
        for change in container.status.iter().flat_map(|status| &status.pending_changes) {
            let arrow = if change.from.is_empty() { String::new() } else { format!("{} ", change.from) };
            let word = if given.contains(&change.digest) { " (approved)" } else { "" };
            rows.push(vec![
                container.name_any(),
                format!("{:?}", change.class),
                change.digest.clone(),
                format!("{} {arrow}-> {}{word}", change.field, change.to),
            ]);
        }
    }
    if rows.len() == 1 {
        return String::new();
    }
    let used = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 2;
    let left = WIDTH.saturating_sub(2 + used(0) + used(1) + used(2)).max(20);
    for row in &mut rows {
        row[3] = cut(&row[3], left);
    }
    let mut page = columns(2, &rows);
    page.push_str("  kubectl zentoria approve zc/NAME tells each, and how to approve it\n");
    page
}
