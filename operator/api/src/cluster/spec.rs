//! The wish.

use super::status::ProxmoxClusterStatus;
use crate::common::{LocalRef, Mode, Span, VmidField};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
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
    /// (features other than nesting), and used for those calls alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_secret_ref: Option<LocalRef>,
}

/// What some namespaces may do on this cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Which namespaces. An empty selector means every namespace.
    pub namespace_selector: LabelSelector,
    /// VMIDs that their containers may have: `400-499`, or a single `405`.
    #[schemars(length(min = 1, max = 64))]
    pub vmid_ranges: Vec<VmidRangeField>,
    /// Ranges that their containers' static addresses must lie in. Empty: no static address.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(max = 43)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(c, isCIDR(c))", "message": "a range is a network with its prefix, such as 10.10.0.0/16"}]))]
    pub cidrs: Vec<String>,
    /// What their containers may use.
    #[serde(default)]
    pub allow: Allow,
}

/// One VMID or a range of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct VmidRangeField(#[schemars(regex(pattern = r"^[1-9][0-9]{2,8}(-[1-9][0-9]{2,8})?$"))] pub String);

/// What containers may use. Everything is forbidden unless it is named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allow {
    /// Storages for disks and templates.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub storages: Vec<String>,
    /// Bridges for network interfaces.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub bridges: Vec<String>,
    /// VMIDs that may be cloned although they are not containers of the same namespace.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub clone_sources: Vec<VmidField>,
    /// LXC features: `nesting`, `keyctl`, `fuse`, `mknod`, `mount`.
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub features: Vec<FeatureName>,
    /// True: containers may be privileged (root in the guest is root on the node).
    #[serde(default)]
    pub privileged: bool,
}

/// An LXC feature as Proxmox VE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FeatureName {
    /// Containers inside the container.
    Nesting,
    /// The keyctl() system call.
    Keyctl,
    /// FUSE file systems.
    Fuse,
    /// Creation of device nodes.
    Mknod,
    /// Mounts of the named file system types.
    Mount,
}

/// What containers have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// Node to create containers on. Without it and without `spec.placement.node` a cluster of one node needs none.
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

/// What holds back dangerous operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Safety {
    /// How many guests may be destroyed within an hour on this cluster; the rest waits. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_destroys_per_hour: u32,
    /// Whether a guest needs a backup before it is destroyed. Final backups do not exist yet: unless this says `None`,
    /// a container with `deletionPolicy: Delete` is held.
    #[serde(default)]
    pub final_backup: FinalBackup,
    /// When so many managed guests vanish within one poll, it is taken as a fault of Proxmox VE or of the operator's
    /// rights, and nothing is written until a person has looked. More than the larger of the two trips it.
    #[serde(default)]
    pub missing_guests: MissingGuests,
}

fn two() -> u32 {
    2
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            max_destroys_per_hour: two(),
            final_backup: FinalBackup::default(),
            missing_guests: MissingGuests::default(),
        }
    }
}

/// Whether a guest needs a backup before it is destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FinalBackup {
    /// No destruction without a finished backup.
    #[default]
    Required,
    /// Destroyed without a backup.
    None,
}

/// When vanished guests are a fault rather than a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingGuests {
    /// Number of guests. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 10000))]
    pub count: u32,
    /// Share of the managed guests, in percent. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
}

fn ten() -> u32 {
    10
}

impl Default for MissingGuests {
    fn default() -> Self {
        Self { count: two(), percent: ten() }
    }
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
