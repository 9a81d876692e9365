//! What was seen and done.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the operator knows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRepositoryStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it is, for people; without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The repository's own id, pinned when it was initialised or first seen. Another one is never written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// How many snapshots it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<u64>,
    /// Room that it takes, for people: as the last check or maintenance counted it, and what backups added since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The same in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// End of the last run that went into `snapshots` and `bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Time>,
    /// How many BackupPolicies go to it.
    #[serde(default)]
    pub policies: u32,
    /// The integrity check.
    #[serde(default)]
    pub check: OperationStatus,
    /// Forgetting and pruning.
    #[serde(default)]
    pub maintenance: OperationStatus,
    /// The copies, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<String, OperationStatus>,
    /// End of the last run that could use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Time>,
    /// Why the last run could not use it, while no later one could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Parts of its data in which a check found damage, until a check reads them whole; 0 is what holds the parts together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<u32>,
    /// Locks that the last failed run met, and whether their holders are alive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<LockSeen>,
    /// The restore drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillStatus>,
    /// When it was last part of a recovery kit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_kit: Option<Time>,
    /// One word or phrase for people: the reason of Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, Initialised, Verified, Drilled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// What became of the restore drills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrillStatus {
    /// The schedule, with its time zone, that `since` is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// When that schedule was first seen: what it had due before is not made up for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The last time of the schedule for which a drill was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// When the next one is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// The BackupRestore of the one that is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The last one that ended: the name of its report, a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// End of the last one that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Time>,
    /// End of the last one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Time>,
    /// Why it failed, while no later one succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds from the begin to the end of the last one that succeeded: what a recovery takes (RTO).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Seconds from the oldest of the newest backups to the begin of that drill: what a recovery would have lost (RPO).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<u64>,
    /// The value of the annotation `zentoria.ai/drill` that was carried out last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// Why a repository could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// A reason of Ready: `Unreachable`, `WrongPassword`.
    pub reason: String,
    /// What was said.
    pub message: String,
    /// When.
    pub time: Time,
}

/// A lock of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockSeen {
    /// Host that holds it: of a Job, the name of its pod.
    pub host: String,
    /// Since when.
    pub since: Time,
    /// Whether nobody else may read or write.
    pub exclusive: bool,
    /// `Alive`, `Gone` (the pod has ended), `Unknown` (not a pod of ours).
    pub holder: String,
}

/// What became of the runs of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// End of the last run that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Time>,
    /// End of the last run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Time>,
    /// Why it failed, while no later one succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The Job that runs now; with vzdump, the task of Proxmox VE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// When the next one is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// The last part that the check read, of those that `check.parts` divides the data into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Seconds that the last run that succeeded took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// What the operator knows of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicyStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is backed up, for people: `postgres zentoria-db`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where to, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The schedules, for people: `0 * * * * +2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// When the newest backup was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Time>,
    /// The age at which it is late, for people: `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<String>,
    /// When the next run is due, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The last verified restore of one of its backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Time>,
    /// Each tier, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, TierStatus>,
    /// The restore test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_test: Option<OperationStatus>,
    /// What the last verified restore proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The value of the annotation `zentoria.ai/run` that was carried out last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Of a vzdump policy: what the newest backup of each container is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guests: BTreeMap<String, GuestBackup>,
    /// One word or phrase for people: the reason of Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, RepositoryReady, Fresh, Verified.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The newest backup of a container by vzdump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestBackup {
    /// Its volume.
    pub volume: String,
    /// When it was made.
    pub time: Time,
    /// Bytes.
    pub bytes: u64,
    /// What Proxmox Backup Server says of it: `ok`, `failed`; nothing where it was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
}

/// What became of the runs of one tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierStatus {
    /// Its runs.
    #[serde(flatten)]
    pub operation: OperationStatus,
    /// The newest snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotSeen>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSeen {
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub time: Time,
    /// Bytes of the source.
    #[serde(default)]
    pub bytes: u64,
    /// Bytes that were new in the repository, compressed.
    #[serde(default)]
    pub added: u64,
    /// Files in it.
    #[serde(default)]
    pub files: u64,
    /// How many snapshots of the repository make it up: one for each database, collection or bucket.
    #[serde(default)]
    pub parts: u32,
}

/// What a verified restore proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The snapshot that was restored.
    pub snapshot: String,
    /// When it was made.
    pub made: Time,
    /// What was compared, for people: `3 databases, 41 tables, 1204221 rows, schema equal`.
    pub compared: String,
    /// Seconds from the beginning of the restore to the last comparison: what a recovery takes at least.
    pub seconds: u64,
}

/// Where a restore stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestorePhase {
    /// Not begun.
    #[default]
    Pending,
    /// What is there now is being backed up first.
    SecuringSource,
    /// At work.
    Restoring,
    /// Done.
    Succeeded,
    /// Ended without success.
    Failed,
}

/// What became of a restore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRestoreStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The policy, or how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The snapshot that is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Where to, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub phase: RestorePhase,
    /// When its first Job was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Time>,
    /// When its last Job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// How far, for people: `2/5 policies`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// The result of each policy, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, RestoreResult>,
    /// One word or phrase for people: the reason of Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// What became of the restore of one policy's backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreResult {
    /// Where it stands.
    pub phase: RestorePhase,
    /// The snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// When that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Time>,
    /// When a later run last found that nothing had changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_until: Option<Time>,
    /// What was proved, for a scratch restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What a person should know, though it succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
