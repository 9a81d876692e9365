//! What containers and clusters say of firewalls.

use super::rule::{LogLevel, Protocol};
use crate::common::VmidField;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The firewall of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestFirewallSpec {
    /// What is done with it. Default: `Enforce` for a guest that the operator made, `Observe` for one that it adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FirewallMode>,
    /// What happens to connections into the guest that no rule names. Default `Drop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Policy>,
    /// What happens to connections out of the guest that no rule names. Default `Accept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Policy>,
    /// Log of what `inbound` drops or rejects. Default `nolog`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_inbound: Option<LogLevel>,
    /// Log of what `outbound` drops or rejects. Default `nolog`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_outbound: Option<LogLevel>,
    /// True: the guest can send from its own addresses only (those of its interfaces and their `extraAddresses`). Only
    /// where every address of every interface is static. Default: so where it is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_filter: Option<bool>,
    /// True: the guest can send from the MAC addresses of its interfaces only. Default: so where every address of every
    /// interface is static.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_filter: Option<bool>,
}

/// What is done with the firewall of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FirewallMode {
    /// It is not looked at. In YAML it has to be quoted: `mode: "Off"`.
    Off,
    /// What would be written is shown; nothing is.
    Observe,
    /// It holds what the rules say.
    Enforce,
}

/// What happens to what no rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Policy {
    /// It passes.
    Accept,
    /// It is refused with an answer.
    Reject,
    /// It is dropped without a word.
    Drop,
}

/// A port that the container serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.endPort) || self.endPort >= self.port", "message": "endPort is lower than port"},
    {"rule": "!has(self.protocol) || !(self.protocol in ['ICMP', 'ICMPv6'])", "message": "a service speaks TCP, UDP or SCTP"}
]))]
pub struct Service {
    /// Its name, for rules.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u32,
    /// Last port of the range that begins at `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub end_port: Option<u32>,
    /// Protocol. Default TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// The firewall of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFirewall {
    /// True: the datacenter's firewall is switched on where it is off, with host policies `ACCEPT`, so that only guests
    /// filter. Refused while rules for nodes exist.
    #[serde(default)]
    pub manage_datacenter: bool,
    /// What happens to rules that people made on managed guests.
    #[serde(default)]
    pub foreign_rules: ForeignRules,
}

/// What happens to rules that people made on managed guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForeignRules {
    /// They stay and are shown. One that opens more than the manifests makes `FirewallEnforced` False.
    #[default]
    Keep,
    /// They are removed.
    Remove,
}

/// A named outsider: a virtual machine, a NAS, the administrators' network. It is never managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Its name, for rules.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Its VMID, where it is a guest of this cluster: no container may be created there or adopt it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<VmidField>,
    /// Its addresses and networks.
    #[schemars(length(min = 1, max = 64), inner(length(min = 2, max = 43)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(a, isIP(a) || (isCIDR(a) && cidr(a).masked() == cidr(a) && cidr(a).prefixLength() > 0))", "message": "an address of a host is an IP address or a network without host bits"}]))]
    pub addresses: Vec<String>,
}
