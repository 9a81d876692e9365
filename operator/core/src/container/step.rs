//! Steps: what is to be done to one guest, in order. Every choice is made; acting only carries out.

mod changing;
mod making;

pub use changing::{Configure, MarkGuest, MarkPurpose, TakeBackup, TakeSnapshot};
pub use making::{CloneGuest, Create, Pull, Pulled, Restore};

use crate::firewall::guest::GuestFirewall;
use std::fmt;
use zentoria_api::conditions::{ContainerReason, UpToDateReason};
use zentoria_api::container::{Origin, PendingChange, Replacing, TaskAction};
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
    /// Writes the firewall of a guest that never ran, into the file that was cleared just now.
    WriteFirewall(Box<GuestFirewall>),
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
            | Self::WriteFirewall(_)
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
            | Self::WriteFirewall(_)
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
            Self::WriteFirewall(firewall) => {
                let GuestFirewall { rules, ipsets, .. } = firewall.as_ref();
                write!(f, "write its firewall: {} rules, {} IP sets", rules.len(), ipsets.len())
            }
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
