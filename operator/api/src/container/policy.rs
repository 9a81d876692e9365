//! Power and the policies: what the operator may do to a guest without being asked again.

use crate::common::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the guest runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Power {
    /// `Running` or `Stopped`. Without it a container that the operator created runs, and an adopted one is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PowerState>,
    /// What to do when a person stopped the guest. A crash is always followed by a start.
    #[serde(default)]
    pub on_external_stop: OnExternalStop,
}

/// Whether the guest is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerState {
    /// It runs.
    Running,
    /// It is shut down.
    Stopped,
}

/// What to do when a person stopped the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnExternalStop {
    /// It stays stopped, and the status says who stopped it.
    #[default]
    Respect,
    /// It is started again.
    Restart,
}

/// What happens to the guest when its object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The guest stays as it is. Its mark says since when it is retained, and the same manifest takes it back.
    #[default]
    Retain,
    /// The guest is shut down, kept for `safety.trashRetention` of the ProxmoxCluster, and then destroyed as by `Delete`.
    /// The object goes at once; the same manifest takes the guest back in time.
    Trash,
    /// The guest and its disks are destroyed, as far as the cluster's `safety` lets it.
    Delete,
}

/// Whether the operator may reboot the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebootPolicy {
    /// A change that needs a reboot is stored, shown as pending, and takes effect at the next reboot by a person.
    #[default]
    Never,
    /// The guest is rebooted in the next maintenance window of the ProxmoxCluster.
    Window,
    /// The guest is rebooted as soon as a change needs it.
    Automatic,
}

/// Whether the operator may make the guest anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReplacePolicy {
    /// A change that takes a new guest is shown as pending; a person may approve it.
    #[default]
    Never,
    /// The guest is destroyed and made anew under its VMID and MAC address, with a final backup as `safety` asks. Refused
    /// while it has further volumes, snapshots, HA or replication.
    Recreate,
}

/// Whether a person has to approve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Approval {
    /// Nobody is asked.
    #[default]
    None,
    /// Creation waits for an approval.
    Required,
}

/// What is kept of the guest before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeforeChange {
    /// Before which changes. Default: those that need a reboot, and replacements.
    #[serde(default = "both")]
    #[schemars(length(min = 1, max = 3))]
    pub classes: Vec<GuardedClass>,
    /// How.
    #[serde(default)]
    pub method: KeepMethod,
    /// What happens where it cannot be done.
    #[serde(default)]
    pub on_impossible: OnImpossible,
    /// How many of them are kept, the newest; older ones are removed once the next one is there. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub keep: u32,
    /// One that is not older serves for a further change. Default: each change gets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
}

fn both() -> Vec<GuardedClass> {
    vec![GuardedClass::Reboot, GuardedClass::Replace]
}

fn three() -> u32 {
    3
}

/// A class of changes that something is kept before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum GuardedClass {
    /// Changes that take effect at once.
    Hot,
    /// Changes that need a reboot.
    Reboot,
    /// Replacements.
    Replace,
}

/// How the guest is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeepMethod {
    /// A snapshot (needs `VM.Snapshot` on `/vms`) where the storages can, else a vzdump. A snapshot goes with its guest, so a replacement takes a vzdump.
    #[default]
    Auto,
    /// A snapshot.
    Snapshot,
    /// A vzdump to `safety.backupStorage` of the ProxmoxCluster.
    Vzdump,
}

/// What happens where nothing can be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnImpossible {
    /// The change is not made.
    #[default]
    Refuse,
    /// The change is made all the same.
    Proceed,
}
