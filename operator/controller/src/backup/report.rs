//! One status write per look, only where something changed, and the Event that comes with another reason.

use crate::context::{Context, Unheld};
use crate::runtime::events::{Event, EventType};
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::conditions::{Phase, READY};

/// However quiet it is, so often each object is looked at: for what no watch tells of, such as a Secret that is deleted.
const RESYNC: Duration = Duration::from_mins(30);
/// What is missing is looked for at least so often.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is said of an object.
pub(super) struct Saying<'a> {
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
pub(super) async fn write<K, S>(
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

/// When an object is looked at again: at `look_again`, where something is missing or to be tried soon, and else now and
/// then.
pub(super) fn again(
    context: &Context,
    key: &(&'static str, String, String),
    trying: bool,
    look_again: Option<Timestamp>,
    now: Timestamp,
) -> Action {
    let mut wait = RESYNC;
    if trying {
        wait = wait.min(context.backups.pauses.failed(key).wait).min(LONGEST_WAIT);
    } else {
        context.backups.pauses.reset(key);
    }
    if let Some(moment) = look_again {
        // A moment later, so that it has passed.
        let until = Duration::try_from(moment.duration_since(now)).unwrap_or_default() + Duration::from_millis(500);
        wait = wait.min(until);
    }
    Action::requeue(wait)
}
