//! The wish.

use super::access::Access;
use super::safety::{MaintenanceWindow, Overcommit, Safety};
use super::status::ProxmoxClusterStatus;
use crate::common::{LocalRef, Mode, Span};
use crate::firewall::{ClusterFirewall, Host};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One Proxmox VE cluster (or single node): its endpoints, credentials, and the limits of what may be done there.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "ProxmoxCluster",
    plural = "proxmoxclusters",
    shortname = "pxc",
    category = "zentoria",
    status = "ProxmoxClusterStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".status.version"}"#,
    printcolumn = r#"{"name":"Nodes","type":"string","jsonPath":".status.nodesSummary"}"#,
    printcolumn = r#"{"name":"Guests","type":"integer","jsonPath":".status.guests.managed"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode"}"#,
    printcolumn = r#"{"name":"Firewall","type":"string","jsonPath":".status.firewall.state"}"#,
    printcolumn = r#"{"name":"Quorum","type":"string","jsonPath":".status.quorum"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Estate","type":"string","priority":1,"jsonPath":".spec.estateId"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
pub struct ProxmoxClusterSpec {
    /// Name of this estate, chosen by you and kept in git. With namespace, name and VMID it is the identity of every
    /// guest, so that a rebuilt control plane finds its guests again. Cannot be changed.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9-]+$"))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self == oldSelf", "message": "estateId is the identity of every guest and cannot be changed"}]))]
    pub estate_id: String,

    /// `Observe` looks and shows and writes nothing to Proxmox VE. `Enforce` carries the manifests out. Start with `Observe`.
    pub mode: Mode,

    /// True: the operator looks away from this cluster and all its containers (no reads, no writes, no status).
    #[serde(default)]
    pub suspend: bool,

    /// API URLs of several nodes, such as `https://10.10.0.2:8006`. They are tried in turn, the healthy one is kept.
    #[schemars(length(min = 1, max = 16))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(e, e.matches('^https://[^/ ]+$'))", "message": "every endpoint is https://HOST:PORT, without a path"}]))]
    pub endpoints: Vec<Endpoint>,

    /// How the certificate of Proxmox VE is verified. Exactly one of the three; verification cannot be switched off.
    pub tls: Tls,

    /// Whose rights the operator uses.
    pub credentials: Credentials,

    /// Which namespaces may use this cluster, and what for. No entry, no access.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub access: Vec<Access>,

    /// What containers of this cluster have in common. Applied when a guest is created and recorded in its status;
    /// an adopted guest is not changed by them.
    #[serde(default)]
    pub defaults: Defaults,

    /// What holds back dangerous operations.
    #[serde(default)]
    pub safety: Safety,

    /// When changes that need a reboot may be made to containers with `rebootPolicy: Window`.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub maintenance_windows: Vec<MaintenanceWindow>,

    /// How much more than a node or storage has may be promised to containers. A new container that does not fit waits.
    #[serde(default)]
    pub overcommit: Overcommit,

    /// From where the operator and its Jobs reach the guests: addresses or networks. Firewalls of guests let them in, and
    /// none is enforced before they are named.
    #[serde(default, rename = "controlPlaneCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 2, max = 43)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(a, isIP(a) || (isCIDR(a) && cidr(a).masked() == cidr(a) && cidr(a).prefixLength() > 0))", "message": "each of controlPlaneCIDRs is an IP address or a network without host bits"}]))]
    pub control_plane_cidrs: Vec<String>,

    /// The estate's own networks. What lies outside of them is `external` to firewall rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 2, max = 43)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(a, isCIDR(a) && cidr(a).masked() == cidr(a) && cidr(a).prefixLength() > 0)", "message": "each of networks is a network without host bits, such as 10.10.0.0/16"}]))]
    pub networks: Vec<String>,

    /// Named outsiders, for firewall rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub hosts: Vec<Host>,

    /// The firewall of the datacenter, and what people made by hand.
    #[serde(default)]
    pub firewall: ClusterFirewall,

    /// How many tasks of Proxmox VE may run at once.
    #[serde(default)]
    pub limits: Limits,

    /// How often Proxmox VE is asked.
    #[serde(default)]
    pub poll: Poll,
}

/// An API URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Endpoint(#[schemars(length(min = 9, max = 270))] pub String);

/// How the server's certificate is verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Tls {
    /// PEM certificates of the CA: on a node, `/etc/pve/pve-root-ca.pem`. The URL's host must be in the certificate.
    CaBundle(#[schemars(length(min = 1, max = 65536))] String),
    /// A Secret in the operator's namespace with the CA in its key `ca.crt`.
    CaSecretRef(LocalRef),
    /// SHA-256 fingerprint of the server's own certificate, `AA:BB:...`, as `pvenode cert info` prints it.
    FingerprintSha256(#[schemars(regex(pattern = r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$"))] String),
}

/// Whose rights the operator uses. Secrets are read in the operator's own namespace only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Secret with the API token: keys `tokenId` (`user@realm!name`) and `secret`.
    pub token_secret_ref: LocalRef,
    /// Secret with the password of `root@pam` in its key `password`. Only for what Proxmox VE refuses to every token
    /// (features other than nesting, directories of the node, devices, hook scripts), and used for those calls alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_secret_ref: Option<LocalRef>,
}

/// What containers have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// Node to create containers on. Without it, and where `spec.placement` names none, every node may be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Volume of the template, such as `local:vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Storage for root disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Bridge for network interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// IPv4 gateway for interfaces with a static IPv4 address in its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 15))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "isIP(self) && ip(self).family() == 4", "message": "gateway is an IPv4 address"}]))]
    pub gateway: Option<String>,
    /// IPv6 gateway for interfaces with a static IPv6 address in its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 39))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "isIP(self) && ip(self).family() == 6", "message": "gateway6 is an IPv6 address"}]))]
    pub gateway6: Option<String>,
    /// DNS servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), inner(length(max = 39)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(n, isIP(n))", "message": "a name server is an IP address"}]))]
    pub nameservers: Vec<String>,
    /// DNS search domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_domain: Option<String>,
    /// Public SSH keys (OpenSSH lines) that root of every new guest accepts, beside the namespace's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub ssh_keys: Vec<String>,
    /// Time zone of the guest, such as `Europe/Amsterdam`, or `host` for that of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Tags beside `zentoria`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tags: Vec<String>,
    /// LXC features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<crate::container::Features>,
}

/// How many tasks of Proxmox VE may run at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// On one node. Default 4.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 64))]
    pub tasks_per_node: u32,
    /// On the whole cluster. Default 16.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1, max = 256))]
    pub tasks_per_cluster: u32,
    /// That write to one storage. Default 4.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 64))]
    pub tasks_per_storage: u32,
}

fn four() -> u32 {
    4
}
fn sixteen() -> u32 {
    16
}

impl Default for Limits {
    fn default() -> Self {
        Self { tasks_per_node: four(), tasks_per_cluster: sixteen(), tasks_per_storage: four() }
    }
}

/// How often Proxmox VE is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// Between two looks at the whole cluster (one call). Default `10s`.
    #[serde(default = "ten_seconds")]
    pub interval: Span,
    /// Within this time the full configuration of every guest is read once. Default `10m`.
    #[serde(default = "ten_minutes")]
    pub full_resync: Span,
}

fn ten_seconds() -> Span {
    Span("10s".into())
}
fn ten_minutes() -> Span {
    Span("10m".into())
}

impl Default for Poll {
    fn default() -> Self {
        Self { interval: ten_seconds(), full_resync: ten_minutes() }
    }
}
