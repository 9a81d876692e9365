//! One status write per look, only where something changed, and the Event that comes with another reason: for every kind
//! whose status one hand writes.

use crate::context::{Context, Unheld};
use crate::runtime::events::{Event, EventType};
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::object::HasStatus;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use zentoria_api::conditions::{Phase, READY};

/// What is said of an object.
pub struct Saying<'a> {
    /// The reason of Ready.
    pub reason: &'static str,
    /// What it means.
    pub phase: Phase,
    /// Its message.
    pub message: &'a str,
    /// The conditions that were there before.
    pub before: &'a [Condition],
}

/// Writes a status where it differs from the stored one.
///
/// # Errors
/// Those of the write.
pub async fn write<K, S>(
    context: &Context,
    kind: &Unheld<K>,
    object: &Arc<K>,
    status: &S,
    saying: &Saying<'_>,
) -> Result<(), WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus + Clone + DeserializeOwned + Debug,
    K::Status: Serialize,
    S: Serialize,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let written = context.status.patch_if_changed(&api, &**object, status, Precondition::SameObject).await?;
    let Written::Patched(stored) = written else { return Ok(()) };
    let said = saying.before.iter().find(|condition| condition.type_ == READY);
    if said.map(|condition| condition.reason.as_str()) != Some(saying.reason) {
        let type_ = match saying.phase {
            Phase::Stalled | Phase::Retrying => Some(EventType::Warning),
            Phase::Settled | Phase::Resting | Phase::Waiting => Some(EventType::Normal),
            Phase::Progressing | Phase::Silent => None,
        };
        if let Some(type_) = type_ {
            let note = saying.message.to_owned();
            let event = Event { type_, reason: saying.reason.into(), action: "Check".into(), note };
            context.events.publish(object.object_ref(&()), event);
        }
    }
    kind.latest.wrote(*stored);
    Ok(())
}
