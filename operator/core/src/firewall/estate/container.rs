//! A container, as far as firewalls are concerned.

use crate::container::validate;
use crate::firewall::compile::InterfaceWish;
use crate::firewall::guest::{Options, PortRange};
use crate::firewall::nets::Families;
use crate::firewall::ports::has_ports;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::common::Mode;
use zentoria_api::container::{ContainerMode, Interface, Origin};
use zentoria_api::firewall::{FirewallMode, GuestFirewallSpec, LogLevel, Policy, Protocol, Service};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_types::net::HostCidr;

/// A container, as far as firewalls are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its zone.
    pub zone: Option<String>,
    /// The services that it declares, by name.
    pub services: BTreeMap<String, Served>,
    /// What cannot be read of its services: `spec.services[1]: ...`.
    pub unread: Vec<String>,
    /// Its addresses, as far as they are known: those of the spec, and those that the guest was seen to have.
    pub addresses: BTreeSet<IpAddr>,
    /// The families that it has or may have.
    pub families: Families,
    /// Its interfaces by their names inside the guest.
    pub interfaces: BTreeMap<String, InterfaceWish>,
    /// Whether the guest was adopted: what the spec does not name of it stays as it is.
    pub adopted: bool,
    /// What is done with its firewall.
    pub mode: FirewallMode,
    /// The options of its firewall, or why they cannot be said.
    pub options: Result<Options, String>,
    /// Whether it is a template, which never runs.
    pub template: bool,
}

/// A port that a container serves, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// Protocol.
    pub protocol: Protocol,
    /// Ports.
    pub ports: PortRange,
}

/// How an address of one family gets onto an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// There is none.
    None,
    /// It is written in the spec.
    Static(IpAddr),
    /// It comes over DHCP.
    Dhcp,
    /// It comes from router advertisements.
    Auto,
    /// The guest sees to it, or nobody has said.
    Unknown,
}

/// Reads one. `cluster` may hold everything to observing.
pub(super) fn read(cluster: &ProxmoxCluster, container: &ZentoriaContainer) -> Container {
    let spec = &container.spec;
    let adopted = is_adopted(container);
    let made = !adopted && !spec.network.interfaces.is_empty();
    let sides: Vec<[Side; 2]> = spec.network.interfaces.iter().map(|interface| sides(interface, made)).collect();
    let all = || sides.iter().flatten();
    let known = !sides.is_empty() && !all().any(|side| *side == Side::Unknown);
    let fixed = !sides.is_empty() && sides.iter().all(is_static);
    let named: Vec<[Side; 2]> = spec.network.interfaces.iter().map(|interface| self::sides(interface, true)).collect();
    let named_fixed = !named.is_empty() && named.iter().all(is_static);
    let addresses = addresses(container, &sides);
    let has = |family: usize| sides.iter().any(|side| side.get(family) != Some(&Side::None));
    let families = Families {
        v4: !made || has(0) || addresses.iter().any(IpAddr::is_ipv4),
        v6: !made || has(1) || addresses.iter().any(IpAddr::is_ipv6),
    };
    let firewall = spec.firewall.clone().unwrap_or_default();
    let leases = !known || all().any(|side| *side == Side::Dhcp);
    let options = options(&firewall, (fixed && made, named_fixed), leases, families);
    let (services, unread) = services(&spec.services);
    let observed = cluster.spec.mode == Mode::Observe || spec.mode == Some(ContainerMode::Observe);
    Container {
        labels: container.metadata.labels.clone().unwrap_or_default(),
        zone: spec.zone.clone(),
        services,
        unread,
        addresses,
        families,
        interfaces: spec.network.interfaces.iter().enumerate().map(interface_wish).collect(),
        adopted,
        mode: if spec.template { FirewallMode::Off } else { mode(firewall.mode, adopted, observed) },
        options,
        template: spec.template,
    }
}

/// Whether a guest was adopted, as far as its status knows. One that carries our mark was made with what the spec names: a
/// control plane that was rebuilt must not open what the one before had closed.
#[must_use]
pub fn is_adopted(container: &ZentoriaContainer) -> bool {
    let created = container.status.as_ref().and_then(|status| status.created.as_ref());
    let origin = created.map(|created| validate::origin_for(container.spec.adoption, created.origin));
    origin == Some(Origin::Adopted)
}

/// Its addresses: those of the spec; and those that the guest has, be it a lease, or one that it keeps until a change of
/// the spec has reached it.
fn addresses(container: &ZentoriaContainer, sides: &[[Side; 2]]) -> BTreeSet<IpAddr> {
    let fixed = sides.iter().flatten().filter_map(|side| match side {
        Side::Static(address) => Some(*address),
        Side::None | Side::Dhcp | Side::Auto | Side::Unknown => None,
    });
    let extra = container.spec.network.interfaces.iter().flat_map(|interface| &interface.extra_addresses);
    let seen = container.status.iter().flat_map(|status| &status.addresses);
    fixed.chain(extra.chain(seen).filter_map(|text| text.parse().ok())).collect()
}

/// What is done with its firewall: an adopted guest is only looked at unless the spec says more, and so is every guest
/// where nothing may be written.
fn mode(asked: Option<FirewallMode>, adopted: bool, observed: bool) -> FirewallMode {
    let default = if adopted { FirewallMode::Observe } else { FirewallMode::Enforce };
    match asked.unwrap_or(default) {
        FirewallMode::Enforce if observed => FirewallMode::Observe,
        mode @ (FirewallMode::Enforce | FirewallMode::Observe | FirewallMode::Off) => mode,
    }
}

/// IPv4 and IPv6 of an interface. Of a guest that we made, a family that is not named is not there.
fn sides(interface: &Interface, made: bool) -> [Side; 2] {
    let side = |address: Option<&String>| match address.map(String::as_str) {
        None if made => Side::None,
        None | Some("manual") => Side::Unknown,
        Some("dhcp") => Side::Dhcp,
        Some("auto") => Side::Auto,
        Some(text) => text.parse::<HostCidr>().map_or(Side::Unknown, |cidr| Side::Static(cidr.addr())),
    };
    [side(interface.ipv4.as_ref().map(|ip| &ip.address)), side(interface.ipv6.as_ref().map(|ip| &ip.address))]
}

/// Whether each address of an interface is written in the spec, one at least.
fn is_static(sides: &[Side; 2]) -> bool {
    let known = |side: &Side| matches!(side, Side::Static(_) | Side::None);
    sides.iter().all(known) && sides.iter().any(|side| matches!(side, Side::Static(_)))
}

fn interface_wish((index, interface): (usize, &Interface)) -> (String, InterfaceWish) {
    let extra = interface.extra_addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let wish = InterfaceWish { filtered: interface.firewall != Some(false), index, extra };
    (interface.name.clone(), wish)
}

/// The options. `fixed`: whether every address is known to be static; and whether all that the spec names are, which is
/// enough for one who asks for the filter.
fn options(
    firewall: &GuestFirewallSpec,
    fixed: (bool, bool),
    dhcp: bool,
    families: Families,
) -> Result<Options, String> {
    let GuestFirewallSpec { mode: _, inbound, outbound, log_inbound, log_outbound, ip_filter, mac_filter } = firewall;
    if *ip_filter == Some(true) && !fixed.1 {
        return Err(
            "spec.firewall.ipFilter: an interface has an address that is not static (dhcp, auto, manual), and \
                    Proxmox VE would drop all that the guest sends: give every interface static addresses, or leave \
                    ipFilter out"
                .into(),
        );
    }
    Ok(Options {
        policy_in: inbound.unwrap_or(Policy::Drop),
        policy_out: outbound.unwrap_or(Policy::Accept),
        ipfilter: ip_filter.unwrap_or(fixed.0),
        macfilter: mac_filter.unwrap_or(fixed.0),
        dhcp,
        ndp: families.v6,
        // No field makes a container a router, and one that says it is takes over its neighbours' traffic.
        radv: false,
        log_level_in: log_inbound.unwrap_or(LogLevel::Nolog),
        log_level_out: log_outbound.unwrap_or(LogLevel::Nolog),
    })
}

/// The services that can be read, and what is wrong with the others.
fn services(declared: &[Service]) -> (BTreeMap<String, Served>, Vec<String>) {
    let mut services = BTreeMap::new();
    let mut unread = Vec::new();
    for (index, Service { name, port, end_port, protocol }) in declared.iter().enumerate() {
        let protocol = protocol.unwrap_or_default();
        let field = format!("spec.services[{index}]");
        match super::rule::range(*port, *end_port) {
            Ok(_) if !has_ports(protocol) => {
                unread.push(format!("{field}: service {name}: ICMP and ICMPv6 have no ports"))
            }
            Ok(_) if services.contains_key(name) => unread.push(format!("{field}: service {name} is declared twice")),
            Ok(ports) => {
                services.insert(name.clone(), Served { protocol, ports });
            }
            Err(why) => unread.push(format!("{field}: service {name}: {why}")),
        }
    }
    (services, unread)
}
