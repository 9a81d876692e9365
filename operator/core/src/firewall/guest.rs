//! The firewall of one guest, as Proxmox VE keeps it in `/etc/pve/firewall/<vmid>.fw`: options, IP sets and rules. This is
//! the compiler's output, the enforcer's wish and the evaluator's input.

use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use zentoria_api::firewall::{Action, LogLevel, Policy, Protocol};

/// Most addresses in one `source` or `dest`, and ports in one `dport`, of a rule (PVE's limit).
pub const MOST_IN_LIST: usize = 15;

/// What the firewall of one guest holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFirewall {
    /// Options, `enable` not among them: it is written last.
    pub options: Options,
    /// IP sets by name.
    pub ipsets: BTreeMap<SetName, Ipset>,
    /// Rules in their order: the first match decides.
    pub rules: Vec<Rule>,
}

/// The options of a guest's firewall that are managed. What else there is stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What happens to connections in that no rule names.
    pub policy_in: Policy,
    /// What happens to connections out that no rule names.
    pub policy_out: Policy,
    /// Whether the guest may send from its own addresses only.
    pub ipfilter: bool,
    /// Whether the guest may send from its own MAC addresses only.
    pub macfilter: bool,
    /// Whether DHCP passes.
    pub dhcp: bool,
    /// Whether IPv6 neighbour discovery passes.
    pub ndp: bool,
    /// Whether the guest may send router advertisements.
    pub radv: bool,
    /// Log of what `policy_in` drops or rejects.
    pub log_level_in: LogLevel,
    /// Log of what `policy_out` drops or rejects.
    pub log_level_out: LogLevel,
}

/// Name of an IP set: `zen-<8 hex>` for ours (of what it is for, not of its entries, so that a member more is one entry
/// more), or `ipfilter-net<N>`, which PVE reads for the addresses of an interface beside its configured ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(pub String);

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IP set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ipset {
    /// What it is for: the owner, `zentoria:<ns>/<rule>`.
    pub comment: String,
    /// Its entries, none with prefix 0 (PVE refuses it).
    pub entries: BTreeSet<IpNet>,
}

/// One rule, `enable=1`, without `macro`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Into the guest or out of it.
    pub way: Way,
    /// What happens: `ACCEPT`, `REJECT`, `DROP`.
    pub action: Action,
    /// Protocol and ports.
    pub service: Service,
    /// The other end: `source` of a rule in, `dest` of a rule out.
    pub peer: Ends,
    /// Log of what matches.
    pub log: Option<LogLevel>,
    /// Who owns it: `zentoria:<ns>/<rule>#<8 hex of content>`, `zentoria:derived/<cause>#...`, merged ones with `+n`.
    pub comment: String,
}

/// Into the guest or out of it: PVE's rule types `in` and `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Into it.
    In,
    /// Out of it.
    Out,
}

/// Protocol and ports of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Every protocol.
    Any,
    /// A protocol without ports, or all ports of one.
    Protocol(Protocol),
    /// Ports of TCP, UDP or SCTP: at least one, at most [`MOST_IN_LIST`], disjoint, not adjacent, ascending.
    Ports(Protocol, Vec<PortRange>),
}

/// Ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last; not below the first.
    pub last: u16,
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// Every address.
    Any,
    /// These: at least one, at most [`MOST_IN_LIST`], of one family.
    Addresses(BTreeSet<IpNet>),
    /// Those of an IP set of the same guest.
    Set(SetName),
}

impl fmt::Display for PortRange {
    /// As PVE writes it: `5432`, `4000:4001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}:{}", self.first, self.last) }
    }
}

/// An address, or a network with its prefix: PVE drops `/32` and `/128`.
#[must_use]
pub fn plain(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// PVE's word for an action.
#[must_use]
pub const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Allow => "ACCEPT",
        Action::Reject => "REJECT",
        Action::Drop => "DROP",
    }
}

/// PVE's word for a policy.
#[must_use]
pub const fn policy_word(policy: Policy) -> &'static str {
    match policy {
        Policy::Accept => "ACCEPT",
        Policy::Reject => "REJECT",
        Policy::Drop => "DROP",
    }
}

/// PVE's word for a protocol, in lower case as it insists.
#[must_use]
pub const fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::SCTP => "sctp",
        Protocol::ICMP => "icmp",
        Protocol::ICMPv6 => "ipv6-icmp",
    }
}

/// PVE's word for a level of the log.
#[must_use]
pub const fn log_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Nolog => "nolog",
        LogLevel::Emerg => "emerg",
        LogLevel::Alert => "alert",
        LogLevel::Crit => "crit",
        LogLevel::Err => "err",
        LogLevel::Warning => "warning",
        LogLevel::Notice => "notice",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

impl Options {
    /// The options as PVE takes and gives them, without `enable`.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<String, String> {
        let flag = |on: bool| if on { "1" } else { "0" };
        [
            ("policy_in", policy_word(self.policy_in)),
            ("policy_out", policy_word(self.policy_out)),
            ("ipfilter", flag(self.ipfilter)),
            ("macfilter", flag(self.macfilter)),
            ("dhcp", flag(self.dhcp)),
            ("ndp", flag(self.ndp)),
            ("radv", flag(self.radv)),
            ("log_level_in", log_word(self.log_level_in)),
            ("log_level_out", log_word(self.log_level_out)),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }
}

impl Rule {
    /// Its fields as PVE takes and gives them, `enable=1` and the comment included, `pos` not: the form in which a rule
    /// that was read is compared.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            fields.insert(key.to_owned(), value);
        };
        let (kind, end) = match self.way {
            Way::In => ("in", "source"),
            Way::Out => ("out", "dest"),
        };
        put("type", kind.to_owned());
        put("action", action_word(self.action).to_owned());
        put("enable", "1".to_owned());
        match &self.service {
            Service::Any => {}
            Service::Protocol(protocol) => put("proto", protocol_word(*protocol).to_owned()),
            Service::Ports(protocol, ports) => {
                put("proto", protocol_word(*protocol).to_owned());
                put("dport", ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
            }
        }
        match &self.peer {
            Ends::Any => {}
            Ends::Addresses(nets) => put(end, nets.iter().map(plain).collect::<Vec<_>>().join(",")),
            Ends::Set(name) => put(end, format!("+{name}")),
        }
        if let Some(level) = self.log {
            put("log", log_word(level).to_owned());
        }
        put("comment", self.comment.clone());
        fields
    }
}
