//! Which interface of the spec is which `netN` of a guest: an interface is known by its name inside the guest, never by
//! its place in a list. So a list in another order changes nothing, and each interface keeps its MAC address.

use super::seen::{Config, Guest, Seen, is_numbered};
use super::step::{Configure, Verdict};
use super::want::{Interface, Options};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::ContainerReason;
use zentoria_types::names::NodeName;
use zentoria_types::property::PropertyString;

/// Proxmox VE counts from `net0` to `net31`.
const SLOTS: u32 = 32;

/// Where the interfaces of a spec are in a guest, or will be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout<'a> {
    /// The interfaces of the spec, in its order.
    pub(super) placed: Vec<Placed<'a>>,
    /// Interfaces of the guest that the spec does not have: `net1`.
    pub(super) others: Vec<String>,
}

/// An interface of the spec and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<'a> {
    /// `net1`.
    pub(super) slot: String,
    /// `network.interfaces[1]`.
    pub(super) field: String,
    /// What is wished of it.
    pub(super) wish: &'a Interface,
    /// Whether the guest has it already.
    pub(super) is_there: bool,
}

/// Places the interfaces: one that the guest has stays where it is, a new one gets the first free slot.
pub(super) fn layout<'a>(interfaces: &'a [Interface], config: &Config) -> Layout<'a> {
    let mut free: BTreeSet<u32> = (0..SLOTS).collect();
    let mut there: BTreeMap<u32, Option<String>> = BTreeMap::new();
    for (slot, value) in nets(config) {
        free.remove(&slot);
        there.insert(slot, PropertyString::parse(value).ok().and_then(|net| net.get("name").map(str::to_owned)));
    }
    let found: Vec<Option<u32>> = interfaces
        .iter()
        .map(|wish| {
            let slot = there.iter().find(|(_, name)| name.as_deref() == Some(&wish.name)).map(|(slot, _)| *slot)?;
            there.remove(&slot);
            Some(slot)
        })
        .collect();
    let mut placed = Vec::new();
    for (index, (wish, found)) in interfaces.iter().zip(found).enumerate() {
        let Some(slot) = found.or_else(|| free.pop_first()) else { continue };
        let field = format!("network.interfaces[{index}]");
        placed.push(Placed { slot: format!("net{slot}"), field, wish, is_there: found.is_some() });
    }
    Layout { placed, others: there.into_keys().map(|slot| format!("net{slot}")).collect() }
}

/// The interfaces of a guest by slot, pending ones too. One whose removal is pending still counts.
fn nets(config: &Config) -> impl Iterator<Item = (u32, &str)> {
    let keys: BTreeSet<&String> = config.current.keys().chain(config.pending.keys()).collect();
    keys.into_iter().filter(|key| is_numbered(key, "net")).filter_map(|key| {
        let value = config.effective(key).or_else(|| config.current.get(key).map(String::as_str))?;
        Some((key.strip_prefix("net")?.parse().ok()?, value))
    })
}

/// In which slot each interface of a guest is, by its name inside the guest: `eth0` in 0.
#[must_use]
pub fn slots(config: &Config) -> BTreeMap<String, u32> {
    let name = |net: &str| PropertyString::parse(net).ok()?.get("name").map(str::to_owned);
    nets(config).filter_map(|(slot, net)| Some((name(net)?, slot))).collect()
}

/// Interfaces of a guest that do not pass through the firewall as they are now, by their names inside the guest.
#[must_use]
pub fn unfiltered(config: &Config) -> BTreeSet<String> {
    let current = nets(config).filter_map(|(slot, _)| {
        let net = PropertyString::parse(config.current.get(&format!("net{slot}"))?).ok()?;
        (net.get("firewall") != Some("1")).then(|| net.get("name").map_or(format!("net{slot}"), str::to_owned))
    });
    current.collect()
}

/// The static addresses of a guest's interfaces, without prefix, in the order of its slots; IPv4 before IPv6.
#[must_use]
pub fn static_addresses(config: &Config) -> Vec<String> {
    let nets: BTreeMap<u32, &str> = nets(config)
        .filter_map(|(slot, _)| Some((slot, config.current.get(&format!("net{slot}"))?.as_str())))
        .collect();
    let of = |net: &str| {
        let net = PropertyString::parse(net).unwrap_or_default();
        ["ip", "ip6"].map(|key| net.get(key).and_then(|v| v.split_once('/')).map(|(address, _)| address.to_owned()))
    };
    nets.into_values().flat_map(of).flatten().collect()
}

/// The bridges that a change of the guest's interfaces would name: they have to be looked for first. Where nothing
/// differs there are none.
#[must_use]
pub fn bridges_to_check<'a>(options: &'a Options, config: &Config) -> BTreeSet<&'a str> {
    let layout = layout(&options.interfaces, config);
    let differs = |placed: &&Placed<'a>| {
        let have = PropertyString::parse(config.effective(&placed.slot).unwrap_or("")).unwrap_or_default();
        !placed.is_there || !placed.wish.keys.hold_in(&have)
    };
    layout.placed.iter().filter(differs).filter_map(|placed| placed.wish.bridge()).collect()
}

/// Takes those changes of interfaces out of a PUT that Proxmox VE would refuse, or, on a stopped guest, store although
/// it refuses them; says why of the first.
pub(super) fn hold_back(
    options: &Options,
    seen: &Seen,
    guest: &Guest,
    found: &mut Option<Configure>,
) -> Option<Verdict> {
    let configure = found.as_mut()?;
    let mut first = None;
    for placed in layout(&options.interfaces, &guest.config).placed {
        if !configure.set.contains_key(&placed.slot) {
            continue;
        }
        let Some(verdict) = impossible(&placed, seen, guest) else { continue };
        configure.set.remove(&placed.slot);
        configure.changes.retain(|change| !change.starts_with(&format!("{} ", placed.field)));
        first.get_or_insert(verdict);
    }
    if first.is_some() {
        // What is there stays until what comes in its place can come.
        configure.delete.retain(|key| !is_numbered(key, "net"));
        configure.changes.retain(|change| !change.starts_with("network.interfaces "));
    }
    if configure.set.is_empty() && configure.delete.is_empty() && configure.revert.is_empty() {
        *found = None;
    }
    first
}

fn impossible(placed: &Placed<'_>, seen: &Seen, guest: &Guest) -> Option<Verdict> {
    let Placed { slot, field, wish, is_there } = placed;
    if !is_there && wish.bridge().is_none() {
        let has: Vec<String> = nets(&guest.config)
            .filter_map(|(_, value)| PropertyString::parse(value).ok()?.get("name").map(str::to_owned))
            .collect();
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        let message = format!(
            "spec.{field}: guest {} has no interface {} (it has {has}): correct the name, or name a bridge to have it \
             added",
            guest.vmid, wish.name
        );
        return Some(Verdict::new(ContainerReason::InvalidSpec, message));
    }
    let have = PropertyString::parse(guest.config.effective(slot).unwrap_or("")).unwrap_or_default();
    let moves = wish.bridge().is_some_and(|bridge| have.get("bridge") != Some(bridge));
    if moves && seen.cluster.nodes.get(&guest.node).is_none_or(|facts| facts.bridges.is_none()) {
        // A stopped guest would have it, right or wrong.
        let message = format!(
            "spec.{field}: the bridges of node {} could not be read; the interface is not changed before they are",
            guest.node
        );
        return Some(Verdict::new(ContainerReason::PveError, message));
    }
    let place = [(field.as_str(), *wish)];
    supported(place, seen).and_then(|()| bridges_exist(place, seen, &guest.node)).err()
}

/// Whether this Proxmox VE can do what is asked of the interfaces of a new guest, and its node has their bridges.
///
/// # Errors
/// What is missing, with the field.
pub(super) fn offered(options: &Options, seen: &Seen, node: &NodeName) -> Result<(), Verdict> {
    let fields: Vec<String> =
        (0..options.interfaces.len()).map(|index| format!("network.interfaces[{index}]")).collect();
    let list = || fields.iter().map(String::as_str).zip(&options.interfaces);
    supported(list(), seen)?;
    bridges_exist(list(), seen, node)
}

fn supported<'a>(list: impl IntoIterator<Item = (&'a str, &'a Interface)>, seen: &Seen) -> Result<(), Verdict> {
    let managed = |wish: &Interface| wish.keys.0.get("host-managed").is_some_and(|on| on.as_deref() == Some("1"));
    if seen.cluster.capabilities.host_managed {
        return Ok(());
    }
    match list.into_iter().find(|(_, wish)| managed(wish)) {
        None => Ok(()),
        Some((field, _)) => Err(Verdict::new(
            ContainerReason::NotSupported,
            format!(
                "spec.{field}.hostManaged needs Proxmox VE 9.1 (status.version of the ProxmoxCluster says what it is): \
                 leave it out, or upgrade"
            ),
        )),
    }
}

fn bridges_exist<'a>(
    list: impl IntoIterator<Item = (&'a str, &'a Interface)>,
    seen: &Seen,
    node: &NodeName,
) -> Result<(), Verdict> {
    let Some(known) = seen.cluster.nodes.get(node).and_then(|facts| facts.bridges.as_ref()) else { return Ok(()) };
    let missing = |(field, wish): (&'a str, &'a Interface)| {
        let bridge = wish.bridge().filter(|bridge| !known.contains(*bridge))?;
        let names: Vec<_> = known.iter().map(String::as_str).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Some(format!("spec.{field}: bridge {bridge} does not exist on node {node}; it has {has}"))
    };
    match list.into_iter().find_map(missing) {
        None => Ok(()),
        Some(message) => Err(Verdict::new(ContainerReason::NotFound, message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str) -> Interface {
        Interface { name: name.to_owned(), ..Interface::default() }
    }

    fn config(nets: &[(&str, &str)]) -> Config {
        let current = nets.iter().map(|(slot, name)| ((*slot).to_owned(), format!("name={name},bridge=vmbr0")));
        Config { current: current.collect(), ..Config::default() }
    }

    #[test]
    fn an_interface_is_known_by_its_name() {
        type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str, &'static str);
        let cases: [Case; 7] = [
            (&["eth0", "eth1"], &[], "net0 net1", ""),
            (&["eth1", "eth0"], &[("net0", "eth0"), ("net1", "eth1")], "net1 net0", ""),
            (&["eth2", "eth0"], &[("net0", "eth0"), ("net1", "eth1")], "net2 net0", "net1"),
            (&["lan"], &[("net0", "eth0")], "net1", "net0"),
            (&["eth0", "new"], &[("net1", "eth0")], "net1 net0", ""),
            (&["eth0"], &[("net0", "eth0"), ("net3", "eth0")], "net0", "net3"),
            (&[], &[("net0", "eth0"), ("netmask", "x")], "", "net0"),
        ];
        for (names, nets, slots, others) in cases {
            let wishes: Vec<Interface> = names.iter().map(|name| wish(name)).collect();
            let config = config(nets);
            let found = layout(&wishes, &config);
            let placed: Vec<&str> = found.placed.iter().map(|placed| placed.slot.as_str()).collect();
            assert_eq!(
                (placed.join(" ").as_str(), found.others.join(" ").as_str()),
                (slots, others),
                "{names:?} {nets:?}"
            );
        }
    }

    #[test]
    fn addresses_are_told_in_the_order_of_the_slots() {
        let nets = [
            ("net10", "name=j,ip=10.0.0.10/24"),
            ("net2", "name=c,ip=dhcp,ip6=auto"),
            ("net0", "name=a,ip6=fd00::1/64,ip=10.0.0.1/24"),
        ];
        let current = nets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = Config { current, ..Config::default() };
        assert_eq!(static_addresses(&config), ["10.0.0.1", "fd00::1", "10.0.0.10"]);
    }
}
