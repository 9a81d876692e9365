//! What PVE does everywhere alike: its chains `PVEFW-Drop`, `PVEFW-Reject` and `PVEFW-reject`, and the traffic that options
//! let through.

use super::config::{Packet, Verdict};
use super::service;
use super::tri::Tri;
use crate::firewall::guest::Way;
use std::net::IpAddr;

/// What the action of a rule does.
pub fn action(action: &str, packet: &Packet, by: String) -> Verdict {
    match action {
        "ACCEPT" => Verdict::Accept(by),
        "DROP" => Verdict::Drop(by),
        "REJECT" => reject(packet, by),
        other => Verdict::Unknown(format!("{by}: action {other}")),
    }
}

/// A refusal with an answer; some things get none.
fn reject(packet: &Packet, by: String) -> Verdict {
    let silent = service::is_icmp(&packet.proto) || (!packet.v6() && (to_all(packet.dest) || multicast(packet.source)));
    if silent { Verdict::Drop(by) } else { Verdict::Reject(by) }
}

/// What a policy does with what no rule named: some ICMP passes always, some noise is dropped without an answer.
pub fn policy(policy: &str, packet: &Packet, by: String) -> Verdict {
    let rejects = match policy {
        "ACCEPT" => return Verdict::Accept(by),
        "DROP" => false,
        "REJECT" => true,
        other => return Verdict::Unknown(format!("{by}: policy {other}")),
    };
    if packet.v6() && packet.proto == "tcp" && packet.dport == Some(43) {
        return reject(packet, by);
    }
    if to_all(packet.dest) {
        return Verdict::Drop(by);
    }
    let critical: &[&str] = if packet.v6() {
        &["destination-unreachable", "time-exceeded", "packet-too-big"]
    } else {
        &["fragmentation-needed", "time-exceeded"]
    };
    if service::is_icmp(&packet.proto) && critical.iter().any(|kind| service::icmp(kind, packet) == Tri::Yes) {
        return Verdict::Accept(format!("{by}, which lets critical ICMP pass"));
    }
    let noise = packet.proto == "udp" && (packet.dport == Some(1900) || packet.sport == Some(53));
    if rejects && !noise { reject(packet, by) } else { Verdict::Drop(by) }
}

fn to_all(dest: IpAddr) -> bool {
    multicast(dest) || matches!(dest, IpAddr::V4(four) if four.is_broadcast())
}

fn multicast(address: IpAddr) -> bool {
    address.is_multicast()
}

/// A request of DHCP on its way out, an answer on its way in.
pub fn dhcp(way: Way, packet: &Packet) -> bool {
    let (client, server) = if packet.v6() { (546, 547) } else { (68, 67) };
    let (from, to) = match way {
        Way::In => (server, client),
        Way::Out => (client, server),
    };
    packet.proto == "udp" && packet.sport == Some(from) && packet.dport == Some(to)
}

fn icmp6(packet: &Packet, kinds: &[&str]) -> bool {
    packet.v6() && service::is_icmp(&packet.proto) && kinds.iter().any(|kind| service::icmp(kind, packet) == Tri::Yes)
}

/// A router advertisement.
pub fn router_advertisement(packet: &Packet) -> bool {
    icmp6(packet, &["router-advertisement"])
}

/// Neighbour discovery; router advertisements only where they may be sent.
pub fn neighbour_discovery(packet: &Packet, advertises: bool) -> bool {
    icmp6(packet, &["router-solicitation", "neighbor-solicitation", "neighbor-advertisement"])
        || (advertises && router_advertisement(packet))
}
