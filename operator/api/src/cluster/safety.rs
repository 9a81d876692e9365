//! What holds back dangerous operations, when reboots are allowed, and how much may be promised.

use crate::common::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What holds back dangerous operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Safety {
    /// How many guests may be destroyed within an hour on this cluster; the rest waits. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_destroys_per_hour: u32,
    /// Whether a guest needs a backup (vzdump) before it is destroyed or replaced. The backup counts once its volume is
    /// listed with a size.
    #[serde(default)]
    pub final_backup: FinalBackup,
    /// Storage (content `backup`) for final backups and for `beforeChange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub backup_storage: Option<String>,
    /// How long a guest of a deleted container with `deletionPolicy: Trash` is kept, stopped, before it is destroyed.
    /// Default `168h`.
    #[serde(default = "a_week")]
    pub trash_retention: Span,
    /// When so many managed guests vanish within one poll, it is taken as a fault of Proxmox VE or of the operator's
    /// rights, and nothing is written until a person has looked. More than the larger of the two trips it.
    #[serde(default)]
    pub missing_guests: MissingGuests,
}

fn two() -> u32 {
    2
}

fn a_week() -> Span {
    Span("168h".into())
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            max_destroys_per_hour: two(),
            final_backup: FinalBackup::default(),
            backup_storage: None,
            trash_retention: a_week(),
            missing_guests: MissingGuests::default(),
        }
    }
}

/// Whether a guest needs a backup before it is destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FinalBackup {
    /// No destruction without a finished backup.
    #[default]
    Required,
    /// A backup is made where `backupStorage` is set; without it the guest is destroyed without one.
    IfPossible,
    /// Destroyed without a backup.
    None,
}

/// When vanished guests are a fault rather than a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingGuests {
    /// Number of guests. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 10000))]
    pub count: u32,
    /// Share of the managed guests, in percent. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
}

fn ten() -> u32 {
    10
}

impl Default for MissingGuests {
    fn default() -> Self {
        Self { count: two(), percent: ten() }
    }
}

/// A time in which reboots are allowed, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// When it opens: five fields of cron (`0 2 * * 0`), or `@daily` and its like.
    #[schemars(length(min = 6, max = 100))]
    pub schedule: String,
    /// How long it stays open, in real time: `2h`.
    pub duration: Span,
    /// Time zone of the schedule, such as `Europe/Amsterdam`. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// How much more than there is may be promised, as a factor. The promises are those of every guest of the node, virtual
/// machines and stopped guests included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overcommit {
    /// Cores of a node: 3 promises 48 cores on a node with 16. Absent: not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 100.0))]
    pub cpu: Option<f64>,
    /// Memory of a node. Default 1; 0 is "not limited".
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub memory: f64,
    /// Space of a storage. Absent: not limited (thin provisioning).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 100.0))]
    pub disk: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Default for Overcommit {
    fn default() -> Self {
        Self { cpu: None, memory: one(), disk: None }
    }
}
