//! One rule against one packet.

use super::address::{self, Scope};
use super::config::Packet;
use super::macros;
use super::service;
use super::tri::Tri;
use crate::firewall::seen::Fields;

/// The port that a connection out comes from, where nobody says: the first of the dynamic ones (RFC 6335).
const DYNAMIC: u16 = 49152;

/// Whether a rule of type `in` or `out` matches, type and interface apart. PVE leaves a rule out that it cannot use: that
/// is a no.
pub fn matches(rule: &Fields, packet: &Packet, scope: Scope<'_>) -> Tri {
    let field = |key: &str| rule.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let addresses = end(field("source"), packet.source, scope).and_then(|from| {
        let to = end(field("dest"), packet.dest, scope)?;
        Ok(from.and(|| to))
    });
    let Ok(addresses) = addresses else { return Tri::No };
    addresses.and(|| match field("macro") {
        Some(name) => by_macro(name, rule, packet),
        None => traffic(field("proto"), field("dport"), field("sport"), field("icmp-type"), packet),
    })
}

fn end(spec: Option<&str>, address: std::net::IpAddr, scope: Scope<'_>) -> Result<Tri, String> {
    spec.map_or(Ok(Tri::Yes), |spec| address::matches(spec, address, scope))
}

/// A macro is several rules; what else the rule says must not contradict any of them.
fn by_macro(name: &str, rule: &Fields, packet: &Packet) -> Tri {
    let field = |key: &str| rule.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let Some(parts) = macros::expand(name, packet.v6()) else { return Tri::Unknown(format!("macro {name}")) };
    let agrees = |said: Option<&str>, own: Option<&str>| said.is_none() || own.is_none() || said == own;
    let usable = parts.iter().all(|part| {
        agrees(field("proto"), Some(part.proto))
            && agrees(field("dport"), part.dport)
            && agrees(field("sport"), part.sport)
    });
    if !usable {
        return Tri::No;
    }
    Tri::any(parts.iter().map(|part| {
        let dport = part.dport.or(field("dport"));
        traffic(Some(part.proto), dport, part.sport.or(field("sport")), field("icmp-type"), packet)
    }))
}

/// Protocol, ports and type of ICMP. PVE keeps the type in `dport` too.
fn traffic(
    proto: Option<&str>,
    dport: Option<&str>,
    sport: Option<&str>,
    icmp_type: Option<&str>,
    packet: &Packet,
) -> Tri {
    let Some(proto) = proto else {
        // PVE refuses ports and types without a protocol.
        return Tri::from(dport.is_none() && sport.is_none() && icmp_type.is_none());
    };
    service::proto(proto, packet).and(|| {
        if service::is_icmp(proto) {
            return icmp_type.or(dport).map_or(Tri::Yes, |kind| service::icmp(kind, packet));
        }
        dport
            .map_or(Tri::Yes, |list| service::port(list, packet.dport))
            .and(|| sport.map_or(Tri::Yes, |list| service::port(list, Some(packet.sport.unwrap_or(DYNAMIC)))))
    })
}
