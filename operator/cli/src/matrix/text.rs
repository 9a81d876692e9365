//! The matrix for people: each guest, and who may reach it.

use super::view::{ClusterView, GuestView, View};
use super::words::{addresses, owner_short, printable};
use crate::paint::Paint;
use crate::table::{WIDTH, wrap};
use std::collections::BTreeSet;
use zentoria_api::firewall::Action;
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::RuleReport;
use zentoria_core::firewall::flows::{End, Flow, service_told};
use zentoria_core::firewall::guest::{Way, policy_word};

/// Columns: way, action and ports; then who, and which rules.
const PORTS: usize = 21;
const PEERS: usize = 36;
/// From so many on, `all others` is said for them.
const MANY: usize = 4;

/// The page.
pub fn page(view: &View<'_>, paint: Paint) -> String {
    let mut page = String::new();
    for note in view.notes {
        page.push_str(&wrap(0, 2, &format!("note: {note}")));
    }
    for cluster in &view.clusters {
        page.push_str(&of_cluster(cluster, paint));
    }
    if view.clusters.is_empty() {
        page.push_str("There are no containers; -A shows all namespaces.\n");
    }
    page
}

fn of_cluster(cluster: &ClusterView<'_>, paint: Paint) -> String {
    let mut page = format!("{}\n", paint.head(&format!("pxc/{}", cluster.name)));
    for note in cluster.notes {
        page.push_str(&wrap(2, 4, &format!("note: {note}")));
    }
    let mut last = None;
    for guest in &cluster.guests {
        let zone = (&guest.key.namespace, guest.zone);
        if last != Some(zone) {
            let zone = guest.zone.map_or_else(|| "no zone".to_owned(), |zone| format!("zone {zone}"));
            page.push_str(&format!("\n{}\n", paint.head(&format!("{} / {}", guest.key.namespace, printable(&zone)))));
            last = Some((&guest.key.namespace, guest.zone));
        }
        page.push_str(&of_guest(guest, cluster, paint));
    }
    page.push_str(&trouble(&cluster.rules, paint));
    page.push_str(&sum(cluster));
    page
}

/// The line above the rules of a guest.
pub fn heading(guest: &GuestView<'_>, paint: Paint) -> String {
    let mut parts = vec![addresses(&guest.addresses)];
    parts.extend(guest.vmid.map(|vmid| format!("guest {vmid}")));
    if let Ok(wish) = &guest.compiled.wish {
        let options = &wish.options;
        parts.push(format!("in {}, out {}", policy_word(options.policy_in), policy_word(options.policy_out)));
    }
    parts.push(format!("{:?}", guest.compiled.mode));
    parts.retain(|part| !part.is_empty());
    format!("{}  {}\n", paint.head(&guest.key.name), parts.join(", "))
}

fn of_guest(guest: &GuestView<'_>, cluster: &ClusterView<'_>, paint: Paint) -> String {
    let mut page = format!("  {}", heading(guest, paint));
    if let Some((reason, why)) = guest.problem() {
        page.push_str(&wrap(4, 6, &format!("{reason}: {why}")));
    }
    for flow in &guest.flows {
        page.push_str(&of_flow(flow, guest, cluster, paint));
    }
    page
}

fn of_flow(flow: &Flow, guest: &GuestView<'_>, cluster: &ClusterView<'_>, paint: Paint) -> String {
    let namespace = &guest.key.namespace;
    let way = match flow.way {
        Way::In => "from",
        Way::Out => "to",
    };
    let action = match flow.action {
        Action::Allow => "allow",
        Action::Reject => "REJECT",
        Action::Drop => "DROP",
    };
    let painted = match flow.action {
        Action::Allow => paint.good("allow") + " ",
        Action::Reject | Action::Drop => paint.bad(&format!("{action:<6}")),
    };
    let ports = lines(&[service_told(&flow.service)], PORTS);
    let peers = lines(&peers(flow, guest, cluster), PEERS);
    let owners: Vec<String> = flow.owners.iter().map(|owner| owner_short(owner, namespace)).collect();
    let owners = lines(&owners, WIDTH - 4 - 5 - 7 - PORTS - 1 - PEERS - 1);
    let mut page = String::new();
    for row in 0..ports.len().max(peers.len()).max(owners.len()) {
        let cell = |cells: &[String]| cells.get(row).cloned().unwrap_or_default();
        let head = if row == 0 {
            format!("{painted} {:<PORTS$} {way:<4}", cell(&ports))
        } else {
            format!("{:7}{:<PORTS$} {:4}", "", cell(&ports), "")
        };
        let line = format!("    {head} {:<PEERS$} {}", cell(&peers), paint.faint(&cell(&owners)));
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page
}

/// Who is at the other end; all other containers of a namespace are said in two words.
fn peers(flow: &Flow, guest: &GuestView<'_>, cluster: &ClusterView<'_>) -> Vec<String> {
    let namespace = &guest.key.namespace;
    let others: BTreeSet<&Key> =
        cluster.guests.iter().map(|g| &g.key).filter(|key| key.namespace == *namespace && **key != guest.key).collect();
    let named: BTreeSet<&Key> = flow.peers.iter().filter_map(End::container).collect();
    let all = others.len() >= MANY && others.is_subset(&named);
    let mut told = Vec::new();
    if all {
        told.push(format!("all others ({})", others.len()));
    }
    let covered = |end: &End| all && end.container().is_some_and(|key| others.contains(key));
    told.extend(flow.peers.iter().filter(|end| !covered(end)).map(|end| end.told(namespace)));
    told
}

/// Words joined by commas, in lines of a width.
fn lines(words: &[String], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, word) in words.iter().enumerate() {
        let comma = if index + 1 < words.len() { "," } else { "" };
        let word = format!("{}{comma}", printable(word));
        for piece in pieces(&word, width) {
            let Some(last) = lines.last_mut() else { break };
            if last.is_empty() {
                *last = piece;
            } else if last.chars().count() + 1 + piece.chars().count() <= width {
                last.push(' ');
                last.push_str(&piece);
            } else {
                lines.push(piece);
            }
        }
    }
    lines
}

/// A word that is too long breaks behind a comma of its own, else anywhere.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = word.chars().collect();
    while rest.len() > width {
        let comma = rest[..width].iter().rposition(|c| *c == ',').map_or(width, |at| at + 1);
        pieces.push(rest.drain(..comma).collect());
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

/// Rules that are not what somebody meant.
fn trouble(rules: &[(&Key, &RuleReport)], paint: Paint) -> String {
    let mut page = String::new();
    for (key, report) in rules {
        let mut told: Vec<String> = Vec::new();
        if let Err((reason, why)) = &report.verdict {
            told.push(format!("{reason}: {why}"));
        }
        told.extend(report.notes.iter().cloned());
        for text in told {
            page.push_str(&wrap(2, 4, &printable(&format!("{key}: {text}"))));
        }
    }
    if page.is_empty() { page } else { format!("\n{}\n{page}", paint.warn("RULES TO LOOK AT")) }
}

fn sum(cluster: &ClusterView<'_>) -> String {
    let rules: usize = cluster.guests.iter().map(|guest| guest.flows.len()).sum();
    let sets: usize = cluster.guests.iter().filter_map(|g| g.compiled.wish.as_ref().ok()).map(|w| w.ipsets.len()).sum();
    let text = format!(
        "{}, {}; in Proxmox VE {} and {}. What no rule names falls to the guest's default.",
        number(cluster.rules.len(), "FirewallRule"),
        number(cluster.guests.len(), "guest"),
        number(rules, "rule"),
        number(sets, "IP set")
    );
    format!("\n{}", wrap(0, 0, &text))
}

fn number(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
