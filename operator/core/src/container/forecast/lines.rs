//! The lines of one plan.

use super::ahead;
use super::calls::call;
use super::{Downtime, Line, NowOrPending};
use crate::Fact;
use crate::container::options::as_shown;
use crate::container::seen::{Guest, GuestFact, Seen, is_numbered};
use crate::container::step::{Configure, MarkPurpose, Plan, Pulled, Step};
use zentoria_api::container::{ChangeClass, PendingChange};

/// The lines of one plan: what its steps do, then what waits. `seen` are the facts that the plan rests on.
#[must_use]
pub fn forecast(plan: &Plan, seen: &Seen) -> Vec<Line> {
    let mut lines = of_steps(plan, seen);
    lines.extend(of_pending(plan, seen));
    lines
}

pub(super) fn of_steps(plan: &Plan, seen: &Seen) -> Vec<Line> {
    let Some(target) = &plan.target else { return Vec::new() };
    let guest = guest(seen);
    plan.steps
        .iter()
        .flat_map(|step| match call(step, target) {
            None => Vec::new(),
            Some(call) => match step {
                Step::Configure(configure) => of_options(configure, &call, guest),
                other => vec![of_step(other, call, guest)],
            },
        })
        .collect()
}

pub(super) fn of_pending(plan: &Plan, seen: &Seen) -> Vec<Line> {
    plan.pending.iter().map(|change| waiting(change, guest(seen))).collect()
}

fn guest(seen: &Seen) -> Option<&Guest> {
    match &seen.guest {
        GuestFact::Present(guest) => Some(guest),
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
    }
}

fn waiting(change: &PendingChange, guest: Option<&Guest>) -> Line {
    let downtime = match change.class {
        ChangeClass::Create | ChangeClass::Replace => Downtime::NewGuest,
        ChangeClass::Reboot => Downtime::Reboot,
        ChangeClass::Hot | ChangeClass::Impossible => Downtime::None,
    };
    Line {
        call: None,
        field: change.field.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
        class: change.class,
        downtime,
        data_at_risk: (change.class == ChangeClass::Replace).then(|| guest.map(disks)).flatten(),
        done: NowOrPending::Pending { why: change.message.clone(), digest: Some(change.digest.clone()) },
    }
}

/// The disks that go with the guest.
fn disks(guest: &Guest) -> String {
    let disk = |key: &&String| *key == "rootfs" || is_numbered(key, "mp") || is_numbered(key, "unused");
    let all = guest.config.current.keys().filter(disk).map(|key| {
        let volume = guest.config.current[key].split(',').next().unwrap_or_default();
        format!("{key} ({volume})")
    });
    all.collect::<Vec<_>>().join(", ")
}

/// One PUT, a line for each field.
fn of_options(configure: &Configure, call: &str, guest: Option<&Guest>) -> Vec<Line> {
    let runs = guest.is_some_and(|guest| guest.running == Fact::Known(true));
    let touched = configure.set.keys().chain(&configure.delete);
    // Which of the fields an option stands for is in the words alone; one that waits makes the line say so.
    let is_late = |key: &&str| {
        let removes = configure.delete.iter().any(|removed| removed == key);
        runs && guest.is_some_and(|guest| ahead::is_late(&guest.config, key, removes))
    };
    let late: Vec<&str> = touched.map(String::as_str).filter(is_late).collect();
    as_shown(configure)
        .into_iter()
        .map(|change| {
            let waits = late.iter().any(|key| stands_for(key, &change.field));
            Line {
                call: Some(call.to_owned()),
                class: if waits { ChangeClass::Reboot } else { ChangeClass::Hot },
                downtime: if waits { Downtime::Reboot } else { Downtime::None },
                field: change.field,
                from: change.from,
                to: change.to,
                data_at_risk: None,
                done: NowOrPending::Now,
            }
        })
        .collect()
}

/// Whether an option is what this field of the spec writes.
fn stands_for(key: &str, field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    match key {
        "cmode" => field.starts_with("console.mode"),
        "tty" => field.starts_with("console.tty"),
        "console" => field.starts_with("console.enabled"),
        _ if is_numbered(key, "dev") => field.starts_with("devices"),
        _ if is_numbered(key, "mp") => field.starts_with("mounts"),
        _ => field.contains(key),
    }
}

fn of_step(step: &Step, call: String, guest: Option<&Guest>) -> Line {
    let told = told(step, guest);
    let (class, downtime) = match step {
        Step::Create(_) | Step::Clone(_) | Step::Restore(_) => (ChangeClass::Create, Downtime::NewGuest),
        Step::Reboot => (ChangeClass::Reboot, Downtime::Reboot),
        Step::Migrate { restart: true, .. } => (ChangeClass::Reboot, Downtime::Reboot),
        Step::Shutdown | Step::ConvertToTemplate => (ChangeClass::Hot, Downtime::Stop),
        Step::MoveVolume { .. } => (ChangeClass::Reboot, Downtime::Stop),
        Step::Destroy { replacing: Some(_) } => (ChangeClass::Replace, Downtime::NewGuest),
        Step::Destroy { replacing: None } => (ChangeClass::Replace, Downtime::Stop),
        // Each of its options has a line of its own.
        Step::Configure(_) => (ChangeClass::Hot, Downtime::None),
        Step::Mark(_)
        | Step::Pull(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Resize { .. }
        | Step::Migrate { restart: false, .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::Start
        | Step::ForgetVmid => (ChangeClass::Hot, Downtime::None),
    };
    let data_at_risk = match step {
        Step::Destroy { .. } => guest.map(disks),
        Step::DeleteSnapshot { name, .. } => Some(format!("snapshot {name}")),
        Step::DeleteBackup { volume } => Some(format!("backup {volume}")),
        Step::Create(_)
        | Step::Clone(_)
        | Step::Restore(_)
        | Step::Mark(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Pull(_)
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Migrate { .. }
        | Step::Snapshot(_)
        | Step::Backup(_)
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::ForgetVmid => None,
    };
    let (field, from, to) = told;
    let field = field.to_owned();
    Line { call: Some(call), field, from, to, class, downtime, data_at_risk, done: NowOrPending::Now }
}

/// Field, what holds now, what will hold.
fn told(step: &Step, guest: Option<&Guest>) -> (&'static str, String, String) {
    let option = |key: &str| guest.and_then(|guest| guest.config.effective(key)).unwrap_or_default().to_owned();
    let part = |key: &str, name: &str| {
        let value = option(key);
        value.split(',').find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned()
    };
    let nothing = String::new;
    match step {
        Step::Create(create) => ("guest", nothing(), format!("made from {}", create.template)),
        Step::Clone(clone) => {
            let kind = if clone.full { "a full copy" } else { "a linked copy" };
            ("guest", nothing(), format!("{kind} of guest {}", clone.source))
        }
        Step::Restore(restore) => ("guest", nothing(), format!("restored from {}", restore.archive)),
        Step::Pull(pull) => match &pull.what {
            Pulled::Template(_) => ("source.template", nothing(), format!("{} downloaded", pull.volume)),
            Pulled::Image(reference) => ("source.image", nothing(), format!("{reference} pulled")),
        },
        Step::Mark(mark) => {
            let to = match mark.purpose {
                MarkPurpose::Adopt => "taken over as it is",
                MarkPurpose::TakeBack => "taken back",
                MarkPurpose::Rebind => "bound to this control plane",
                MarkPurpose::Retain => "retained",
                MarkPurpose::Trash => "in the trash",
            };
            ("mark", nothing(), to.to_owned())
        }
        Step::Configure(configure) => ("config", nothing(), configure.changes.join(", ")),
        Step::Resize { disk, to } if disk == "rootfs" => ("rootDisk.size", part(disk, "size"), to.to_pve()),
        Step::Resize { disk, to } => ("mounts.size", format!("{disk} {}", part(disk, "size")), to.to_pve()),
        Step::MoveVolume { disk, storage } => {
            let volume = option(disk);
            let now = volume.split(':').next().unwrap_or_default();
            let field = if disk == "rootfs" { "rootDisk.storage" } else { "mounts.storage" };
            (field, format!("{disk} on {now}"), storage.clone())
        }
        Step::Migrate { to, .. } => {
            ("placement.node", guest.map(|guest| guest.node.to_string()).unwrap_or_default(), to.to_string())
        }
        Step::Snapshot(snapshot) => ("beforeChange", nothing(), format!("snapshot {}", snapshot.name)),
        Step::DeleteSnapshot { name, .. } => ("beforeChange", format!("snapshot {name}"), "removed".to_owned()),
        Step::Backup(backup) => ("backup", nothing(), format!("on storage {}", backup.storage)),
        Step::DeleteBackup { volume } => ("backup", volume.clone(), "removed".to_owned()),
        Step::ConvertToTemplate => ("template", "container".to_owned(), "template".to_owned()),
        Step::Start => ("power.state", "Stopped".to_owned(), "Running".to_owned()),
        Step::Shutdown => ("power.state", "Running".to_owned(), "Stopped".to_owned()),
        Step::Reboot => ("power.state", "Running".to_owned(), "rebooted".to_owned()),
        Step::Destroy { replacing: Some(_) } => {
            ("guest", "as it is".to_owned(), "destroyed, to be made anew".to_owned())
        }
        Step::Destroy { replacing: None } => ("guest", "as it is".to_owned(), "destroyed".to_owned()),
        Step::ClearFirewall | Step::WriteFirewall(_) | Step::Finish | Step::ForgetVmid => ("", nothing(), nothing()),
    }
}
