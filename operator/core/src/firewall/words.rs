//! Words that reports share.

use super::guest::PortRange;
use super::ports::{Ports, Services, has_ports};
use zentoria_api::firewall::Protocol;

/// A protocol, as after the stroke in `53/udp`.
#[must_use]
pub const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::SCTP => "sctp",
        Protocol::ICMP => "icmp",
        Protocol::ICMPv6 => "icmpv6",
    }
}

/// Ports of one protocol: `80,443/tcp`, `4000-4001/tcp`, `icmp`.
#[must_use]
pub fn ports(of: Protocol, ports: &Ports) -> String {
    if !has_ports(of) {
        return protocol(of).to_owned();
    }
    let ranges: Vec<String> = ports.ranges().iter().map(|one| range(*one)).collect();
    format!("{}/{}", ranges.join(","), protocol(of))
}

/// Ports by protocol.
#[must_use]
pub fn services(services: &Services) -> String {
    services.iter().map(|(protocol, own)| ports(*protocol, own)).collect::<Vec<_>>().join(", ")
}

/// `5432`, `4000-4001`.
#[must_use]
pub fn range(PortRange { first, last }: PortRange) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// A few names, and how many more.
#[must_use]
pub fn some<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<T> = names.into_iter().collect();
    let shown: Vec<&str> = names.iter().take(5).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
