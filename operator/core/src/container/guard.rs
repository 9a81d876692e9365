//! The guard: a second reader of a plan, which knows nothing of how it was made. It refuses what must never happen.

mod dangerous;
mod deletion;
mod disks;
mod firewall;
mod making;
mod siting;

use super::delete::{Farewell, Remains};
use super::options::same_text;
use super::ownership::{Ownership, ownership};
use super::seen::{Guest, GuestFact, Seen, is_numbered};
use super::step::{Configure, MarkGuest, MarkPurpose, Plan, Step, TakeSnapshot, Verdict};
use super::want::{Identity, Want};
use crate::Fact;
use deletion::{has_expired, unproved};
use making::{creating, making, restoring};
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Adoption, ChangeClass, DeletionPolicy, Origin, PowerState};
use zentoria_api::wire::GUEST_TAG;
use zentoria_types::mark::{ControlPlaneId, Description};
use zentoria_types::tags::Tags;
use zentoria_types::vmid::Vmid;

/// The facts that the guard judges by.
struct Scene<'a> {
    identity: &'a Identity,
    mode: Mode,
    adoption: Adoption,
    takeover: Option<&'a ControlPlaneId>,
    guest: &'a GuestFact,
    /// How the guest came to be ours.
    origin: Option<Origin>,
    /// The source of a copy carries the mark of a container of the same namespace.
    origin_is_ours: bool,
    /// Destruction is what the deletion of the object asks for, and everything allows it.
    may_destroy: bool,
    /// The guest is to be stopped for it.
    may_stop: bool,
    /// What its destruction lacks.
    last_words: Option<String>,
    deleting: bool,
    /// What the object asks for and what was seen; `None` for one that is deleted.
    living: Option<(&'a Want, &'a Seen)>,
}

/// The plan, or, where a step must never happen, a plan without steps that says so.
#[must_use]
pub fn guard(plan: Plan, want: &Want, seen: &Seen) -> Plan {
    let scene = Scene {
        identity: &want.identity,
        mode: want.mode,
        adoption: want.adoption,
        takeover: seen.cluster.takeover.as_ref(),
        guest: &seen.guest,
        origin: seen.recorded.created.as_ref().map(|created| created.origin),
        origin_is_ours: seen.clone_origin.as_ref().is_some_and(|origin| origin.ours),
        may_destroy: false,
        may_stop: false,
        last_words: None,
        deleting: false,
        living: Some((want, seen)),
    };
    let misplaced = siting::refusal(&plan, want, seen);
    judge(plan, &scene, misplaced)
}

/// As [`guard`], for the plan of a deletion.
#[must_use]
pub fn guard_delete(plan: Plan, bye: &Farewell, seen: &Remains) -> Plan {
    let asked = (bye.policy == DeletionPolicy::Delete || has_expired(bye, seen)) && bye.destroys_left > 0;
    let may_destroy = asked && seen.replicated == Fact::Known(false);
    // A guest is stopped for the trash, too.
    let may_stop = !bye.expiring && (may_destroy || bye.policy == DeletionPolicy::Trash);
    let scene = Scene {
        identity: &bye.identity,
        mode: bye.mode,
        adoption: Adoption::Never,
        takeover: None,
        guest: &seen.guest,
        origin: None,
        origin_is_ours: false,
        may_destroy,
        may_stop,
        // Volumes that nobody gave up, and a backup that is not listed, hold it.
        last_words: match &seen.guest {
            GuestFact::Present(guest) => unproved(bye, seen, guest),
            GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
        },
        deleting: true,
        living: None,
    };
    judge(plan, &scene, None)
}

fn judge(plan: Plan, scene: &Scene<'_>, misplaced: Option<String>) -> Plan {
    let Some(why) = refusal(&plan, scene).or(misplaced) else {
        return plan;
    };
    let message = format!("the guard refused a step ({why}); this is a fault of the operator, please report it");
    Plan { steps: Vec::new(), verdict: Verdict::new(ContainerReason::Bug, message), ..plan }
}

fn refusal(plan: &Plan, scene: &Scene<'_>) -> Option<String> {
    if plan.steps.is_empty() {
        return None;
    }
    if scene.mode == Mode::Observe {
        return Some("the mode is Observe".to_owned());
    }
    let tasks = plan.steps.iter().filter(|step| step.task().is_some()).count();
    let last_is_task = plan.steps.last().is_some_and(|step| step.task().is_some());
    if tasks > 1 || (tasks == 1 && !last_is_task) {
        return Some("a task must be the only one and the last step".to_owned());
    }
    if plan.steps.iter().skip(1).any(|step| matches!(step, Step::Mark(_))) {
        return Some("a mark must be the first step".to_owned());
    }
    let Some(target) = &plan.target else {
        return Some("steps without a target".to_owned());
    };
    plan.steps.iter().find_map(|step| match step {
        Step::Create(create) => creating(scene, create, target.vmid),
        Step::Clone(clone) if clone.source == target.vmid => Some("a clone onto its own source".to_owned()),
        Step::Clone(clone) => making(scene, &clone.description, target.vmid),
        Step::Restore(restore) => restoring(scene, restore, target.vmid),
        Step::Pull(_) if scene.deleting => Some("a download for an object that is deleted".to_owned()),
        Step::Pull(_) => None,
        Step::Snapshot(TakeSnapshot { of, name, .. }) | Step::DeleteSnapshot { of, name, .. } if *of != target.vmid => {
            on_clone_origin(scene, *of, name)
        }
        Step::Mark(_)
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
        | Step::ForgetVmid => match scene.guest {
            GuestFact::Present(guest) if guest.vmid == target.vmid && guest.node == target.node => {
                touching(scene, guest, step, plan)
            }
            GuestFact::Present(_) => Some(format!("{step} is aimed at another guest than was looked at")),
            GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => {
                Some(format!("{step} without having seen the guest"))
            }
        },
    })
}

fn touching(scene: &Scene<'_>, guest: &Guest, step: &Step, plan: &Plan) -> Option<String> {
    let whose = ownership(scene.identity, guest.vmid, guest.config.description());
    if matches!(step, Step::ForgetVmid) {
        return matches!(whose, Ownership::Ours(_)).then(|| "a guest of ours would be forgotten".to_owned());
    }
    if guest.config.lock().is_some() {
        return Some(format!("{step} on a locked guest"));
    }
    let ours = match &whose {
        Ownership::Ours(_) => true,
        Ownership::Unmarked => scene.adoption == Adoption::IfExists && takes_over(plan, MarkPurpose::Adopt),
        Ownership::OtherControlPlane(old) => scene.takeover == Some(old) && takes_over(plan, MarkPurpose::Rebind),
        Ownership::CopyOf(_) | Ownership::Foreign(_) | Ownership::Unreadable(_) => false,
    };
    if !ours {
        return Some(format!("{step} on a guest that is not ours"));
    }
    if scene.deleting {
        let allowed = match step {
            Step::Mark(mark) => matches!(mark.purpose, MarkPurpose::Retain | MarkPurpose::Trash),
            Step::Shutdown => scene.may_stop,
            Step::Backup(_) | Step::Destroy { replacing: None } => scene.may_destroy,
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
            | Step::DeleteBackup { .. }
            | Step::ConvertToTemplate
            | Step::Start
            | Step::Reboot
            | Step::Destroy { replacing: Some(_) }
            | Step::ForgetVmid => false,
        };
        if !allowed {
            return Some(format!("{step} while deleting"));
        }
    }
    match step {
        Step::Mark(mark) => marking(scene, mark, guest),
        Step::WriteFirewall(firewall) => firewall::writing(scene, firewall, guest, plan),
        Step::Configure(configure) => configuring(scene, configure, guest),
        Step::Destroy { replacing: None } if !scene.may_destroy => {
            Some("a destruction that nothing asks for".to_owned())
        }
        Step::Destroy { replacing: None } => destroying(scene, guest),
        Step::Destroy { replacing: Some(replacing) } => match scene.living {
            Some((want, seen)) => {
                destroying(scene, guest).or_else(|| dangerous::replacing(want, seen, guest, replacing))
            }
            None => Some("a guest would be made anew for an object that is deleted".to_owned()),
        },
        Step::Shutdown | Step::Reboot | Step::Start | Step::Migrate { .. } if guest.ha => {
            Some("the power of a guest under HA".to_owned())
        }
        Step::Reboot | Step::Migrate { restart: true, .. } => {
            let (want, seen) = scene.living?;
            dangerous::rebooting(want, seen, plan)
        }
        Step::DeleteSnapshot { name, .. } if !dangerous::is_our_snapshot(name) => {
            Some(format!("the removal of snapshot {name}, which is not ours"))
        }
        Step::DeleteBackup { volume } => {
            let backups = scene.living.and_then(|(_, seen)| seen.backups.as_ref());
            dangerous::removing_backup(scene.identity, guest, backups, volume)
        }
        Step::MoveVolume { .. } | Step::ConvertToTemplate if guest.running != Fact::Known(false) => {
            Some(format!("{step} on a running guest"))
        }
        Step::Resize { disk, .. } => disks::disk(scene, disk, None, guest),
        Step::MoveVolume { disk, storage } => {
            disks::disk(scene, disk, Some(storage), guest).or_else(|| taken_down(scene, plan))
        }
        Step::Shutdown => taken_down(scene, plan),
        Step::Create(_)
        | Step::Clone(_)
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::ClearFirewall
        | Step::Finish
        | Step::Migrate { .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::ConvertToTemplate
        | Step::Start
        | Step::ForgetVmid => None,
    }
}

/// A guest that is to run is stopped, or kept from running, only as it may be rebooted; or it is made anew.
fn taken_down(scene: &Scene<'_>, plan: &Plan) -> Option<String> {
    let (want, seen) = scene.living?;
    let anew = plan.pending.iter().any(|change| change.class == ChangeClass::Replace);
    if want.power == Some(PowerState::Stopped) || anew { None } else { dangerous::rebooting(want, seen, plan) }
}

/// The source of a copy may be ours as well: of it a snapshot is made and removed, and nothing else.
fn on_clone_origin(scene: &Scene<'_>, of: Vmid, name: &str) -> Option<String> {
    if scene.deleting || !scene.origin_is_ours {
        return Some(format!("a snapshot of guest {of}, which is not ours"));
    }
    (!name.starts_with("zentoria-")).then(|| format!("a snapshot {name} that is not ours"))
}

/// Whether the plan takes a guest over that is not ours yet: the mark alone, and nothing in the same act.
fn takes_over(plan: &Plan, purpose: MarkPurpose) -> bool {
    match plan.steps.as_slice() {
        [Step::Mark(mark)] | [Step::Mark(mark), Step::Finish] => mark.purpose == purpose && mark.description.is_some(),
        _ => false,
    }
}

fn configuring(scene: &Scene<'_>, configure: &Configure, guest: &Guest) -> Option<String> {
    let removes = configure.delete.iter().any(|key| key == "description");
    let keeps = |text: &String| matches!(ownership(scene.identity, guest.vmid, text), Ownership::Ours(_));
    if removes || !configure.set.get("description").is_none_or(keeps) {
        return Some("a change would remove our mark".to_owned());
    }
    let made = match scene.origin {
        Some(Origin::Template | Origin::Clone | Origin::Image | Origin::Backup) => true,
        Some(Origin::Adopted | Origin::TakenBack) | None => false,
    };
    if let Some(net) = configure.delete.iter().find(|key| !made && is_numbered(key, "net")) {
        return Some(format!("{net} of a guest that we did not make would be removed"));
    }
    disks::configuring(scene, configure, guest)
}

fn destroying(scene: &Scene<'_>, guest: &Guest) -> Option<String> {
    let why = if guest.running != Fact::Known(false) {
        "a running guest would be destroyed"
    } else if guest.config.current.get("protection").is_some_and(|value| value == "1") {
        "a protected guest would be destroyed"
    } else if guest.ha {
        "a guest under HA would be destroyed"
    } else if scene.deleting {
        return scene.last_words.clone();
    } else if !guest.config.hanging_volumes().is_empty() {
        "volumes would be destroyed with the guest"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Writing a mark changes the mark alone: the user's text stays, and of the tags at most our own comes on top.
fn marking(scene: &Scene<'_>, mark: &MarkGuest, guest: &Guest) -> Option<String> {
    let MarkGuest { purpose, description, tags, on_boot } = mark;
    let may_boot = match purpose {
        MarkPurpose::Trash => on_boot.is_none_or(|on| !on),
        MarkPurpose::TakeBack | MarkPurpose::Rebind | MarkPurpose::Retain => {
            on_boot.is_none_or(|on| on && deletion::started_at_boot(guest))
        }
        MarkPurpose::Adopt => on_boot.is_none(),
    };
    if !may_boot {
        return Some("a mark would change whether the guest starts at boot".to_owned());
    }
    let mut allowed = Tags::parse(guest.config.effective("tags").unwrap_or(""));
    allowed.insert(GUEST_TAG);
    if tags.as_ref().is_some_and(|tags| Tags::parse(tags) != allowed) {
        return Some("a mark would change the tags of others".to_owned());
    }
    let Some(description) = description else {
        let nothing = *purpose != MarkPurpose::TakeBack || scene.deleting;
        return nothing.then(|| "a mark that marks nothing".to_owned());
    };
    let text = |whole: &str| Description::parse(whole).map(|d| d.text).ok();
    let same = match (text(description), text(guest.config.description())) {
        (Some(next), Some(now)) => same_text(&next, &now),
        (Some(_) | None, Some(_) | None) => false,
    };
    if !same {
        return Some("a mark would change the text above it".to_owned());
    }
    let (retained, trashed) = match ownership(scene.identity, guest.vmid, description) {
        Ownership::Ours(mark) => (mark.retained.is_some(), mark.trash_until.is_some()),
        Ownership::OtherControlPlane(_)
        | Ownership::CopyOf(_)
        | Ownership::Foreign(_)
        | Ownership::Unmarked
        | Ownership::Unreadable(_) => return Some("a mark that is not ours would be written".to_owned()),
    };
    let wanted = (*purpose == MarkPurpose::Retain, *purpose == MarkPurpose::Trash);
    if (retained, trashed) != wanted || (wanted.0 || wanted.1) != scene.deleting {
        return Some("a tombstone where none belongs, or none".to_owned());
    }
    let stopped = guest.running == Fact::Known(false);
    (wanted.1 && !stopped).then(|| "a running guest would be put into the trash".to_owned())
}
