//! What is kept of a guest before it is changed: a snapshot or a backup of ours, made just before, as `beforeChange` asks;
//! and the final backup without which nothing is destroyed to be made anew.
//!
//! A snapshot is named `zentoria-` and 12 hex digits that name the changes; a backup carries them in its notes. What was
//! kept shortly before serves for the same changes, so that a crash between the two makes no second one.

mod act;
mod keepsakes;

use crate::Fact;
use crate::container::options::as_shown;
use crate::container::power::power;
use crate::container::seen::{Guest, GuestFact, KeepFailed, Seen};
use crate::container::step::{Plan, Step, TakeBackup, TakeSnapshot, Verdict};
use crate::container::want::Want;
use act::{Act, Judge, act_of};
use keepsakes::Keepsakes;
use keepsakes::notes_of;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{ContainerReason, UpToDateReason};
use zentoria_api::container::{
    BeforeChange, ChangeClass, GuardedClass, KeepMethod, OnImpossible, PendingChange, TaskAction,
};

/// How the guest is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Snapshot,
    Backup,
}

/// What comes of the question whether enough is kept.
enum Kept {
    /// Enough.
    Enough,
    /// First this.
    First(Box<Step>),
    /// It cannot be done, and the change is made all the same.
    Without(String),
    /// It cannot be done, so the change is not made either.
    Never(String, Option<UpToDateReason>),
    /// It has to be looked at first.
    NotKnown(String),
}

impl Kept {
    fn first(step: Step) -> Self {
        Self::First(Box::new(step))
    }
}

/// The plan, or, where something has to be kept first, the step that does; where that is impossible, the plan without
/// what it was to be kept for.
pub(super) fn secure(want: &Want, seen: &Seen, guest: &Guest, plan: Plan) -> Plan {
    let Some(act) = act_of(want, seen, guest, &plan) else { return plan };
    let mut plan = plan;
    match kept(want, seen, guest, &act) {
        Kept::Enough => {}
        Kept::Without(why) => plan.notes.push(format!("nothing is kept of the guest before {}: {why}", act.words)),
        Kept::First(step) => {
            let message = format!("{}, for {}", purpose(&step), act.words);
            plan.steps = vec![*step];
            plan.verdict = Verdict::new(ContainerReason::Securing, message);
        }
        Kept::NotKnown(why) => {
            plan.steps = Vec::new();
            plan.verdict = Verdict::new(ContainerReason::PveError, why);
        }
        Kept::Never(why, parked) => without(want, seen, guest, &act, &mut plan, &why, parked),
    }
    plan
}

fn purpose(step: &Step) -> &'static str {
    match step {
        Step::Snapshot(_) => "a snapshot is taken first",
        Step::Backup(_) => "it is backed up first",
        Step::DeleteSnapshot { .. } | Step::DeleteBackup { .. } => "what is not kept any longer is removed first",
        Step::Create(_)
        | Step::Clone(_)
        | Step::Mark(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Migrate { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => "it is prepared first",
    }
}

/// Whether the plan needs to know which backups there are. `seen` is everything but that.
#[must_use]
pub fn needs_backups(want: &Want, seen: &Seen) -> bool {
    let Some((guest, act)) = act(want, seen) else { return false };
    let how = how(want, seen, guest, &act);
    seen.cluster.backup_storage.is_some() && (final_backup(seen, &act) || matches!(how, Ok(Some(How::Backup))))
}

/// Whether the plan needs to know if the guest's storages can snapshot. `seen` is everything but that.
#[must_use]
pub fn needs_snapshot_feature(want: &Want, seen: &Seen) -> bool {
    let Some((_, act)) = act(want, seen) else { return false };
    let asks = |before: &BeforeChange| before.method != KeepMethod::Vzdump;
    act.class != GuardedClass::Replace && !act.moves && asked(want, &act).is_some_and(asks)
}

/// Whether the guest is to be made anew, so that its replication jobs have to be known as they are now.
#[must_use]
pub fn needs_replication(want: &Want, seen: &Seen) -> bool {
    act(want, seen).is_some_and(|(_, act)| act.class == GuardedClass::Replace)
}

/// What the plan would do if nothing had to be kept.
fn act<'a>(want: &Want, seen: &'a Seen) -> Option<(&'a Guest, Act)> {
    let GuestFact::Present(guest) = &seen.guest else { return None };
    if want.mode == Mode::Observe || super::hindrance(seen).is_some() {
        return None;
    }
    let plan = super::existing::existing(want, seen, guest);
    act_of(want, seen, guest, &plan).map(|act| (guest.as_ref(), act))
}

/// What `beforeChange` asks before this act.
fn asked<'a>(want: &'a Want, act: &Act) -> Option<&'a BeforeChange> {
    want.before_change.as_ref().filter(|before| before.classes.contains(&act.class))
}

/// Whether a final backup is needed, or wished and possible.
fn final_backup(seen: &Seen, act: &Act) -> bool {
    act.class == GuardedClass::Replace
        && match seen.cluster.final_backup {
            FinalBackup::Required => true,
            FinalBackup::IfPossible => seen.cluster.backup_storage.is_some(),
            FinalBackup::None => false,
        }
}

/// How the guest is kept; `None` where it cannot be told yet, an error where nothing can be kept.
fn how(want: &Want, seen: &Seen, guest: &Guest, act: &Act) -> Result<Option<How>, String> {
    let Some(before) = asked(want, act) else { return Ok(None) };
    let failed = |action| seen.keep_failed.as_ref().filter(|failed| failed.action == action);
    let backup = || match (&seen.cluster.backup_storage, failed(TaskAction::Backup)) {
        (_, Some(KeepFailed { message, .. })) => Err(format!("its backup failed in Proxmox VE: {message}")),
        (Some(_), None) => Ok(Some(How::Backup)),
        (None, None) => Err("safety.backupStorage of the ProxmoxCluster is not set: set it".to_owned()),
    };
    let cannot = match (act.class, act.moves, before.method) {
        (_, _, KeepMethod::Vzdump) | (GuardedClass::Replace, _, KeepMethod::Auto) | (_, true, KeepMethod::Auto) => {
            return backup();
        }
        (GuardedClass::Replace, _, KeepMethod::Snapshot) => {
            return Err("a snapshot goes with its guest: set beforeChange.method to Vzdump or Auto".to_owned());
        }
        (GuardedClass::Hot | GuardedClass::Reboot, true, KeepMethod::Snapshot) => {
            return Err(
                "Proxmox VE moves no volume that has snapshots: set beforeChange.method to Vzdump or Auto".to_owned()
            );
        }
        (GuardedClass::Hot | GuardedClass::Reboot, false, KeepMethod::Snapshot | KeepMethod::Auto) => {
            match (failed(TaskAction::Snapshot), &seen.snapshot_feature) {
                (Some(KeepFailed { message, .. }), _) => format!("its snapshot failed in Proxmox VE: {message}"),
                (None, Some(Fact::Known(true))) => return Ok(Some(How::Snapshot)),
                (None, Some(Fact::Known(false))) => {
                    format!("a storage of guest {} cannot take snapshots", guest.vmid)
                }
                (None, Some(Fact::Unknown(_)) | None) => return Ok(None),
            }
        }
    };
    match before.method {
        KeepMethod::Auto => backup().map_err(|why| format!("{cannot}, and {why}")),
        KeepMethod::Snapshot | KeepMethod::Vzdump => {
            Err(format!("{cannot}: set beforeChange.method to Vzdump or Auto"))
        }
    }
}

/// Whether enough is kept for the act.
fn kept(want: &Want, seen: &Seen, guest: &Guest, act: &Act) -> Kept {
    if final_backup(seen, act) {
        match final_backup_kept(want, seen, guest, act) {
            Kept::Enough => {}
            other @ (Kept::First(_) | Kept::Without(_) | Kept::Never(..) | Kept::NotKnown(_)) => return other,
        }
    }
    let Some(before) = asked(want, act) else { return Kept::Enough };
    let keepsakes = Keepsakes {
        want,
        seen,
        guest,
        digest: &act.digest,
        before: Some(before),
        own: act.class == GuardedClass::Replace,
    };
    match how(want, seen, guest, act) {
        Ok(Some(How::Snapshot)) => snapshot(&keepsakes, act),
        Ok(Some(How::Backup)) => backup(&keepsakes),
        Ok(None) => Kept::NotKnown(match &seen.snapshot_feature {
            Some(Fact::Unknown(why)) => why.clone(),
            Some(Fact::Known(_)) | None => "looks whether the storages of the guest can take snapshots".to_owned(),
        }),
        Err(why) => match before.on_impossible {
            OnImpossible::Proceed => Kept::Without(why),
            OnImpossible::Refuse => {
                let why = format!("beforeChange cannot be done: {why}, or set beforeChange.onImpossible to Proceed");
                Kept::Never(why, Some(UpToDateReason::BeforeChangeImpossible))
            }
        },
    }
}

fn final_backup_kept(want: &Want, seen: &Seen, guest: &Guest, act: &Act) -> Kept {
    if seen.cluster.backup_storage.is_none() {
        let why = "FinalBackupNotAvailable: safety.finalBackup of the ProxmoxCluster is Required, and \
                   safety.backupStorage is not set: set it, or finalBackup to None to make the guest anew without one";
        return Kept::Never(why.to_owned(), None);
    }
    if let Some(KeepFailed { message, .. }) = seen.keep_failed.as_ref().filter(|f| f.action == TaskAction::Backup) {
        return Kept::Never(format!("its final backup failed in Proxmox VE: {message}"), None);
    }
    backup(&Keepsakes { want, seen, guest, digest: &act.digest, before: None, own: true })
}

fn snapshot(keepsakes: &Keepsakes<'_>, act: &Act) -> Kept {
    let Keepsakes { guest, .. } = keepsakes;
    if let Fact::Unknown(why) = &guest.snapshots {
        return Kept::NotKnown(why.clone());
    }
    let delete = |name: String| Kept::first(Step::DeleteSnapshot { of: guest.vmid, node: guest.node.clone(), name });
    if !keepsakes.has_snapshot() {
        let name = keepsakes.snapshot_name();
        // One of this name from long ago: the same change was made before.
        return match keepsakes.is_taken(&name) {
            true => delete(name),
            false => {
                let description = format!("zentoria: before {}", act.words);
                let (of, node) = (guest.vmid, guest.node.clone());
                Kept::first(Step::Snapshot(TakeSnapshot { of, node, name, description }))
            }
        };
    }
    keepsakes.surplus_snapshot().map_or(Kept::Enough, delete)
}

fn backup(keepsakes: &Keepsakes<'_>) -> Kept {
    let storage = keepsakes.seen.cluster.backup_storage.clone().unwrap_or_default();
    match &keepsakes.seen.backups {
        None => Kept::NotKnown("looks which backups of the guest there are".to_owned()),
        Some(Fact::Unknown(why)) => Kept::NotKnown(why.clone()),
        Some(Fact::Known(list)) if !keepsakes.has_backup(list) => {
            let notes = notes_of(&keepsakes.want.identity, keepsakes.digest);
            Kept::first(Step::Backup(TakeBackup { storage, notes, protected: false }))
        }
        Some(Fact::Known(list)) => {
            keepsakes.surplus_backup(list).map_or(Kept::Enough, |volume| Kept::first(Step::DeleteBackup { volume }))
        }
    }
}

/// The plan without the act, which waits for something to be kept; what it would have changed is pending.
fn without(
    want: &Want,
    seen: &Seen,
    guest: &Guest,
    act: &Act,
    plan: &mut Plan,
    why: &str,
    parked: Option<UpToDateReason>,
) {
    let judge = Judge::of(want, guest, plan);
    let steps = std::mem::take(&mut plan.steps);
    let (dropped, left): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| judge.class_of(step).is_some());
    let class = match act.class {
        GuardedClass::Hot => ChangeClass::Hot,
        GuardedClass::Reboot => ChangeClass::Reboot,
        GuardedClass::Replace => ChangeClass::Replace,
    };
    for change in plan.pending.iter_mut().filter(|change| change.class == class) {
        change.message = format!("{}; {why}", change.message);
    }
    // What waits for a reboot or a move is pending already.
    let shown = dropped.iter().flat_map(|step| {
        if let Step::Configure(configure) = step {
            as_shown(configure)
        } else if let Step::Resize { .. } = step {
            super::shown(step)
        } else {
            Vec::new()
        }
    });
    plan.pending.extend(shown.map(|change| PendingChange { message: why.to_owned(), ..change }));
    plan.steps = left;
    let (step, verdict) = power(want, seen, guest);
    let acts = plan.steps.iter().any(|step| step.task().is_some());
    plan.steps.extend(step.filter(|_| !acts));
    plan.verdict = verdict.parked(parked);
}
