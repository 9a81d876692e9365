//! Packets at the edges of what a rule matches. Rules decide by ranges of addresses and ports, so whatever holds inside a
//! range holds at one of the edges that all the rules together have in it.

use crate::firewall::evaluate::{Guest, Packet, expand, net, ranges};
use crate::firewall::guest::Way;
use crate::firewall::seen::{Fields, sets};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An end of a packet that stands for all that no rule names.
const ELSEWHERE: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(1, 0, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(223, 255, 255, 255)),
    IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)),
    IpAddr::V6(Ipv6Addr::new(0x3fff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff)),
];

/// The packets to look at for a foreign rule.
pub fn of(fields: &Fields, way: Way, with: &Guest, alone: &Guest) -> impl Iterator<Item = Packet> {
    let (peer, own) = match way {
        Way::In => ("source", "dest"),
        Way::Out => ("dest", "source"),
    };
    let peers = addresses(fields, peer, with, alone);
    let owns = addresses(fields, own, with, &Guest::default());
    // Rules of ours never name the guest's own end: any address will do, unless this rule names some.
    let most = if fields.contains_key(own) { usize::MAX } else { 1 };
    let family = move |v6: bool| {
        let of = |list: &[IpAddr]| list.iter().copied().filter(|address| address.is_ipv6() == v6).collect::<Vec<_>>();
        (of(&peers), of(&owns).into_iter().take(most).collect::<Vec<_>>())
    };
    let families = [false, true].map(|v6| (family(v6), traffics(fields, v6, alone)));
    families.into_iter().flat_map(move |((peers, owns), traffics)| {
        traffics.into_iter().flat_map(move |traffic| {
            let ends: Vec<(IpAddr, IpAddr)> =
                owns.iter().flat_map(|own| peers.iter().map(move |peer| (*own, *peer))).collect();
            ends.into_iter().map(move |(own, peer)| {
                let (source, dest) = match way {
                    Way::In => (peer, own),
                    Way::Out => (own, peer),
                };
                Packet { source, dest, ..traffic.clone() }
            })
        })
    })
}

/// The edges of one end of a foreign rule, and of the same end of all of ours; first some that nobody names.
fn addresses(fields: &Fields, key: &str, with: &Guest, alone: &Guest) -> Vec<IpAddr> {
    let mut edges: BTreeSet<IpAddr> = BTreeSet::new();
    let mut add = |text: &str| match (net(text), text.split_once('-')) {
        (Some(net), _) => edges.extend(around(net)),
        (None, Some((first, last))) => {
            edges.extend([first, last].into_iter().filter_map(|end| end.parse::<IpAddr>().ok()));
        }
        (None, None) => {}
    };
    for rule in alone.rules.iter().chain([fields]) {
        for text in rule.get(key).into_iter().flat_map(|spec| spec.split(',')) {
            add(text);
            let alias = text.strip_prefix("guest/").unwrap_or(text).to_lowercase();
            with.aliases.get(&alias).into_iter().for_each(|cidr| add(cidr));
        }
        for entries in sets(rule).filter_map(|name| with.ipsets.get(name)) {
            entries.keys().for_each(|text| add(text));
        }
    }
    ELSEWHERE.into_iter().chain(edges).collect()
}

/// The ends of a network and what lies directly beside it.
fn around(net: IpNet) -> Vec<IpAddr> {
    match net {
        IpNet::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            [first, last, first.saturating_sub(1), last.saturating_add(1)]
                .map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
                .into()
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            [first, last, first.saturating_sub(1), last.saturating_add(1)]
                .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
                .into()
        }
    }
}

/// The kinds of traffic that a foreign rule may match, addresses left open.
fn traffics(fields: &Fields, v6: bool, alone: &Guest) -> Vec<Packet> {
    let field = |key: &str| fields.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let parts: Vec<(&str, Option<&str>, Option<&str>)> = match (field("macro"), field("proto")) {
        (Some(name), _) => expand(name, v6)
            .unwrap_or_default()
            .iter()
            .map(|part| (part.proto, part.dport.or(field("dport")), part.sport.or(field("sport"))))
            .collect(),
        (None, Some(proto)) => vec![(proto, field("icmp-type").or(field("dport")), field("sport"))],
        (None, None) => vec![],
    };
    if parts.is_empty() {
        // Every protocol, or a macro that nobody knows: it may be any of them.
        let every = ["tcp", "udp", "sctp", if v6 { "ipv6-icmp" } else { "icmp" }, "47"];
        return every.iter().flat_map(|proto| kinds(proto, None, None, alone)).collect();
    }
    parts.into_iter().flat_map(|(proto, dport, sport)| kinds(proto, dport, sport, alone)).collect()
}

/// Packets of one protocol, at the edges of the ports.
fn kinds(proto: &str, dport: Option<&str>, sport: Option<&str>, alone: &Guest) -> Vec<Packet> {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let packet = |sport, dport, icmp_type| Packet {
        source: nowhere,
        dest: nowhere,
        proto: proto.to_owned(),
        sport,
        dport,
        icmp_type,
    };
    match proto {
        "icmp" | "icmpv6" | "ipv6-icmp" => match dport.filter(|kind| *kind != "any") {
            Some(kind) => vec![packet(None, None, Some(kind.to_owned()))],
            None => vec![packet(None, None, Some("echo-request".to_owned())), packet(None, None, None)],
        },
        "tcp" | "udp" | "sctp" | "dccp" | "udplite" => {
            let mut edges: BTreeSet<u16> = BTreeSet::new();
            let own = dport.map_or_else(|| vec![(0, u16::MAX)], ranges);
            let ours = alone.rules.iter().filter_map(|rule| rule.get("dport")).flat_map(|list| ranges(list));
            for (first, last) in own.iter().copied().chain(ours) {
                edges.extend([first, last, first.saturating_sub(1), last.saturating_add(1)]);
            }
            edges.retain(|port| own.iter().any(|(first, last)| (first..=last).contains(&port)));
            let from: Vec<Option<u16>> = match sport {
                Some(list) => ranges(list).into_iter().flat_map(|(first, last)| [Some(first), Some(last)]).collect(),
                None => vec![None],
            };
            edges.iter().flat_map(|port| from.iter().map(|from| packet(*from, Some(*port), None))).collect()
        }
        _ => vec![packet(None, None, None)],
    }
}
