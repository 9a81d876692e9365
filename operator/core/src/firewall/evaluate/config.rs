//! The configuration and the packet.

use crate::firewall::seen::Fields;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The firewall of a datacenter and of its guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PveFirewall {
    /// Whether the datacenter's firewall is on: `enable` of `/cluster/firewall/options`. Nothing is filtered without.
    pub enabled: bool,
    /// Aliases of the datacenter: name in lower case, and the address.
    pub aliases: BTreeMap<String, String>,
    /// IP sets of the datacenter.
    pub ipsets: BTreeMap<String, IpsetConfig>,
    /// Security groups: their rules in their order.
    pub groups: BTreeMap<String, Vec<Fields>>,
    /// The guests.
    pub guests: Vec<Guest>,
}

/// One guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// For people: a VMID or a name.
    pub name: String,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// The options that are written.
    pub options: BTreeMap<String, String>,
    /// Its rules in their order.
    pub rules: Vec<Fields>,
    /// Its IP sets.
    pub ipsets: BTreeMap<String, IpsetConfig>,
    /// Its aliases: name in lower case, and the address.
    pub aliases: BTreeMap<String, String>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `net0`.
    pub name: String,
    /// Its flag `firewall`.
    pub firewall: bool,
    /// The addresses that its configuration says (`ip`, `ip6`).
    pub addresses: Vec<IpAddr>,
    /// Addresses that the guest uses on it beside those.
    pub more: Vec<IpAddr>,
}

/// Entries of an IP set, and whether each is an exception.
pub type IpsetConfig = BTreeMap<String, bool>;

/// The first packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From where.
    pub source: IpAddr,
    /// Where to.
    pub dest: IpAddr,
    /// PVE's word for its protocol: `tcp`, `udp`, `sctp`, `icmp`, `ipv6-icmp`, ...
    pub proto: String,
    /// The port it comes from, where the protocol has ports. None: some high port of no meaning.
    pub sport: Option<u16>,
    /// The port it goes to, where the protocol has ports.
    pub dport: Option<u16>,
    /// PVE's word for the type, where the protocol is ICMP: `echo-request`. None: a type that no rule names.
    pub icmp_type: Option<String>,
}

/// What happens to a packet, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Accept(String),
    /// It vanishes.
    Drop(String),
    /// It is refused with an answer.
    Reject(String),
    /// It cannot be said, because of this.
    Unknown(String),
}
