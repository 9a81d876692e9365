//! What happens to a guest whose object is deleted.

use super::options::describe;
use super::ownership::{Ownership, ownership};
use super::seen::{Guest, GuestFact, Recorded, TaskFact};
use super::step::{MarkGuest, MarkPurpose, Plan, Step, Target, Verdict};
use super::want::Identity;
use crate::Fact;
use jiff::Timestamp;
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
    /// Retain or Delete.
    pub policy: DeletionPolicy,
    /// `safety.finalBackup`.
    pub final_backup: FinalBackup,
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
            let message = format!("{action:?} failed in Proxmox VE and is tried again: {message}");
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
    match bye.policy {
        DeletionPolicy::Retain => retain(seen, guest, &mark),
        DeletionPolicy::Trash | DeletionPolicy::Delete => delete(bye, guest),
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
    if mark.retained.is_some() {
        return DeletionPlan::Done(format!("guest {} is retained", guest.vmid));
    }
    let tombstone = Mark { retained: Some(seen.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()), ..mark.clone() };
    let text = Description::parse(guest.config.description()).map(|d| d.text).unwrap_or_default();
    let mark = MarkGuest {
        purpose: MarkPurpose::Retain,
        description: Some(describe(&text, Some(&tombstone))),
        tags: None,
        on_boot: None,
    };
    steps(guest, Step::Mark(mark), Verdict::new(ContainerReason::Deleting, "the guest is retained"))
}

/// Everything that keeps a guest from being destroyed is asked before it is even stopped.
fn delete(bye: &Farewell, guest: &Guest) -> DeletionPlan {
    let vmid = guest.vmid;
    let hold = |reason, message: String| say(Verdict::new(reason, message));
    if bye.final_backup != FinalBackup::None {
        return hold(
            ContainerReason::FinalBackupNotAvailable,
            format!(
                "guest {vmid} is kept: safety.finalBackup of the ProxmoxCluster asks for a final backup, which this \
                 version cannot make. Set it to None to destroy without one, or deletionPolicy to Retain"
            ),
        );
    }
    if guest.config.current.get("protection").is_some_and(|value| value == "1") {
        return hold(
            ContainerReason::Protected,
            format!("guest {vmid} is protected: run `pct set {vmid} --protection 0` on its node first"),
        );
    }
    if guest.ha {
        return hold(
            ContainerReason::ManagedByHA,
            format!("guest {vmid} is under PVE's HA: remove it there first (ha-manager remove ct:{vmid})"),
        );
    }
    let hanging = guest.config.hanging_volumes();
    if !hanging.is_empty() {
        return hold(
            ContainerReason::RetainedVolumes,
            format!(
                "guest {vmid} still has {}, which Proxmox VE would destroy with it: move them away or remove them first",
                hanging.join(", ")
            ),
        );
    }
    if bye.destroys_left == 0 {
        return hold(
            ContainerReason::DeletionBreaker,
            format!("guest {vmid} waits: safety.maxDestroysPerHour of the ProxmoxCluster is used up for this hour"),
        );
    }
    match &guest.running {
        Fact::Known(true) => {
            steps(guest, Step::Shutdown, Verdict::new(ContainerReason::Deleting, "is shut down to be destroyed"))
        }
        Fact::Known(false) => steps(
            guest,
            Step::Destroy { replacing: None },
            Verdict::new(ContainerReason::Deleting, "is being destroyed"),
        ),
        Fact::Unknown(why) => hold(ContainerReason::PveError, why.clone()),
    }
}
