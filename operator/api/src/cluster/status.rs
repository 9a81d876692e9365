//! What was seen and done.

use crate::common::{Size, VmidField};
use crate::firewall::DatacenterFirewall;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator has seen of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxmoxClusterStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Version of Proxmox VE, such as `9.2.11`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Which cluster this is. A change stops all writes until a person has acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ClusterIdentity>,
    /// `Yes`, `No`, or `SingleNode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<String>,
    /// Online and all nodes: `3/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes_summary: Option<String>,
    /// The nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub nodes: Vec<NodeStatus>,
    /// Guests by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<GuestCounts>,
    /// Guests that carry the mark of another control plane, by its id: candidates for `zentoria.ai/takeover`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_control_planes: Vec<String>,
    /// Copies that people made of managed guests: `CopyOf 405 at 905`. Never touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// Privileges that the credentials lack, each as `/path: Privilege`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_permissions: Vec<String>,
    /// The firewall of the datacenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<DatacenterFirewall>,
    /// Destructions of the last hour; the breaker counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroys: Vec<Destroy>,
    /// Guests in the trash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trash: Vec<Trashed>,
    /// Present while a breaker holds all writes: what tripped it, and the digest that acknowledges it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// One word or phrase for people: the reason of the worst condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, Reachable, Authorized.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Which cluster this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterIdentity {
    /// Name of the cluster; of the node where there is no cluster.
    pub name: String,
    /// Names of the nodes.
    #[serde(default)]
    pub nodes: Vec<String>,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Name of the node.
    pub name: String,
    /// Whether the cluster sees it.
    pub online: bool,
    /// Processors of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Memory of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Cores promised to the guests on it.
    #[serde(default)]
    pub allocated_cores: u32,
    /// Memory promised to the guests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated_memory: Option<Size>,
    /// What is left for new containers, with `overcommit`: `cores 12.0, memory 48.0Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<String>,
}

/// Guests by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestCounts {
    /// With our mark and a resource of ours.
    pub managed: u32,
    /// Without a mark, virtual machines included.
    pub unmanaged: u32,
    /// With the mark of another estate or control plane.
    pub foreign: u32,
    /// Copies of managed guests.
    pub copies: u32,
    /// Ours, kept after their resource was deleted.
    pub retained: u32,
    /// Ours, stopped, and destroyed once their time is up, unless their manifest is applied again.
    #[serde(default)]
    pub trashed: u32,
}

/// A guest in the trash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trashed {
    /// The guest.
    pub vmid: VmidField,
    /// Namespace and name of its deleted resource.
    pub of: String,
    /// When it may be destroyed.
    pub until: Time,
    /// What holds its destruction back, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// One destruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Destroy {
    /// The guest.
    pub vmid: VmidField,
    /// When it was asked for.
    pub at: Time,
}

/// A breaker that holds all writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// `MissingGuests` or `IdentityChanged`.
    pub reason: String,
    /// What was seen.
    pub message: String,
    /// Put this into the annotation `zentoria.ai/acknowledge` to go on.
    pub digest: String,
    /// VMIDs of the missing guests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<VmidField>,
}
