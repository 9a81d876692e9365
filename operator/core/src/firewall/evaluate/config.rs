//! The configuration and the packet.

use crate::firewall::seen::Fields;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The firewall of a datacenter and of its guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PveFirewall {
    /// What the datacenter holds. None where it was not read: it is taken for switched on, and what a rule names there is
    /// unknown.
    pub datacenter: Option<Datacenter>,
    /// The guests.
    pub guests: Vec<Guest>,
}

/// What `/cluster/firewall` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datacenter {
    /// Whether the firewall is on: `enable` of its options. Nothing is filtered without.
    pub enabled: bool,
    /// Aliases: name in lower case, and the address.
    pub aliases: BTreeMap<String, String>,
    /// IP sets.
    pub ipsets: BTreeMap<String, IpsetConfig>,
    /// Security groups: their rules in their order.
    pub groups: BTreeMap<String, Vec<Fields>>,
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
    /// The addresses that its configuration says (`ip`, `ip6`), without prefix.
    pub addresses: Vec<IpAddr>,
    /// Addresses and networks that the guest uses on it beside those: more addresses, or what DHCP gave.
    pub more: Vec<IpNet>,
}

/// Entries of an IP set, and whether each is an exception (`nomatch`).
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
    /// The port it comes from, where the protocol has ports. None: the first of those that systems take for a connection
    /// out, 49152.
    pub sport: Option<u16>,
    /// The port it goes to, where the protocol has ports.
    pub dport: Option<u16>,
    /// PVE's word for the type, where the protocol is ICMP: `echo-request`. None: a type that no rule names.
    pub icmp_type: Option<String>,
}

impl Packet {
    /// A connection to a port of TCP.
    #[must_use]
    pub fn tcp(source: IpAddr, dest: IpAddr, port: u16) -> Self {
        Self { source, dest, proto: "tcp".to_owned(), sport: None, dport: Some(port), icmp_type: None }
    }

    /// Whether it is IPv6.
    #[must_use]
    pub const fn v6(&self) -> bool {
        self.dest.is_ipv6()
    }
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

impl Verdict {
    /// Whether it passes for certain.
    #[must_use]
    pub const fn accepts(&self) -> bool {
        matches!(self, Self::Accept(_))
    }

    /// What decided, or why it cannot be said.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Accept(why) | Self::Drop(why) | Self::Reject(why) | Self::Unknown(why) => why,
        }
    }

    /// Whether the same happens, whatever decided.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
