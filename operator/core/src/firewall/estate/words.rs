//! Rules for people: short, as `kubectl get fwr` has room.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use zentoria_api::firewall::{FirewallRuleSpec, Peer, Port, Protocol};

/// The ends and the ports of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `zentoria-backend`, `zone data`, `external`, `10.0.0.0/8`.
    pub from: String,
    /// The same.
    pub to: String,
    /// `5432`, `4000-4001`, `53/udp`, `postgresql`, `services`.
    pub ports: String,
}

/// Most that are named; of the rest it is said how many.
const MOST: usize = 3;

/// The words of a rule, also of one that cannot be read.
pub(super) fn of(spec: &FirewallRuleSpec) -> Words {
    let ports: Vec<String> = spec.ports.iter().map(port).collect();
    Words {
        from: list(spec.from.iter().map(peer).collect()),
        to: list(spec.to.iter().map(peer).collect()),
        ports: if ports.is_empty() { "services".into() } else { list(ports) },
    }
}

fn list(mut words: Vec<String>) -> String {
    let more = words.len().saturating_sub(MOST);
    if more > 1 {
        words.truncate(MOST);
        words.push(format!("+{more}"));
    }
    words.join(", ")
}

fn peer(peer: &Peer) -> String {
    let Peer { container, selector, namespace_selector, zone, host, cidr, any, external, all } = peer;
    let mut words = Vec::new();
    words.extend(container.clone());
    if let Some(selector) = selector {
        let labels = labels(selector);
        words.push(match namespace_selector {
            Some(namespaces) => format!("{labels} in {}", self::labels(namespaces)),
            None => labels,
        });
    }
    words.extend(zone.as_ref().map(|zone| format!("zone {zone}")));
    words.extend(host.as_ref().map(|host| format!("host {host}")));
    words.extend(cidr.clone());
    words.extend(any.map(|_| "any".to_owned()));
    words.extend(external.map(|_| "external".to_owned()));
    words.extend(all.map(|_| "all".to_owned()));
    if words.is_empty() { "?".into() } else { words.join(" and ") }
}

/// A selector as `kubectl -l` takes it; `*` selects everything.
pub(crate) fn labels(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(expression);
    let words: Vec<String> = equal.chain(expressions).collect();
    if words.is_empty() { "*".into() } else { words.join(",") }
}

fn expression(LabelSelectorRequirement { key, operator, values }: &LabelSelectorRequirement) -> String {
    let values = || values.iter().flatten().cloned().collect::<Vec<_>>().join(",");
    match operator.as_str() {
        "Exists" => key.clone(),
        "DoesNotExist" => format!("!{key}"),
        "In" => format!("{key} in ({})", values()),
        "NotIn" => format!("{key} notin ({})", values()),
        other => format!("{key} {other} ({})", values()),
    }
}

fn port(Port { port, end_port, service, protocol }: &Port) -> String {
    let numbers = match (port, end_port) {
        (Some(first), Some(last)) if last != first => Some(format!("{first}-{last}")),
        (Some(first), _) => Some(first.to_string()),
        (None, last) => last.map(|last| format!("?-{last}")),
    };
    let mut words: Vec<String> = numbers.into_iter().chain(service.clone()).collect();
    match protocol {
        None | Some(Protocol::TCP) if !words.is_empty() => {}
        None => words.push("?".into()),
        Some(protocol) => words.push(super::super::words::protocol(*protocol).to_owned()),
    }
    words.join("/")
}
