//! What is backed up, when, and how long it is kept.

use super::job::JobSettings;
use super::source::Source;
use super::status::BackupPolicyStatus;
use crate::common::{LocalRef, Span};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One source, backed up on one or more schedules, each kept for its own time, verified, and late when its promise is
/// broken.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "BackupPolicy",
    plural = "backuppolicies",
    shortname = "bp",
    category = "zentoria",
    namespaced,
    status = "BackupPolicyStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Source","type":"string","jsonPath":".status.source"}"#,
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".status.target"}"#,
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".status.schedule"}"#,
    printcolumn = r#"{"name":"Last-Success","type":"date","jsonPath":".status.lastSuccess"}"#,
    printcolumn = r#"{"name":"Late-After","type":"string","jsonPath":".status.promise"}"#,
    printcolumn = r#"{"name":"Next","type":"string","jsonPath":".status.next"}"#,
    printcolumn = r#"{"name":"Verified","type":"date","jsonPath":".status.verified"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters: names of Jobs are made of it")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.source.vzdump) != has(self.repositoryRef)", "message": "repositoryRef names where the backups go; vzdump alone has a storage of Proxmox VE in its place"},
    {"rule": "!has(self.source.vzdump) || !has(self.verify)", "message": "verify does not go with vzdump: Proxmox Backup Server verifies what lies there, and status shows it"}
]))]
pub struct BackupPolicySpec {
    /// What is backed up. Exactly one. What kind of source it is cannot be changed.
    pub source: Source,

    /// The BackupRepository of this namespace that it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_ref: Option<LocalRef>,

    /// When, and how long each is kept.
    #[schemars(length(min = 1, max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tiers: Vec<Tier>,

    /// IANA name of the time zone of the schedules. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,

    /// A run begins up to so much later than its schedule says, always by the same time for the same policy, so that many
    /// policies with one schedule do not start at once. Default 1m. What Proxmox VE runs keeps its own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Span>,

    /// The age of the newest backup at which it is late. Default: the longest gap of the most frequent tier, twice, and at
    /// least that gap and an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Span>,

    /// How its backups are proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,

    /// The pods of its Jobs. Default: as the repository says.
    #[serde(default)]
    pub job: JobSettings,

    /// True: the operator looks away from it, and none of its Jobs is started.
    #[serde(default)]
    pub suspend: bool,
}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// Its name: `hourly`, `daily`. Snapshots carry it as a tag.
    #[schemars(length(min = 1, max = 16), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// When: five cron fields, or `@daily` and its like.
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// How long its snapshots are kept: `168h`, `30d`, `12w`, or `Forever`. The newest is always kept.
    pub keep: Keep,
    /// True: a run that finds nothing changed makes no snapshot (and counts as a success).
    #[serde(default)]
    pub only_if_changed: bool,
}

/// How long something is kept: `12h`, `7d`, `12w`, `12m` (months), `1y`, sums of them (`1y6m`), or `Forever`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keep(pub String);

impl JsonSchema for Keep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keep".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([0-9]{1,4}y)?([0-9]{1,4}m)?([0-9]{1,4}w)?([0-9]{1,4}d)?([0-9]{1,5}h)?$|^Forever$", "minLength": 2, "maxLength": 24 })
    }
}

/// How backups are proved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// Restores the newest snapshot into a scratch place and compares it with what was counted when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_test: Option<RestoreTest>,
}

/// The restore test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreTest {
    /// When: five cron fields, or `@daily` and its like.
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// Image of the scratch PostgreSQL that a postgres backup is restored into: the same or a newer major version, with the
    /// same extensions; it runs as user 999, as the official images have it. Default `docker.io/pgvector/pgvector:pg17`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub image: Option<String>,
}
