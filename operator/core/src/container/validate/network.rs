//! Network interfaces and name servers.

mod family;

use super::{Input, invalid, is_made, optional};
use crate::container::want::{Interface, Keys, Refusal};
use family::{Resolved, V4, V6, resolve};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zentoria_api::container::{Interface as SpecInterface, Nameserver, Origin, RecordedDefaults};
use zentoria_api::firewall::FirewallMode;
use zentoria_types::names::BridgeName;
use zentoria_types::net::MacAddr;

/// The field of an interface in messages.
pub(super) fn field(index: usize) -> String {
    format!("spec.network.interfaces[{index}]")
}

/// The interfaces of the spec, in its order.
pub(super) fn interfaces(
    input: &Input<'_>,
    defaults: &RecordedDefaults,
    origin: Option<Origin>,
) -> Result<Vec<Interface>, Refusal> {
    let spec = &input.spec.network.interfaces;
    let made = origin.is_none_or(is_made);
    let v4 = resolve(&V4, spec, defaults.gateway.as_ref())?;
    let v6 = resolve(&V6, spec, defaults.gateway6.as_ref())?;
    let mut list = Vec::new();
    for (index, ((one, v4), v6)) in spec.iter().zip(v4).zip(v6).enumerate() {
        let mut interface = interface(index, one, defaults, made)?;
        addresses(&mut interface, made, v4, v6);
        interface.extra_addresses = extra_addresses(index, one)?;
        if is_enforced(input) && one.firewall.is_none() {
            interface.keys.0.insert("firewall", Some("1".to_owned()));
        }
        if one.mac.is_none() {
            let mac = mac_before(input, index, &one.name);
            interface.keys.0.extend(mac.map(|mac| ("hwaddr", Some(mac))));
        }
        list.push(interface);
    }
    each_once(&list)?;
    Ok(list)
}

/// Whether the firewall of the guest is to be enforced though we did not make it: then its interfaces must pass through it.
fn is_enforced(input: &Input<'_>) -> bool {
    let mode = input.spec.firewall.as_ref().and_then(|firewall| firewall.mode);
    mode == Some(FirewallMode::Enforce)
}

fn interface(
    index: usize,
    spec: &SpecInterface,
    defaults: &RecordedDefaults,
    made: bool,
) -> Result<Interface, Refusal> {
    let field = field(index);
    let bridge = spec.bridge.as_ref().or(defaults.bridge.as_ref());
    let bridge: Option<BridgeName> = optional(&format!("{field}.bridge"), bridge)?;
    if bridge.is_none() && made {
        return Err(invalid(format!("{field}.bridge: name a bridge, or set defaults.bridge of the ProxmoxCluster")));
    }
    let mac: Option<MacAddr> = optional(&format!("{field}.mac"), spec.mac.as_ref())?;
    let switch = |on: Option<bool>| on.map(|on| Some(u8::from(on).to_string()));
    let mut trunks = spec.trunks.clone();
    trunks.sort_unstable();
    trunks.dedup();
    let trunk = trunks.iter().map(ToString::to_string).collect::<Vec<_>>().join(";");
    // A guest that we made has no VLAN but those of the spec; of another guest what is not named stays.
    let vlan = |named: Option<String>| if named.is_some() || made { Some(named) } else { None };
    let keys = [
        ("name", Some(Some(spec.name.clone()))),
        ("bridge", bridge.map(|bridge| Some(bridge.to_string()))),
        ("hwaddr", mac.map(|mac| Some(mac.to_pve()))),
        ("firewall", switch(spec.firewall.or(made.then_some(true)))),
        ("tag", vlan(spec.vlan.map(|tag| tag.to_string()))),
        ("trunks", vlan((!trunk.is_empty()).then_some(trunk))),
        // No limit is the absence of one.
        ("rate", spec.rate.map(|rate| (rate > 0.0).then(|| rate.to_string()))),
        ("mtu", spec.mtu.map(|mtu| Some(mtu.to_string()))),
        ("link_down", switch(spec.link_down)),
        ("host-managed", switch(spec.host_managed)),
    ];
    let keys = keys.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect();
    let vlans = spec.vlan.into_iter().chain(trunks).collect();
    Ok(Interface { name: spec.name.clone(), keys: Keys(keys), vlans, ..Interface::default() })
}

/// The addresses of both families. A guest that we made has those of the spec and no others: what an earlier spec
/// named, or the source of a copy had, may be somebody else's by now.
fn addresses(interface: &mut Interface, made: bool, v4: Option<Resolved>, v6: Option<Resolved>) {
    for (family, resolved) in [(&V4, v4), (&V6, v6)] {
        let keys = &mut interface.keys.0;
        match resolved {
            Some(Resolved { text, address, gateway }) => {
                keys.insert(family.ip, Some(text));
                // Another guest came with its gateway: where none is named, it stays.
                if made || gateway.is_some() {
                    keys.insert(family.gw, gateway.map(|gateway| gateway.to_string()));
                }
                interface.addresses.extend(address);
            }
            None if made => keys.extend([(family.ip, None), (family.gw, None)]),
            None => {}
        }
    }
}

fn extra_addresses(index: usize, spec: &SpecInterface) -> Result<Vec<IpAddr>, Refusal> {
    let parse = |text: &String| {
        text.parse().map_err(|_| {
            invalid(format!("{}.extraAddresses: {text} is not an IP address without prefix", field(index)))
        })
    };
    spec.extra_addresses.iter().map(parse).collect()
}

/// The MAC address that the interface had in the guest in whose place this one is made.
fn mac_before(input: &Input<'_>, index: usize, name: &str) -> Option<String> {
    let macs = &input.status?.replacing.as_ref()?.macs;
    macs.get(name).or_else(|| macs.get(&format!("net{index}"))).cloned()
}

/// No name, MAC address or address stands twice. The same address in another VLAN is another address.
fn each_once(list: &[Interface]) -> Result<(), Refusal> {
    let mut names = BTreeMap::new();
    let mut macs = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (index, interface) in list.iter().enumerate() {
        let twice = |what: String, first: usize| {
            Err(invalid(format!("{}: {what} is that of interfaces[{first}] already; give each its own", field(index))))
        };
        if let Some(first) = names.insert(&interface.name, index) {
            return twice(format!("the name {}", interface.name), first);
        }
        let key = |key: &str| interface.keys.0.get(key).and_then(|value| value.as_deref());
        if let Some(mac) = key("hwaddr")
            && let Some(first) = macs.insert(mac, index)
        {
            return twice(format!("mac {mac}"), first);
        }
        let of_interface = interface.addresses.iter().map(|cidr| cidr.addr()).chain(interface.extra_addresses.clone());
        for address in of_interface {
            if let Some(first) = addresses.insert((key("bridge"), key("tag"), address), index) {
                return twice(format!("address {address}"), first);
            }
        }
    }
    Ok(())
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
