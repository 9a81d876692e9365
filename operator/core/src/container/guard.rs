//! The guard: a second reader of a plan, which knows nothing of how it was made. It refuses what must never happen.

use super::delete::Farewell;
use super::ownership::{Ownership, ownership};
use super::seen::{Guest, GuestFact, Seen};
use super::step::{MarkPurpose, Plan, Step, Verdict};
use super::want::{Identity, Want};
use crate::Fact;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Adoption, DeletionPolicy};
use zentoria_types::mark::{ControlPlaneId, Description};

/// The facts that the guard judges by.
struct Scene<'a> {
    identity: &'a Identity,
    mode: Mode,
    adoption: Adoption,
    takeover: Option<&'a ControlPlaneId>,
    guest: &'a GuestFact,
    /// Destruction is what the deletion of the object asks for, and everything allows it.
    may_destroy: bool,
    deleting: bool,
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
        may_destroy: false,
        deleting: false,
    };
    judge(plan, &scene)
}

/// As [`guard`], for the plan of a deletion.
#[must_use]
pub fn guard_delete(plan: Plan, bye: &Farewell, guest: &GuestFact) -> Plan {
    let may_destroy = bye.policy == DeletionPolicy::Delete
        && bye.final_backup == FinalBackup::None
        && bye.destroys_left > 0;
    let scene = Scene {
        identity: &bye.identity,
        mode: bye.mode,
        adoption: Adoption::Never,
        takeover: None,
        guest,
        may_destroy,
        deleting: true,
    };
    judge(plan, &scene)
}

fn judge(plan: Plan, scene: &Scene<'_>) -> Plan {
    let Some(why) = refusal(&plan, scene) else {
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
    let Some(target) = &plan.target else {
        return Some("steps without a target".to_owned());
    };
    plan.steps.iter().find_map(|step| match step {
        Step::Create(create) => making(scene, create.options.get("description").map_or("", |d| d), target.vmid),
        Step::Clone(clone) if clone.source == target.vmid => Some("a clone onto its own source".to_owned()),
        Step::Clone(clone) => making(scene, &clone.description, target.vmid),
        Step::Mark(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::Finish
        | Step::Resize { .. }
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy
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

/// A creation carries our mark in its own call, and nothing was seen at the VMID.
fn making(scene: &Scene<'_>, description: &str, vmid: zentoria_types::vmid::Vmid) -> Option<String> {
    if !matches!(scene.guest, GuestFact::NoVmid | GuestFact::Absent) {
        return Some("a guest would be made where there may be one".to_owned());
    }
    match ownership(scene.identity, vmid, description) {
        Ownership::Ours(mark) if mark.retained.is_none() => None,
        _ => Some("a guest would be made without our mark".to_owned()),
    }
}

fn touching(scene: &Scene<'_>, guest: &Guest, step: &Step, plan: &Plan) -> Option<String> {
    if matches!(step, Step::ForgetVmid) {
        return None;
    }
    if guest.config.lock().is_some() {
        return Some(format!("{step} on a locked guest"));
    }
    // The first mark of a plan makes what follows in the same plan ours.
    let whose = ownership(scene.identity, guest.vmid, guest.config.description());
    let takes = plan.steps.iter().find_map(|step| match step {
        Step::Mark(mark) => Some(mark.purpose),
        _ => None,
    });
    let ours = match (&whose, takes) {
        (Ownership::Ours(_), _) => true,
        (Ownership::Unmarked, Some(MarkPurpose::Adopt)) => scene.adoption == Adoption::IfExists,
        (Ownership::OtherControlPlane(old), Some(MarkPurpose::Rebind)) => scene.takeover == Some(old),
        _ => false,
    };
    if !ours {
        return Some(format!("{step} on a guest that is not ours"));
    }
    match step {
        Step::Mark(mark) => marking(scene, mark.purpose, mark.description.as_deref(), guest),
        Step::Configure(configure) => {
            let speaks = configure.set.get("description");
            let removes = configure.delete.iter().any(|key| key == "description");
            let keeps = speaks.is_none_or(|text| {
                matches!(ownership(scene.identity, guest.vmid, text), Ownership::Ours(_))
            });
            (removes || !keeps).then(|| "a change would remove our mark".to_owned())
        }
        Step::Destroy if !scene.may_destroy => Some("a destruction that nothing asks for".to_owned()),
        Step::Destroy if guest.running != Fact::Known(false) => Some("a running guest would be destroyed".to_owned()),
        Step::Destroy if hangs_on(guest) => Some("volumes would be destroyed with the guest".to_owned()),
        Step::Shutdown | Step::Reboot | Step::Start if guest.ha => Some("the power of a guest under HA".to_owned()),
        Step::ClearFirewall | Step::Finish if scene.deleting => Some(format!("{step} while deleting")),
        Step::Create(_)
        | Step::Clone(_)
        | Step::ClearFirewall
        | Step::Finish
        | Step::Resize { .. }
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy
        | Step::ForgetVmid => None,
    }
}

/// Writing a mark changes the mark alone: the user's text stays.
fn marking(scene: &Scene<'_>, purpose: MarkPurpose, description: Option<&str>, guest: &Guest) -> Option<String> {
    let description = description?;
    let text = |whole: &str| Description::parse(whole).map(|d| d.text).ok();
    if text(description) != text(guest.config.description()) {
        return Some("a mark would change the text above it".to_owned());
    }
    let retained = match ownership(scene.identity, guest.vmid, description) {
        Ownership::Ours(mark) => mark.retained.is_some(),
        _ => return Some("a mark that is not ours would be written".to_owned()),
    };
    let wanted = purpose == MarkPurpose::Retain;
    (retained != wanted || wanted != scene.deleting).then(|| "a tombstone where none belongs, or none".to_owned())
}

fn hangs_on(guest: &Guest) -> bool {
    guest.config.current.keys().any(|key| {
        let number = key.strip_prefix("unused").or_else(|| key.strip_prefix("mp"));
        number.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    })
}
