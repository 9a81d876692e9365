//! What was seen and done.

use super::network::Dns;
use super::spec::Features;
use super::storage::ReclaimPolicy;
use crate::common::VmidField;
use crate::firewall::GuestFirewallStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the operator has seen of the guest, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZentoriaContainerStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// VMID of the guest; written before the first call that creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<VmidField>,
    /// Node that the guest is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether it runs, and who stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerStatus>,
    /// Its static addresses, without prefix, of all its interfaces; after them its `extraAddresses`, and those that it got by
    /// DHCP or SLAAC while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// How the guest came to be ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Created>,
    /// The cluster's defaults that the guest was created with. They stay part of the wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<RecordedDefaults>,
    /// The task of Proxmox VE in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskStatus>,
    /// The mounts of the spec and the slots that they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub mounts: Vec<MountStatus>,
    /// Snapshots of the guest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
    /// Options of the guest that the operator does not model (raw `lxc.*` among them). They are kept as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmodelled: Vec<String>,
    /// Its firewall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<GuestFirewallStatus>,
    /// Present while the guest is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacing: Option<Replacing>,
    /// What differs from the wish and was not done, with the reason by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_changes: Vec<PendingChange>,
    /// Approvals (`zentoria.ai/approve`) whose change is not pending any more: it was made, or is not wished any longer.
    /// Each holds for one time; to approve the same again, take its digest out of the annotation first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent_approvals: Vec<String>,
    /// The pending changes in a word: `2 (reboot)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_summary: Option<String>,
    /// One word or phrase for people: the reason of Ready, with its object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, Created, Running, UpToDate, FirewallEnforced.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A guest that is made anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replacing {
    /// The pending change that asks for it.
    pub digest: String,
    /// The MAC addresses that the new guest gets, by interface: by its name in the guest (`eth0`), or by `net0`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub macs: BTreeMap<String, String>,
}

/// A mount of the spec and the slot that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MountStatus {
    /// Name of the mount.
    pub name: String,
    /// Its slot: `mp0`.
    pub slot: String,
    /// What it is: a volume or a path of the node.
    pub volume: String,
    /// What happens to it when the guest is destroyed.
    pub reclaim_policy: ReclaimPolicy,
}

/// Whether the guest runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PowerStatus {
    /// Running or Stopped.
    pub state: RunState,
    /// Who stopped it, by the user of the task: `root@pam`. Absent where the operator did, or nobody (a crash).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
}

/// Whether the guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunState {
    /// It runs.
    Running,
    /// It does not.
    Stopped,
    /// Its node cannot be asked.
    Unknown,
}

/// How the guest came to be ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// How.
    pub origin: Origin,
    /// When the operator set out to do it (before the first call).
    pub intent_at: Time,
    /// When it was done, and the guest ready for its first start. Absent while it is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// How a guest came to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Origin {
    /// Made from a template.
    Template,
    /// Made as a copy of another guest.
    Clone,
    /// Made from an OCI image.
    Image,
    /// Restored from a backup.
    Backup,
    /// Taken over unmarked.
    Adopted,
    /// It carried our mark.
    TakenBack,
}

/// The cluster's defaults at the time of creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordedDefaults {
    /// What it was made from: the template's volume, `clone 102`, an image's reference, or a backup's volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Storage of the root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// IPv4 gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// IPv6 gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway6: Option<String>,
    /// Name servers and search domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// Time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
}

/// The task of Proxmox VE in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// What it does.
    pub action: TaskAction,
    /// When the operator set out to start it.
    pub started_at: Time,
    /// Its UPID. Absent for the moment between the intent and the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upid: Option<String>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TaskAction {
    /// Creates the guest from a template.
    Create,
    /// Copies another guest.
    Clone,
    /// Restores a backup as the guest.
    Restore,
    /// Downloads a template or pulls an image.
    Pull,
    /// Takes a snapshot of the guest, or of the source of a copy.
    Snapshot,
    /// Removes a snapshot.
    DeleteSnapshot,
    /// Backs the guest up with vzdump.
    Backup,
    /// Removes a backup that is not kept any longer.
    DeleteBackup,
    /// Grows a disk.
    Resize,
    /// Moves a disk to another storage.
    MoveVolume,
    /// Moves the guest to another node.
    Migrate,
    /// Starts the guest.
    Start,
    /// Shuts the guest down.
    Shutdown,
    /// Reboots the guest.
    Reboot,
    /// Destroys the guest.
    Destroy,
}

/// What differs from the wish and was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingChange {
    /// Field of the spec.
    pub field: String,
    /// What holds now.
    pub from: String,
    /// What is wished.
    pub to: String,
    /// What it takes.
    pub class: ChangeClass,
    /// Names the meaning of this one change.
    pub digest: String,
    /// Why it was not done and what to do.
    pub message: String,
}

/// What a change takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ChangeClass {
    /// Makes the guest; waits for an approval.
    Create,
    /// Takes effect while the guest runs.
    Hot,
    /// Takes effect at the next reboot of the guest.
    Reboot,
    /// Takes a new guest.
    Replace,
    /// Cannot be done.
    Impossible,
}
