//! The matrix for spreadsheets: one line for each peer of each rule (RFC 4180).

use super::view::View;
use zentoria_api::firewall::Action;
use zentoria_core::firewall::flows::{Flow, port_told};
use zentoria_core::firewall::guest::{Service, Way, protocol_word};

/// The header.
const COLUMNS: [&str; 8] = ["cluster", "container", "direction", "peer", "protocol", "ports", "action", "rules"];

/// The lines.
pub fn page(view: &View<'_>) -> String {
    let mut page = line(&COLUMNS.map(str::to_owned));
    for cluster in &view.clusters {
        for guest in &cluster.guests {
            for flow in &guest.flows {
                for peer in &flow.peers {
                    // Names without their namespace would be those of two guests.
                    page.push_str(&line(&cells(&cluster.name, &guest.key.to_string(), &peer.told(""), flow)));
                }
            }
        }
    }
    page
}

fn cells(cluster: &str, container: &str, peer: &str, flow: &Flow) -> [String; 8] {
    let (protocol, ports) = match &flow.service {
        Service::Any => ("all", String::new()),
        Service::Protocol(protocol) => (protocol_word(*protocol), String::new()),
        Service::Ports(protocol, ports) => {
            (protocol_word(*protocol), ports.iter().map(port_told).collect::<Vec<_>>().join(" "))
        }
    };
    let direction = match flow.way {
        Way::In => "in",
        Way::Out => "out",
    };
    let action = match flow.action {
        Action::Allow => "Allow",
        Action::Reject => "Reject",
        Action::Drop => "Drop",
    };
    let rules = flow.owners.iter().cloned().collect::<Vec<_>>().join(" ");
    [cluster, container, direction, peer, protocol, &ports, action, &rules].map(str::to_owned)
}

fn line(cells: &[String; 8]) -> String {
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell that a spreadsheet shows and does not calculate.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    let special = cell.contains([',', '"', '\n', '\r']);
    if special { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_no_cell_is_a_formula() {
        assert_eq!(quoted("db"), "db");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
