//! One reconcile of one FirewallRule: what the compiler says of it, and how far it is in force.

use crate::context::{Context, is_paused};
use crate::runtime::events::{Event, EventType};
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::conditions::{Phase, READY, RuleReason};
use zentoria_api::firewall::{FirewallRule, FirewallRuleStatus};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::RuleReport;
use zentoria_core::firewall::report::{OnGuest, rule_status};

/// Rules and containers that are applied together are seen in any order: what a new rule misses may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// One look at a FirewallRule.
///
/// # Errors
/// Where the API server could not be written to; it is tried again.
pub async fn reconcile(object: Arc<FirewallRule>, context: Arc<Context>) -> Result<Action, WriteError> {
    let object = context.rules.latest.current(&object);
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let now = Timestamp::now();
    let Some((mut report, guests)) = found(&context, &object).await else { return Ok(Action::await_change()) };
    let early = early(&object, now).filter(|_| lacks_something(&report));
    if early.is_some() {
        report.verdict = Err((RuleReason::Pending, "what it names may still be on its way".to_owned()));
    }
    let unknown = report.guests.iter().any(|key| !guests.contains_key(key));
    if unknown && before.observed_generation == Some(generation) && same(&before, &report) {
        // After a restart nobody has looked yet: what was said holds until somebody has.
        return Ok(Action::await_change());
    }
    let next = rule_status(&before, generation, &now, &report, &guests);
    write(&context, &object, &next).await?;
    Ok(early.map_or_else(Action::await_change, Action::requeue))
}

/// For how long the rule is new.
fn early(object: &FirewallRule, now: Timestamp) -> Option<Duration> {
    let made = object.creation_timestamp()?.0;
    let age = Duration::try_from(now.duration_since(made)).unwrap_or_default();
    ON_ITS_WAY.checked_sub(age).filter(|rest| !rest.is_zero())
}

/// Whether the rule names what there is not.
fn lacks_something(report: &RuleReport) -> bool {
    report
        .verdict
        .as_ref()
        .is_err_and(|(reason, _)| matches!(reason, RuleReason::MatchesNothing | RuleReason::NotFound))
}

/// Whether a status speaks of the same guests and rules.
fn same(before: &FirewallRuleStatus, report: &RuleReport) -> bool {
    before.from.as_ref() == Some(&report.from)
        && before.to.as_ref() == Some(&report.to)
        && before.ports.as_ref() == Some(&report.ports)
        && before.guests as usize == report.guests.len()
        && before.rules == report.rules
        && before.unresolved == report.unresolved
        && before.notes == report.notes
}

/// What all ProxmoxClusters that have containers of its namespace say of it together.
async fn found(context: &Context, object: &FirewallRule) -> Option<(RuleReport, BTreeMap<Key, OnGuest>)> {
    let key = Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() };
    let mut merged: Option<RuleReport> = None;
    let mut guests = BTreeMap::new();
    for cluster in context.clusters.latest.all() {
        if !context.serves(&cluster) {
            continue;
        }
        let compiled = context.firewalls.compiled(context, &cluster).await;
        if let Some(report) = compiled.rules.get(&key) {
            merged = Some(merged.map_or_else(|| report.clone(), |before| together(before, report)));
            guests.extend(context.firewalls.outcomes(&cluster.name_any(), &report.guests));
        }
    }
    match merged {
        Some(report) => Some((report, guests)),
        // It may well be another operator's.
        None if context.selector.is_some() => None,
        None => Some((nobody(object), guests)),
    }
}

/// A rule in a namespace that has no container.
fn nobody(object: &FirewallRule) -> RuleReport {
    let paused = object.spec.suspend || is_paused(object);
    let message = "there is no container in this namespace".to_owned();
    RuleReport {
        from: String::new(),
        to: String::new(),
        ports: String::new(),
        guests: std::collections::BTreeSet::new(),
        rules: 0,
        unresolved: Vec::new(),
        notes: Vec::new(),
        elsewhere: false,
        verdict: if paused { Ok(RuleReason::Paused) } else { Err((RuleReason::MatchesNothing, message)) },
    }
}

/// Containers of one namespace may be on several ProxmoxClusters: a rule that one of them can carry out is carried out.
fn together(one: RuleReport, other: &RuleReport) -> RuleReport {
    let mut sum = one;
    sum.guests.extend(other.guests.iter().cloned());
    sum.rules = sum.rules.saturating_add(other.rules);
    let new = |list: &Vec<String>, text: &String| !list.contains(text);
    let unresolved: Vec<String> = other.unresolved.iter().filter(|text| new(&sum.unresolved, text)).cloned().collect();
    sum.unresolved.extend(unresolved);
    let notes: Vec<String> = other.notes.iter().filter(|text| new(&sum.notes, text)).cloned().collect();
    sum.notes.extend(notes);
    if sum.elsewhere || (other.verdict.is_err() && !other.elsewhere) {
        sum.verdict = other.verdict.clone();
        sum.elsewhere = other.elsewhere;
    }
    sum
}

async fn write(context: &Context, object: &Arc<FirewallRule>, next: &FirewallRuleStatus) -> Result<(), WriteError> {
    let api: Api<FirewallRule> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let written = context.status.patch_if_changed(&api, &**object, next, Precondition::SameObject).await?;
    let Written::Patched(stored) = written else { return Ok(()) };
    let before = object.status.clone().unwrap_or_default();
    let ready = |status: &FirewallRuleStatus| {
        status.conditions.iter().find(|c| c.type_ == READY).map(|c| (c.reason.clone(), c.message.clone()))
    };
    if let Some((reason, message)) = ready(next)
        && ready(&before).map(|(reason, _)| reason).as_ref() != Some(&reason)
        && let Some(known) = RuleReason::ALL.iter().find(|known| known.as_str() == reason)
    {
        let type_ = match known.phase() {
            Phase::Stalled | Phase::Retrying => Some(EventType::Warning),
            Phase::Settled | Phase::Resting | Phase::Waiting => Some(EventType::Normal),
            Phase::Progressing | Phase::Silent => None,
        };
        if let Some(type_) = type_ {
            let event = Event { type_, reason: reason.into(), action: "Enforce".into(), note: message };
            context.events.publish(object.object_ref(&()), event);
        }
    }
    context.rules.latest.wrote(*stored);
    Ok(())
}
