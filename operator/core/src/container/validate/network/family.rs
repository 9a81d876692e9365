//! One address family over all interfaces: addresses, and the one gateway that a guest has.

use super::super::invalid;
use super::field;
use crate::container::want::Refusal;
use std::net::IpAddr;
use zentoria_api::container::Interface as SpecInterface;
use zentoria_types::net::HostCidr;

/// What differs between the families.
pub(super) struct Family {
    /// The field of the spec.
    name: &'static str,
    /// Words in place of an address.
    words: &'static [&'static str],
    /// The key of the address.
    pub(super) ip: &'static str,
    /// The key of the gateway.
    pub(super) gw: &'static str,
    /// The field of the cluster's default.
    default: &'static str,
    is_v4: bool,
}

pub(super) const V4: Family = Family {
    name: "ipv4",
    words: &["dhcp", "manual"],
    ip: "ip",
    gw: "gw",
    default: "defaults.gateway of the ProxmoxCluster",
    is_v4: true,
};

pub(super) const V6: Family = Family {
    name: "ipv6",
    words: &["dhcp", "auto", "manual"],
    ip: "ip6",
    gw: "gw6",
    default: "defaults.gateway6 of the ProxmoxCluster",
    is_v4: false,
};

/// The family of one interface.
pub(super) struct Resolved {
    /// As it is written: an address with its prefix, or a word.
    pub(super) text: String,
    /// A static address.
    pub(super) address: Option<HostCidr>,
    /// The gateway.
    pub(super) gateway: Option<IpAddr>,
}

impl Family {
    /// The address and the gateway that the spec names.
    fn of<'a>(&self, spec: &'a SpecInterface) -> Option<(&'a String, Option<&'a String>)> {
        if self.is_v4 {
            spec.ipv4.as_ref().map(|v4| (&v4.address, v4.gateway.as_ref()))
        } else {
            spec.ipv6.as_ref().map(|v6| (&v6.address, v6.gateway.as_ref()))
        }
    }

    fn field(&self, index: usize) -> String {
        format!("{}.{}", field(index), self.name)
    }
}

/// The family of each interface. Where the spec names no gateway, one interface has the cluster's default.
///
/// # Errors
/// An address or gateway that cannot be, and a second gateway: a guest has one default route for each family.
pub(super) fn resolve(
    family: &Family,
    interfaces: &[SpecInterface],
    default: Option<&String>,
) -> Result<Vec<Option<Resolved>>, Refusal> {
    let mut list = Vec::new();
    for (index, spec) in interfaces.iter().enumerate() {
        list.push(family.of(spec).map(|(text, gateway)| one(family, index, text, gateway)).transpose()?);
    }
    let with: Vec<usize> = (0..list.len())
        .filter(|index| list[*index].as_ref().is_some_and(|one: &Resolved| one.gateway.is_some()))
        .collect();
    match (with.as_slice(), default) {
        ([], Some(default)) => give(family, interfaces, &mut list, parse(family.default, default)?)?,
        ([], None) | ([_], _) => {}
        ([first, second, ..], _) => {
            return Err(invalid(format!(
                "{}.gateway: {}.gateway is named, too, and a guest has one default route for {}: leave one of the two \
                 out",
                family.field(*second),
                family.field(*first),
                family.name
            )));
        }
    }
    Ok(list)
}

fn one(family: &Family, index: usize, text: &str, gateway: Option<&String>) -> Result<Resolved, Refusal> {
    let field = family.field(index);
    if family.words.contains(&text) {
        return Ok(Resolved { text: text.to_owned(), address: None, gateway: None });
    }
    let cidr: HostCidr = text.parse().map_err(|error| invalid(format!("{field}.address: {error}")))?;
    if cidr.addr().is_ipv4() != family.is_v4 {
        return Err(invalid(format!("{field}.address: {text} is of the other address family")));
    }
    let gateway = gateway.map(|text| parse(&format!("{field}.gateway"), text)).transpose()?;
    if let Some(gateway) = gateway {
        let network = cidr.network();
        if !network.contains(&gateway) && !is_link_local(gateway) {
            return Err(invalid(format!("{field}.gateway: {gateway} is not in {network}, the network of {text}")));
        }
        not_itself(&field, cidr, gateway)?;
    }
    Ok(Resolved { text: text.to_owned(), address: Some(cidr), gateway })
}

/// Routers of IPv6 announce themselves by such an address, which is on every link, whatever the network (RFC 4861).
fn is_link_local(gateway: IpAddr) -> bool {
    matches!(gateway, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Gives the default gateway to one interface in whose network it lies: the first by name, for the order of the list
/// says nothing.
fn give(
    family: &Family,
    interfaces: &[SpecInterface],
    list: &mut [Option<Resolved>],
    default: IpAddr,
) -> Result<(), Refusal> {
    let mut able: Vec<(&str, &mut Resolved)> = Vec::new();
    for (index, (spec, one)) in interfaces.iter().zip(list).enumerate() {
        let Some(one) = one else { continue };
        let Some(cidr) = one.address.filter(|cidr| cidr.network().contains(&default)) else { continue };
        not_itself(&family.field(index), cidr, default)?;
        able.push((&spec.name, one));
    }
    if let Some((_, one)) = able.into_iter().min_by(|(a, _), (b, _)| a.cmp(b)) {
        one.gateway = Some(default);
    }
    Ok(())
}

fn not_itself(field: &str, cidr: HostCidr, gateway: IpAddr) -> Result<(), Refusal> {
    if gateway == cidr.addr() {
        return Err(invalid(format!("{field}.address: {gateway} is the gateway's address")));
    }
    Ok(())
}

fn parse(field: &str, text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| invalid(format!("{field}: {text} is not an IP address")))
}
