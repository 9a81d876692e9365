//! Why the conditions of the three kinds are as they are.

use crate::conditions::{Phase, reasons};
use std::fmt;

reasons! {
    /// Reasons of a BackupRepository.
    RepositoryReason {
        /// It can be written to, and its last check found nothing.
        Ready => Settled,
        /// First sight.
        Pending => Progressing,
        /// It is looked for, and initialised where there is none.
        Initialising => Progressing,
        /// The last run could not reach it.
        Unreachable => Retrying,
        /// A run failed, and the next one is tried.
        JobFailed => Retrying,
        /// Another run holds its lock.
        Locked => Waiting,
        /// A lock was left behind by a pod that is gone, and is being removed.
        Unlocking => Progressing,
        /// A Secret or one of its keys is missing.
        SecretNotFound => Stalled,
        /// The PersistentVolumeClaim, or the repository that copies go to, does not exist.
        NotFound => Stalled,
        /// The password does not open it.
        WrongPassword => Stalled,
        /// The server refuses the credentials.
        AccessDenied => Stalled,
        /// It was initialised once and is not there any more.
        RepositoryGone => Stalled,
        /// Another repository lies where it was.
        RepositorySwapped => Stalled,
        /// A check found data that cannot be read.
        Damaged => Stalled,
        /// Its place is full.
        StorageFull => Stalled,
        /// A lock is held by a host that is not a pod of ours.
        ForeignLock => Stalled,
        /// Another BackupRepository names the same place.
        Conflict => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
    }
}

reasons! {
    /// Reasons of a BackupPolicy.
    PolicyReason {
        /// Its newest backup is younger than the promise.
        Fresh => Settled,
        /// First sight, or no run was due yet.
        Pending => Progressing,
        /// A run is at work.
        Running => Progressing,
        /// Its repository cannot be used; its own status says why.
        RepositoryNotReady => Waiting,
        /// The container has no address yet, or is not running.
        WaitingFor => Waiting,
        /// The last run failed, and the next one is tried.
        BackupFailed => Retrying,
        /// A call to Proxmox VE failed and is tried again.
        PveError => Retrying,
        /// Its newest backup is older than the promise.
        Late => Stalled,
        /// The last restore test failed, or Proxmox Backup Server found a backup damaged: it may not be restorable.
        RestoreTestFailed => Stalled,
        /// Proxmox Backup Server cannot read the newest backup of a container again as it was written.
        VerificationFailed => Stalled,
        /// A container, repository or service that it names does not exist.
        NotFound => Stalled,
        /// A Secret or one of its keys is missing.
        SecretNotFound => Stalled,
        /// The server refuses user or password.
        AccessDenied => Stalled,
        /// A database, collection, bucket or path that it names does not exist any more.
        SourceGone => Stalled,
        /// It matches no container.
        MatchesNothing => Stalled,
        /// The ProxmoxCluster lets this namespace do less than the spec asks for.
        NotAllowed => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
    }
}

reasons! {
    /// Reasons of a BackupRestore.
    RestoreReason {
        /// Everything was restored.
        Succeeded => Settled,
        /// First sight.
        Pending => Progressing,
        /// What is there now is being backed up first.
        SecuringSource => Progressing,
        /// It is being restored.
        Restoring => Progressing,
        /// A repository cannot be used at the moment.
        RepositoryNotReady => Waiting,
        /// The container that it goes to has no address yet, or is not running.
        WaitingFor => Waiting,
        /// `into.source` writes over what is there, and `confirm` does not say the name.
        ConfirmationRequired => Stalled,
        /// The policy, its repository or a claim does not exist, or the selector matches none.
        NotFound => Stalled,
        /// There is no such snapshot.
        SnapshotNotFound => Stalled,
        /// The backup of what is there now failed, so that nothing was restored over it.
        SecuringFailed => Stalled,
        /// It failed. What was done is in `results`.
        Failed => Stalled,
        /// This kind of source cannot be restored to that place.
        NotSupported => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// `zentoria.ai/paused`.
        Paused => Silent,
    }
}
