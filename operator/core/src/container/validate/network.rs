//! `net0` and name servers.

use super::{invalid, optional};
use crate::container::want::{Interface, Keys, Refusal};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zentoria_api::container::{
    Interface as SpecInterface, Nameserver, Origin, RecordedDefaults, Source, ZentoriaContainerSpec,
};
use zentoria_types::names::BridgeName;
use zentoria_types::net::{HostCidr, MacAddr};

/// The interface that is managed, where the spec has one.
pub(super) fn interface(
    spec: &ZentoriaContainerSpec,
    defaults: &RecordedDefaults,
    origin: Option<Origin>,
) -> Result<Option<Interface>, Refusal> {
    let spec_source = spec.source.as_ref();
    let Some(spec) = spec.network.interfaces.first() else {
        return Ok(None);
    };
    let mut keys = BTreeMap::from([("name", Some(spec.name.clone()))]);
    let bridge = spec.bridge.as_ref().or(defaults.bridge.as_ref());
    let bridge: Option<BridgeName> = optional("spec.network.interfaces[0].bridge", bridge)?;
    let ours = origin.is_none_or(super::is_made);
    if bridge.is_none() && ours {
        return Err(invalid(
            "spec.network.interfaces[0].bridge: name a bridge, or set defaults.bridge of the ProxmoxCluster",
        ));
    }
    keys.extend(bridge.map(|bridge| ("bridge", Some(bridge.to_string()))));
    let mac: Option<MacAddr> = optional("spec.network.interfaces[0].mac", spec.mac.as_ref())?;
    keys.extend(mac.map(|mac| ("hwaddr", Some(mac.to_pve()))));
    let firewall = spec.firewall.or(ours.then_some(true));
    keys.extend(firewall.map(|on| ("firewall", Some(u8::from(on).to_string()))));
    let mut addresses = Vec::new();
    addresses.extend(ipv4(spec, defaults, &mut keys)?);
    addresses.extend(ipv6(spec, defaults, &mut keys)?);
    let comes_with_its_own = matches!(spec_source, Some(Source::Clone(_) | Source::Backup(_))) && ours;
    if comes_with_its_own {
        // The addresses of a clone's source and of a backup are not its: what the spec does not name, it does not have.
        for key in ["ip", "gw", "ip6", "gw6"] {
            keys.entry(key).or_insert(None);
        }
    }
    if !ours {
        // The guest came with its gateways, and cluster defaults do not apply to it: what is not named stays.
        let named = |gateway: Option<&String>| gateway.is_some();
        keys.retain(|key, _| match *key {
            "gw" => named(spec.ipv4.as_ref().and_then(|ipv4| ipv4.gateway.as_ref())),
            "gw6" => named(spec.ipv6.as_ref().and_then(|ipv6| ipv6.gateway.as_ref())),
            _ => true,
        });
    }
    Ok(Some(Interface { keys: Keys(keys), addresses, ..Interface::default() }))
}

type KeyMap = BTreeMap<&'static str, Option<String>>;

fn ipv4(spec: &SpecInterface, defaults: &RecordedDefaults, keys: &mut KeyMap) -> Result<Option<HostCidr>, Refusal> {
    let Some(ipv4) = &spec.ipv4 else { return Ok(None) };
    family(
        "ipv4",
        &ipv4.address,
        &["dhcp", "manual"],
        ipv4.gateway.as_ref(),
        defaults.gateway.as_ref(),
        ("ip", "gw"),
        keys,
    )
}

fn ipv6(spec: &SpecInterface, defaults: &RecordedDefaults, keys: &mut KeyMap) -> Result<Option<HostCidr>, Refusal> {
    let Some(ipv6) = &spec.ipv6 else { return Ok(None) };
    let words = &["dhcp", "auto", "manual"];
    family("ipv6", &ipv6.address, words, ipv6.gateway.as_ref(), defaults.gateway6.as_ref(), ("ip6", "gw6"), keys)
}

/// One address family: the address, and the gateway (the spec's, or the default where it lies in the network).
fn family(
    name: &str,
    address: &str,
    words: &[&str],
    gateway: Option<&String>,
    default_gateway: Option<&String>,
    (ip_key, gw_key): (&'static str, &'static str),
    keys: &mut KeyMap,
) -> Result<Option<HostCidr>, Refusal> {
    let field = format!("spec.network.interfaces[0].{name}");
    keys.insert(ip_key, Some(address.to_owned()));
    if words.contains(&address) {
        keys.insert(gw_key, None);
        return Ok(None);
    }
    let cidr: HostCidr = address.parse().map_err(|error| invalid(format!("{field}.address: {error}")))?;
    if cidr.addr().is_ipv4() != (name == "ipv4") {
        return Err(invalid(format!("{field}.address: {address} is of the other address family")));
    }
    let parse = |field: &str, text: &String| {
        text.parse::<IpAddr>().map_err(|_| invalid(format!("{field}: {text} is not an IP address")))
    };
    let gateway = match (gateway, default_gateway) {
        (Some(text), _) => {
            let gateway = parse(&format!("{field}.gateway"), text)?;
            if !cidr.network().contains(&gateway) {
                let network = cidr.network();
                return Err(invalid(format!(
                    "{field}.gateway: {gateway} is not in {network}, the network of {address}"
                )));
            }
            Some(gateway)
        }
        (None, Some(text)) => {
            Some(parse("defaults.gateway of the ProxmoxCluster", text)?).filter(|gw| cidr.network().contains(gw))
        }
        (None, None) => None,
    };
    if gateway == Some(cidr.addr()) {
        return Err(invalid(format!("{field}.address: {} is the gateway's address", cidr.addr())));
    }
    keys.insert(gw_key, gateway.map(|gateway| gateway.to_string()));
    Ok(Some(cidr))
}

/// DNS servers.
pub(super) fn nameservers(list: &[Nameserver]) -> Result<Vec<IpAddr>, Refusal> {
    let parse = |server: &Nameserver| {
        server
            .0
            .parse()
            .map_err(|_| invalid(format!("spec.network.dns.nameservers: {} is not an IP address", server.0)))
    };
    list.iter().map(parse).collect()
}
