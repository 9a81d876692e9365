//! Report: one status write, only if something changed, and the events that tell it.

use super::reconcile::approved;
use crate::context::{Context, key_of, reference};
use crate::estate;
use crate::runtime::events::{Event, EventType};
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::Mode;
use zentoria_api::container::{PendingChange, ZentoriaContainerStatus};
use zentoria_core::container::report::{Facts, events, status};
use zentoria_core::container::seen::GuestFact;
use zentoria_core::container::step::Verdict;
use zentoria_core::container::want::Want;
use zentoria_core::firewall::report::take_firewall;

/// What is to be said.
pub struct Saying<'a> {
    /// The verdict.
    pub verdict: &'a Verdict,
    /// The mode, where the spec could be read.
    pub mode: Option<Mode>,
    /// The guest, where it was looked at.
    pub guest: Option<&'a GuestFact>,
    /// The wish, where the spec could be read.
    pub want: Option<&'a Want>,
    /// What differs and is not done, where it is known.
    pub pending: Option<&'a [PendingChange]>,
    /// Fields that were set right just now.
    pub changes: &'a [String],
}

impl<'a> Saying<'a> {
    /// A verdict alone.
    pub fn only(verdict: &'a Verdict) -> Self {
        Self { verdict, mode: None, guest: None, want: None, pending: None, changes: &[] }
    }
}

/// Writes the status, where it differs from the stored one, and publishes events.
pub async fn report(
    context: &Context,
    stored: &Arc<ZentoriaContainer>,
    working: &ZentoriaContainerStatus,
    before: &ZentoriaContainerStatus,
    saying: &Saying<'_>,
    now: Timestamp,
) -> Result<(), WriteError> {
    let facts = Facts {
        generation: stored.metadata.generation.unwrap_or_default(),
        now: &now,
        mode: saying.mode,
        guest: saying.guest,
        want: saying.want,
        pending: saying.pending,
        extra_addresses: &estate::extra_addresses(stored),
        changing: !saying.changes.is_empty(),
        approved: &approved(stored),
        verdict: saying.verdict,
    };
    let mut next = status(working, &facts);
    // The firewall is told by another part of the operator, which may have done so since.
    let _turn = context.turns.take(&stored.uid().unwrap_or_default()).await;
    let stored = &context.containers.latest.current(stored);
    take_firewall(&mut next, stored.status.as_ref().unwrap_or(&ZentoriaContainerStatus::default()));
    let api = Api::namespaced(context.client.clone(), &stored.namespace().unwrap_or_default());
    let written = context.status.patch_if_changed(&api, &**stored, &next, Precondition::SameObject).await?;
    for event in events(before, &next, saying.changes) {
        let type_ = if event.warning { EventType::Warning } else { EventType::Normal };
        let event = Event { type_, reason: event.reason.into(), action: event.action.into(), note: event.note };
        context.events.publish(stored.object_ref(&()), event);
    }
    if let Written::Patched(object) = written {
        let object = context.containers.latest.wrote(*object);
        let ready = |status: &ZentoriaContainerStatus| (status.summary.clone(), status.vmid, status.created.clone());
        // A changed spec may ask for less.
        let place = |status: &ZentoriaContainerStatus| (status.node.clone(), status.power.as_ref().map(|p| p.state));
        if ready(before) != ready(&next) || place(before) != place(&next) || !saying.changes.is_empty() {
            context.firewalls.wake.wake(reference(&key_of(&object)));
        }
        if ready(before) != ready(&next) || before.observed_generation != next.observed_generation {
            estate::wake_related(context, &object);
        }
    }
    Ok(())
}
