//! One status write about a guest's firewall, only if something changed, and the events that tell it. The rest of the status
//! is another hand's: both take turns, and each keeps what the other wrote.

use crate::context::{Context, key_of};
use crate::runtime::events::{Event, EventType};
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{FIREWALL_ENFORCED, FirewallReason, Phase};
use zentoria_core::firewall::report::{Saying, guest_status};

/// What was written to a guest just now, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Nothing.
    Nothing,
    /// What the rules newly say.
    Rules(Vec<String>),
    /// What somebody else had changed.
    Drift(Vec<String>),
}

/// Writes it, where it differs from the stored one.
pub(super) async fn report(
    context: &Context,
    object: &Arc<ZentoriaContainer>,
    saying: &Saying,
    wrote: &Wrote,
) -> Result<(), WriteError> {
    let _turn = context.turns.take(&object.uid().unwrap_or_default()).await;
    let object = context.containers.latest.current(object);
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let next = guest_status(&before, generation, &Timestamp::now(), saying);
    let api = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let written = context.status.patch_if_changed(&api, &*object, &next, Precondition::SameObject).await?;
    if let Written::Patched(stored) = written {
        context.containers.latest.wrote(*stored);
    }
    let said = before.conditions.iter().find(|condition| condition.type_ == FIREWALL_ENFORCED);
    let said = said.map(|condition| condition.reason.as_str());
    for event in events(said, saying, wrote) {
        context.events.publish(object.object_ref(&()), event);
    }
    tracing::debug!(container = %key_of(&object), reason = %saying.reason, "firewall");
    Ok(())
}

fn events(before: Option<&str>, saying: &Saying, wrote: &Wrote) -> Vec<Event> {
    let event = |type_, reason: &'static str, action: &'static str, note: String| Event {
        type_,
        reason: reason.into(),
        action: action.into(),
        note,
    };
    let mut list = Vec::new();
    match wrote {
        Wrote::Nothing => {}
        Wrote::Rules(lines) => {
            let note = format!("firewall written: {}", lines.join("; "));
            list.push(event(EventType::Normal, "FirewallWritten", "Enforce", note));
        }
        Wrote::Drift(lines) => {
            let note = format!("firewall set right in Proxmox VE: {}", lines.join("; "));
            list.push(event(EventType::Normal, "FirewallCorrected", "Enforce", note));
        }
    }
    if before == Some(saying.reason.as_str()) {
        return list;
    }
    let message = saying.message.clone();
    match (saying.reason, saying.reason.phase()) {
        (FirewallReason::Enforced | FirewallReason::NotProbed, _) => {
            let between = [FirewallReason::Enforced, FirewallReason::NotProbed, FirewallReason::PveError];
            if !between.iter().any(|reason| before == Some(reason.as_str())) {
                list.push(event(EventType::Normal, "FirewallEnforced", "Enforce", message));
            }
        }
        // Nobody has asked for firewalls yet: five hundred warnings would say so.
        (FirewallReason::ControlPlaneUnknown, _) => {}
        (reason, Phase::Stalled | Phase::Retrying) => {
            list.push(event(EventType::Warning, reason.as_str(), "Check", message));
        }
        (_, Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Resting | Phase::Silent) => {}
    }
    list
}
