//! What a new guest needs beyond what every guest does: by its disks, its interfaces, and what its spec has done to it
//! later. Asked before it is made, so that nobody finds out in the middle of a change.

use super::networks::{Zones, missing_for_interfaces};
use super::{Permissions, holds};
use crate::container::want::{Mounted, Want};
use std::collections::BTreeSet;
use zentoria_api::container::{GuardedClass, KeepMethod};
use zentoria_types::names::StorageName;
use zentoria_types::vmid::Vmid;

/// What a new guest as `want` has it needs and the credentials do not hold, each as `/path: Privilege`.
#[must_use]
pub fn missing_for_guest(want: &Want, held: &Permissions, zones: &Zones) -> Vec<String> {
    let volumes = want.mounts.iter().filter_map(|mount| match &mount.what {
        Mounted::Volume { storage, size: _ } => Some(storage),
        Mounted::Bind { .. } => None,
    });
    let storages: BTreeSet<&StorageName> = want.storage.iter().chain(volumes).collect();
    let disks = storages.into_iter().map(|storage| (format!("/storage/{storage}"), "Datastore.AllocateSpace"));
    let later = [(want.placement.enforce, "VM.Migrate"), (takes_snapshots(want), "VM.Snapshot")];
    let later = later.into_iter().filter(|(is_used, _)| *is_used).map(|(_, privilege)| ("/vms".to_owned(), privilege));
    let lacks = disks.chain(later).filter(|(path, privilege)| !holds(held, path, privilege));
    let mut missing: Vec<String> = lacks.map(|(path, privilege)| format!("{path}: {privilege}")).collect();
    missing.extend(missing_for_interfaces(&want.options.interfaces, held, zones));
    missing
}

/// What a copy of a guest that runs needs: a snapshot of it is taken for the copy, and removed.
#[must_use]
pub fn missing_for_live_copy(source: Vmid, held: &Permissions) -> Option<String> {
    let path = format!("/vms/{source}");
    (!holds(held, &path, "VM.Snapshot")).then(|| format!("{path}: VM.Snapshot"))
}

/// Whether snapshots may be kept of the guest before changes. Before a replacement none is: it would go with its guest.
fn takes_snapshots(want: &Want) -> bool {
    want.before_change.as_ref().is_some_and(|before| {
        let by_snapshot = match before.method {
            KeepMethod::Auto | KeepMethod::Snapshot => true,
            KeepMethod::Vzdump => false,
        };
        by_snapshot && before.classes.iter().any(|class| *class != GuardedClass::Replace)
    })
}
