//! Where backups lie: one restic repository.

use super::job::{JobSettings, PodSecret, SecretKey};
use super::status::BackupRepositoryStatus;
use crate::common::{LocalRef, Span};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A restic repository: where it is, its password, and how it is looked after. It is initialised exactly once; its id is
/// pinned in status, and a repository with another id is never written to.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "BackupRepository",
    plural = "backuprepositories",
    shortname = "br",
    category = "zentoria",
    namespaced,
    status = "BackupRepositoryStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".status.target"}"#,
    printcolumn = r#"{"name":"Snapshots","type":"integer","jsonPath":".status.snapshots"}"#,
    printcolumn = r#"{"name":"Size","type":"string","jsonPath":".status.size"}"#,
    printcolumn = r#"{"name":"Policies","type":"integer","jsonPath":".status.policies"}"#,
    printcolumn = r#"{"name":"Checked","type":"date","jsonPath":".status.check.lastSuccess"}"#,
    printcolumn = r#"{"name":"Maintained","type":"date","jsonPath":".status.maintenance.lastSuccess"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Drilled","type":"date","priority":1,"jsonPath":".status.drill.lastSuccess"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters: names of Jobs are made of it")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.backend.pvc) || !has(self.credentialsSecretRef)", "message": "a pvc takes no credentialsSecretRef"},
    {"rule": "!has(self.backend.s3) || has(self.credentialsSecretRef)", "message": "s3 needs credentialsSecretRef: a Secret with the keys accessKeyId and secretAccessKey"}
]))]
pub struct BackupRepositorySpec {
    /// Where it is. Exactly one. Cannot be changed: another place is another repository.
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self == oldSelf", "message": "backend cannot be changed: another place is another BackupRepository"}]))]
    pub backend: Backend,

    /// The password that everything in it is encrypted with. Without it no backup can be read by anybody: keep it outside
    /// of this cluster, too (`kubectl zentoria recovery-kit`).
    pub password_secret_ref: SecretKey,

    /// Secret with what the server asks for: `username` and `password` (rest), `accessKeyId` and `secretAccessKey` (s3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<PodSecret>,

    /// PEM certificates of the CA that the server's certificate is of. Default: those that the image trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,

    /// Looks whether the repository is whole, and reads a part of its data each time, until all was read.
    #[serde(default)]
    pub check: Check,

    /// Forgets what no tier keeps any longer, and frees its room.
    #[serde(default)]
    pub maintenance: Maintenance,

    /// Other repositories that get all snapshots of this one, too: an offsite place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub copies: Vec<Copy>,

    /// Restores the newest backups of the whole namespace into scratch places, in the order in which their containers
    /// depend on each other, and reports what a recovery takes and what it would lose. One repository of a namespace is
    /// enough: it is about all policies, whatever repository they go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,

    /// IANA name of the time zone of the schedules. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,

    /// The pods of its Jobs; those of its policies' too, where a policy says nothing else.
    #[serde(default)]
    pub job: JobSettings,

    /// True: the operator looks away from it, and none of its Jobs is started.
    #[serde(default)]
    pub suspend: bool,
}

/// Where a repository is. Exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Backend {
    /// A directory of a PersistentVolumeClaim.
    Pvc(PvcBackend),
    /// A REST server of restic (`rest-server`).
    Rest(RestBackend),
    /// A bucket of an S3 server.
    S3(S3Backend),
}

/// A directory of a PersistentVolumeClaim of this namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PvcBackend {
    /// Name of the claim.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Directory in it. Default: the volume itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 255),
        regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
    )]
    pub path: Option<String>,
}

/// A REST server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestBackend {
    /// Its URL with the repository's path: `https://backup.zentoria.local:8000/postgresql/`. User and password go into
    /// `credentialsSecretRef`.
    #[schemars(length(min = 9, max = 1024), regex(pattern = r"^https?://[^\s@]+$"))]
    pub url: String,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Backend {
    /// URL of the server: `https://files.zentoria.local:9000`.
    #[schemars(length(min = 9, max = 1024), regex(pattern = r"^https?://[^\s@/]+/?$"))]
    pub endpoint: String,
    /// The bucket. It has to exist.
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$"))]
    pub bucket: String,
    /// Where in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 255),
        regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
    )]
    pub prefix: Option<String>,
    /// Region, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
}

/// The integrity check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// When: five cron fields, or `@daily` and its like.
    #[serde(default = "daily_check")]
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// In how many runs all data is read once; one part each time, the next the next time.
    #[serde(default = "week_of_checks")]
    #[schemars(range(min = 1, max = 365))]
    pub parts: u32,
}

fn daily_check() -> String {
    "0 6 * * *".to_owned()
}

fn week_of_checks() -> u32 {
    7
}

impl Default for Check {
    fn default() -> Self {
        Self { schedule: daily_check(), parts: week_of_checks() }
    }
}

/// Forgetting and pruning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    /// When: five cron fields, or `@daily` and its like.
    #[serde(default = "daily_maintenance")]
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// How long it waits for a running backup before it gives up until the next time.
    #[serde(default = "patience")]
    pub retry_lock: Span,
}

fn daily_maintenance() -> String {
    "30 5 * * *".to_owned()
}

fn patience() -> Span {
    Span("30m".to_owned())
}

impl Default for Maintenance {
    fn default() -> Self {
        Self { schedule: daily_maintenance(), retry_lock: patience() }
    }
}

/// A second place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// Its name, for Jobs and status.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// A BackupRepository of this namespace. Its maintenance keeps there what the policies keep here.
    pub to: LocalRef,
    /// When: five cron fields, or `@daily` and its like.
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
}

/// The restore drill. Each makes a BackupRestore `drill-REPOSITORY-TIME` and a report, a ConfigMap of the same name
/// (`kubectl zentoria drill report`). One begins at a time. One that was due while the operator was away is made up for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drill {
    /// When: five cron fields, or `@monthly` and its like.
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// Only the BackupPolicies of this namespace with these labels. Default: all. Those of vzdump, and those with
    /// `suspend`, are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// How many reports are kept.
    #[serde(default = "year_of_reports")]
    #[schemars(range(min = 1, max = 120))]
    pub keep_reports: u32,
}

fn year_of_reports() -> u32 {
    12
}
