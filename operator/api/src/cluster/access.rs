//! Which namespaces may use a cluster, and what for.

use crate::common::{Size, VmidField};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What the containers of each namespace may have in all. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// What their containers may use.
    #[serde(default)]
    pub allow: Allow,
}

/// What the containers of one namespace may have in all on this cluster. What is not named is not limited. Guests that
/// are there count with what they have, also where the spec does not name it; a new one that names no cores counts as 1,
/// and one that names no memory as 512Mi. Who holds a guest comes first, then the older container. A container that does
/// not fit is not created, a guest does not grow beyond the quota, and everything else goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Number of containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub count: Option<u32>,
    /// Cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cores: Option<u32>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Root disks and volumes of mounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Size>,
}

/// One VMID or a range of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct VmidRangeField(#[schemars(regex(pattern = r"^[1-9][0-9]{2,8}(-[1-9][0-9]{2,8})?$"))] pub String);

/// One VLAN tag or a range of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct VlanRangeField(#[schemars(regex(pattern = r"^[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?$"))] pub String);

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
    /// VLAN tags of interfaces, single or as ranges: `10`, `100-199`. An interface without a tag needs none of them.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub vlans: Vec<VlanRangeField>,
    /// VMIDs that may be cloned, or restored from their backups, although they are not containers of the same namespace.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub clone_sources: Vec<VmidField>,
    /// Directories of the node that may be mounted into containers, with everything below them.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(p, p.startsWith('/') && !p.contains('..'))", "message": "a bind path is absolute, without .."}]))]
    pub bind_paths: Vec<String>,
    /// Devices of the node that may be passed through: `/dev/dri/renderD128`. A `*` at the end stands for any rest.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 6, max = 255)))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(p, p.startsWith('/dev/') && !p.contains('..'))", "message": "a device lies below /dev/"}]))]
    pub devices: Vec<String>,
    /// Hook scripts (volumes such as `local:snippets/hook.pl`): they run as root on the node.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 3, max = 255)))]
    pub hookscripts: Vec<String>,
    /// Hosts from which their templates (`source.template.url`) and images (`source.image.reference`) may be fetched, with
    /// the port where it is not that of the URL's scheme: `downloads.example.org`, `registry.example.org:5000`. It is the
    /// **node** that fetches, from its own place in the network: a host that is named here can be reached by whoever may
    /// write a container, past every firewall between the namespace and it, and so can whatever such a host redirects to.
    /// Name servers that serve public files, and never an address or a service of the nodes' own networks. An image that
    /// names no registry comes from `docker.io`.
    #[serde(default)]
    #[schemars(
        length(max = 64),
        inner(
            length(min = 1, max = 261),
            regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$")
        )
    )]
    pub download_hosts: Vec<String>,
    /// Resource pools of Proxmox VE that their containers may be put into (`pool`). Who has rights on a pool, or backs it
    /// up, has them on its guests.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 255)))]
    pub pools: Vec<String>,
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
