//! The matrix for programs.

use super::view::{ClusterView, GuestView, View};
use serde_json::{Value, json};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::RuleReport;
use zentoria_core::firewall::flows::{End, Flow, port_told};
use zentoria_core::firewall::guest::{GuestFirewall, Rule, Service, log_word, plain, policy_word, protocol_word};
use zentoria_core::firewall::reach::way_told;

/// The document.
pub fn document(view: &View<'_>) -> Value {
    json!({
        "clusters": view.clusters.iter().map(cluster).collect::<Vec<_>>(),
        "errors": view.problems,
        "notes": view.notes,
    })
}

fn cluster(cluster: &ClusterView<'_>) -> Value {
    json!({
        "name": cluster.name,
        "notes": cluster.notes,
        "containers": cluster.guests.iter().map(guest).collect::<Vec<_>>(),
        "firewallRules": cluster.rules.iter().map(|(key, report)| rule(key, report)).collect::<Vec<_>>(),
    })
}

fn guest(guest: &GuestView<'_>) -> Value {
    let mut document = json!({
        "namespace": guest.key.namespace,
        "name": guest.key.name,
        "vmid": guest.vmid,
        "zone": guest.zone,
        "addresses": guest.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mode": format!("{:?}", guest.compiled.mode),
        "rules": guest.flows.iter().map(flow).collect::<Vec<_>>(),
    });
    let more = match &guest.compiled.wish {
        Ok(wish) => json!({
            "inbound": policy_word(wish.options.policy_in),
            "outbound": policy_word(wish.options.policy_out),
            "proxmox": proxmox(wish),
        }),
        Err((reason, message)) => json!({"reason": reason.to_string(), "message": message}),
    };
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

fn flow(flow: &Flow) -> Value {
    let (protocol, ports) = match &flow.service {
        Service::Any => (None, Vec::new()),
        Service::Protocol(protocol) => (Some(*protocol), Vec::new()),
        Service::Ports(protocol, ports) => (Some(*protocol), ports.iter().map(port_told).collect()),
    };
    json!({
        "direction": way_told(flow.way),
        "action": format!("{:?}", flow.action),
        "peers": flow.peers.iter().map(end).collect::<Vec<_>>(),
        "protocol": protocol.map(protocol_word),
        "ports": ports,
        "log": flow.log.map(log_word),
        "owners": flow.owners,
    })
}

fn end(end: &End) -> Value {
    match end {
        End::Any => json!({"any": true}),
        End::External => json!({"external": true}),
        End::ControlPlane => json!({"controlPlane": true}),
        End::Host(name) => json!({"host": name}),
        End::Container(key) => json!({"namespace": key.namespace, "container": key.name}),
        End::Net(net) => json!({"cidr": plain(net)}),
    }
}

/// The rules and IP sets as Proxmox VE gets them.
fn proxmox(wish: &GuestFirewall) -> Value {
    let sets = wish.ipsets.iter().map(|(name, set)| {
        json!({"name": name.to_string(), "comment": set.comment, "entries": set.entries.iter().map(plain).collect::<Vec<_>>()})
    });
    json!({
        "rules": wish.rules.iter().map(Rule::fields).collect::<Vec<_>>(),
        "ipsets": sets.collect::<Vec<_>>(),
    })
}

fn rule(key: &Key, report: &RuleReport) -> Value {
    let (reason, message) = match &report.verdict {
        Ok(reason) => (reason, None),
        Err((reason, message)) => (reason, Some(message)),
    };
    json!({
        "namespace": key.namespace,
        "name": key.name,
        "from": report.from,
        "to": report.to,
        "ports": report.ports,
        "guests": report.guests.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rules": report.rules,
        "reason": reason.to_string(),
        "message": message,
        "unresolved": report.unresolved,
        "notes": report.notes,
    })
}
