//! Expiry of the trash: guests whose time is over are destroyed, one step each with every poll, under the same holds as a
//! deletion. All that has to survive a crash stands in their marks, in Proxmox VE's lists, and in the count of
//! destructions.

use super::destroys;
use crate::context::Context;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{info, warn};
use zentoria_api::cluster::Trashed;
use zentoria_api::common::Mode;
use zentoria_api::container::{DeletionPolicy, Origin, Replacing, TaskAction};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::{breaker, trash};
use zentoria_core::container::delete::{DeletionPlan, Farewell, Remains, plan_delete};
use zentoria_core::container::guard::guard_delete;
use zentoria_core::container::seen::{Recorded, TaskFact};
use zentoria_core::container::want::Key;
use zentoria_ops::cluster::{Cluster, TaskEnd};
use zentoria_ops::container::act::{Actor, Done, act};
use zentoria_ops::container::observe::{look_at, proofs};
use zentoria_ops::failure::Failure;
use zentoria_ops::journal::{Intent, Journal, JournalError};
use zentoria_types::mark::Mark;
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// Between two tries after a task that failed: it doubles, up to an hour.
const RETRY: Duration = Duration::from_secs(60);

/// What is remembered of one guest between two polls.
#[derive(Default)]
struct Attempt {
    task: Option<(TaskAction, Upid)>,
    failures: u32,
    not_before: Option<Instant>,
}

/// The trash of one cluster.
#[derive(Default)]
pub(super) struct Trash {
    attempts: BTreeMap<Vmid, Attempt>,
    held: BTreeMap<Vmid, String>,
}

impl Trash {
    /// What the status lists.
    pub fn listed(&self, marks: &BTreeMap<Vmid, Mark>) -> Vec<Trashed> {
        trash::listed(marks.iter().map(|(vmid, mark)| (*vmid, mark)), &self.held)
    }

    /// Forgets guests that are not in the trash any more.
    fn sweep(&mut self, marks: &BTreeMap<Vmid, Mark>) {
        self.attempts.retain(|vmid, _| marks.contains_key(vmid));
        self.held.retain(|vmid, _| marks.contains_key(vmid));
    }

    /// One step for each guest whose time is over.
    pub async fn expire(
        &mut self,
        context: &Arc<Context>,
        object: &ProxmoxCluster,
        pve: &Arc<Cluster>,
        marks: &BTreeMap<Vmid, Mark>,
    ) {
        self.sweep(marks);
        let now = Timestamp::now();
        for (vmid, until) in trash::due(marks.iter().map(|(vmid, mark)| (*vmid, mark)), now) {
            let Some(mark) = marks.get(&vmid) else { continue };
            let expiry = Expiry { context, object, pve, mark, vmid, until, now };
            let attempt = self.attempts.entry(vmid).or_default();
            match expiry.step(attempt).await {
                Some(held) => self.held.insert(vmid, held),
                None => self.held.remove(&vmid),
            };
        }
    }
}

struct Expiry<'a> {
    context: &'a Arc<Context>,
    object: &'a ProxmoxCluster,
    pve: &'a Arc<Cluster>,
    mark: &'a Mark,
    vmid: Vmid,
    until: Timestamp,
    now: Timestamp,
}

impl Expiry<'_> {
    /// One step; what holds it back, where something does.
    async fn step(&self, attempt: &mut Attempt) -> Option<String> {
        if attempt.not_before.is_some_and(|at| Instant::now() < at) {
            return Some("the last try failed; it is tried again later".to_owned());
        }
        if self.object.spec.mode == Mode::Observe {
            return Some("mode is Observe".to_owned());
        }
        let task = self.task(attempt)?;
        match self.is_wanted().await {
            Ok(false) => {}
            Ok(true) => return None,
            Err(why) => return Some(format!("whether its ZentoriaContainer exists cannot be read: {why}")),
        }
        let key = Key { namespace: self.mark.namespace.clone(), name: self.mark.name.clone() };
        let identity = self.context.identity(self.object, key)?;
        let (guest, fresh) = look_at(self.pve, self.vmid).await;
        let bye = self.farewell(identity);
        let (replicated, backups) = proofs(self.pve, &bye, &guest).await;
        let recorded = Recorded::default();
        let seen = Remains { now: self.now, guest, task, recorded, replicated, backups };
        let plan = match plan_delete(&bye, &seen) {
            DeletionPlan::Done(_) => return None,
            DeletionPlan::Pending(plan) => guard_delete(plan, &bye, &seen),
        };
        if plan.steps.is_empty() {
            return Some(plan.verdict.message);
        }
        let journal = Started { expiry: self, task: Mutex::default() };
        let actor = Actor { cluster: self.pve, identity: &bye.identity, journal: &journal, fresh };
        let done = act(&actor, &plan).await;
        attempt.task = journal.task.into_inner().unwrap_or_else(PoisonError::into_inner);
        match done {
            Done::InFlight(..) | Done::Changed(_) | Done::Nothing => {
                info!(vmid = %self.vmid, of = self.mark.name, did = plan.verdict.message, "trash");
                None
            }
            Done::Queued => Some("waits for a task slot".to_owned()),
            Done::Failed(Failure::Say(verdict)) => Some(verdict.message),
            Done::Failed(Failure::Replan(why)) => Some(why),
            Done::Failed(Failure::Fenced) => None,
        }
    }

    /// What became of the last task; none while it runs.
    fn task(&self, attempt: &mut Attempt) -> Option<TaskFact> {
        let Some((action, upid)) = attempt.task.clone() else { return Some(TaskFact::None) };
        if self.pve.is_followed(&upid) {
            return None;
        }
        let end = self.pve.take_end(&upid);
        attempt.task = None;
        Some(match end {
            Some(TaskEnd::Badly(message)) => {
                attempt.failures += 1;
                let pause = RETRY * 2u32.saturating_pow(attempt.failures.min(6));
                attempt.not_before = Some(Instant::now() + pause);
                warn!(vmid = %self.vmid, ?action, message, "a task for a guest in the trash failed");
                TaskFact::Failed { action, message }
            }
            Some(TaskEnd::Well | TaskEnd::Lost) | None => TaskFact::Done(action),
        })
    }

    /// Whether the object exists again: then the guest is its, whatever the time. Asked right before each step.
    async fn is_wanted(&self) -> Result<bool, kube::Error> {
        let api: Api<ZentoriaContainer> = Api::namespaced(self.context.client.clone(), &self.mark.namespace);
        Ok(api.get_metadata_opt(&self.mark.name).await?.is_some())
    }

    fn farewell(&self, identity: zentoria_core::container::want::Identity) -> Farewell {
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

/// The journal of a guest without an object: the task is remembered until the next poll, the destruction is counted.
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

    async fn destroying(&self, vmid: Vmid, _: Option<&Replacing>) -> Result<(), JournalError> {
        let expiry = self.expiry;
        destroys::count(expiry.context, &expiry.object.name_any(), vmid, expiry.until, expiry.now).await
    }
}
