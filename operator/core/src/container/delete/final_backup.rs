//! The backup before a destruction: it counts once its volume is listed with a size, never on a task's word.

use super::{Farewell, Remains};
use crate::Fact;
use crate::container::seen::Guest;
use crate::container::step::{Step, TakeBackup, Verdict};
use zentoria_api::cluster::FinalBackup;
use zentoria_api::conditions::ContainerReason;

/// How it stands with the final backup.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// None is asked for, or none is possible and that is allowed.
    NotNeeded,
    /// This volume.
    Listed(String),
    /// It is to be made on this storage.
    ToMake(String),
    /// It is asked for, and there is no storage for it.
    Impossible,
    /// Whether there is one cannot be read, and why.
    Unknown(String),
}

/// The notes of the one backup that proves this very destruction.
#[must_use]
pub fn notes(bye: &Farewell) -> String {
    let key = &bye.identity.key;
    let asked = bye.requested_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("zentoria: final backup of {}/{}/{}, given up at {asked}", bye.identity.estate, key.namespace, key.name)
}

/// Whether a backup is needed, there, or to be made.
#[must_use]
pub fn proof(bye: &Farewell, seen: &Remains, guest: &Guest) -> Proof {
    let storage = match (bye.final_backup, &bye.backup_storage) {
        (FinalBackup::None, _) | (FinalBackup::IfPossible, None) => return Proof::NotNeeded,
        (FinalBackup::Required, None) => return Proof::Impossible,
        (FinalBackup::Required | FinalBackup::IfPossible, Some(storage)) => storage,
    };
    let notes = notes(bye);
    match &seen.backups {
        Some(Fact::Known(list)) => {
            let counts = |backup: &&crate::container::seen::Backup| {
                backup.vmid == guest.vmid && backup.notes.trim_end() == notes && backup.size > 0
            };
            match list.iter().find(counts) {
                Some(backup) => Proof::Listed(backup.volume.clone()),
                None => Proof::ToMake(storage.clone()),
            }
        }
        Some(Fact::Unknown(why)) => Proof::Unknown(why.clone()),
        None => Proof::Unknown(format!("storage {storage} was not asked yet")),
    }
}

/// What holds a destruction for want of a backup, before the guest is stopped.
pub(super) fn held(proof: &Proof, seen: &Remains, guest: &Guest) -> Option<Verdict> {
    let vmid = guest.vmid;
    match proof {
        Proof::NotNeeded | Proof::Listed(_) => None,
        Proof::ToMake(storage) => {
            // Otherwise the storage would fill up with backups that it does not list.
            seen.unlisted_backup.then(|| {
                let message = format!(
                    "guest {vmid} is kept: vzdump said OK, and storage {storage} lists no such backup with a size. Look at \
                     the storage, and whether the operator's token has VM.Backup on /vms/{vmid} and Datastore.AllocateSpace \
                     on /storage/{storage}; it is tried again later"
                );
                Verdict::new(ContainerReason::FinalBackupNotAvailable, message)
            })
        }
        Proof::Impossible => {
            let message = format!(
                "guest {vmid} is kept: safety.finalBackup of the ProxmoxCluster asks for a final backup, and \
                 safety.backupStorage names no storage for it. Set one, or finalBackup to None or IfPossible, or the \
                 deletionPolicy to Retain"
            );
            Some(Verdict::new(ContainerReason::FinalBackupNotAvailable, message))
        }
        Proof::Unknown(why) => Some(Verdict::new(ContainerReason::PveError, format!("guest {vmid} is kept: {why}"))),
    }
}

/// The backup itself.
pub(super) fn step(bye: &Farewell, storage: &str) -> Step {
    Step::Backup(TakeBackup { storage: storage.to_owned(), notes: notes(bye), protected: false })
}

/// What stays of a guest that is destroyed, in words.
pub(super) fn left_behind(bye: &Farewell, proof: &Proof) -> String {
    match proof {
        Proof::Listed(volume) => format!("with its disks; its final backup is {volume}"),
        Proof::NotNeeded | Proof::ToMake(_) | Proof::Impossible | Proof::Unknown(_) => {
            let why = match bye.final_backup {
                FinalBackup::None => "safety.finalBackup is None",
                FinalBackup::IfPossible | FinalBackup::Required => {
                    "safety.finalBackup is IfPossible, and safety.backupStorage names no storage"
                }
            };
            format!("with its disks and without a final backup: {why}")
        }
    }
}
