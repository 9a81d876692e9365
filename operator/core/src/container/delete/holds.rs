//! What keeps a guest from being destroyed. Everything is asked before it is even stopped.

use super::{Farewell, Remains};
use crate::Fact;
use crate::container::seen::Guest;
use crate::container::step::Verdict;
use zentoria_api::conditions::ContainerReason;

/// The first that holds.
pub(super) fn held(bye: &Farewell, seen: &Remains, guest: &Guest) -> Option<Verdict> {
    let vmid = guest.vmid;
    let hold = |reason, message: String| Some(Verdict::new(reason, message));
    if guest.config.current.get("protection").is_some_and(|value| value == "1") {
        let message = format!("guest {vmid} is protected: run `pct set {vmid} --protection 0` on its node first");
        return hold(ContainerReason::Protected, message);
    }
    if guest.ha {
        return Some(under_ha(guest));
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
    let hanging = hanging(seen, guest);
    if !hanging.is_empty() {
        let message = format!(
            "guest {vmid} still has {}, which Proxmox VE would destroy with it: move them away or remove them first, or \
             set the reclaimPolicy of their mounts to Delete before",
            hanging.join(", ")
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

pub(super) fn under_ha(guest: &Guest) -> Verdict {
    let message = format!(
        "guest {vmid} is under PVE's HA: remove it there first (ha-manager remove ct:{vmid})",
        vmid = guest.vmid
    );
    Verdict::new(ContainerReason::ManagedByHA, message)
}

/// Volumes that Proxmox VE would destroy with the guest and that nobody gave up.
pub(crate) fn hanging(seen: &Remains, guest: &Guest) -> Vec<String> {
    guest.config.held_volumes(&seen.recorded.mounts).into_iter().map(str::to_owned).collect()
}
