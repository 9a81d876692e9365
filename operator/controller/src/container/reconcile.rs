//! One reconcile of one container.

use super::journal::StatusJournal;
use super::report::{Saying, report};
use super::{deletion, keys, outcome};
use crate::cluster::registry::Gate;
use crate::context::{Context, is_paused, key_of, reference};
use crate::estate::waves;
use crate::runtime::finalizer::Finalized;
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info, warn};
use zentoria_api::conditions::{ContainerReason, STALLED, UpToDateReason};
use zentoria_api::container::{ChangeClass, OnMissing, ZentoriaContainerStatus};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::breaker;
use zentoria_core::container::guard::guard;
use zentoria_core::container::interfaces::leasing;
use zentoria_core::container::plan::plan;
use zentoria_core::container::seen::{GuestFact, Seen, TaskFact, Window};
use zentoria_core::container::step::{Plan, Step, Verdict};
use zentoria_core::container::validate::{AsIf, Input, validate};
use zentoria_core::container::want::Want;
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_ops::cluster::Cluster;
use zentoria_ops::container::act::{Actor, Done, act};
use zentoria_ops::container::known;
use zentoria_ops::container::observe::{Known, Observed, observe};
use zentoria_ops::failure::Failure;
use zentoria_types::vmid::Vmid;

/// One look at a container, and what follows from it.
///
/// # Errors
/// Where the API server could not be written to; it is tried again.
pub async fn reconcile(object: Arc<ZentoriaContainer>, context: Arc<Context>) -> Result<Action, WriteError> {
    let object = context.containers.latest.current(&object);
    if context.containers.latest.is_gone(&object) {
        // Let go, and the cache has not heard of it yet.
        return Ok(Action::await_change());
    }
    let cluster = context.cluster(&object.spec.cluster_ref.name);
    if cluster.as_ref().is_some_and(|cluster| !context.serves(cluster)) {
        return Ok(Action::await_change());
    }
    if cluster.is_none() && !is_gone(&context, &object.spec.cluster_ref.name).await {
        return Ok(Action::requeue(UNSURE));
    }
    if object.metadata.deletion_timestamp.is_some() {
        return deletion::delete(&context, object, cluster).await;
    }
    let now = Timestamp::now();
    let api: Api<ZentoriaContainer> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let object = match context.containers.finalizer.ensure(&api, &object).await? {
        Finalized::Patched(object) => context.containers.latest.wrote(*object),
        Finalized::Unchanged => object,
        Finalized::Gone => return Ok(Action::await_change()),
    };
    let pass = Pass { context: &context, object: &object, now };
    pass.run(cluster).await
}

/// Why a cluster is not even connected, by its own status.
fn unusable(cluster: &ProxmoxCluster) -> Option<String> {
    let status = cluster.status.as_ref()?;
    let stalled = status.conditions.iter().find(|c| c.type_ == STALLED && c.status == "True")?;
    Some(format!("ProxmoxCluster {}: {}: {}", cluster.name_any(), stalled.reason, stalled.message))
}

/// How soon to look again for a cluster that may well be there.
const UNSURE: std::time::Duration = std::time::Duration::from_secs(5);

/// Whether there is no such ProxmoxCluster. That the cache lacks it proves nothing: it may not be filled yet. And with a
/// selector it may be another operator's, gone or not.
async fn is_gone(context: &Context, name: &str) -> bool {
    let api: Api<ProxmoxCluster> = Api::all(context.client.clone());
    context.selector.is_none() && matches!(api.get_metadata_opt(name).await, Ok(None))
}

/// How often a plan is made anew at once, because the node that it chose was given away meanwhile.
const PLANS: usize = 4;
/// And when it is tried again after that.
const CROWDED: std::time::Duration = std::time::Duration::from_secs(1);

struct Pass<'a> {
    context: &'a Context,
    object: &'a Arc<ZentoriaContainer>,
    now: Timestamp,
}

impl Pass<'_> {
    async fn run(&self, cluster: Option<Arc<ProxmoxCluster>>) -> Result<Action, WriteError> {
        // Also of one that is not looked at: others come after it.
        let wave = waves::wave_of(self.context, self.object);
        if self.object.spec.suspend || is_paused(self.object.as_ref()) {
            return self.say(&Verdict::new(ContainerReason::Paused, "paused: the operator looks away")).await;
        }
        let name = &self.object.spec.cluster_ref.name;
        let Some(cluster) = cluster else {
            let message = format!("spec.clusterRef: there is no ProxmoxCluster {name}");
            return self.say(&Verdict::about(ContainerReason::ClusterNotFound, name, message)).await;
        };
        if cluster.spec.suspend || is_paused(cluster.as_ref()) {
            return self.say(&Verdict::new(ContainerReason::Paused, format!("ProxmoxCluster {name} is paused"))).await;
        }
        let Some(identity) = self.context.identity(&cluster, key_of(self.object)) else {
            let message = format!("spec.estateId of ProxmoxCluster {name} cannot be used");
            return self.say(&Verdict::new(ContainerReason::InvalidSpec, message)).await;
        };
        let labels = self.context.labels_of(&identity.key.namespace);
        let status = self.object.status.as_ref();
        let mut input = Input {
            identity,
            spec: &self.object.spec,
            status,
            cluster: &cluster.spec,
            namespace_labels: &labels,
            as_if: AsIf::Recorded,
            wave,
        };
        if let Err(refusal) = validate(&input) {
            return self.say(&Verdict::new(refusal.reason, refusal.message)).await;
        }
        match self.context.registry.gate(name) {
            Some((pve, Gate::Open)) => self.enforce(&mut input, &cluster, &pve).await,
            Some((_, Gate::Breaker(message))) => {
                self.say(&Verdict::about(ContainerReason::BreakerOpen, name, message)).await
            }
            Some((_, Gate::Shut(message))) => {
                self.say(&Verdict::about(ContainerReason::ClusterNotReady, name, message)).await
            }
            Some((_, Gate::Connecting)) => self.connecting().await,
            None => match unusable(&cluster) {
                Some(message) => self.say(&Verdict::about(ContainerReason::ClusterNotReady, name, message)).await,
                None => self.connecting().await,
            },
        }
    }

    /// The cluster is being connected: it wakes us. The first sight is still told.
    async fn connecting(&self) -> Result<Action, WriteError> {
        if self.object.status.as_ref().is_none_or(|status| status.conditions.is_empty()) {
            self.first_sight().await?;
        }
        Ok(Action::await_change())
    }

    async fn first_sight(&self) -> Result<Action, WriteError> {
        let message = "is looked at, or waits for a task slot (spec.limits of the ProxmoxCluster)";
        self.say(&Verdict::new(ContainerReason::Pending, message)).await?;
        Ok(Action::requeue(Duration::ZERO))
    }

    /// The containers on the same ProxmoxCluster, itself among them, as they are known now.
    fn all(&self) -> Vec<Arc<ZentoriaContainer>> {
        self.context.containers_on(&self.object.spec.cluster_ref.name)
    }

    /// The wish and what is seen. What is seen may tell how the guest will come to be ours, and with it what is wished.
    async fn look(
        &self,
        input: &mut Input<'_>,
        cluster: &ProxmoxCluster,
        pve: &Arc<Cluster>,
        status: &ZentoriaContainerStatus,
    ) -> Result<(Want, Observed), Verdict> {
        loop {
            let want = validate(input).map_err(|refusal| Verdict::new(refusal.reason, refusal.message))?;
            let known = self.known(&want, cluster, pve, status).await?;
            let another_spec = status.observed_generation != self.object.metadata.generation;
            if let (true, Some(vmid)) = (another_spec, status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok())) {
                pve.forget_keep_failure(vmid);
            }
            let mut observed = observe(pve, &want, status, known, self.now).await;
            known::copied(&mut observed.seen, &want, || self.all());
            let as_if = AsIf::of(&want, &observed.seen);
            if input.as_if != AsIf::Recorded || as_if == AsIf::Recorded {
                return Ok((want, observed));
            }
            input.as_if = as_if;
        }
    }

    /// The plan, with its node booked: where others have taken one since its facts were seen, it is made anew. None where
    /// that does not end.
    async fn planned(
        &self,
        input: &mut Input<'_>,
        cluster: &ProxmoxCluster,
        pve: &Arc<Cluster>,
        status: &ZentoriaContainerStatus,
    ) -> Result<Option<(Want, Seen, bool, Plan)>, Verdict> {
        for _ in 0..PLANS {
            let (want, Observed { seen, fresh, site }) = self.look(input, cluster, pve, status).await?;
            let plan = guard(plan(&want, &seen), &want, &seen);
            let neighbours = || known::neighbours(self.object, &self.all());
            if pve.book(&want, &seen, site.as_ref(), neighbours, &plan) {
                return Ok(Some((want, seen, fresh, plan)));
            }
        }
        Ok(None)
    }

    async fn enforce(
        &self,
        input: &mut Input<'_>,
        cluster: &ProxmoxCluster,
        pve: &Arc<Cluster>,
    ) -> Result<Action, WriteError> {
        let status = self.object.status.clone().unwrap_or_default();
        if status.conditions.is_empty() {
            // Who watches sees that somebody is at it before anything outside is asked.
            return self.first_sight().await;
        }
        let (want, seen, fresh, plan) = match self.planned(input, cluster, pve, &status).await {
            Ok(Some(planned)) => planned,
            Ok(None) => return Ok(Action::requeue(CROWDED)),
            Err(verdict) => return self.say(&verdict).await,
        };
        let want = &want;
        debug!(container = %want.identity.key, verdict = ?plan.verdict, steps = plan.steps.len(), "planned");
        for note in &plan.notes {
            info!(container = %want.identity.key, note, "note");
        }
        let journal = StatusJournal::new(self.context, Arc::clone(self.object), self.now);
        journal.take_up(pve, &seen.task);
        let actor = Actor { cluster: pve, identity: &want.identity, journal: &journal, fresh };
        let done = act(&actor, &plan).await;
        let (verdict, changes) = spoken(&plan.verdict, &done);
        let (stored, working) = journal.working();
        if done == Done::Queued && working == status && status.observed_generation == self.object.metadata.generation {
            // Its turn comes within seconds or minutes; five hundred that wait do not say so five hundred times.
            return Ok(outcome::next(self.context, &reference(&key_of(self.object)), verdict.reason, Some(&done)));
        }
        if done == Done::Failed(Failure::Fenced) {
            warn!(container = %want.identity.key, "not the leader any more; nothing is written");
            return Ok(Action::await_change());
        }
        if let Done::Failed(Failure::Replan(why)) = &done {
            info!(container = %want.identity.key, why, "planning anew");
        }
        let looked = !matches!(seen.task, TaskFact::Running(_));
        let compared = looked && is_compared(&plan, &seen);
        // While a task runs the guest is between two states: what is known of it stays as it is.
        let guest = match &seen.guest {
            GuestFact::Unknown { .. } if !looked => None,
            other => Some(other),
        };
        let saying = Saying {
            verdict: &verdict,
            mode: Some(want.mode),
            guest,
            want: Some(want),
            pending: compared.then_some(plan.pending.as_slice()),
            changes: &changes,
        };
        report(self.context, &stored, &working, &status, &saying, self.now).await?;
        let next = self.next(&plan.steps, verdict.reason, &done);
        Ok(outcome::not_later(next, self.wake_at(&verdict, &plan, &seen, cluster)))
    }

    /// When what is parked can go on: the next window opens, a destruction is allowed again, or what could not be kept is
    /// worth another try.
    fn wake_at(&self, verdict: &Verdict, plan: &Plan, seen: &Seen, cluster: &ProxmoxCluster) -> Option<Duration> {
        let opens = match (verdict.parked, &seen.window) {
            (Some(UpToDateReason::WaitingForWindow), Window::Closed(next)) => *next,
            _ => None,
        };
        let replaces = plan.pending.iter().any(|change| change.class == ChangeClass::Replace);
        let destroys = cluster.status.as_ref().map(|status| status.destroys.as_slice()).unwrap_or_default();
        let rationed =
            (replaces && seen.cluster.destroys_left == 0).then(|| breaker::next_destroy_at(destroys, self.now));
        let again = (verdict.parked == Some(UpToDateReason::BeforeChangeImpossible)).then_some(outcome::STALL);
        let until = |at: Timestamp| Duration::try_from(at.duration_since(self.now)).unwrap_or_default();
        opens.into_iter().chain(rationed.flatten()).map(until).chain(again).chain(lease_wait(seen)).min()
    }

    /// After the last write to a guest it is looked at once more; a plan that only noted something needs no second look.
    fn next(&self, steps: &[Step], reason: ContainerReason, done: &Done) -> Action {
        let object = reference(&key_of(self.object));
        let done = match done {
            Done::Changed(_) if !steps.iter().any(Step::writes) => &Done::Nothing,
            other => other,
        };
        if *done == Done::Nothing && !steps.is_empty() {
            return Action::requeue(Duration::ZERO);
        }
        outcome::next(self.context, &object, reason, Some(done))
    }

    /// What Kubernetes knows.
    async fn known(
        &self,
        want: &Want,
        cluster: &ProxmoxCluster,
        pve: &Cluster,
        status: &ZentoriaContainerStatus,
    ) -> Result<Known, Verdict> {
        let finished = status.created.as_ref().is_some_and(|created| created.finished_at.is_some());
        let seen_before = status.observed_generation == self.object.metadata.generation;
        let window = self.context.windows.at(cluster, self.now);
        let making = status.created.as_ref().is_some_and(|created| created.finished_at.is_none());
        let base = Known {
            firewall: if making { self.firewall(cluster).await } else { None },
            ssh_keys: keys::public_keys(self.context, self.object, want, status).await?,
            ..known::alone(self.object, cluster, window, self.now)
        };
        let anew = status.replacing.is_some()
            || status.pending_changes.iter().any(|change| change.class == ChangeClass::Replace);
        let settled = finished && seen_before && !anew;
        let limited = !want.grant.quotas.is_empty();
        let placed = !want.placement.enforce && want.on_missing != OnMissing::Recreate;
        if settled && placed && !limited {
            // The rest does not matter to a guest that is made, but for one that is gone and to be made again.
            return Ok(base);
        }
        let all = self.all();
        let base = known::placed(base, self.object, want, &all, pve);
        if settled {
            return Ok(base);
        }
        Ok(known::claiming(base, self.object, want, cluster, &all))
    }

    /// What the rules make of the firewall of this container.
    async fn firewall(&self, cluster: &ProxmoxCluster) -> Option<Box<CompiledGuest>> {
        let firewalls = &self.context.firewalls;
        firewalls.compiled_for(self.context, cluster, &key_of(self.object)).await.map(Box::new)
    }

    /// Says one thing about a container that was not looked at.
    async fn say(&self, verdict: &Verdict) -> Result<Action, WriteError> {
        let status = self.object.status.clone().unwrap_or_default();
        report(self.context, self.object, &status, &status, &Saying::only(verdict), self.now).await?;
        Ok(outcome::next(self.context, &reference(&key_of(self.object)), verdict.reason, None))
    }
}

/// The digests of `zentoria.ai/approve`.
pub(super) fn approved(object: &ZentoriaContainer) -> BTreeSet<String> {
    zentoria_core::estate::approved(&object.metadata)
}

/// Whether the plan says what differs. One that only says why nothing is done to a guest knows nothing of it.
fn is_compared(plan: &Plan, seen: &Seen) -> bool {
    match &seen.guest {
        GuestFact::Present(_) => plan.target.is_some() || !plan.pending.is_empty(),
        GuestFact::Unknown { .. } => false,
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind => true,
    }
}

/// What is said once the plan was acted on.
fn spoken(planned: &Verdict, done: &Done) -> (Verdict, Vec<String>) {
    match done {
        Done::Nothing => (planned.clone(), Vec::new()),
        Done::Changed(changes) => (planned.clone(), changes.clone()),
        Done::InFlight(action, changes) => {
            let verdict = Verdict::new(Step::progress(*action), format!("{action:?} runs in Proxmox VE"));
            (verdict, changes.clone())
        }
        Done::Queued => {
            let message = "waits for a task slot: spec.limits of the ProxmoxCluster says how many tasks run at once";
            (Verdict::new(ContainerReason::WaitingForSlot, message), Vec::new())
        }
        Done::Failed(Failure::Say(verdict)) => (verdict.clone(), Vec::new()),
        Done::Failed(Failure::Replan(_) | Failure::Fenced) => (planned.clone(), Vec::new()),
    }
}

/// When to ask for the addresses again that a guest gets by itself: no event tells of a lease.
fn lease_wait(seen: &Seen) -> Option<Duration> {
    const COMING: Duration = Duration::from_secs(10);
    const RENEWED: Duration = Duration::from_secs(300);
    let GuestFact::Present(guest) = &seen.guest else { return None };
    if guest.running.known() != Some(&true) || leasing(&guest.config).is_empty() {
        return None;
    }
    Some(if guest.leased.known().is_some_and(|addresses| !addresses.is_empty()) { RENEWED } else { COMING })
}
