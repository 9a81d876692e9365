//! What happens to a guest whose object is deleted, or whose time in the trash is over.

pub mod final_backup;
mod holds;
pub mod trash;

pub(crate) use holds::held_volumes;

use super::options::describe;
use super::ownership::{Ownership, ownership};
use super::seen::{Backup, Guest, GuestFact, Recorded, TaskFact};
use super::step::{MarkGuest, MarkPurpose, Plan, Step, Target, Verdict};
use super::want::Identity;
use crate::Fact;
use final_backup::Proof;
use jiff::{SignedDuration, Timestamp};
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::DeletionPolicy;
use zentoria_types::mark::{Description, Mark};

/// What a deletion asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Farewell {
    /// Who we are.
    pub identity: Identity,
    /// Observe writes nothing.
    pub mode: Mode,
    /// Retain, Trash or Delete.
    pub policy: DeletionPolicy,
    /// The guest has no object any more, and its time in the trash is over: only while its mark says so, too.
    pub expiring: bool,
    /// When the object was deleted, or the time in the trash was over: what its final backup is known by.
    pub requested_at: Timestamp,
    /// `safety.trashRetention`.
    pub trash_retention: SignedDuration,
    /// `safety.finalBackup`.
    pub final_backup: FinalBackup,
    /// `safety.backupStorage`.
    pub backup_storage: Option<String>,
    /// Destructions that the breaker still allows now.
    pub destroys_left: u32,
}

/// What a deletion rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Remains {
    /// When it was seen.
    pub now: Timestamp,
    /// The guest.
    pub guest: GuestFact,
    /// The task in flight.
    pub task: TaskFact,
    /// What status remembers.
    pub recorded: Recorded,
    /// Whether it has replication jobs.
    pub replicated: Fact<bool>,
    /// Its backups on the storage for backups; asked only where a final backup is needed.
    pub backups: Option<Fact<Vec<Backup>>>,
    /// vzdump said OK a short time ago, and the storage listed no backup with a size for it.
    pub unlisted_backup: bool,
    /// Whether a restore made the guest anew since its time in the trash was over. Its final backup has the mark of then,
    /// so that what a person restored from it looks as if it had to be destroyed once more.
    pub restored: Fact<bool>,
}

/// What to do before the object may go.
#[derive(Clone, Debug, PartialEq)]
pub enum DeletionPlan {
    /// Nothing (more): the finalizer can be removed. Says what became of the guest.
    Done(String),
    /// Steps, or a wait.
    Pending(Plan),
}

/// The plan of a deletion.
#[must_use]
pub fn plan_delete(bye: &Farewell, seen: &Remains) -> DeletionPlan {
    match &seen.task {
        TaskFact::Running(upid) => {
            let message = format!("waits for a task of Proxmox VE on the guest ({upid})");
            return say(Verdict::new(ContainerReason::Deleting, message));
        }
        TaskFact::Failed { action, message } => {
            let message = format!("{action:?} failed in Proxmox VE and is tried again: {}", explained(message));
            return say(Verdict::about(ContainerReason::TaskFailed, format!("{action:?}"), message));
        }
        TaskFact::None | TaskFact::NotStarted | TaskFact::Done(_) => {}
    }
    match &seen.guest {
        GuestFact::NoVmid | GuestFact::OtherKind => DeletionPlan::Done("there was no guest of ours".into()),
        GuestFact::Absent => DeletionPlan::Done("the guest is gone".into()),
        GuestFact::Unknown { why, .. } => {
            let message = format!("the guest cannot be looked at, so it cannot be let go: {why}");
            say(Verdict::new(ContainerReason::PveError, message))
        }
        GuestFact::Present(guest) => present(bye, seen, guest),
    }
}

fn say(verdict: Verdict) -> DeletionPlan {
    DeletionPlan::Pending(Plan::say(verdict))
}

fn present(bye: &Farewell, seen: &Remains, guest: &Guest) -> DeletionPlan {
    if bye.mode == Mode::Observe {
        return DeletionPlan::Done("mode is Observe: the guest is left as it is".into());
    }
    if let Some(lock) = guest.config.lock() {
        let message = format!("guest {} is locked by Proxmox VE ({lock}); waits until the lock is gone", guest.vmid);
        return say(Verdict::about(ContainerReason::GuestLocked, lock.to_owned(), message));
    }
    let mark = match ownership(&bye.identity, guest.vmid, guest.config.description()) {
        Ownership::Ours(mark) => mark,
        // Whatever it is, it is not this object's guest, so the object has nothing to let go.
        Ownership::OtherControlPlane(_)
        | Ownership::CopyOf(_)
        | Ownership::Foreign(_)
        | Ownership::Unmarked
        | Ownership::Unreadable(_) => {
            return DeletionPlan::Done(format!("guest {} does not carry our mark: it is left as it is", guest.vmid));
        }
    };
    if bye.expiring {
        return match trash::until(&mark) {
            Some(Ok(until)) if until <= seen.now => delete(bye, seen, guest),
            Some(Ok(_) | Err(_)) | None => DeletionPlan::Done(format!("guest {} was taken back", guest.vmid)),
        };
    }
    match bye.policy {
        DeletionPolicy::Retain => retain(seen, guest, &mark),
        DeletionPolicy::Trash => trash::trash(bye, seen, guest, &mark),
        DeletionPolicy::Delete => delete(bye, seen, guest),
    }
}

fn target(guest: &Guest) -> Option<Target> {
    Some(Target { vmid: guest.vmid, node: guest.node.clone(), digest: guest.config.digest.clone() })
}

fn steps(guest: &Guest, step: Step, verdict: Verdict) -> DeletionPlan {
    let plan = Plan { target: target(guest), steps: vec![step], pending: Vec::new(), verdict, notes: Vec::new() };
    DeletionPlan::Pending(plan)
}

fn retain(seen: &Remains, guest: &Guest, mark: &Mark) -> DeletionPlan {
    if mark.retained.is_some() && mark.trash_until.is_none() {
        return DeletionPlan::Done(format!("guest {} is retained", guest.vmid));
    }
    // Whoever changes the policy while the object waits to go has it out of the trash again.
    let (clean, on_boot) = trash::cleaned(mark);
    let tombstone = Mark { retained: Some(seen.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()), ..clean };
    let text = Description::parse(guest.config.description()).map(|d| d.text).unwrap_or_default();
    let mark = MarkGuest {
        purpose: MarkPurpose::Retain,
        description: Some(describe(&text, Some(&tombstone))),
        tags: None,
        on_boot,
    };
    steps(guest, Step::Mark(mark), Verdict::new(ContainerReason::Deleting, "the guest is retained"))
}

fn delete(bye: &Farewell, seen: &Remains, guest: &Guest) -> DeletionPlan {
    let proof = final_backup::proof(bye, seen, guest);
    if let Some(verdict) = holds::held(bye, seen, guest).or_else(|| final_backup::held(&proof, seen, guest)) {
        return say(verdict);
    }
    let deleting = |message: &str| Verdict::new(ContainerReason::Deleting, message);
    match (&guest.running, &proof) {
        (Fact::Unknown(why), _) => say(Verdict::new(ContainerReason::PveError, why.clone())),
        (Fact::Known(true), _) => steps(guest, Step::Shutdown, deleting("is shut down to be destroyed")),
        (Fact::Known(false), Proof::ToMake(storage)) => {
            steps(guest, final_backup::step(bye, storage), deleting("is backed up before it is destroyed"))
        }
        (Fact::Known(false), Proof::NotNeeded | Proof::Listed(_)) => destroy(bye, guest, &proof),
        (Fact::Known(false), Proof::Impossible | Proof::Unknown(_)) => say(deleting("waits for its final backup")),
    }
}

/// What stays of the guest is told with its destruction.
fn destroy(bye: &Farewell, guest: &Guest, proof: &Proof) -> DeletionPlan {
    let verdict = Verdict::new(ContainerReason::Deleting, "is being destroyed");
    let notes = vec![format!("guest {} is destroyed {}", guest.vmid, final_backup::left_behind(bye, proof))];
    let steps = vec![Step::Destroy { replacing: None }];
    DeletionPlan::Pending(Plan { target: target(guest), steps, pending: Vec::new(), verdict, notes })
}

/// Proxmox VE's words, with what to do about them where they do not say it.
#[must_use]
pub fn explained(message: &str) -> String {
    if message.contains("linked clone") {
        return format!(
            "{message}: its disks are the base of other guests (made with source.clone.full: false). Remove those first, or \
             move their disks to another storage"
        );
    }
    message.to_owned()
}

/// Whether the backups of the guest have to be read for this deletion.
#[must_use]
pub fn needs_backups(bye: &Farewell) -> bool {
    let destroys = bye.policy == DeletionPolicy::Delete || bye.expiring;
    destroys && bye.final_backup != FinalBackup::None && bye.backup_storage.is_some()
}
