//! One look at a BackupPolicy of vzdump. Proxmox VE does the work: as it lies on the storages is what counts, so that a
//! process that ends in between loses nothing but a pause. One task of a policy runs at a time; its UPID is in status before
//! anybody waits for it.

mod jobs;
mod look;
mod memory;
mod sites;
mod work;

pub use memory::Memory;

use super::report::{self, Saying};
use super::{gather, policy};
use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use crate::runtime::finalizer::{Finalized, Finalizer};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use sites::Site;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::backup::{BackupPolicy, Source, VzdumpMode};
use zentoria_api::conditions::PolicyReason;
use zentoria_api::wire::BACKUP_JOB_FINALIZER;
use zentoria_core::backup::jitter;
use zentoria_core::backup::rest::is_suspended;
use zentoria_core::backup::validate;
use zentoria_core::backup::vzdump::report::{Scene, report};
use zentoria_core::backup::want::{WantPolicy, WantVzdump, What};
use zentoria_ops::vzdump::Problem;

/// How soon a look follows that has to wait for a task, a slot or a lock.
const SOON: Duration = Duration::from_secs(2);
/// How soon a cluster is asked again that could not be.
const AGAIN: Duration = Duration::from_secs(5);

/// One look at a policy of vzdump.
///
/// # Errors
/// Where the API server could not be read or written to; it is tried again.
pub(super) async fn reconcile(object: Arc<BackupPolicy>, context: Arc<Context>) -> Result<Action, WriteError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let mut pass = Pass { context: &context, object: &object, namespace, name, now: Timestamp::now(), soon: None };
    if object.metadata.deletion_timestamp.is_some() {
        return pass.farewell().await;
    }
    let named = gather::Named::default();
    let mut around = gather::around(&context, &pass.namespace, &named).await?;
    sites::add_grants(&context, &pass.namespace, &mut around);
    let want = validate::policy(&object, &around);
    let scene = match &want {
        Ok(WantPolicy { suspend: false, what: What::Vzdump(vzdump), .. }) => {
            let scene = pass.scene(want.as_ref().ok(), vzdump).await?;
            pass.without_jobs(vzdump.mode)
                .await?
                .map_or(scene.clone(), |problem| Scene { problem: Some(problem), ..scene })
        }
        Ok(WantPolicy { suspend: true, what: What::Vzdump(vzdump), .. }) => {
            pass.suspended(vzdump.mode).await;
            Scene::default()
        }
        Ok(WantPolicy { what: What::Jobs(_), .. }) => Scene::default(),
        Err(_) => {
            // Whatever is wrong with its spec, a policy that rests has no job.
            if let Source::Vzdump(source) = &object.spec.source
                && is_suspended(&object)
            {
                pass.suspended(source.mode).await;
            }
            Scene::default()
        }
    };
    pass.say(&want, &scene).await
}

/// One look.
struct Pass<'a> {
    context: &'a Arc<Context>,
    object: &'a Arc<BackupPolicy>,
    namespace: String,
    name: String,
    now: Timestamp,
    /// When to look again at the latest.
    soon: Option<Duration>,
}

impl Pass<'_> {
    fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    /// How much later than scheduled a tier begins. What others run keeps its own time.
    fn delay(&self, want: &WantPolicy, tier: &str) -> Duration {
        match &want.what {
            What::Vzdump(WantVzdump { mode: VzdumpMode::Operator, .. }) => {
                jitter::delay(&self.uid(), &format!("backup-{tier}"), want.jitter)
            }
            What::Vzdump(_) | What::Jobs(_) => Duration::ZERO,
        }
    }

    fn look_within(&mut self, wait: Duration) {
        self.soon = Some(self.soon.map_or(wait, |soon| soon.min(wait)));
    }

    fn event(&self, type_: EventType, reason: &'static str, action: &'static str, note: String) {
        let event = Event { type_, reason: reason.into(), action: action.into(), note };
        self.context.events.publish(self.object.object_ref(&()), event);
    }

    async fn say(
        mut self,
        want: &Result<WantPolicy, (PolicyReason, String)>,
        scene: &Scene,
    ) -> Result<Action, WriteError> {
        // What was written in this very look, the UPID or the finalizer, is not to be taken back.
        let object = self.context.backups.policies.latest.current(self.object);
        let mut known = object.as_ref().clone();
        if let Some(run) = self.context.backups.vzdump.carried_out(&self.uid()) {
            known.status.get_or_insert_default().run = Some(run);
        }
        let delay = |tier: &str| want.as_ref().map(|want| self.delay(want, tier)).unwrap_or_default();
        let report = report(&known, want, scene, delay, self.now);
        let before = object.status.clone().unwrap_or_default();
        let saying = Saying {
            reason: report.reason.as_str(),
            phase: report.reason.phase(),
            message: &report.message,
            before: &before.conditions,
        };
        report::write(self.context, &self.context.backups.policies, &object, &report.status, &saying).await?;
        let figures = policy::figures(&report.status, want.as_ref().ok());
        self.context.metrics.set_backup_policy(&self.namespace, &self.name, &figures);
        if scene.problem.as_ref().is_some_and(|(reason, _)| *reason == PolicyReason::PveError) {
            self.look_within(AGAIN);
        }
        let wait = self.soon.unwrap_or(sites::LONGEST);
        let moment = self.now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let look_again = report.look_again.map_or(moment, |other| other.min(moment));
        let key = ("BackupPolicy", self.namespace.clone(), self.name.clone());
        Ok(report::again(self.context, &key, false, Some(look_again), self.now))
    }

    fn finalizer(&self) -> Finalizer {
        Finalizer::new(BACKUP_JOB_FINALIZER, self.context.writer.clone())
    }

    fn api(&self) -> Api<BackupPolicy> {
        Api::namespaced(self.context.client.clone(), &self.namespace)
    }

    /// The policy is held from now on: there may be jobs of it in Proxmox VE.
    async fn hold(&self) -> Result<(), WriteError> {
        if let Finalized::Patched(stored) = self.finalizer().ensure(&self.api(), self.object.as_ref()).await? {
            self.context.backups.policies.latest.wrote(*stored);
        }
        Ok(())
    }

    /// In another mode than PVEJob there are no jobs; those that there were are removed. Why not, for people.
    async fn without_jobs(&mut self, mode: VzdumpMode) -> Result<Option<(PolicyReason, String)>, WriteError> {
        if mode == VzdumpMode::PveJob || !self.finalizer().is_on(self.object.as_ref()) {
            return Ok(None);
        }
        match self.remove_jobs(&BTreeSet::new()).await {
            Err(problem) => Ok(Some(of_problem(&problem))),
            Ok(()) => self.let_go().await.map(|()| None),
        }
    }

    async fn let_go(&self) -> Result<(), WriteError> {
        if let Finalized::Patched(stored) = self.finalizer().remove(&self.api(), self.object.as_ref()).await? {
            self.context.backups.policies.latest.wrote(*stored);
        }
        Ok(())
    }

    /// The policy is deleted: its jobs go, its backups stay.
    async fn farewell(mut self) -> Result<Action, WriteError> {
        if !self.finalizer().is_on(self.object.as_ref()) {
            return Ok(Action::await_change());
        }
        let problem = match self.remove_jobs(&BTreeSet::new()).await {
            Ok(()) => {
                self.let_go().await?;
                return Ok(Action::await_change());
            }
            Err(problem) => problem,
        };
        let (reason, message) = of_problem(&problem);
        let message = format!("its backup job in Proxmox VE is to be removed first: {message}");
        let is_job = matches!(self.object.spec.source, Source::Vzdump(_));
        let scene = Scene { problem: is_job.then_some((reason, message.clone())), ..Scene::default() };
        self.look_within(AGAIN);
        self.say(&Err((reason, message)), &scene).await
    }
}

/// What a problem is for the policy.
fn of_problem(problem: &Problem) -> (PolicyReason, String) {
    let reason = match problem {
        Problem::Pve(_) | Problem::Wait(_) => PolicyReason::PveError,
        Problem::Refused(_) => PolicyReason::NotAllowed,
    };
    (reason, problem.message().to_owned())
}

/// The clusters on which a policy has containers, as they can be used now.
type Sites = Vec<Site>;
