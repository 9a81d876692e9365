//! Protocols, ports and types of ICMP, as rules write them.

use super::config::Packet;
use super::tri::Tri;

/// Whether the protocol of a rule is that of a packet.
pub fn proto(rule: &str, packet: &Packet) -> Tri {
    match (number(rule), number(&packet.proto)) {
        (Some(rule), Some(packet)) => Tri::from(rule == packet),
        (None, _) => Tri::Unknown(format!("protocol {rule}")),
        (Some(_), None) => Tri::Unknown(format!("protocol {}", packet.proto)),
    }
}

/// Whether this is one of the protocols of ICMP.
pub fn is_icmp(proto: &str) -> bool {
    matches!(number(proto), Some(1 | 58))
}

/// The number of a protocol (`/etc/protocols`), for those that firewalls speak of.
fn number(proto: &str) -> Option<u8> {
    const NAMES: &[(&str, u8)] = &[
        ("icmp", 1),
        ("igmp", 2),
        ("ipencap", 4),
        ("tcp", 6),
        ("egp", 8),
        ("udp", 17),
        ("dccp", 33),
        ("ipv6", 41),
        ("rsvp", 46),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("ipv6-icmp", 58),
        ("icmpv6", 58),
        ("ospf", 89),
        ("ipip", 94),
        ("pim", 103),
        ("vrrp", 112),
        ("l2tp", 115),
        ("sctp", 132),
        ("udplite", 136),
    ];
    proto.parse().ok().or_else(|| NAMES.iter().find(|(name, _)| *name == proto).map(|(_, number)| *number))
}

/// Whether a port is in a list of ports, ranges (`first:last`) and names.
pub fn port(list: &str, port: Option<u16>) -> Tri {
    let Some(port) = port else { return Tri::No };
    Tri::any(list.split(',').map(|item| match item.split_once(':') {
        Some((first, last)) => match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) => Tri::from((first..=last).contains(&port)),
            _ => Tri::Unknown(format!("port {item}")),
        },
        None => match item.parse::<u16>().ok().or_else(|| named(item)) {
            Some(only) => Tri::from(only == port),
            None => Tri::Unknown(format!("port {item}")),
        },
    }))
}

/// The ports of a list as ranges, for those that can be said.
pub fn ranges(list: &str) -> Vec<(u16, u16)> {
    let one = |item: &str| item.parse::<u16>().ok().or_else(|| named(item));
    list.split(',')
        .filter_map(|item| match item.split_once(':') {
            Some((first, last)) => Some((one(first)?, one(last)?)),
            None => one(item).map(|port| (port, port)),
        })
        .collect()
}

/// Names of `/etc/services` that people write in rules.
fn named(name: &str) -> Option<u16> {
    const NAMES: &[(&str, u16)] = &[
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("domain", 53),
        ("bootps", 67),
        ("bootpc", 68),
        ("tftp", 69),
        ("http", 80),
        ("kerberos", 88),
        ("pop3", 110),
        ("sunrpc", 111),
        ("ntp", 123),
        ("netbios-ns", 137),
        ("netbios-dgm", 138),
        ("netbios-ssn", 139),
        ("imap2", 143),
        ("snmp", 161),
        ("ldap", 389),
        ("https", 443),
        ("microsoft-ds", 445),
        ("submissions", 465),
        ("syslog", 514),
        ("submission", 587),
        ("ldaps", 636),
        ("rsync", 873),
        ("imaps", 993),
        ("pop3s", 995),
        ("openvpn", 1194),
        ("ms-sql-s", 1433),
        ("nfs", 2049),
        ("mysql", 3306),
        ("postgresql", 5432),
        ("http-alt", 8080),
    ];
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

/// Whether the type of ICMP that a rule names is that of a packet.
pub fn icmp(rule: &str, packet: &Packet) -> Tri {
    if rule == "any" {
        return Tri::Yes;
    }
    let Some((kind, code)) = icmp_number(rule, packet.v6()) else {
        return Tri::Unknown(format!("ICMP type {rule}"));
    };
    match packet.icmp_type.as_deref().and_then(|text| icmp_number(text, packet.v6())) {
        Some((packet_kind, packet_code)) => Tri::from(kind == packet_kind && (code.is_none() || packet_code == code)),
        None => Tri::No,
    }
}

/// Type and code of ICMP (RFC 792, RFC 4443), by the names of iptables.
fn icmp_number(name: &str, v6: bool) -> Option<(u8, Option<u8>)> {
    const V4: &[(&str, u8, Option<u8>)] = &[
        ("echo-reply", 0, None),
        ("destination-unreachable", 3, None),
        ("network-unreachable", 3, Some(0)),
        ("host-unreachable", 3, Some(1)),
        ("protocol-unreachable", 3, Some(2)),
        ("port-unreachable", 3, Some(3)),
        ("fragmentation-needed", 3, Some(4)),
        ("source-quench", 4, None),
        ("redirect", 5, None),
        ("echo-request", 8, None),
        ("router-advertisement", 9, None),
        ("router-solicitation", 10, None),
        ("time-exceeded", 11, None),
        ("ttl-zero-during-transit", 11, Some(0)),
        ("ttl-zero-during-reassembly", 11, Some(1)),
        ("parameter-problem", 12, None),
        ("timestamp-request", 13, None),
        ("timestamp-reply", 14, None),
        ("address-mask-request", 17, None),
        ("address-mask-reply", 18, None),
    ];
    const V6: &[(&str, u8, Option<u8>)] = &[
        ("destination-unreachable", 1, None),
        ("no-route", 1, Some(0)),
        ("communication-prohibited", 1, Some(1)),
        ("address-unreachable", 1, Some(3)),
        ("port-unreachable", 1, Some(4)),
        ("packet-too-big", 2, None),
        ("time-exceeded", 3, None),
        ("parameter-problem", 4, None),
        ("echo-request", 128, None),
        ("echo-reply", 129, None),
        ("router-solicitation", 133, None),
        ("router-advertisement", 134, None),
        ("neighbor-solicitation", 135, None),
        ("neighbour-solicitation", 135, None),
        ("neighbor-advertisement", 136, None),
        ("neighbour-advertisement", 136, None),
        ("redirect", 137, None),
    ];
    let table = if v6 { V6 } else { V4 };
    name.parse()
        .ok()
        .map(|kind| (kind, None))
        .or_else(|| table.iter().find(|(known, ..)| *known == name).map(|(_, kind, code)| (*kind, *code)))
}
