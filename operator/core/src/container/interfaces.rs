//! Which interface of the spec is which `netN` of a guest: an interface is known by its name inside the guest, never by
//! its place in a list. So a list in another order changes nothing, and each interface keeps its MAC address; and one that
//! only gets another name is the same interface still.

use super::seen::{Config, Guest, Seen, is_numbered};
use super::step::{Configure, Verdict};
use super::want::{Interface, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
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

/// Places the interfaces: one that the guest has stays where it is, a new one gets the first free slot. What the guest
/// has under none of the names of the spec is one of those that it lacks under another name, where the spec gives that one
/// its MAC address; and, of a guest whose interfaces are those of the spec alone, one of its static addresses, or where
/// nothing but the name differs. In the spec of an adopted guest a name that it does not have may be a slip.
pub(super) fn layout<'a>(options: &'a Options, config: &Config) -> Layout<'a> {
    let interfaces = &options.interfaces;
    let mut free: BTreeSet<u32> = (0..SLOTS).collect();
    let mut there: BTreeMap<u32, PropertyString> = BTreeMap::new();
    for (slot, value) in nets(config) {
        free.remove(&slot);
        there.insert(slot, PropertyString::parse(value).unwrap_or_default());
    }
    let mut found: Vec<Option<u32>> = vec![None; interfaces.len()];
    let signs: [fn(&Interface, &PropertyString) -> bool; 4] = [has_name, has_mac, has_address, is_renamed];
    let told = if options.interfaces_only { &signs[..] } else { &signs[..2] };
    for is_it in told {
        for (wish, found) in interfaces.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = there.iter().find(|(_, net)| is_it(wish, net)).map(|(slot, _)| *slot);
            if let Some(slot) = found {
                there.remove(slot);
            }
        }
    }
    let mut placed = Vec::new();
    for (index, (wish, found)) in interfaces.iter().zip(found).enumerate() {
        let Some(slot) = found.or_else(|| free.pop_first()) else { continue };
        let field = format!("network.interfaces[{index}]");
        placed.push(Placed { slot: format!("net{slot}"), field, wish, is_there: found.is_some() });
    }
    Layout { placed, others: there.into_keys().map(|slot| format!("net{slot}")).collect() }
}

fn has_name(wish: &Interface, net: &PropertyString) -> bool {
    net.get("name") == Some(&wish.name)
}

fn has_mac(wish: &Interface, net: &PropertyString) -> bool {
    let mac = wish.keys.0.get("hwaddr").and_then(|mac| mac.as_deref());
    mac.is_some_and(|mac| net.get("hwaddr").is_some_and(|have| have.eq_ignore_ascii_case(mac)))
}

fn has_address(wish: &Interface, net: &PropertyString) -> bool {
    let mut addresses = ["ip", "ip6"].into_iter().filter_map(|key| net.get(key)?.split_once('/')?.0.parse().ok());
    addresses.any(|address: IpAddr| wish.addresses.iter().any(|own| own.addr() == address))
}

fn is_renamed(wish: &Interface, net: &PropertyString) -> bool {
    let mut keys = wish.keys.clone();
    keys.0.remove("name");
    keys.hold_in(net)
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

/// Which families of a guest's interfaces get their addresses by themselves, as the guest runs now: by the names of the
/// interfaces inside it, IPv4 and IPv6.
#[must_use]
pub fn leasing(config: &Config) -> BTreeMap<String, [bool; 2]> {
    let of = |slot: u32| {
        let net = PropertyString::parse(config.current.get(&format!("net{slot}"))?).ok()?;
        let itself = |key: &str| matches!(net.get(key), Some("dhcp" | "auto"));
        let families = [itself("ip"), itself("ip6")];
        Some((net.get("name")?.to_owned(), families)).filter(|_| families.contains(&true))
    };
    nets(config).filter_map(|(slot, _)| of(slot)).collect()
}

/// The bridges that a change of the guest's interfaces would name: they have to be looked for first. Where nothing
/// differs there are none.
#[must_use]
pub fn bridges_to_check<'a>(options: &'a Options, config: &Config) -> BTreeSet<&'a str> {
    let layout = layout(options, config);
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
    for placed in layout(options, &guest.config).placed {
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

    /// `eth0`, or with keys: `eth0 hwaddr=..,ip=10.0.0.1/24`.
    fn wish(text: &str) -> Interface {
        let (name, keys) = text.split_once(' ').unwrap_or((text, ""));
        let mut wish = Interface { name: name.to_owned(), ..Interface::default() };
        wish.keys.0.insert("name", Some(name.to_owned()));
        for (key, value) in keys.split(',').filter_map(|part| part.split_once('=')) {
            let key = ["bridge", "hwaddr", "ip", "ip6", "tag"].into_iter().find(|known| *known == key).unwrap();
            wish.keys.0.insert(key, Some(value.to_owned()));
            wish.addresses.extend(value.parse::<zentoria_types::net::HostCidr>().ok());
        }
        wish
    }

    fn config(nets: &[(&str, &str)]) -> Config {
        let current = nets.iter().map(|(slot, net)| ((*slot).to_owned(), format!("name={net},bridge=vmbr0")));
        Config { current: current.collect(), ..Config::default() }
    }

    type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str, &'static str);

    fn places(only: bool, cases: &[Case]) {
        for (wishes, nets, slots, others) in cases {
            let interfaces = wishes.iter().map(|text| wish(text)).collect();
            let options = Options { interfaces, interfaces_only: only, ..Options::default() };
            let config = config(nets);
            let found = layout(&options, &config);
            let placed: Vec<&str> = found.placed.iter().map(|placed| placed.slot.as_str()).collect();
            assert_eq!(
                (placed.join(" ").as_str(), found.others.join(" ").as_str()),
                (*slots, *others),
                "{wishes:?} {nets:?}"
            );
        }
    }

    #[test]
    fn an_interface_is_known_by_its_name() {
        let cases: [Case; 7] = [
            (&["eth0", "eth1"], &[], "net0 net1", ""),
            (&["eth1", "eth0"], &[("net0", "eth0"), ("net1", "eth1")], "net1 net0", ""),
            (&["eth2", "eth0"], &[("net0", "eth0"), ("net1", "eth1")], "net2 net0", "net1"),
            (&["lan"], &[("net0", "eth0")], "net1", "net0"),
            (&["eth0", "new"], &[("net1", "eth0")], "net1 net0", ""),
            (&["eth0"], &[("net0", "eth0"), ("net3", "eth0")], "net0", "net3"),
            (&[], &[("net0", "eth0"), ("netmask", "x")], "", "net0"),
        ];
        places(false, &cases);
    }

    #[test]
    fn one_that_gets_another_name_is_known_by_its_mac_or_by_its_address() {
        const A: (&str, &str) = ("net0", "eth0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.1/24,ip6=fd00::1/64");
        const B: (&str, &str) = ("net3", "eth1,hwaddr=BC:24:11:00:00:02,ip=10.0.0.2/24");
        let cases: [Case; 8] = [
            (&["lan hwaddr=bc:24:11:00:00:02"], &[A, B], "net3", "net0"),
            (&["lan ip=10.0.0.2/16"], &[A, B], "net3", "net0"),
            (&["lan ip6=fd00:0::1/64"], &[A, B], "net0", "net3"),
            (&["lan ip=10.0.0.3/24"], &[A, B], "net1", "net0 net3"),
            // The MAC says more than the address, and the name more than both.
            (&["lan hwaddr=BC:24:11:00:00:01,ip=10.0.0.2/24"], &[A, B], "net0", "net3"),
            (&["lan ip=10.0.0.1/24", "eth0 ip=10.0.0.9/24"], &[A, B], "net1 net0", "net3"),
            (&["a ip=10.0.0.1/24", "b hwaddr=BC:24:11:00:00:01"], &[A, B], "net1 net0", "net3"),
            (&["wan ip=10.0.0.2/24", "lan ip=10.0.0.1/24"], &[A, B], "net3 net0", ""),
        ];
        places(true, &cases);
        places(
            false,
            &[
                (&["lan hwaddr=bc:24:11:00:00:02"], &[A, B], "net3", "net0"),
                (&["lan ip=10.0.0.2/16"], &[A, B], "net1", "net0 net3"),
            ],
        );
    }

    #[test]
    fn one_that_differs_in_its_name_alone_is_the_same_where_the_guest_has_no_others() {
        const A: (&str, &str) = ("net0", "eth0,hwaddr=BC:24:11:00:00:01,ip=dhcp");
        const B: (&str, &str) = ("net1", "eth1,hwaddr=BC:24:11:00:00:02,ip=dhcp,tag=20");
        let cases: [Case; 3] = [
            (&["lan bridge=vmbr0,ip=dhcp"], &[A], "net0", ""),
            (&["lan bridge=vmbr0,ip=dhcp,tag=20", "eth0"], &[A, B], "net1 net0", ""),
            (&["lan bridge=vmbr1,ip=dhcp"], &[A], "net1", "net0"),
        ];
        places(true, &cases);
        places(false, &[(&["lan bridge=vmbr0,ip=dhcp"], &[A], "net1", "net0")]);
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
