//! What keeps a guest from being destroyed. Everything is asked before it is even stopped.

use super::trash::{RECLAIM, volume_of};
use super::{Farewell, Remains};
use crate::Fact;
use crate::container::seen::{Guest, is_numbered};
use crate::container::step::Verdict;
use zentoria_api::conditions::ContainerReason;
use zentoria_types::mark::Description;

/// The first that holds.
pub(super) fn held(bye: &Farewell, seen: &Remains, guest: &Guest) -> Option<Verdict> {
    let vmid = guest.vmid;
    let hold = |reason, message: String| Some(Verdict::new(reason, message));
    if let Some(verdict) = restored(bye, seen, guest) {
        return Some(verdict);
    }
    if guest.config.current.get("protection").is_some_and(|value| value == "1") {
        let message = format!("guest {vmid} is protected: run `pct set {vmid} --protection 0` on its node first");
        return hold(ContainerReason::Protected, message);
    }
    if guest.ha {
        return Some(under_ha(guest));
    }
    // Nothing of ours starts a guest in the trash.
    if bye.expiring && guest.running == Fact::Known(true) {
        let message = format!(
            "guest {vmid} is in the trash and runs, so that somebody needs it: apply its manifest to have it back, or \
             stop it (`pct shutdown {vmid}`) to have it destroyed"
        );
        return hold(ContainerReason::Protected, message);
    }
    match &seen.replicated {
        Fact::Known(false) => {}
        Fact::Known(true) => {
            let message = format!(
                "guest {vmid} has replication jobs, which would be removed with it: delete them first (`pvesr list`, \
                 `pvesr delete {vmid}-0`)"
            );
            return hold(ContainerReason::Replicated, message);
        }
        Fact::Unknown(why) => {
            let message = format!("whether guest {vmid} is replicated cannot be read: {why}");
            return hold(ContainerReason::PveError, message);
        }
    }
    let volumes = held_volumes(seen, guest);
    if !volumes.is_empty() {
        let message = format!(
            "guest {vmid} still has {}, which Proxmox VE would destroy with it: move them away or remove them first, or \
             set the reclaimPolicy of their mounts to Delete before",
            volumes.join(", ")
        );
        return hold(ContainerReason::RetainedVolumes, message);
    }
    if bye.destroys_left == 0 {
        let message =
            format!("guest {vmid} waits: safety.maxDestroysPerHour of the ProxmoxCluster is used up for this hour");
        return hold(ContainerReason::DeletionBreaker, message);
    }
    None
}

/// What a person restored after its time was over is theirs.
fn restored(bye: &Farewell, seen: &Remains, guest: &Guest) -> Option<Verdict> {
    let vmid = guest.vmid;
    match &seen.restored {
        Fact::Known(false) => None,
        Fact::Known(true) => {
            let asked = bye.requested_at.strftime("%Y-%m-%dT%H:%M:%SZ");
            let message = format!(
                "guest {vmid} was restored after its time in the trash was over ({asked}), and is kept: apply its \
                 manifest to have it back, or destroy it in Proxmox VE (`pct destroy {vmid}`)"
            );
            Some(Verdict::new(ContainerReason::Protected, message))
        }
        Fact::Unknown(why) => {
            let message = format!("whether guest {vmid} was restored meanwhile cannot be read: {why}");
            Some(Verdict::new(ContainerReason::PveError, message))
        }
    }
}

pub(super) fn under_ha(guest: &Guest) -> Verdict {
    let message = format!(
        "guest {vmid} is under PVE's HA: remove it there first (ha-manager remove ct:{vmid})",
        vmid = guest.vmid
    );
    Verdict::new(ContainerReason::ManagedByHA, message)
}

/// Volumes that Proxmox VE would destroy with the guest and that nobody gave up.
pub(crate) fn held_volumes(seen: &Remains, guest: &Guest) -> Vec<String> {
    let by_mark = given_up_by_mark(guest);
    let goes = |slot: &str| {
        let volume = volume_of(guest.config.effective(slot).unwrap_or(""));
        is_numbered(slot, "mp") && volume.is_some_and(|volume| by_mark.iter().any(|given_up| given_up == volume))
    };
    let held = guest.config.held_volumes(&seen.recorded.mounts).into_iter();
    held.filter(|slot| !goes(slot)).map(str::to_owned).collect()
}

/// What the mark of a guest in the trash remembers of its mounts.
fn given_up_by_mark(guest: &Guest) -> Vec<String> {
    let mark = Description::parse(guest.config.description()).ok().and_then(|description| description.mark);
    let list = mark.filter(|mark| mark.trash_until.is_some()).and_then(|mut mark| mark.extra.remove(RECLAIM));
    list.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
}
