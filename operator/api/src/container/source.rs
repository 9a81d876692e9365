//! What a new container is made from.

use crate::common::VmidField;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a new container is made from. Exactly one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A template on a storage.
    Template(TemplateSource),
    /// A copy of another guest.
    Clone(CloneSource),
    /// An OCI image. Needs Proxmox VE 9.1.
    Image(ImageSource),
    /// A backup that vzdump made.
    Backup(BackupSource),
}

/// A template on a storage: its volume, or a name that is downloaded where it is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.volume) != has(self.name)", "message": "name the template by exactly one of volume and name"},
    {"rule": "has(self.name) == has(self.storage)", "message": "name and storage go together"},
    {"rule": "has(self.name) || (!has(self.url) && !has(self.checksum))", "message": "url and checksum go with name and storage"},
    {"rule": "has(self.url) == has(self.checksum)", "message": "url and checksum go together: what is downloaded is checked"}
]))]
pub struct TemplateSource {
    /// Its volume, such as `local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9_.-]*:vztmpl/.+$"))]
    pub volume: Option<String>,
    /// Its file name: `debian-13-standard_13.1-2_amd64.tar.zst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*\.tar(\.(gz|xz|zst|bz2))?$"))]
    pub name: Option<String>,
    /// Storage (content `vztmpl`) that it is on or downloaded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub storage: Option<String>,
    /// From where the node downloads it, once for each storage. The node fetches it from its own place in the network, so
    /// the host has to be in `access[].allow.downloadHosts`. Needs privileges that the preflight names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^https?://[^\s]+$"))]
    pub url: Option<String>,
    /// What the download must be: `sha256:<hex>` or `sha512:<hex>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 140), regex(pattern = r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"))]
    pub checksum: Option<String>,
    /// Whether it may be downloaded.
    #[serde(default)]
    pub pull: PullPolicy,
}

/// Whether a template or image may be downloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Where the storage does not have it.
    #[default]
    IfNotPresent,
    /// Never: a person uploads it.
    Never,
}

/// An OCI image, pulled by the node once for each storage. It needs no provisioning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageSource {
    /// With registry and tag: `docker.io/library/nginx:1.29`. Proxmox VE takes no digests. The node pulls it, so the
    /// registry has to be in `access[].allow.downloadHosts`, unless `pull` is `Never`.
    #[schemars(
        length(min = 3, max = 255),
        regex(pattern = r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)+:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")
    )]
    pub reference: String,
    /// Storage (content `vztmpl`) that it is pulled to.
    #[schemars(length(min = 2, max = 100))]
    pub storage: String,
    /// Whether it may be pulled.
    #[serde(default)]
    pub pull: PullPolicy,
    /// What runs, in place of the image's own entry point. A change takes effect at the next reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub entrypoint: Option<String>,
    /// Environment of the entry point, beside the image's own. No secrets: everybody who reads the guest's configuration
    /// reads them. A change takes effect at the next reboot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub env: BTreeMap<String, String>,
}

/// A backup that vzdump made, by its volume or by the guest that it was made of. The new guest gets its own host name,
/// MAC address, IP address and an empty firewall before it is started for the first time; interfaces that the spec does
/// not name must be such as the namespace may have. Whose a backup is, the mark in it decides: one of another estate or
/// namespace is refused. One without a mark may be of whoever had the VMID before, and is restored only where it is named by
/// its volume, or `adoption` is `IfExists`. `access[].allow.cloneSources` of the ProxmoxCluster allows all of a VMID.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.volume) != has(self.vmid)", "message": "name the backup by exactly one of volume and vmid"},
    {"rule": "has(self.vmid) == has(self.storage)", "message": "vmid and storage go together"},
    {"rule": "has(self.vmid) || !has(self.time)", "message": "time goes with vmid and storage"}
]))]
pub struct BackupSource {
    /// Its volume, such as `nas:backup/vzdump-lxc-404-2026_11_01-02_00_00.tar.zst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9_.-]*:backup/.+$"))]
    pub volume: Option<String>,
    /// Storage (content `backup`) that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub storage: Option<String>,
    /// VMID of the guest that it was made of. Allowed where it is this container's own, that of a container of this
    /// namespace, or named by `access[].allow.cloneSources` of the ProxmoxCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<VmidField>,
    /// `latest` (the default), or an instant (RFC 3339): the newest backup that is not younger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), regex(pattern = r"^(latest|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$"))]
    pub time: Option<String>,
}

/// A copy of another guest. The copy gets its own host name, MAC address, IP address and an empty firewall before it is
/// started for the first time. Interfaces that the spec does not name are those of the source, and must be such as the
/// namespace may have: else the copy is not started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "has(self.vmid) != has(self.container)", "message": "name the source by exactly one of vmid and container"}]))]
pub struct CloneSource {
    /// VMID of the source. Allowed by `access[].allow.cloneSources` of the ProxmoxCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<VmidField>,
    /// Name of a ZentoriaContainer of this namespace. While it runs, a snapshot of it is made for the copy and removed
    /// afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// True (default): a full copy. False: a linked clone, which needs a source that is a template of Proxmox VE.
    #[serde(default = "yes")]
    pub full: bool,
    /// Snapshot of the source to copy. A running source can only be copied from a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 40), regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]+$"))]
    pub snapshot: Option<String>,
}

fn yes() -> bool {
    true
}
