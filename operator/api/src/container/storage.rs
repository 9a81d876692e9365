//! Disks, mounts and devices.

use crate::common::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The root disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootDisk {
    /// Storage of the disk. Default: the cluster's `defaults.storage`. A change of it moves the disk, which takes a stop
    /// of the guest and waits for `rebootPolicy` or an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub storage: Option<String>,
    /// Size, in whole GiB. A larger size grows the disk at once; a smaller one is refused, since a disk cannot shrink.
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "quantity(self).compareTo(quantity('1Gi')) >= 0", "message": "a root disk has at least 1Gi"}]))]
    pub size: Size,
}

/// A volume or a directory of the node at a path of the guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "has(self.volume) != has(self.bind)", "message": "a mount is exactly one of volume and bind"}]))]
pub struct Mount {
    /// Its name: what the slot (`mp0`) is remembered by in `status.mounts`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Slot `mpN` of Proxmox VE. Without it the first free one is taken and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 255))]
    pub slot: Option<u32>,
    /// Where it appears inside the guest.
    #[schemars(length(min = 2, max = 255), regex(pattern = r"^/[^,\s]+$"))]
    pub path: String,
    /// A new volume on a storage. It never names a volume that exists already, except the one that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<MountVolume>,
    /// A directory of the node. Needs `access[].allow.bindPaths` and the cluster's root credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
    /// True: read-only.
    #[serde(default)]
    pub read_only: bool,
    /// Whether vzdump includes the volume. Default: Proxmox VE's, which is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<bool>,
    /// What happens to a volume whose mount is removed from the spec.
    #[serde(default)]
    pub reclaim_policy: ReclaimPolicy,
}

/// A volume of a mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MountVolume {
    /// Storage. Default: the cluster's `defaults.storage`. A change of it moves the volume, as for the root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub storage: Option<String>,
    /// Size, in whole GiB; grown at once, never shrunk.
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "quantity(self).compareTo(quantity('1Gi')) >= 0", "message": "a volume has at least 1Gi"}]))]
    pub size: Size,
}

/// A directory of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bind {
    /// Its absolute path on the node.
    #[schemars(length(min = 2, max = 512), regex(pattern = r"^/[^,\s]+$"))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "!self.contains('..')", "message": "a path of the node without .."}]))]
    pub path: String,
}

/// What happens to a volume whose mount is removed from the spec, or whose guest is destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReclaimPolicy {
    /// It is detached and kept as `unusedN`; it holds back the destruction of the guest.
    #[default]
    Retain,
    /// It is detached and kept as `unusedN`; it may be destroyed together with the guest.
    Delete,
}

/// A device of the node. Needs `access[].allow.devices` and the cluster's root credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Its path on the node and in the guest: `/dev/dri/renderD128`.
    #[schemars(length(min = 6, max = 255), regex(pattern = r"^/dev/[^,\s]+$"))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "!self.contains('..')", "message": "a device lies below /dev/"}]))]
    pub path: String,
    /// User id of its owner inside the guest. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65535))]
    pub uid: Option<u32>,
    /// Group id inside the guest. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65535))]
    pub gid: Option<u32>,
    /// Access mode, octal: `0660`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^0[0-7]{3}$"))]
    pub mode: Option<String>,
    /// True: the guest may not write to it.
    #[serde(default)]
    pub deny_write: bool,
}
