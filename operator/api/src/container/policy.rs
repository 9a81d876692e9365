//! Power and the policies: what the operator may do to a guest without being asked again.

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
    /// The guest and its disks are destroyed, as far as the cluster's `safety` lets it.
    Delete,
}

/// Whether the operator may reboot the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebootPolicy {
    /// A change that needs a reboot is stored, shown as pending, and takes effect at the next reboot by a person.
    #[default]
    Never,
    /// The guest is rebooted as soon as a change needs it.
    Automatic,
}
