//! `source` and `dest` of a rule, and the entries of IP sets.

use super::config::{Datacenter, Guest, IpsetConfig};
use super::tri::Tri;
use ipnet::IpNet;
use std::net::IpAddr;

/// Where names are looked up: in the guest, then in the datacenter.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// None inside a security group, whose rules know the datacenter only.
    pub guest: Option<&'a Guest>,
    /// None where it was not read.
    pub datacenter: Option<&'a Datacenter>,
}

/// Whether an address is meant, or why the whole rule does not count: PVE leaves out a rule that names a set or an alias
/// that does not exist.
pub fn matches(spec: &str, address: IpAddr, scope: Scope<'_>) -> Result<Tri, String> {
    if let Some(name) = spec.strip_prefix('+') {
        return set(name, address, scope);
    }
    if let Some((first, last)) = spec.split_once('-').filter(|(first, _)| first.parse::<IpAddr>().is_ok()) {
        let last = last.parse::<IpAddr>().map_err(|_| format!("range {spec}"))?;
        let first = first.parse::<IpAddr>().map_err(|_| format!("range {spec}"))?;
        return Ok(Tri::from(first.is_ipv4() == address.is_ipv4() && (first..=last).contains(&address)));
    }
    if spec.split(',').all(|item| net(item).is_some()) {
        return Ok(Tri::from(spec.split(',').filter_map(net).any(|net| net.contains(&address))));
    }
    Ok(match alias(spec, scope)? {
        Some(net) => Tri::from(net.contains(&address)),
        None => Tri::Unknown(format!("alias {spec}")),
    })
}

/// An address or a network.
pub fn net(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

/// The address behind an alias. None: the datacenter was not read, or gives it by itself.
fn alias(text: &str, scope: Scope<'_>) -> Result<Option<IpNet>, String> {
    let (only_guest, only_datacenter, name) = scoped(text);
    let name = name.to_lowercase();
    let of_guest = scope.guest.filter(|_| !only_datacenter).and_then(|guest| guest.aliases.get(&name));
    if let Some(cidr) = of_guest {
        return net(cidr).map(Some).ok_or_else(|| format!("alias {name} is {cidr}"));
    }
    match scope.datacenter.filter(|_| !only_guest) {
        Some(datacenter) => match datacenter.aliases.get(&name) {
            Some(cidr) => net(cidr).map(Some).ok_or_else(|| format!("alias {name} is {cidr}")),
            // The network of the node itself, where nobody wrote it down.
            None if name == "local_network" => Ok(None),
            None => Err(format!("no such alias '{text}'")),
        },
        None if only_guest => Err(format!("no such alias '{text}'")),
        None => Ok(None),
    }
}

/// Whether only the guest's or only the datacenter's name is meant, and the name.
fn scoped(text: &str) -> (bool, bool, &str) {
    match (text.strip_prefix("guest/"), text.strip_prefix("dc/")) {
        (Some(name), _) => (true, false, name),
        (None, Some(name)) => (false, true, name),
        (None, None) => (false, false, text),
    }
}

fn set(text: &str, address: IpAddr, scope: Scope<'_>) -> Result<Tri, String> {
    if text.starts_with("sdn/") {
        return Ok(Tri::Unknown(format!("IP set +{text}")));
    }
    let (only_guest, only_datacenter, name) = scoped(text);
    let of_guest = scope.guest.filter(|_| !only_datacenter).and_then(|guest| guest.ipsets.get(name));
    if let Some(entries) = of_guest {
        return Ok(contains(entries, address, scope));
    }
    match scope.datacenter.filter(|_| !only_guest) {
        Some(datacenter) => match datacenter.ipsets.get(name) {
            Some(entries) => {
                let inside = contains(entries, address, Scope { guest: None, ..scope });
                // PVE adds the network of the node itself to this one.
                let unsure = name == "management" && inside == Tri::No;
                Ok(if unsure { Tri::Unknown("the node's own network in +management".to_owned()) } else { inside })
            }
            None => Err(format!("no such ipset '{text}'")),
        },
        None if only_guest => Err(format!("no such ipset '{text}'")),
        None => Ok(Tri::Unknown(format!("IP set +{text} of the datacenter"))),
    }
}

/// Whether a set holds an address: the longest prefix decides (`hash:net`).
pub fn contains(entries: &IpsetConfig, address: IpAddr, scope: Scope<'_>) -> Tri {
    let mut best: Option<(u8, bool)> = None;
    let mut unsure = None;
    for (text, nomatch) in entries {
        let known = match net(text) {
            Some(net) => Some(net),
            None => match alias(text, scope) {
                Ok(Some(net)) => Some(net),
                Ok(None) => {
                    unsure = Some(text);
                    None
                }
                // PVE leaves such an entry out.
                Err(_) => None,
            },
        };
        if let Some(net) = known.filter(|net| net.contains(&address))
            && best.is_none_or(|(prefix, _)| prefix <= net.prefix_len())
        {
            best = Some((net.prefix_len(), *nomatch));
        }
    }
    match (unsure, best) {
        (Some(text), _) => Tri::Unknown(format!("alias {text}")),
        (None, best) => Tri::from(best.is_some_and(|(_, nomatch)| !nomatch)),
    }
}
