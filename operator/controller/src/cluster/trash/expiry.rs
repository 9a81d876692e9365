//! One guest whose time in the trash is over.

use super::Attempt;
use crate::cluster::destroys;
use crate::context::Context;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{info, warn};
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{DeletionPolicy, Origin, Replacing, TaskAction};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::breaker;
use zentoria_core::container::delete::{DeletionPlan, Farewell, explained, plan_delete};
use zentoria_core::container::guard::guard_delete;
use zentoria_core::container::seen::{Recorded, TaskFact};
use zentoria_core::container::step::Plan;
use zentoria_core::container::want::{Identity, Key};
use zentoria_ops::cluster::{Cluster, TaskEnd};
use zentoria_ops::container::act::{Actor, Done, act};
use zentoria_ops::container::observe::{look_at, proved};
use zentoria_ops::failure::Failure;
use zentoria_ops::journal::{Intent, Journal, JournalError};
use zentoria_types::mark::Mark;
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// What came of one look.
pub(super) enum Look {
    /// A step was taken, or a task runs.
    Working,
    /// It is being destroyed: what stays of it, for an Event.
    Destroying(String),
    /// Something holds it, or it is not for us to destroy any more; no reason where that needs no Event.
    Held {
        /// What holds it.
        reason: Option<ContainerReason>,
        /// The same in words.
        message: String,
    },
    /// A call or a task failed.
    Failed {
        /// What failed.
        reason: ContainerReason,
        /// Proxmox VE's words.
        message: String,
    },
}

impl Look {
    fn waits(message: impl Into<String>) -> Self {
        Self::Held { reason: None, message: message.into() }
    }
}

pub(super) struct Expiry<'a> {
    pub context: &'a Arc<Context>,
    pub object: &'a ProxmoxCluster,
    pub pve: &'a Arc<Cluster>,
    pub mark: &'a Mark,
    pub vmid: Vmid,
    pub until: Timestamp,
    pub now: Timestamp,
}

impl Expiry<'_> {
    /// One look, and one step where nothing holds it.
    pub async fn look(&self, attempt: &mut Attempt) -> Look {
        if self.object.spec.mode == Mode::Observe {
            return Look::waits("mode is Observe");
        }
        let task = match self.task(attempt) {
            Ok(task) => task,
            Err(look) => return look,
        };
        match self.is_wanted().await {
            Ok(false) => {}
            Ok(true) => return Look::waits("its ZentoriaContainer is there again"),
            Err(error) => return Look::waits(format!("whether its ZentoriaContainer exists cannot be read: {error}")),
        }
        let key = Key { namespace: self.mark.namespace.clone(), name: self.mark.name.clone() };
        let Some(identity) = self.context.identity(self.object, key) else {
            return Look::waits("the estate has no usable id");
        };
        let (guest, fresh) = look_at(self.pve, self.vmid).await;
        let bye = self.farewell(identity);
        let seen = proved(self.pve, &bye, self.now, guest, task, Recorded::default()).await;
        let plan = match plan_delete(&bye, &seen) {
            DeletionPlan::Done(why) => return Look::waits(why),
            DeletionPlan::Pending(plan) => guard_delete(plan, &bye, &seen),
        };
        if plan.steps.is_empty() {
            return Look::Held { reason: Some(plan.verdict.reason), message: plan.verdict.message };
        }
        self.act(attempt, &bye, &plan, fresh).await
    }

    async fn act(&self, attempt: &mut Attempt, bye: &Farewell, plan: &Plan, fresh: bool) -> Look {
        let journal = Started { expiry: self, task: Mutex::default() };
        let actor = Actor { cluster: self.pve, identity: &bye.identity, journal: &journal, fresh };
        let done = act(&actor, plan).await;
        attempt.task = journal.task.into_inner().unwrap_or_else(PoisonError::into_inner);
        match done {
            Done::InFlight(action, _) => {
                info!(vmid = %self.vmid, of = self.mark.name, did = plan.verdict.message, "trash");
                let of = format!("{}/{}", self.mark.namespace, self.mark.name);
                let note = format!("the time of {of} in the trash is over: {}", plan.notes.join("; "));
                if action == TaskAction::Destroy { Look::Destroying(note) } else { Look::Working }
            }
            Done::Changed(_) | Done::Nothing | Done::Failed(Failure::Fenced) => Look::Working,
            Done::Queued => Look::waits("waits for a task slot"),
            Done::Failed(Failure::Say(verdict)) => Look::Failed { reason: verdict.reason, message: verdict.message },
            Done::Failed(Failure::Replan(why)) => Look::waits(why),
        }
    }

    /// What became of the last task.
    fn task(&self, attempt: &mut Attempt) -> Result<TaskFact, Look> {
        let Some((action, upid)) = attempt.task.clone() else { return Ok(TaskFact::None) };
        if self.pve.is_followed(&upid) {
            return Err(Look::Working);
        }
        attempt.task = None;
        match self.pve.take_end(&upid) {
            Some(TaskEnd::Badly(message)) => {
                warn!(vmid = %self.vmid, ?action, message, "a task for a guest in the trash failed");
                let message = format!("{action:?} failed in Proxmox VE: {}", explained(&message));
                Err(Look::Failed { reason: ContainerReason::TaskFailed, message })
            }
            Some(TaskEnd::Well | TaskEnd::Lost) | None => Ok(TaskFact::Done(action)),
        }
    }

    /// Whether the object exists again: then the guest is its, whatever the time.
    async fn is_wanted(&self) -> Result<bool, kube::Error> {
        let api: Api<ZentoriaContainer> = Api::namespaced(self.context.client.clone(), &self.mark.namespace);
        Ok(api.get_metadata_opt(&self.mark.name).await?.is_some())
    }

    fn farewell(&self, identity: Identity) -> Farewell {
        let safety = &self.object.spec.safety;
        let destroys = self.object.status.as_ref().map(|status| status.destroys.clone()).unwrap_or_default();
        let counted = breaker::is_counted(self.vmid, self.until, &destroys);
        Farewell {
            identity,
            mode: self.object.spec.mode,
            policy: DeletionPolicy::Trash,
            expiring: true,
            requested_at: self.until,
            trash_retention: SignedDuration::ZERO,
            final_backup: safety.final_backup,
            backup_storage: safety.backup_storage.clone(),
            destroys_left: breaker::destroys_left(safety, &destroys, self.now).max(u32::from(counted)),
        }
    }
}

/// The journal of a guest without an object: the task is remembered until the next look, the destruction is counted.
struct Started<'a> {
    expiry: &'a Expiry<'a>,
    task: Mutex<Option<(TaskAction, Upid)>>,
}

#[async_trait]
impl Journal for Started<'_> {
    async fn intent(&self, _: Intent) -> Result<(), JournalError> {
        Err(JournalError("nothing is made for the trash".into()))
    }

    fn started(&self, action: TaskAction, upid: &Upid) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some((action, upid.clone()));
    }

    fn ended(&self) {}

    fn finished(&self, _: Vmid, _: &NodeName, _: Option<Origin>) {}

    fn forget(&self) {}

    /// Counted, and the object looked for once more: whoever takes the guest back from now on waits for this act, and finds
    /// it destroyed.
    async fn destroying(&self, vmid: Vmid, _: Option<&Replacing>) -> Result<(), JournalError> {
        let expiry = self.expiry;
        destroys::count(expiry.context, &expiry.object.name_any(), vmid, expiry.until, expiry.now).await?;
        match expiry.is_wanted().await {
            Ok(false) => Ok(()),
            Ok(true) => Err(JournalError("its ZentoriaContainer is there again".into())),
            Err(error) => Err(JournalError(format!("whether its ZentoriaContainer exists cannot be read: {error}"))),
        }
    }
}
