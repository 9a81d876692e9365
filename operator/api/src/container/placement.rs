//! Where a new container is put.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a new container is put. A guest that a person or HA moved is followed, not moved back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "!has(self.node) || !has(self.nodes) || size(self.nodes) == 0", "message": "placement is by node or by nodes, not by both"}]))]
pub struct Placement {
    /// The one node to create the container on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub node: Option<String>,
    /// The nodes to choose from. Without it and without `node`: every node, or the cluster's `defaults.node`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    pub nodes: Vec<String>,
    /// How the node is chosen among those that have room.
    #[serde(default)]
    pub strategy: Strategy,
    /// Containers of this namespace that should not be on the same node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub anti_affinity: Vec<AntiAffinity>,
    /// True: a guest that is on none of the nodes named here, or with a container that `antiAffinity` keeps it from, is
    /// moved. Containers cannot be migrated live, so this is a change that needs a reboot, and waits for `rebootPolicy`
    /// or an approval; a stopped guest is moved at once. Refused for guests under PVE's HA, with replication jobs, or
    /// with directories or devices of the node. Needs `VM.Migrate` on `/vms`.
    #[serde(default)]
    pub enforce: bool,
}

/// How a node is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// The node with the most memory left.
    #[default]
    MostFree,
    /// The node with the fewest containers of this namespace.
    Spread,
}

/// Containers of this namespace that should not be on the same node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AntiAffinity {
    /// Labels of the ZentoriaContainers.
    pub selector: LabelSelector,
    /// True: a node with one of them is never chosen, neither for this container nor for them. False: it is avoided.
    #[serde(default)]
    pub required: bool,
}
