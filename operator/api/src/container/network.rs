//! Network interfaces and name servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Network interfaces and name servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Network interfaces, each known by its name in the guest: another order of the list changes nothing, and each keeps
    /// its MAC address; so does one that gets another name, where the spec names its MAC address, or, of a guest that the
    /// operator made, where it keeps one of its static addresses or nothing but the name changes. A new one gets the first free `netN` of Proxmox VE. A guest that the operator made has these
    /// interfaces with these addresses and VLANs and no others, unless the list is empty; of an adopted guest, what is
    /// not named stays as it is. A change takes effect while the guest runs.
    #[serde(default)]
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub interfaces: Vec<Interface>,
    /// Name servers. A change takes effect at the next reboot of the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
}

/// One network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its name inside the guest. Default `eth0`.
    #[serde(default = "eth0")]
    #[schemars(length(min = 2, max = 15), regex(pattern = r"^[A-Za-z][A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// Bridge of the node, or vnet of its SDN. Default: the cluster's `defaults.bridge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15))]
    pub bridge: Option<String>,
    /// IPv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4>,
    /// IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6>,
    /// VLAN tag. Needs `access[].allow.vlans`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4094))]
    pub vlan: Option<u32>,
    /// VLAN tags that pass through the interface. Need `access[].allow.vlans`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(range(min = 1, max = 4094)))]
    pub trunks: Vec<u32>,
    /// Addresses that the guest sets up itself (VRRP, aliases), without prefix. They are claimed, checked against
    /// `access[].cidrs` and shown, and not configured by Proxmox VE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 39)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(a, isIP(a))", "message": "an extra address is an IP address without prefix"}]))]
    pub extra_addresses: Vec<String>,
    /// Rate limit in MB/s; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub rate: Option<f64>,
    /// MTU. Default: that of the bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 64, max = 65535))]
    pub mtu: Option<u32>,
    /// True: the interface is there, and its link is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_down: Option<bool>,
    /// True: the node sets up the addresses, for guests that do not (OCI images). Needs Proxmox VE 9.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_managed: Option<bool>,
    /// MAC address, `BC:24:11:..`. Without it Proxmox VE makes one, which is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$"))]
    pub mac: Option<String>,
    /// Whether the interface passes through the firewall of Proxmox VE, which filters only where it is enabled for the
    /// guest, too. Default true at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<bool>,
}

fn eth0() -> String {
    "eth0".into()
}

/// IPv4 of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.address in ['dhcp', 'manual'] || (isCIDR(self.address) && cidr(self.address).ip().family() == 4)", "message": "ipv4.address is an address with a prefix (10.10.40.4/16), dhcp or manual"},
    {"rule": "!isCIDR(self.address) || cidr(self.address).prefixLength() >= 31 || string(cidr(self.address).masked()) != self.address", "message": "ipv4.address is the network address of its own prefix: use a host address"},
    {"rule": "!isCIDR(self.address) || cidr(self.address).ip().family() != 4 || cidr(self.address).prefixLength() >= 31 || (int(self.address.split('/')[0].split('.')[0]) * 16777216 + int(self.address.split('/')[0].split('.')[1]) * 65536 + int(self.address.split('/')[0].split('.')[2]) * 256 + int(self.address.split('/')[0].split('.')[3]) + 1) % ([1, 2, 4, 8, 16, 32, 64, 128][(32 - cidr(self.address).prefixLength()) % 8] * [1, 256, 65536, 16777216, 4294967296][(32 - cidr(self.address).prefixLength()) / 8]) != 0", "message": "ipv4.address is the broadcast address of its own prefix: use a host address"},
    {"rule": "!has(self.gateway) || isCIDR(self.address)", "message": "ipv4.gateway needs a static address"},
    {"rule": "!has(self.gateway) || (isIP(self.gateway) && ip(self.gateway).family() == 4)", "message": "ipv4.gateway is an IPv4 address"}
]))]
pub struct Ipv4 {
    /// An address with the prefix of its network (`10.10.40.4/16`), `dhcp`, or `manual`.
    #[schemars(length(max = 18))]
    pub address: String,
    /// Gateway, at one interface at most. Default, where no interface names one: the cluster's `defaults.gateway`, at the
    /// first interface by name in whose network it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 15))]
    pub gateway: Option<String>,
}

/// IPv6 of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.address in ['dhcp', 'auto', 'manual'] || (isCIDR(self.address) && cidr(self.address).ip().family() == 6)", "message": "ipv6.address is an address with a prefix (fd00::4/64), dhcp, auto or manual"},
    {"rule": "!has(self.gateway) || isCIDR(self.address)", "message": "ipv6.gateway needs a static address"},
    {"rule": "!has(self.gateway) || (isIP(self.gateway) && ip(self.gateway).family() == 6)", "message": "ipv6.gateway is an IPv6 address"}
]))]
pub struct Ipv6 {
    /// An address with the prefix of its network (`fd00::4/64`), `dhcp`, `auto` (SLAAC), or `manual`.
    #[schemars(length(max = 43))]
    pub address: String,
    /// Gateway, at one interface at most; it may be link-local (`fe80::1`). Default, where no interface names one: the
    /// cluster's `defaults.gateway6`, at the first interface by name in whose network it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 39))]
    pub gateway: Option<String>,
}

/// Name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dns {
    /// Addresses of the DNS servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(n, isIP(n))", "message": "a name server is an IP address"}]))]
    pub nameservers: Vec<Nameserver>,
    /// Search domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub search_domain: Option<String>,
}

/// Address of a DNS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Nameserver(#[schemars(length(max = 39))] pub String);
