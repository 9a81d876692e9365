//! What the Jobs of backups need: an image, room, Secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One key of a Secret of this namespace. It is mounted into the Job's pod as a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A Secret of this namespace whose keys the field's own text names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The pods of the Jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSettings {
    /// Image of the Jobs, in place of the operator's own (`--jobs-image`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub image: Option<String>,
    /// Limits of a container, such as `cpu: "1"`, `memory: 1Gi`. It requests the same, but of CPU a tenth. Default: 1 CPU,
    /// 1 GiB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub limits: BTreeMap<String, String>,
    /// Room for the cache of restic, and as much again for what is restored for a test, as a Kubernetes quantity. Default 10Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<crate::common::Size>,
    /// Labels of nodes that the pods may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: BTreeMap<String, String>,
    /// How long one run may take; then it has failed. Default 6h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<crate::common::Span>,
}
