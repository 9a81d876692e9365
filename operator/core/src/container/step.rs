//! Steps: what is to be done to one guest, in order. Every choice is made; acting only carries out.

use super::options::needs_root;
use super::seen::is_numbered;
use super::want::Download;
use std::collections::BTreeMap;
use std::fmt;
use zentoria_api::conditions::{ContainerReason, UpToDateReason};
use zentoria_api::container::{Origin, PendingChange, RecordedDefaults, Replacing, TaskAction};
use zentoria_types::digest::ConfigDigest;
use zentoria_types::names::NodeName;
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// One step. A plan lists them in the order in which they must be done; a plan has at most one step that starts a task,
/// and it comes last.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create a guest from a template. VMID and intent are written to status first; the mark is part of the call.
    Create(Create),
    /// Copy a guest. As with `Create`.
    Clone(CloneGuest),
    /// Write our mark onto a guest that is not yet, or no longer, marked as ours: one PUT of description and tags.
    Mark(MarkGuest),
    /// Change options in one PUT.
    Configure(Configure),
    /// Remove firewall configuration that an earlier guest with this VMID, or the source of a clone, left behind.
    ClearFirewall,
    /// Note in status that the guest is made, with the defaults it was made with.
    Finish,
    /// Restore a backup as the guest. As with `Create`.
    Restore(Restore),
    /// Download a template or pull an image; whoever needs the same waits for the same task.
    Pull(Pull),
    /// Grow a disk.
    Resize {
        /// `rootfs` or `mp0`.
        disk: String,
        /// The new size.
        to: Bytes,
    },
    /// Move a disk to another storage and remove it from the old one. The guest must be stopped.
    MoveVolume {
        /// `rootfs` or `mp0`.
        disk: String,
        /// The new storage.
        storage: String,
    },
    /// Move the guest to another node; one that runs is restarted there.
    Migrate {
        /// The new node.
        to: NodeName,
        /// It runs.
        restart: bool,
    },
    /// Take a snapshot of the guest, or of the source of a copy.
    Snapshot(TakeSnapshot),
    /// Remove a snapshot that we made.
    DeleteSnapshot {
        /// The guest that has it.
        of: Vmid,
        /// The node of that guest.
        node: NodeName,
        /// Its name.
        name: String,
    },
    /// Back the guest up with vzdump.
    Backup(TakeBackup),
    /// Remove a backup that we made and that is not kept any longer.
    DeleteBackup {
        /// Its volume.
        volume: String,
    },
    /// Make the guest a template of Proxmox VE. It must be stopped; there is no way back.
    ConvertToTemplate,
    /// Start it.
    Start,
    /// Shut it down and wait for it.
    Shutdown,
    /// Reboot it, which applies what is pending.
    Reboot,
    /// Destroy it with its disks. It must be stopped. A guest that is made anew carries why, and with which MAC addresses:
    /// that is stored first.
    Destroy {
        /// Made anew afterwards.
        replacing: Option<Replacing>,
    },
    /// Forget a VMID that was chosen but never used, because a stranger took it in between.
    ForgetVmid,
}

/// A guest to create.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// Template volume.
    pub template: String,
    /// Options of the call (`hostname`, `memory`, `net0`, `rootfs`, `description` with the mark, ...).
    pub options: BTreeMap<String, String>,
    /// Public SSH keys of the guest's root.
    pub ssh_keys: Vec<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
    /// Storage that is written to, for the limits.
    pub storage: String,
    /// Resource pool.
    pub pool: Option<String>,
    /// How the guest comes to be: from a template or an image.
    pub origin: Origin,
}

impl Create {
    /// Whether only root@pam may make it: a token may give an unprivileged guest nesting, and no other feature; and
    /// nothing of the node (directories, devices, hook scripts).
    #[must_use]
    pub fn as_root(&self) -> bool {
        let privileged = self.options.get("unprivileged").is_some_and(|value| value == "0");
        let of_node = |(key, value): (&String, &String)| {
            key == "hookscript" || is_numbered(key, "dev") || (is_numbered(key, "mp") && value.starts_with('/'))
        };
        self.options.get("features").is_some_and(|features| privileged || needs_root(features))
            || self.options.iter().any(of_node)
    }
}

/// A guest to copy.
#[derive(Clone, Debug, PartialEq)]
pub struct CloneGuest {
    /// The guest to copy.
    pub source: Vmid,
    /// The node that it is on; the copy is made there.
    pub source_node: NodeName,
    /// Full or linked.
    pub full: bool,
    /// Snapshot of the source.
    pub snapshot: Option<String>,
    /// Storage of a full copy.
    pub storage: Option<String>,
    /// Host name of the copy.
    pub hostname: String,
    /// Description with the mark.
    pub description: String,
    /// Resource pool.
    pub pool: Option<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
}

/// A backup to restore as a new guest.
#[derive(Clone, Debug, PartialEq)]
pub struct Restore {
    /// Its volume.
    pub archive: String,
    /// Options that hold instead of those of the backup (`hostname`, `net0`, `description` with the mark, ...).
    pub options: BTreeMap<String, String>,
    /// Storage of the new disks.
    pub storage: String,
    /// Unprivileged, where the spec or the namespace's rights say it.
    pub unprivileged: Option<bool>,
    /// Whether the interfaces get new MAC addresses in place of those of the backup. With it Proxmox VE takes the
    /// interfaces of the backup, not those of `options`.
    pub unique: bool,
    /// Resource pool.
    pub pool: Option<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
}

/// What is downloaded to a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The volume that it becomes: `local:vztmpl/x.tar.zst`.
    pub volume: String,
    /// The node that downloads it.
    pub node: NodeName,
    /// What.
    pub what: Pulled,
}

/// What is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// A template.
    Template(Download),
    /// An OCI image, by its reference.
    Image(String),
}

/// A snapshot to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeSnapshot {
    /// The guest.
    pub of: Vmid,
    /// Its node.
    pub node: NodeName,
    /// Name of the snapshot.
    pub name: String,
    /// Its description.
    pub description: String,
}

/// A backup to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBackup {
    /// Storage.
    pub storage: String,
    /// Its notes: who made it, and what for.
    pub notes: String,
    /// Whether people are kept from removing it.
    pub protected: bool,
}

/// Why a mark is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkPurpose {
    /// `adoption: IfExists` takes over an unmarked guest.
    Adopt,
    /// A guest with our mark is taken back: its tombstone goes, status is filled.
    TakeBack,
    /// The control plane was rebuilt and `takeover` names the old one.
    Rebind,
    /// The object is deleted, the guest stays: a tombstone.
    Retain,
    /// The object is deleted, the guest is kept for a time.
    Trash,
}

/// A mark to write.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkGuest {
    /// Why.
    pub purpose: MarkPurpose,
    /// The whole new description; `None` where it is right already.
    pub description: Option<String>,
    /// The new tags; `None` where they are right already.
    pub tags: Option<String>,
    /// Whether it is started at boot: a guest in the trash is not, and one that is taken back is as it was before.
    pub on_boot: Option<bool>,
}

/// Options to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configure {
    /// Option to value.
    pub set: BTreeMap<String, String>,
    /// Options to delete.
    pub delete: Vec<String>,
    /// Pending changes to take back.
    pub revert: Vec<String>,
    /// The fields of the spec behind it, for events: `memory 2048 -> 4096`.
    pub changes: Vec<String>,
    /// Only root@pam may do it.
    pub as_root: bool,
}

impl Configure {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty() && self.revert.is_empty()
    }

    /// Whether it changes this option.
    #[must_use]
    pub fn touches(&self, key: &str) -> bool {
        self.touched().any(|touched| touched == key)
    }

    /// The options that it changes.
    pub fn touched(&self) -> impl Iterator<Item = &str> {
        self.set.keys().chain(&self.delete).chain(&self.revert).map(String::as_str)
    }
}

/// Which guest a plan is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its VMID.
    pub vmid: Vmid,
    /// Its node.
    pub node: NodeName,
    /// The digest of the configuration that the plan rests on; `None` where there is no guest yet.
    pub digest: Option<ConfigDigest>,
}

/// What the status is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason of Ready.
    pub reason: ContainerReason,
    /// The object of the reason for the STATUS column, such as the name of what is waited for.
    pub subject: Option<String>,
    /// The whole message.
    pub message: String,
    /// The reason of UpToDate, where what is pending does not say it by its class: what it is parked for.
    pub parked: Option<UpToDateReason>,
}

impl Verdict {
    /// A verdict without subject.
    #[must_use]
    pub fn new(reason: ContainerReason, message: impl Into<String>) -> Self {
        Self { reason, subject: None, message: message.into(), parked: None }
    }

    /// A verdict about something.
    #[must_use]
    pub fn about(reason: ContainerReason, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..Self::new(reason, message) }
    }

    /// The same, with what its pending changes are parked for.
    #[must_use]
    pub fn parked(self, parked: Option<UpToDateReason>) -> Self {
        Self { parked, ..self }
    }
}

/// What to do, and what to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The guest; `None` where there is none to act on.
    pub target: Option<Target>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// What differs and is not done, with the reason.
    pub pending: Vec<PendingChange>,
    /// What to say once the steps are done (or when there are none).
    pub verdict: Verdict,
    /// Things worth knowing that change nothing: `disk is 60G, spec asks for 40G`.
    pub notes: Vec<String>,
}

impl Plan {
    /// A plan that does nothing and says something.
    #[must_use]
    pub fn say(verdict: Verdict) -> Self {
        Self { target: None, steps: Vec::new(), pending: Vec::new(), verdict, notes: Vec::new() }
    }
}

impl Step {
    /// The task that the step starts, where it starts one.
    #[must_use]
    pub const fn task(&self) -> Option<TaskAction> {
        match self {
            Self::Create(_) => Some(TaskAction::Create),
            Self::Clone(_) => Some(TaskAction::Clone),
            Self::Restore(_) => Some(TaskAction::Restore),
            Self::Pull(_) => Some(TaskAction::Pull),
            Self::Resize { .. } => Some(TaskAction::Resize),
            Self::MoveVolume { .. } => Some(TaskAction::MoveVolume),
            Self::Migrate { .. } => Some(TaskAction::Migrate),
            Self::Snapshot(_) => Some(TaskAction::Snapshot),
            Self::DeleteSnapshot { .. } => Some(TaskAction::DeleteSnapshot),
            Self::Backup(_) => Some(TaskAction::Backup),
            Self::DeleteBackup { .. } => Some(TaskAction::DeleteBackup),
            Self::Start => Some(TaskAction::Start),
            Self::Shutdown => Some(TaskAction::Shutdown),
            Self::Reboot => Some(TaskAction::Reboot),
            Self::Destroy { .. } => Some(TaskAction::Destroy),
            Self::Mark(_)
            | Self::Configure(_)
            | Self::ClearFirewall
            | Self::Finish
            | Self::ConvertToTemplate
            | Self::ForgetVmid => None,
        }
    }

    /// Whether the step writes to Proxmox VE.
    #[must_use]
    pub const fn writes(&self) -> bool {
        !matches!(self, Self::Finish | Self::ForgetVmid)
    }

    /// What the status says while its task runs.
    #[must_use]
    pub const fn progress(action: TaskAction) -> ContainerReason {
        match action {
            TaskAction::Create | TaskAction::Clone | TaskAction::Restore => ContainerReason::Creating,
            TaskAction::Pull => ContainerReason::Pulling,
            TaskAction::Snapshot | TaskAction::DeleteSnapshot | TaskAction::Backup | TaskAction::DeleteBackup => {
                ContainerReason::Securing
            }
            TaskAction::MoveVolume => ContainerReason::MovingVolume,
            TaskAction::Migrate => ContainerReason::Migrating,
            TaskAction::Resize => ContainerReason::Resizing,
            TaskAction::Start => ContainerReason::Starting,
            TaskAction::Shutdown => ContainerReason::ShuttingDown,
            TaskAction::Reboot => ContainerReason::Rebooting,
            TaskAction::Destroy => ContainerReason::Deleting,
        }
    }

    /// How the guest comes to be ours by this step.
    #[must_use]
    pub const fn origin(&self) -> Option<Origin> {
        match self {
            Self::Create(create) => Some(create.origin),
            Self::Clone(_) => Some(Origin::Clone),
            Self::Restore(_) => Some(Origin::Backup),
            Self::Mark(mark) => match mark.purpose {
                MarkPurpose::Adopt => Some(Origin::Adopted),
                MarkPurpose::TakeBack | MarkPurpose::Rebind => Some(Origin::TakenBack),
                MarkPurpose::Retain | MarkPurpose::Trash => None,
            },
            Self::Configure(_)
            | Self::ClearFirewall
            | Self::Finish
            | Self::Pull(_)
            | Self::Resize { .. }
            | Self::MoveVolume { .. }
            | Self::Migrate { .. }
            | Self::Snapshot(_)
            | Self::DeleteSnapshot { .. }
            | Self::Backup(_)
            | Self::DeleteBackup { .. }
            | Self::ConvertToTemplate
            | Self::Start
            | Self::Shutdown
            | Self::Reboot
            | Self::Destroy { .. }
            | Self::ForgetVmid => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(create) => {
                write!(f, "create from {}", create.template)?;
                for (key, value) in &create.options {
                    write!(f, "\n    {key}={}", value.replace('\n', "\\n"))?;
                }
                Ok(())
            }
            Self::Clone(clone) => {
                let kind = if clone.full { "full" } else { "linked" };
                write!(f, "clone {} ({kind}) as {}", clone.source, clone.hostname)
            }
            Self::Mark(mark) => write!(f, "mark ({:?})", mark.purpose),
            Self::Configure(configure) => write!(f, "configure {}", configure.changes.join(", ")),
            Self::ClearFirewall => f.write_str("clear leftover firewall configuration"),
            Self::Finish => f.write_str("note as made"),
            Self::Restore(restore) => {
                write!(f, "restore {}", restore.archive)?;
                for (key, value) in &restore.options {
                    write!(f, "\n    {key}={}", value.replace('\n', "\\n"))?;
                }
                Ok(())
            }
            Self::Pull(pull) => match &pull.what {
                Pulled::Template(download) => write!(f, "download {} as {}", download.url, pull.volume),
                Pulled::Image(reference) => write!(f, "pull {reference} as {}", pull.volume),
            },
            Self::Resize { disk, to } => write!(f, "grow {disk} to {to}"),
            Self::MoveVolume { disk, storage } => write!(f, "move {disk} to storage {storage}"),
            Self::Migrate { to, restart } => {
                write!(f, "migrate to node {to}{}", if *restart { " with a restart" } else { "" })
            }
            Self::Snapshot(snapshot) => write!(f, "snapshot {} of {}", snapshot.name, snapshot.of),
            Self::DeleteSnapshot { of, name, .. } => write!(f, "delete snapshot {name} of {of}"),
            Self::Backup(backup) => write!(f, "back up to {}", backup.storage),
            Self::DeleteBackup { volume } => write!(f, "delete backup {volume}"),
            Self::ConvertToTemplate => f.write_str("convert to a template"),
            Self::Start => f.write_str("start"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Reboot => f.write_str("reboot"),
            Self::Destroy { replacing: None } => f.write_str("destroy"),
            Self::Destroy { replacing: Some(_) } => f.write_str("destroy, to be made anew"),
            Self::ForgetVmid => f.write_str("choose another vmid"),
        }
    }
}
