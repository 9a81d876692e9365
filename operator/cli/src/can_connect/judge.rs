//! Both ends' firewalls, asked about each pair of addresses.

use super::party::{Own, Party};
use super::target::Port;
use crate::error::Error;
use std::net::IpAddr;
use zentoria_api::firewall::{FirewallMode, Protocol};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::evaluate::Packet;
use zentoria_core::firewall::guest::{Way, protocol_word};
use zentoria_core::firewall::reach::{Judged, interfaces, judge};

/// The answer.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Who connects.
    pub from: String,
    /// To whom.
    pub to: String,
    /// At which port, for people.
    pub port: String,
    /// What came of each pair of addresses.
    pub pairs: Vec<Pair>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// One pair of addresses.
#[derive(Clone, Debug)]
pub struct Pair {
    /// From where.
    pub source: IpAddr,
    /// Where to.
    pub dest: IpAddr,
    /// The firewalls on the way: of the source, then of the target.
    pub sides: Vec<Side>,
}

/// One firewall on the way.
#[derive(Clone, Debug)]
pub struct Side {
    /// Whose.
    pub guest: Key,
    /// Out of the source, or into the target.
    pub way: Way,
    /// What it does.
    pub judged: Judged,
    /// Who asked for the rule that decides: `zentoria/backend-to-db`.
    pub owners: Vec<String>,
    /// What is done with it; none where what it holds was read.
    pub mode: Option<FirewallMode>,
}

impl Pair {
    /// Whether it passes all of them; none where that cannot be said.
    pub fn passes(&self) -> Option<bool> {
        let all: Vec<Option<bool>> = self.sides.iter().map(|side| side.judged.passes()).collect();
        if all.contains(&Some(false)) {
            return Some(false);
        }
        if all.contains(&None) { None } else { Some(true) }
    }
}

impl Findings {
    /// Yes, no, or not to be said. Where there are several pairs of addresses, one that passes is enough.
    pub fn passes(&self) -> Option<bool> {
        let all: Vec<Option<bool>> = self.pairs.iter().map(Pair::passes).collect();
        if all.contains(&Some(true)) {
            return Some(true);
        }
        if all.contains(&None) { None } else { Some(false) }
    }
}

/// Who judges one firewall on the way.
pub type Judge<'a> = &'a dyn Fn(Own<'_>, Way, &Packet) -> Side;

/// Judges.
///
/// # Errors
/// Where neither end is a container, they have no address of one family, or the target declares no such service.
pub fn judged(from: &Party<'_>, to: &Party<'_>, port: &Port, judge: Judge<'_>) -> Result<Findings, Error> {
    if from.container.is_none() && to.container.is_none() {
        return Err(Error::Refused(format!(
            "neither {} nor {} is a container here: no firewall of ours is between them",
            from.name, to.name
        )));
    }
    let (packets, port) = packets(from, to, port)?;
    let pairs: Vec<Pair> = packets.iter().map(|packet| pair(from, to, packet, judge)).collect();
    let mut notes: Vec<String> = [&from.note, &to.note].into_iter().flatten().cloned().collect();
    for side in pairs.iter().flat_map(|pair| &pair.sides) {
        let note = match side.mode {
            None | Some(FirewallMode::Enforce) => continue,
            Some(FirewallMode::Observe) => {
                "its firewall is in mode Observe: this is what it would do, not what is in force"
            }
            Some(FirewallMode::Off) => {
                "its firewall.mode is Off: what it holds is not looked at, and taken to let everything pass"
            }
        };
        let note = format!("{}: {note}", side.guest);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    for own in [from.container, to.container].into_iter().flatten() {
        let cluster = own.matrix.cluster;
        let state = cluster.status.as_ref().and_then(|status| status.firewall.as_ref()).map(|firewall| &firewall.state);
        if state.is_some_and(|state| state == "Disabled") {
            let name = cluster.metadata.name.clone().unwrap_or_default();
            let note = format!("the datacenter's firewall of ProxmoxCluster {name} is off: now everything passes");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    Ok(Findings { from: from.name.clone(), to: to.name.clone(), port, pairs, notes })
}

/// The first packets of the connections that are asked about, and the port for people.
fn packets(from: &Party<'_>, to: &Party<'_>, port: &Port) -> Result<(Vec<Packet>, String), Error> {
    let (ports, told) = match port {
        Port::Number(number, protocol) => {
            (vec![(*protocol, Some(*number))], format!("{number}/{}", protocol_word(*protocol)))
        }
        Port::Ping => (vec![(Protocol::ICMP, None)], "icmp".to_owned()),
        Port::Service(name) => {
            let (first, protocol) = service(to, name)?;
            (vec![(protocol, Some(first))], format!("{name} ({first}/{})", protocol_word(protocol)))
        }
    };
    let mut packets = Vec::new();
    for (source, dest) in from.addresses.iter().flat_map(|s| to.addresses.iter().map(move |d| (*s, *d))) {
        if source.is_ipv4() != dest.is_ipv4() {
            continue;
        }
        for (protocol, dport) in &ports {
            let protocol = if *protocol == Protocol::ICMP && dest.is_ipv6() { Protocol::ICMPv6 } else { *protocol };
            let icmp = matches!(protocol, Protocol::ICMP | Protocol::ICMPv6);
            let icmp_type = icmp.then(|| "echo-request".to_owned());
            packets.push(Packet {
                source,
                dest,
                proto: protocol_word(protocol).to_owned(),
                sport: None,
                dport: *dport,
                icmp_type,
            });
        }
    }
    if packets.is_empty() {
        return Err(Error::Refused(format!("{} and {} have no addresses of one family", from.name, to.name)));
    }
    Ok((packets, told))
}

fn service(to: &Party<'_>, name: &str) -> Result<(u16, Protocol), Error> {
    let Some(own) = to.container else {
        return Err(Error::Refused(format!("{} declares no services: write the number of the port", to.name)));
    };
    let services = own.matrix.estate.containers.get(&own.key()).map(|container| &container.services);
    let served = services.and_then(|services| services.get(name));
    served.map(|served| (served.ports.first, served.protocol)).ok_or_else(|| {
        let known: Vec<&str> = services.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Error::NotFound(format!("{} declares no service {name}; it declares {known}", to.name))
    })
}

fn pair(from: &Party<'_>, to: &Party<'_>, packet: &Packet, judge: Judge<'_>) -> Pair {
    let same = match (from.container, to.container) {
        (Some(a), Some(b)) => a.key() == b.key(),
        (Some(_), None) | (None, Some(_)) | (None, None) => false,
    };
    // What a container says to itself never meets a firewall.
    let ends = if same { Vec::new() } else { vec![(from.container, Way::Out), (to.container, Way::In)] };
    let sides = ends.into_iter().filter_map(|(own, way)| Some(judge(own?, way, packet))).collect();
    Pair { source: packet.source, dest: packet.dest, sides }
}

/// By what the manifests wish.
pub fn by_wish(own: Own<'_>, way: Way, packet: &Packet) -> Side {
    let key = own.key();
    let Some(guest) = own.matrix.compiled.guests.get(&key) else {
        let judged = Judged::NotKnown("it was not compiled".to_owned());
        return Side { guest: key, way, judged, owners: Vec::new(), mode: None };
    };
    let addresses = own.matrix.estate.containers.get(&key).map(|c| c.addresses.clone()).unwrap_or_default();
    let judged = judge(guest, interfaces(own.object, &addresses), way, packet);
    let rule = match (&judged, &guest.wish) {
        (Judged::By(decision), Ok(wish)) => decision.rule.and_then(|index| wish.rules.get(index)),
        _ => None,
    };
    let owners = rule.and_then(|rule| guest.owners.get(&rule.comment)).into_iter().flatten().cloned().collect();
    Side { guest: key, way, judged, owners, mode: Some(guest.mode) }
}
