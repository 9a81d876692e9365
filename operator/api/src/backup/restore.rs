//! What is brought back.

use super::job::JobSettings;
use super::status::BackupRestoreStatus;
use crate::common::LocalRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One restore, done once. Its spec cannot be changed: another restore is another object.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "BackupRestore",
    plural = "backuprestores",
    shortname = "brs",
    category = "zentoria",
    namespaced,
    status = "BackupRestoreStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Policy","type":"string","jsonPath":".status.policy"}"#,
    printcolumn = r#"{"name":"Snapshot","type":"string","jsonPath":".status.snapshot"}"#,
    printcolumn = r#"{"name":"Into","type":"string","jsonPath":".status.into"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progress"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 50").message("metadata.name must have at most 50 characters: names of Jobs are made of it")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self == oldSelf", "message": "a restore cannot be changed: delete it, or make another one"},
    {"rule": "has(self.policyRef) != has(self.selector)", "message": "name what is restored by exactly one of policyRef and selector"},
    {"rule": "!has(self.selector) || !has(self.snapshot) || !has(self.snapshot.id)", "message": "a snapshot's id goes with one policy; with a selector, use time"}
]))]
pub struct BackupRestoreSpec {
    /// The BackupPolicy of this namespace whose backup is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_ref: Option<LocalRef>,
    /// All BackupPolicies of this namespace with these labels, in the order in which their containers depend on each
    /// other: a tenant, or the whole platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Which snapshot. Default: the newest.
    #[serde(default)]
    pub snapshot: SnapshotChoice,
    /// Where to.
    pub into: Into,
    /// Only these parts: databases of a postgres backup, collections, buckets, paths of files. None: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub only: Vec<String>,
    /// For `into.source`, which writes over what is there: the name of the policy (with a selector: of this namespace),
    /// written once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub confirm: Option<String>,
    /// The pods of its Jobs. Default: as the policy says.
    #[serde(default)]
    pub job: JobSettings,
}

/// Which snapshot: nothing (the newest), its id, or the newest that was made at a time or before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "!has(self.id) || !has(self.time)", "message": "either id or time, not both"}]))]
pub struct SnapshotChoice {
    /// Id, at least the first eight characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{8,64}$"))]
    pub id: Option<String>,
    /// The newest that was made then or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// Where to. Exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Into {
    /// A scratch place that ends with the Job: a proof that it can be restored, with what was counted.
    Scratch(ScratchTarget),
    /// A directory of a PersistentVolumeClaim of this namespace: files, dumps, as they are in the snapshot.
    Directory(DirectoryTarget),
    /// Where it came from: over what is there now. Takes a backup of that first. Needs `confirm`.
    Source(SourceTarget),
}

/// The scratch place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScratchTarget {
    /// Image of the scratch PostgreSQL. Default: as the policy's restore test says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub image: Option<String>,
}

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryTarget {
    /// Name of the claim.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Directory in it; it is made, and has to be empty. With several policies, each gets one of its own in it.
    #[schemars(
        length(min = 1, max = 255),
        regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
    )]
    pub path: String,
}

/// The source itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceTarget {
    /// True: no backup of what is there now is taken first (because it is broken, or gone).
    #[serde(default)]
    pub without_backup: bool,
}
