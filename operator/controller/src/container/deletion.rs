//! Deletion: the guest is let go by policy, then the object may go.

use super::journal::StatusJournal;
use super::outcome;
use super::report::{Saying, report};
use crate::cluster::registry::Gate;
use crate::context::{Context, is_paused, key_of, reference};
use crate::estate::{self, waves};
use crate::runtime::events::{Event, EventType};
use crate::runtime::write::WriteError;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{DeletionPolicy, TaskAction};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::{breaker, span};
use zentoria_core::container::delete::{DeletionPlan, Farewell, plan_delete};
use zentoria_core::container::guard::guard_delete;
use zentoria_core::container::step::{MarkPurpose, Plan, Step, Verdict};
pub(super) use zentoria_core::estate::born;
use zentoria_ops::cluster::Cluster;
use zentoria_ops::container::act::{Actor, Done, act};
use zentoria_ops::container::observe::{proved, recorded, remains};
use zentoria_ops::failure::Failure;
use zentoria_ops::journal::{Journal, JournalError};
use zentoria_types::vmid::Vmid;

/// Lets the guest go, then the object.
pub async fn delete(
    context: &Arc<Context>,
    object: Arc<ZentoriaContainer>,
    cluster: Option<Arc<ProxmoxCluster>>,
) -> Result<Action, WriteError> {
    if !context.containers.finalizer.is_on(&*object) {
        return Ok(Action::await_change());
    }
    let bye = Bye { context, object: &object, now: Timestamp::now() };
    let never_had_one = object.status.as_ref().is_none_or(|status| status.created.is_none());
    let Some(cluster) = cluster else {
        return bye.let_go("the ProxmoxCluster is gone: whatever guest there is stays").await;
    };
    if never_had_one {
        return bye.let_go("there was no guest of ours").await;
    }
    if is_paused(object.as_ref()) || object.spec.suspend {
        return bye.say(&Verdict::new(ContainerReason::Paused, "paused: the deletion waits")).await;
    }
    match context.registry.gate(&cluster.name_any()) {
        Some((pve, Gate::Open)) => bye.carry_out(&cluster, &pve).await,
        Some((_, Gate::Breaker(message))) => {
            bye.say(&Verdict::about(ContainerReason::BreakerOpen, cluster.name_any(), message)).await
        }
        Some((_, Gate::Shut(message))) => {
            bye.say(&Verdict::about(ContainerReason::ClusterNotReady, cluster.name_any(), message)).await
        }
        Some((_, Gate::Connecting)) | None => Ok(Action::requeue(Duration::from_secs(5))),
    }
}

/// What became of a guest that a mark keeps.
fn kept(plan: &Plan, now: &Timestamp, bye: &Farewell) -> Option<String> {
    let vmid = plan.target.as_ref()?.vmid;
    let purpose =
        plan.steps.iter().find_map(|step| if let Step::Mark(mark) = step { Some(mark.purpose) } else { None });
    match purpose? {
        MarkPurpose::Trash => {
            let until = now.checked_add(bye.trash_retention).unwrap_or(Timestamp::MAX);
            Some(format!(
                "guest {vmid} is in the trash until {}, stopped, and is then destroyed; the same manifest takes it back \
                 before",
                until.strftime("%Y-%m-%dT%H:%M:%SZ")
            ))
        }
        MarkPurpose::Retain => Some(format!("guest {vmid} is retained")),
        MarkPurpose::Adopt | MarkPurpose::TakeBack | MarkPurpose::Rebind => None,
    }
}

/// A guest that is shut down to be destroyed is counted before: one that is held is not shut down either.
async fn counted(plan: &Plan, policy: DeletionPolicy, journal: &StatusJournal<'_>) -> Result<(), JournalError> {
    let destroys = policy == DeletionPolicy::Delete && plan.steps.contains(&Step::Shutdown);
    let target = plan.target.as_ref().filter(|_| destroys);
    match target {
        Some(target) => journal.destroying(target.vmid, None).await,
        None => Ok(()),
    }
}

struct Bye<'a> {
    context: &'a Arc<Context>,
    object: &'a Arc<ZentoriaContainer>,
    now: Timestamp,
}

impl Bye<'_> {
    async fn carry_out(&self, cluster: &ProxmoxCluster, pve: &Arc<Cluster>) -> Result<Action, WriteError> {
        let status = self.object.status.clone().unwrap_or_default();
        let key = key_of(self.object);
        let Some(identity) = self.context.identity(cluster, key.clone()) else {
            return self.let_go("the estate has no usable id, so no guest can be ours").await;
        };
        let spec_vmid = self.object.spec.vmid.and_then(|vmid| Vmid::new(vmid.0).ok());
        let requested_at = self.object.metadata.deletion_timestamp.as_ref().map_or(self.now, |time| time.0);
        let asked = self.now.duration_since(requested_at).unsigned_abs();
        let (guest, task, fresh) = remains(pve, &key, &status, spec_vmid, asked).await;
        let destroys = cluster.status.as_ref().map(|status| status.destroys.clone()).unwrap_or_default();
        let safety = &cluster.spec.safety;
        let retention = span::parse(&safety.trash_retention).and_then(|span| SignedDuration::try_from(span).ok());
        let Some(trash_retention) = retention else {
            let message = format!(
                "safety.trashRetention {:?} of ProxmoxCluster {} is no duration: write it as 168h",
                safety.trash_retention.0,
                cluster.name_any()
            );
            return self.say(&Verdict::new(ContainerReason::InvalidSpec, message)).await;
        };
        let farewell = Farewell {
            identity: identity.clone(),
            expiring: false,
            requested_at,
            trash_retention,
            backup_storage: safety.backup_storage.clone(),
            mode: if self.object.spec.mode.is_some() { Mode::Observe } else { cluster.spec.mode },
            policy: self.object.spec.deletion_policy,
            final_backup: safety.final_backup,
            destroys_left: match status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok()) {
                Some(vmid) => {
                    let counted = breaker::is_counted(vmid, born(self.object, &status), &destroys);
                    breaker::destroys_left(&cluster.spec.safety, &destroys, self.now).max(u32::from(counted))
                }
                None => breaker::destroys_left(&cluster.spec.safety, &destroys, self.now),
            },
        };
        let seen = proved(pve, &farewell, self.now, guest, task, recorded(&status)).await;
        let plan = match plan_delete(&farewell, &seen) {
            DeletionPlan::Done(what) => return self.let_go(&what).await,
            DeletionPlan::Pending(plan) => guard_delete(plan, &farewell, &seen),
        };
        let journal = StatusJournal::new(self.context, Arc::clone(self.object), self.now);
        journal.take_up(pve, &seen.task);
        let actor = Actor { cluster: pve, identity: &identity, journal: &journal, fresh };
        let done = match counted(&plan, farewell.policy, &journal).await {
            Ok(()) => act(&actor, &plan).await,
            Err(error) => Done::Failed(Failure::Replan(error.to_string())),
        };
        let verdict = match &done {
            Done::Failed(Failure::Say(verdict)) => verdict.clone(),
            Done::Failed(Failure::Fenced) => return Ok(Action::await_change()),
            Done::Queued => Verdict::new(ContainerReason::WaitingForSlot, "the deletion waits for a task slot"),
            Done::Nothing | Done::Changed(_) | Done::InFlight(..) | Done::Failed(Failure::Replan(_)) => {
                plan.verdict.clone()
            }
        };
        let (stored, working) = journal.working();
        report(self.context, &stored, &working, &status, &Saying::only(&verdict), self.now).await?;
        if let Done::InFlight(TaskAction::Destroy, _) = &done {
            self.tell("Destroying", "Destroy", plan.notes.join("; "));
        }
        if let (Some(what), Done::Changed(_)) = (kept(&plan, &seen.now, &farewell), &done) {
            return self.let_go(&what).await;
        }
        if verdict.reason == ContainerReason::DeletionBreaker {
            return Ok(Action::requeue(self.until_next_destroy(&destroys)));
        }
        Ok(outcome::next(self.context, &reference(&key), verdict.reason, Some(&done)))
    }

    fn until_next_destroy(&self, destroys: &[zentoria_api::cluster::Destroy]) -> Duration {
        let next = breaker::next_destroy_at(destroys, self.now);
        let wait = next.map(|at| at.duration_since(self.now).unsigned_abs()).unwrap_or(Duration::from_secs(600));
        wait.clamp(Duration::from_secs(1), Duration::from_secs(3600))
    }

    fn tell(&self, reason: &'static str, action: &'static str, note: String) {
        let event = Event { type_: EventType::Normal, reason: reason.into(), action: action.into(), note };
        self.context.events.publish(self.object.object_ref(&()), event);
    }

    /// Removes the finalizer; says what became of the guest.
    async fn let_go(&self, what: &str) -> Result<Action, WriteError> {
        let api: Api<ZentoriaContainer> =
            Api::namespaced(self.context.client.clone(), &self.object.namespace().unwrap_or_default());
        self.context.containers.finalizer.remove(&api, &**self.object).await?;
        self.tell("Deleted", "Delete", format!("the object goes: {what}"));
        let key = key_of(self.object);
        let name = &self.object.spec.cluster_ref.name;
        if let Some((pve, _)) = self.context.registry.gate(name) {
            pve.forget(&key);
            let vmid = self.object.status.as_ref().and_then(|status| status.vmid);
            if let Some(vmid) = vmid.and_then(|vmid| Vmid::new(vmid.0).ok()) {
                pve.invalidate(vmid);
            }
        }
        self.context.clusters.wake.wake(kube::runtime::reflector::ObjectRef::new(name));
        self.context.containers.latest.forget(self.object);
        waves::forget(self.context, self.object);
        self.context.containers.backoff.reset(&reference(&key));
        estate::wake_related(self.context, self.object);
        Ok(Action::await_change())
    }

    async fn say(&self, verdict: &Verdict) -> Result<Action, WriteError> {
        let status = self.object.status.clone().unwrap_or_default();
        report(self.context, self.object, &status, &status, &Saying::only(verdict), self.now).await?;
        Ok(outcome::next(self.context, &reference(&key_of(self.object)), verdict.reason, None))
    }
}
