//! One look at the firewall of one guest: what it holds, what the rules say, and what is written to make them equal.

use super::lockout::{self, Standing as Probed};
use super::report::{Wrote, report};
use super::verdict::{Standing, before_policies, counts, empty};
use crate::cluster::registry::Gate;
use crate::context::{Context, is_paused, key_of};
use crate::runtime::streams::chain;
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{FIREWALL_ENFORCED, FirewallReason};
use zentoria_api::firewall::{FirewallMode, GuestFirewallStatus};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::cluster::span;
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_core::firewall::enforce::{Enforcement, plan};
use zentoria_core::firewall::estate::is_adopted;
use zentoria_core::firewall::flip::flip_at;
use zentoria_core::firewall::guest::GuestFirewall;
use zentoria_core::firewall::report::{OnGuest, Saying};
use zentoria_core::firewall::seen::Seen;
use zentoria_core::firewall::suspended::without;
use zentoria_ops::cluster::Cluster;
use zentoria_ops::firewall::act::{Stop, Subject, Wish, act, roll_back};
use zentoria_ops::firewall::{Scene, Switch, observe, scene};
use zentoria_types::vmid::Vmid;

/// So many writes in a row are looked at again without a pause: somebody who takes them back at once is not fought at full
/// speed.
const ROUNDS_AT_ONCE: u32 = 3;
/// Until what a person mends is looked for again.
const MENDED: Duration = Duration::from_secs(60);
/// Until a guest that the last poll did not show, or showed on an offline node, is looked for again.
const UNLISTED: Duration = Duration::from_secs(2);
/// Until the watch has told of what we wrote ourselves, and the rules are compiled with it.
const COMPILED: Duration = Duration::from_millis(200);
/// Until a guest that somebody else acts on is looked at again, at most.
const BUSY: Duration = Duration::from_secs(30);

/// One look at one guest.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) object: &'a Arc<ZentoriaContainer>,
    pub(super) cluster: &'a ProxmoxCluster,
    /// Of what was compiled for it.
    version: Option<u64>,
    pub(super) now: Timestamp,
}

/// What came of it.
struct Result {
    saying: Saying,
    wrote: Wrote,
    again: Option<Duration>,
}

/// Looks at the firewall of a guest and enforces it; when to look again.
pub async fn enforce(context: Arc<Context>, reference: ObjectRef<ZentoriaContainer>) -> Option<Duration> {
    let Some(object) = context.containers.latest.get(&reference) else {
        context.firewalls.forget(&reference);
        return None;
    };
    match look(&context, &object).await {
        Ok(again) => again,
        Err(WriteError::Fenced | WriteError::Gone) => None,
        Err(error) => {
            warn!(container = %key_of(&object), error = %chain(&error), "the status of a firewall was not written");
            Some(context.firewalls.backoff.failed(&reference).wait)
        }
    }
}

async fn look(context: &Context, object: &Arc<ZentoriaContainer>) -> std::result::Result<Option<Duration>, WriteError> {
    let key = key_of(object);
    if object.metadata.deletion_timestamp.is_some() || context.containers.latest.is_gone(object) {
        context.firewalls.forget(&ObjectRef::from_obj(object.as_ref()));
        return Ok(None);
    }
    let Some(cluster) = context.cluster(&object.spec.cluster_ref.name) else { return Ok(None) };
    let paused = |suspended: bool, paused: bool| suspended || paused;
    if !context.serves(&cluster)
        || paused(object.spec.suspend, is_paused(object.as_ref()))
        || paused(cluster.spec.suspend, is_paused(cluster.as_ref()))
    {
        return Ok(None);
    }
    let compiled = context.firewalls.compiled(context, &cluster).await;
    let Some(guest) = compiled.guests.get(&key) else { return Ok(None) };
    let version = context.firewalls.version(&cluster.name_any(), &key);
    let pass = Pass { context, object, cluster: &cluster, version, now: Timestamp::now() };
    let Some(result) = pass.judge(guest).await? else { return Ok(None) };
    report(context, object, &result.saying, &result.wrote).await?;
    let on = OnGuest { reason: result.saying.reason, message: result.saying.message };
    context.firewalls.note(context, &cluster.name_any(), &key, version, on);
    Ok(result.again)
}

impl Result {
    fn say(reason: FirewallReason, message: impl Into<String>) -> Self {
        let saying = Saying { reason, message: message.into(), firewall: None };
        Self { saying, wrote: Wrote::Nothing, again: None }
    }

    fn showing(self, firewall: GuestFirewallStatus) -> Self {
        Self { saying: Saying { firewall: Some(firewall), ..self.saying }, ..self }
    }

    fn again(self, again: Duration) -> Self {
        Self { again: Some(again), ..self }
    }
}

impl Pass<'_> {
    fn before(&self) -> Option<&GuestFirewallStatus> {
        self.object.status.as_ref()?.firewall.as_ref()
    }

    /// Its reference, for pauses.
    fn reference(&self) -> ObjectRef<ZentoriaContainer> {
        ObjectRef::from_obj(self.object.as_ref())
    }

    /// Until its turn comes again. After a start all have theirs at once, and not all at once again.
    fn round(&self) -> Duration {
        let round = span::parse(&self.cluster.spec.poll.full_resync).unwrap_or(Duration::from_secs(600));
        let first = !self.context.firewalls.was_looked_at(&key_of(self.object));
        if first { round.mul_f64(1.0 - 0.5 * rand::random::<f64>()) } else { round }
    }

    fn pause(&self) -> Duration {
        self.context.firewalls.backoff.failed(&self.reference()).wait
    }

    /// Looked at without a word to say: later.
    fn later(&self, why: &str, pause: Duration) -> Option<Result> {
        tracing::debug!(container = %key_of(self.object), why, "firewall: later");
        self.context.firewalls.wake.wake_after(self.reference(), pause);
        None
    }

    /// What is to be said; nothing where nobody was, or could be, asked.
    async fn judge(&self, compiled: &CompiledGuest) -> std::result::Result<Option<Result>, WriteError> {
        let Some(status) = &self.object.status else { return Ok(None) };
        let finished = status.created.as_ref().is_some_and(|created| created.finished_at.is_some());
        let vmid = status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok());
        let (true, Some(vmid), true) = (finished, vmid, status.power.is_some()) else {
            let told = status.conditions.iter().any(|condition| condition.type_ == FIREWALL_ENFORCED);
            return Ok(told.then(|| Result::say(FirewallReason::NotKnown, "the guest is not there")));
        };
        if compiled.adopted != is_adopted(self.object) {
            return Ok(self.later("it was adopted after its rules were compiled", COMPILED));
        }
        if compiled.mode == FirewallMode::Off {
            let message = "spec.firewall.mode is Off: it is not looked at";
            return Ok(Some(Result::say(FirewallReason::Off, message).showing(empty(FirewallMode::Off))));
        }
        let Some(identity) = self.context.identity(self.cluster, key_of(self.object)) else { return Ok(None) };
        // Shut, connecting, a breaker: Ready says it, and what was known of the firewall stays.
        let Some((pve, Gate::Open)) = self.context.registry.gate(&self.cluster.name_any()) else { return Ok(None) };
        let Some(scene) = scene(&pve, &identity, vmid) else {
            return Ok(self.later("it is not listed, or its node is offline", UNLISTED));
        };
        if !scene.ours {
            let message =
                format!("guest {vmid} is not this container's (see its condition Ready); it is not looked at");
            return Ok(Some(Result::say(FirewallReason::NotKnown, message)));
        }
        let firewall = match compiled.wish_at(&scene.slots) {
            Ok(firewall) => firewall,
            Err((reason, message)) => {
                return Ok(Some(Result::say(reason, message).showing(empty(compiled.mode))));
            }
        };
        let subject = Subject { cluster: &pve, identity: &identity, node: &scene.node, vmid };
        let guest = Guest { pass: self, compiled, firewall, subject, scene: &scene, pve: &pve };
        guest.judge().await
    }

    /// Whether nothing may be written.
    fn observes(&self, compiled: &CompiledGuest) -> bool {
        self.cluster.spec.mode == Mode::Observe
            || self.object.spec.mode.is_some()
            || compiled.mode != FirewallMode::Enforce
    }
}

/// A guest that is there, and what it shall hold.
struct Guest<'a> {
    pass: &'a Pass<'a>,
    compiled: &'a CompiledGuest,
    firewall: GuestFirewall,
    subject: Subject<'a>,
    scene: &'a Scene,
    pve: &'a Arc<Cluster>,
}

impl Guest<'_> {
    async fn judge(&self) -> std::result::Result<Option<Result>, WriteError> {
        let observes = self.pass.observes(self.compiled);
        let mut shown = self.pass.before().cloned().unwrap_or_else(|| empty(self.compiled.mode));
        shown.mode = if observes { FirewallMode::Observe } else { FirewallMode::Enforce };
        if !self.scene.running {
            // Who was stopped meanwhile cannot answer, and nobody is locked out of it.
            shown.probe = None;
        }
        if let (false, Some(under_way)) = (observes, shown.probe.clone()) {
            match lockout::look(self.pass, &under_way).await {
                Probed::Wait(pause) => return Ok(Some(self.enforcing(shown, &under_way.target).again(pause))),
                Probed::Answers(target) => (shown.probe, shown.answers) = (None, Some(target.to_string())),
                Probed::Silent => return Ok(self.take_back(shown, &under_way).await),
            }
        }
        let seen = match observe(self.pve, &self.scene.node, self.subject.vmid).await {
            Ok(seen) => without(seen, &self.compiled.suspended),
            Err(stop) => return Ok(self.stopped(stop)),
        };
        let plan = plan(&self.firewall, &seen, self.pass.cluster.spec.firewall.foreign_rules);
        shown.foreign_rules = plan.foreign.iter().map(|rule| rule.text.clone()).collect();
        if observes {
            return Ok(Some(self.observed(shown, &seen, plan)));
        }
        self.enforce(shown, &seen, plan).await
    }

    fn enforcing(&self, shown: GuestFirewallStatus, target: &str) -> Result {
        let message = format!("the guest filters since a moment ago; whether {target} still answers is being tried");
        Result::say(FirewallReason::Enforcing, message).showing(shown)
    }

    fn observed(&self, mut shown: GuestFirewallStatus, seen: &Seen, plan: Enforcement) -> Result {
        (shown.rules, shown.ipsets) = counts(seen);
        let message = if plan.differences.is_empty() {
            "mode is Observe; it holds what the rules say".to_owned()
        } else {
            format!("mode is Observe; {} differences are shown and not written", plan.differences.len())
        };
        shown.differences = plan.differences;
        Result::say(FirewallReason::ObserveOnly, message).showing(shown).again(self.pass.round())
    }

    async fn enforce(
        &self,
        mut shown: GuestFirewallStatus,
        seen: &Seen,
        plan: Enforcement,
    ) -> std::result::Result<Option<Result>, WriteError> {
        let flip = flip_at(&plan.steps, &seen.options).filter(|_| self.scene.running);
        let off = self.datacenter_is_off();
        let held = lockout::held_on(self.pass, self.compiled);
        let is_held = shown.held.as_deref() == Some(held.as_str());
        if !is_held {
            shown.held = None;
        }
        let mut steps = plan.steps.as_slice();
        if is_held {
            steps = before_policies(steps);
        } else if let Some(at) = flip {
            if off {
                // Nothing could be tried now: the guest filters once the datacenter does.
                steps = &steps[..at];
            } else if let Some(target) = lockout::candidate(self.pass, self.compiled).await {
                shown.probe = Some(lockout::begin(target, seen, self.pass.now));
                let begun = self.enforcing(shown.clone(), &target.to_string());
                report(self.pass.context, self.pass.object, &begun.saying, &Wrote::Nothing).await?;
            } else {
                shown.answers = None;
            }
        }
        let wish = Wish {
            firewall: &self.firewall,
            foreign: self.pass.cluster.spec.firewall.foreign_rules,
            suspended: &self.compiled.suspended,
        };
        if let Err(stop) = act(&self.subject, wish, steps, seen).await {
            return Ok(self.stopped(stop));
        }
        if !steps.is_empty() {
            return Ok(Some(self.written(shown, plan)));
        }
        self.pass.context.firewalls.backoff.reset(&self.pass.reference());
        self.pass.context.firewalls.fights.reset(&self.pass.reference());
        (shown.rules, shown.ipsets) = counts(seen);
        let widens = plan.foreign.iter().find_map(|rule| Some((rule.text.clone(), rule.widens.clone()?)));
        shown.differences = plan.differences;
        let standing = Standing { is_held, off, unfiltered: &self.scene.unfiltered, widens };
        let (reason, message) = standing.verdict(&shown);
        Ok(Some(Result::say(reason, message).showing(shown).again(self.pass.round())))
    }

    /// Something was written: it is looked at once more, at once as a rule.
    fn written(&self, mut shown: GuestFirewallStatus, plan: Enforcement) -> Result {
        let firewalls = &self.pass.context.firewalls;
        let was_in_force = self
            .pass
            .object
            .status
            .as_ref()
            .is_some_and(|status| zentoria_core::conditions::is_true(&status.conditions, FIREWALL_ENFORCED));
        let reference = self.pass.reference();
        firewalls.backoff.reset(&reference);
        let same_rules = firewalls.was_against(&key_of(self.pass.object), self.pass.version);
        if !same_rules {
            firewalls.fights.reset(&reference);
        }
        let drift = was_in_force && same_rules;
        let wrote = if drift { Wrote::Drift(plan.differences) } else { Wrote::Rules(plan.differences) };
        let delay = firewalls.fights.failed(&reference);
        let again = if delay.failures <= ROUNDS_AT_ONCE { Duration::ZERO } else { delay.wait };
        shown.differences = Vec::new();
        shown.rules = u32::try_from(self.firewall.rules.len()).unwrap_or(u32::MAX);
        shown.ipsets = u32::try_from(self.firewall.ipsets.len()).unwrap_or(u32::MAX);
        let result = match &shown.probe {
            Some(probe) => {
                let target = probe.target.clone();
                self.enforcing(shown, &target)
            }
            // Nothing to wait for: what the next look says follows at once.
            None if drift => {
                let said = self.pass.object.status.as_ref().and_then(|status| {
                    status.conditions.iter().find(|condition| condition.type_ == FIREWALL_ENFORCED).cloned()
                });
                let (reason, message) = said.map_or((FirewallReason::NotProbed, String::new()), |condition| {
                    let reason = if condition.reason == FirewallReason::Enforced.as_str() {
                        FirewallReason::Enforced
                    } else {
                        FirewallReason::NotProbed
                    };
                    (reason, condition.message)
                });
                Result::say(reason, message).showing(shown)
            }
            None => Result::say(FirewallReason::Enforcing, "its rules are being written").showing(shown),
        };
        Result { wrote, ..result }.again(again)
    }

    fn datacenter_is_off(&self) -> bool {
        match self.pass.context.firewalls.switch(&self.pass.cluster.name_any()) {
            Some(Switch::Off) => true,
            Some(Switch::On | Switch::Unknown(_)) | None => false,
        }
    }

    async fn take_back(
        &self,
        mut shown: GuestFirewallStatus,
        under_way: &zentoria_api::firewall::FirewallProbe,
    ) -> Option<Result> {
        if let Err(stop) = roll_back(&self.subject, &under_way.before).await {
            return self.stopped(stop);
        }
        shown.probe = None;
        shown.answers = None;
        shown.held = Some(lockout::held_on(self.pass, self.compiled));
        let message = format!(
            "{} answered before the guest filtered and not within 30 s after it: its policy was taken back, and is not \
             set again before the rules, the spec or an annotation zentoria.ai/... change",
            under_way.target
        );
        let result = Result::say(FirewallReason::WouldLockOut, message).showing(shown);
        Some(result.again(self.pass.round()))
    }

    fn stopped(&self, stop: Stop) -> Option<Result> {
        match stop {
            Stop::Replan(why) => self.pass.later(&why, self.pass.pause().min(BUSY)),
            Stop::Fenced => None,
            Stop::Say(FirewallReason::PveError, message) => {
                Some(Result::say(FirewallReason::PveError, message).again(self.pass.pause()))
            }
            Stop::Say(reason, message) => Some(Result::say(reason, message).again(MENDED)),
        }
    }
}
