//! The plan of one container: sync, total, deterministic.

mod allowed;
mod approval;
mod before_change;
mod copies;
mod creation;
mod disk_moves;
mod existing;
mod firewall;
mod limits;
mod mounts;
mod moving;
mod placing;
mod replace;
mod source;
mod template;

pub use before_change::{needs_backups, needs_replication, needs_snapshot_feature};
pub use creation::{chosen, may_restore, recorded_source};

use super::devices;
use super::seen::{GuestFact, Seen, TaskFact};
use super::step::{MarkPurpose, Plan, Step, Target, Verdict};
use super::want::Want;
use crate::digest::of_parts;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, OnMissing, PendingChange, TaskAction};

/// What is to be done about one container.
#[must_use]
pub fn plan(want: &Want, seen: &Seen) -> Plan {
    let plan = match (hindrance(seen), &seen.guest) {
        (Some(verdict), _) => Plan::say(verdict),
        (None, GuestFact::NoVmid) => creation::create(want, seen),
        (None, GuestFact::Absent) => absent(want, seen),
        (None, GuestFact::Present(guest)) => {
            before_change::secure(want, seen, guest, existing::existing(want, seen, guest))
        }
        (None, GuestFact::OtherKind) => Plan::say(other_kind(want, seen)),
        (None, GuestFact::Unknown { why, offline }) => {
            Plan::say(unknown(why, offline.as_ref().map(ToString::to_string)))
        }
    };
    let plan = match &seen.guest {
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind => {
            approval::gate(want, seen, replace::with_macs(seen, plan))
        }
        GuestFact::Present(_) | GuestFact::Unknown { .. } => plan,
    };
    match want.mode {
        Mode::Enforce => plan,
        Mode::Observe => observe_only(plan),
    }
}

/// Whether an approval makes a difference to a pending change: what is hot is done without one, what is impossible, or
/// never a reason to make a guest anew, is not done with one.
#[must_use]
pub fn can_be_approved(change: &PendingChange) -> bool {
    match change.class {
        ChangeClass::Create | ChangeClass::Reboot => true,
        ChangeClass::Replace => replace::is_asked(change),
        ChangeClass::Hot | ChangeClass::Impossible => false,
    }
}

/// What keeps us from planning at all.
fn hindrance(seen: &Seen) -> Option<Verdict> {
    match &seen.task {
        TaskFact::Running(upid) => {
            let action = upid.task_type().to_owned();
            return Some(Verdict::new(progress_of(&action), format!("Proxmox VE runs {action} ({upid})")));
        }
        // What cannot be kept is told with the change that it was for.
        TaskFact::Failed { action, .. } if is_told_elsewhere(seen, *action) => {}
        TaskFact::Failed { action, message } => {
            if let (Some(device), GuestFact::Present(guest)) = (devices::missing(message), &seen.guest) {
                return Some(devices::missing_verdict(device, guest.node.as_str()));
            }
            if let Some(verdict) = source::unusable(*action, message) {
                return Some(verdict);
            }
            return Some(Verdict::about(
                ContainerReason::TaskFailed,
                format!("{action:?}"),
                format!("{action:?} failed in Proxmox VE and is tried again: {message}"),
            ));
        }
        TaskFact::None | TaskFact::NotStarted | TaskFact::Done(_) => {}
    }
    seen.conflict
        .as_ref()
        .map(|conflict| Verdict::new(ContainerReason::Conflict, format!("{conflict}; change one of the two")))
}

fn is_told_elsewhere(seen: &Seen, action: TaskAction) -> bool {
    let ours = matches!(seen.guest, GuestFact::Present(_)) && seen.recorded.is_finished();
    ours && seen.keep_failed.as_ref().is_some_and(|failed| failed.action == action)
}

fn progress_of(task_type: &str) -> ContainerReason {
    match task_type {
        "vzcreate" | "vzclone" | "vzrestore" => ContainerReason::Creating,
        "vzstart" => ContainerReason::Starting,
        "vzshutdown" | "vzstop" => ContainerReason::ShuttingDown,
        "vzreboot" => ContainerReason::Rebooting,
        "vzdestroy" => ContainerReason::Deleting,
        "resize" => ContainerReason::Resizing,
        "vzsnapshot" | "vzdelsnapshot" | "vzdump" => ContainerReason::Securing,
        _ => ContainerReason::Configuring,
    }
}

fn absent(want: &Want, seen: &Seen) -> Plan {
    // We destroyed it to make it anew: that it is missing is no surprise.
    if !seen.recorded.is_finished() || seen.recorded.replacing.is_some() {
        return creation::create(want, seen);
    }
    match want.on_missing {
        OnMissing::Recreate => creation::create(want, seen),
        OnMissing::Stall => {
            let vmid = seen.recorded.vmid.map(|vmid| vmid.to_string()).unwrap_or_default();
            let message = format!(
                "guest {vmid} is gone from Proxmox VE: restore it there under the same VMID, or set onMissing: Recreate to have a new one made"
            );
            Plan::say(Verdict::about(ContainerReason::GuestMissing, vmid, message))
        }
    }
}

fn other_kind(want: &Want, seen: &Seen) -> Verdict {
    let vmid = seen.recorded.vmid.or(want.vmid).map(|vmid| vmid.to_string()).unwrap_or_default();
    Verdict::about(
        ContainerReason::VmidTaken,
        vmid.clone(),
        format!("spec.vmid {vmid} belongs to a virtual machine: choose another VMID"),
    )
}

fn unknown(why: &str, offline: Option<String>) -> Verdict {
    match offline {
        Some(node) => {
            let message = format!("node {node} does not answer: {why}; the guest is left alone until it does");
            Verdict::about(ContainerReason::NodeOffline, node, message)
        }
        None => Verdict::new(ContainerReason::PveError, why.to_owned()),
    }
}

/// A step in words, for who only looks.
fn in_words(step: &Step) -> String {
    match step {
        Step::Mark(mark) => match mark.purpose {
            MarkPurpose::Adopt => "take the guest over as it is".to_owned(),
            MarkPurpose::TakeBack => "take the guest back".to_owned(),
            MarkPurpose::Rebind => "bind the guest to this control plane".to_owned(),
            MarkPurpose::Retain => "mark the guest as retained".to_owned(),
            MarkPurpose::Trash => "put the guest into the trash".to_owned(),
        },
        Step::Create(_)
        | Step::Clone(_)
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Migrate { .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => step.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

/// The same plan for a mode that only looks: every step becomes a pending change.
fn observe_only(plan: Plan) -> Plan {
    let Plan { target, steps, mut pending, mut verdict, notes } = plan;
    if steps.is_empty() {
        return Plan { target, steps, pending, verdict, notes };
    }
    for step in &steps {
        pending.extend(shown(step));
    }
    let exists = target.as_ref().is_some_and(|target| target.digest.is_some());
    let takes_over = steps.iter().any(|step| step.origin().is_some());
    if !exists || takes_over {
        let first = steps.first().map(in_words).unwrap_or_default();
        verdict = Verdict::new(ContainerReason::ObserveOnly, format!("mode is Observe; it would {first}"));
    } else {
        verdict = Verdict::new(ContainerReason::Observed, "mode is Observe; pendingChanges shows what would be done");
    }
    Plan { target, steps: Vec::new(), pending, verdict, notes }
}

fn shown(step: &Step) -> Vec<PendingChange> {
    use ChangeClass::{Create, Hot, Reboot, Replace};
    let (field, to, class) = match step {
        Step::Create(_) | Step::Clone(_) | Step::Restore(_) | Step::Pull(_) => {
            ("source", step.to_string().lines().next().unwrap_or("").to_owned(), Create)
        }
        Step::Mark(_) => ("adoption", "marked as ours".to_owned(), Hot),
        Step::Resize { disk, to } if disk == "rootfs" => ("rootDisk.size", to.to_string(), Hot),
        Step::Resize { disk, to } => ("mounts", format!("{disk} of {to}"), Hot),
        Step::MoveVolume { disk, storage } => ("storage", format!("{disk} on {storage}"), Reboot),
        Step::Migrate { to, .. } => ("placement", to.to_string(), Reboot),
        Step::ConvertToTemplate => ("template", "true".to_owned(), Hot),
        Step::Start => ("power.state", "Running".to_owned(), Hot),
        Step::Shutdown => ("power.state", "Stopped".to_owned(), Hot),
        Step::Reboot => ("rebootPolicy", "rebooted".to_owned(), Reboot),
        Step::Destroy { .. } => ("deletionPolicy", "destroyed".to_owned(), Replace),
        Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::ForgetVmid
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. } => return Vec::new(),
        Step::Configure(configure) => return super::options::as_shown(configure),
    };
    vec![PendingChange {
        field: field.to_owned(),
        from: String::new(),
        digest: of_parts([field, &to]),
        to,
        class,
        message: "not done, because the mode is Observe".to_owned(),
    }]
}

/// A target of a guest that exists.
fn target_of(guest: &super::seen::Guest) -> Target {
    Target { vmid: guest.vmid, node: guest.node.clone(), digest: guest.config.digest.clone() }
}
