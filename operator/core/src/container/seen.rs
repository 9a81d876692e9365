//! What was observed: facts, each with its proof, or why there is none.

mod config;

pub use config::{Config, is_numbered};

use super::pull::PullFailure;
use super::siting::Siting;
use crate::Fact;
use crate::cluster::quota::OverQuota;
use crate::firewall::compile::CompiledGuest;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::{Created, MountStatus, PowerStatus, RecordedDefaults, Replacing, RunState, TaskAction};
use zentoria_types::mark::ControlPlaneId;
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// When it was taken.
    pub taken_at: Option<Timestamp>,
    /// Its description.
    pub description: String,
}

/// A backup that vzdump made, as its storage lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// `nas:backup/vzdump-lxc-404-2026_11_01-02_00_00.tar.zst`.
    pub volume: String,
    /// The guest that it was made of.
    pub vmid: Vmid,
    /// When it was made.
    pub made_at: Timestamp,
    /// Its size; 0 counts as not there.
    pub size: u64,
    /// Its notes.
    pub notes: String,
    /// Protected ones cannot be removed.
    pub protected: bool,
}

/// What this version of Proxmox VE can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// OCI images, `entrypoint` and `env` (9.1).
    pub oci: bool,
    /// `host-managed` of an interface (9.1).
    pub host_managed: bool,
}

/// The guest that a clone copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloneOrigin {
    /// Whether it runs: then only a snapshot can be copied.
    pub running: Fact<bool>,
    /// Its VMID.
    pub vmid: Vmid,
    /// Its node.
    pub node: NodeName,
    /// Whether it carries the mark of a container of this estate's namespace, so that a snapshot of it may be made.
    pub ours: bool,
    /// Whether it is a template of Proxmox VE.
    pub template: bool,
    /// Its lock.
    pub lock: Option<String>,
    /// Its snapshots.
    pub snapshots: Fact<Vec<Snapshot>>,
    /// Whether its volumes allow snapshots; `None` where it was not asked.
    pub can_snapshot: Option<bool>,
}

/// A guest that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its VMID.
    pub vmid: Vmid,
    /// Its node.
    pub node: NodeName,
    /// Its configuration.
    pub config: Config,
    /// Whether it runs.
    pub running: Fact<bool>,
    /// Whether PVE's HA manages it.
    pub ha: bool,
    /// Its snapshots.
    pub snapshots: Fact<Vec<Snapshot>>,
    /// Addresses that its interfaces got by themselves (DHCP, SLAAC); only asked for where it has such.
    pub leased: Fact<Vec<IpAddr>>,
}

/// Whether there is a guest at the VMID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestFact {
    /// No VMID was chosen yet.
    NoVmid,
    /// Proved by a direct read, with rights that show it.
    Absent,
    /// There is one.
    Present(Box<Guest>),
    /// A virtual machine has the VMID.
    OtherKind,
    /// Not known, and why. `offline` is its node where that is the cause.
    Unknown {
        /// Why.
        why: String,
        /// The node that does not answer.
        offline: Option<NodeName>,
    },
}

/// What became of the task that status names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFact {
    /// No task.
    None,
    /// It runs.
    Running(Upid),
    /// An intent without UPID, and no task was found: the call never arrived, or its task is over.
    NotStarted,
    /// It ended well.
    Done(TaskAction),
    /// It ended badly.
    Failed {
        /// What it did.
        action: TaskAction,
        /// Its exit text and the tail of its log.
        message: String,
    },
}

/// Why a guest that ran is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// A person's task: the user.
    Person(String),
    /// The operator's own task.
    Ours,
    /// The node was shut down.
    NodeShutdown,
    /// No task: a crash.
    Crash,
}

/// One dependency as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyState {
    /// No such object.
    Missing,
    /// Its condition holds.
    Met,
    /// It does not hold yet; `can_come` while nothing keeps it from coming.
    NotYet {
        /// Not stalled, resting, suspended or stopped.
        can_come: bool,
        /// Its own reason.
        reason: String,
    },
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Whether the cluster sees it.
    pub online: bool,
    /// Storages usable there for root disks.
    pub rootdir_storages: BTreeSet<String>,
    /// Bridges; unknown where it was not asked or did not answer.
    pub bridges: Option<BTreeSet<String>>,
    /// Templates (volumes) that it can read; unknown where it was not asked.
    pub templates: Option<BTreeSet<String>>,
    /// Privileges that a download to it lacks, as `/path: Privilege`.
    pub pull_lacks: Vec<String>,
}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Nodes by name.
    pub nodes: BTreeMap<NodeName, NodeFacts>,
    /// VMIDs in use, of containers and virtual machines, and those that still own volumes or backups, or that
    /// other containers of ours have chosen.
    pub taken: BTreeSet<Vmid>,
    /// Where guests are, for clone sources.
    pub located: BTreeMap<Vmid, NodeName>,
    /// Whether there is a root credential.
    pub root_credential: bool,
    /// Privileges that are missing, as `/path: Privilege`.
    pub missing_permissions: Vec<String>,
    /// `zentoria.ai/takeover`.
    pub takeover: Option<ControlPlaneId>,
    /// The VMID of each container of this namespace that has one, for clones by name.
    pub vmids_by_name: BTreeMap<String, Vmid>,
    /// The snapshots that copies of containers of this namespace may still be made from, by their names; asked only where
    /// the guest has any.
    pub copy_snapshots: Option<BTreeSet<String>>,
    /// Its version, such as `9.2.11`; empty where it is not known yet.
    pub version: String,
    /// What its version can do.
    pub capabilities: Capabilities,
    /// Guests with replication jobs.
    pub replicated: BTreeSet<Vmid>,
    /// Storage for backups of guests before changes and destructions.
    pub backup_storage: Option<String>,
    /// Whether a destruction needs a backup.
    pub final_backup: FinalBackup,
    /// Destructions that the breaker still allows now.
    pub destroys_left: u32,
}

/// What status remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// `status.vmid`.
    pub vmid: Option<Vmid>,
    /// `status.created`.
    pub created: Option<Created>,
    /// `status.defaults`.
    pub defaults: Option<RecordedDefaults>,
    /// `status.power`.
    pub power: Option<PowerStatus>,
    /// `status.mounts`.
    pub mounts: Vec<MountStatus>,
    /// `status.replacing`.
    pub replacing: Option<Replacing>,
}

impl Recorded {
    /// A guest of ours was made or taken over, to the end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.created.as_ref().is_some_and(|c| c.finished_at.is_some())
    }

    /// It ran when it was looked at last.
    #[must_use]
    pub fn ran(&self) -> bool {
        self.power.as_ref().is_some_and(|power| power.state == RunState::Running)
    }

    /// We set out to make one and are not done.
    #[must_use]
    pub fn is_in_making(&self) -> bool {
        self.created.as_ref().is_some_and(|c| c.finished_at.is_none())
    }
}

/// Everything that a plan rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When it was seen.
    pub now: Timestamp,
    /// The guest at the VMID.
    pub guest: GuestFact,
    /// The task in flight.
    pub task: TaskFact,
    /// Why the guest is stopped; asked only where it is and should not be.
    pub stop_cause: Option<Fact<StopCause>>,
    /// The cluster.
    pub cluster: ClusterFacts,
    /// Dependencies by name.
    pub dependencies: BTreeMap<String, DependencyState>,
    /// A cycle of hard dependencies through this container, as a path.
    pub cycle: Option<Vec<String>>,
    /// Who else claims the same VMID, address or host name, and wins.
    pub conflict: Option<String>,
    /// What status remembers.
    pub recorded: Recorded,
    /// Public SSH keys for a new guest, the namespace's own among them.
    pub ssh_keys: Vec<String>,
    /// Digests of pending changes that a person approved.
    pub approved: BTreeSet<String>,
    /// Whether a maintenance window is open, or when the next one opens.
    pub window: Window,
    /// What of the namespace's quota the spec exceeds.
    pub over_quota: Option<OverQuota>,
    /// What the choice of a node rests on; known where a guest is to be made, or may have to move.
    pub siting: Option<Siting>,
    /// Backups of the guest on the storage for backups; asked only where the plan needs them.
    pub backups: Option<Fact<Vec<Backup>>>,
    /// Whether the storages of the guest can take a snapshot; asked only where the plan needs it.
    pub snapshot_feature: Option<Fact<bool>>,
    /// A snapshot or backup of the guest that failed a short time ago, or the removal of one.
    pub keep_failed: Option<KeepFailed>,
    /// The guest that a clone copies; asked only for a guest that is not made, or not finished, yet.
    pub clone_origin: Option<CloneOrigin>,
    /// Backups that a restore chooses from; asked only for a guest that is not made yet, and where the namespace may
    /// restore them.
    pub restorable: Option<Restorable>,
    /// A download of the template or image that somebody waits for, or that failed just now.
    pub pull: PullFact,
    /// What the rules make of its firewall; known where the matrix could be compiled.
    pub firewall: Option<Box<CompiledGuest>>,
}

/// A snapshot or backup that failed, or the removal of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepFailed {
    /// What failed.
    pub action: TaskAction,
    /// Proxmox VE's words.
    pub message: String,
}

/// A download of the template or image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PullFact {
    /// None runs.
    #[default]
    None,
    /// It runs, or is being started.
    Running(Option<Upid>),
    /// It failed a short while ago.
    Failed(PullFailure),
}

/// What a restore rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restorable {
    /// The backups of the guest on the storage.
    pub backups: Fact<Vec<Backup>>,
    /// The configuration in the backup that would be restored; `None` where there is no such backup.
    pub content: Option<Fact<Config>>,
}

/// Maintenance windows, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// There are none.
    #[default]
    None,
    /// One is open.
    Open,
    /// None is open; the next one opens then.
    Closed(Option<Timestamp>),
    /// They cannot be read: which one, what is wrong with it, what to do.
    Unusable(String),
}
