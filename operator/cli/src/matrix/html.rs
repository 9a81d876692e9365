//! The matrix as a page that stands alone: a picture, a grid, and each guest's rules. It loads nothing; without
//! JavaScript only the highlights are missing.

use super::picture::{Edge, Graph, Kind};
use super::svg::svg;
use super::text::heading;
use super::view::{ClusterView, GuestView, View};
use super::words::owner_short;
use crate::paint::Paint;
use std::collections::BTreeMap;
use std::fmt::Write;
use zentoria_api::firewall::Action;
use zentoria_core::firewall::flows::service_told;
use zentoria_core::firewall::guest::Way;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
/// A grid of more containers than this is no help.
const GRID: usize = 60;

/// Text for HTML and its attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// The page.
pub fn page(view: &View<'_>) -> String {
    let mut body = String::new();
    for (index, cluster) in view.clusters.iter().enumerate() {
        body.push_str(&of_cluster(cluster, index));
    }
    if view.clusters.is_empty() {
        body.push_str("<p>There are no containers.</p>\n");
    }
    let notes: String =
        view.problems.iter().map(|problem| format!("<li class=\"deny\">{}</li>\n", escape(problem))).collect();
    let notes = if notes.is_empty() { notes } else { format!("<ul>\n{notes}</ul>\n") };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>Firewall \
         matrix</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Firewall matrix</h1>\n{notes}{body}\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn of_cluster(cluster: &ClusterView<'_>, index: usize) -> String {
    let graph = super::picture::graph(cluster);
    let mut page = format!("<section>\n<h2>{}</h2>\n", escape(&format!("ProxmoxCluster {}", cluster.name)));
    for note in cluster.notes {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(note));
    }
    let id = format!("c{index}");
    let _ = write!(
        page,
        "<input type=\"checkbox\" id=\"{id}-broad\" class=\"show-broad\" checked><label for=\"{id}-broad\">flows of nearly \
         everybody</label>\n<input type=\"checkbox\" id=\"{id}-derived\" class=\"show-derived\"><label \
         for=\"{id}-derived\">the control plane's own</label>\n<div class=\"picture\">\n{}<p class=\"said\" \
         aria-live=\"polite\">Point at a container: what it may reach turns blue, who may reach it orange. Point at a line for \
         its ports.</p>\n</div>\n",
        svg(&graph, &id)
    );
    if graph.nodes.len() <= GRID {
        page.push_str(&grid(&graph));
    }
    page.push_str("<h3>Rules of each container</h3>\n<p>In their order: the first that matches decides.</p>\n");
    for guest in &cluster.guests {
        page.push_str(&of_guest(guest));
    }
    page.push_str("</section>\n");
    page
}

/// From whom in rows, to whom in columns, ports in the cells.
fn grid(graph: &Graph) -> String {
    let mut cells: BTreeMap<(usize, usize), Vec<&Edge>> = BTreeMap::new();
    for edge in &graph.edges {
        cells.entry((edge.from, edge.to)).or_default().push(edge);
    }
    let asked = |node: usize| graph.edges.iter().any(|edge| edge.to == node);
    let shown = |(index, node): &(usize, &super::picture::Node)| node.kind != Kind::Outside || asked(*index);
    let columns: Vec<(usize, &super::picture::Node)> = graph.nodes.iter().enumerate().filter(shown).collect();
    let mut page = "<h3>Who may reach whom</h3>\n<p>From the left to the top; ports in the cells.</p>\n<div \
                    class=\"grid\"><table>\n<thead><tr><td></td>"
        .to_owned();
    for (_, node) in &columns {
        let _ = write!(page, "<th scope=\"col\"><span>{}</span></th>", escape(&node.name));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (from, node) in graph.nodes.iter().enumerate() {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escape(&node.name));
        for (to, _) in &columns {
            match cells.get(&(from, *to)) {
                Some(edges) => page.push_str(&cell(edges)),
                None if from == *to => page.push_str("<td class=\"self\"></td>"),
                None => page.push_str("<td></td>"),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
    page
}

fn cell(edges: &[&Edge]) -> String {
    let deny = edges.iter().all(|edge| !edge.passes);
    let class = if deny {
        "deny"
    } else if edges.iter().all(|edge| edge.derived) {
        "derived"
    } else {
        "pass"
    };
    let ports = edges.iter().map(|edge| {
        let ports = edge.ports.iter().map(|ports| escape(ports.strip_suffix("/tcp").unwrap_or(ports)));
        let ports = ports.map(|ports| ports.replace(',', ",<wbr>")).collect::<Vec<_>>().join(" ");
        if edge.passes { ports } else { format!("<s>{ports}</s>") }
    });
    let ports = ports.collect::<Vec<_>>().join(" ");
    let rules: Vec<&str> = edges.iter().flat_map(|edge| &edge.rules).map(String::as_str).collect();
    format!("<td class=\"{class}\" title=\"{}\">{ports}</td>", escape(&rules.join(", ")))
}

fn of_guest(guest: &GuestView<'_>) -> String {
    let mut page = format!("<details>\n<summary>{}</summary>\n", escape(heading(guest, Paint::Off).trim()));
    if let Some((reason, why)) = guest.problem() {
        let _ = writeln!(page, "<p class=\"deny\">{}</p>", escape(&format!("{reason}: {why}")));
    }
    page.push_str("<table class=\"rules\"><thead><tr><th>Direction</th><th>Action</th><th>Ports</th><th>Who</th><th>By</th></tr></thead>\n<tbody>\n");
    for flow in &guest.flows {
        let namespace = &guest.key.namespace;
        let way = match flow.way {
            Way::In => "from",
            Way::Out => "to",
        };
        let (class, action) = match flow.action {
            Action::Allow => ("pass", "Allow"),
            Action::Reject => ("deny", "Reject"),
            Action::Drop => ("deny", "Drop"),
        };
        let peers: Vec<String> = flow.peers.iter().map(|peer| peer.told(namespace)).collect();
        let owners: Vec<String> = flow.owners.iter().map(|owner| owner_short(owner, namespace)).collect();
        let _ = writeln!(
            page,
            "<tr><td>{way}</td><td class=\"{class}\">{action}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&service_told(&flow.service)),
            escape(&peers.join(", ")),
            escape(&owners.join(", "))
        );
    }
    page.push_str("</tbody></table>\n</details>\n");
    page
}
