//! One reconcile of one ProxmoxCluster: connect, and report what the poller sees.

use super::poller::poll_forever;
use super::{secrets, windows};
use crate::context::{Context, is_paused, reference};
use crate::runtime::events::{Event, EventType};
use crate::runtime::finalizer::Finalized;
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;
use zentoria_api::ProxmoxCluster;
use zentoria_api::conditions::{ClusterReason, Phase, READY};
use zentoria_core::cluster::report::{Verdict, judge, status};
use zentoria_core::container::want::Key;
use zentoria_core::digest::of_parts;
use zentoria_ops::Waker;
use zentoria_ops::cluster::connect;

/// One look at a ProxmoxCluster, and what follows from it.
///
/// # Errors
/// Where the API server could not be written to; it is tried again.
pub async fn reconcile(object: Arc<ProxmoxCluster>, context: Arc<Context>) -> Result<Action, WriteError> {
    let object = context.clusters.latest.current(&object);
    if !context.serves(&object) {
        context.registry.remove(&object.name_any());
        return Ok(Action::await_change());
    }
    let api: Api<ProxmoxCluster> = Api::all(context.client.clone());
    if object.metadata.deletion_timestamp.is_some() {
        return delete(&context, &api, &object).await;
    }
    let object = match context.clusters.finalizer.ensure(&api, &object).await? {
        Finalized::Patched(object) => context.clusters.latest.wrote(*object),
        Finalized::Unchanged => object,
        Finalized::Gone => return Ok(Action::await_change()),
    };
    let name = object.name_any();
    if object.spec.suspend || is_paused(object.as_ref()) {
        context.registry.remove(&name);
        let verdict = Verdict { reason: ClusterReason::Paused, message: "paused: the operator looks away".into() };
        return say(&context, &api, &object, &verdict).await;
    }
    if let Err(verdict) = ensure_connected(&context, &object) {
        context.registry.remove(&name);
        return say(&context, &api, &object, &verdict).await;
    }
    let view = context.registry.view(&name).unwrap_or_default();
    let verdict = match (&view.problem, &view.sight) {
        (Some(problem), _) => Verdict { reason: problem.reason, message: problem.message.clone() },
        (None, Some(sight)) => judge(sight, view.breaker.as_ref()),
        (None, None) => {
            Verdict { reason: ClusterReason::Connecting, message: "asks Proxmox VE for the first time".into() }
        }
    };
    // The rest of the cluster goes on: only who waits for a window has none.
    let verdict = match (verdict.reason, windows::problem(&object)) {
        (ClusterReason::Ready, Some(message)) => Verdict { reason: ClusterReason::InvalidSpec, message },
        _ => verdict,
    };
    let sight = view.sight.as_ref().filter(|_| view.problem.is_none());
    write(&context, &api, &object, sight, view.breaker.as_ref(), &verdict).await?;
    Ok(Action::await_change())
}

/// Connects anew where the spec or a Secret has changed.
fn ensure_connected(context: &Arc<Context>, object: &ProxmoxCluster) -> Result<(), Verdict> {
    let name = object.name_any();
    let (access, versions) = secrets::read(context, &object.spec)?;
    let spec = serde_json::to_string(&object.spec).unwrap_or_default();
    let uid = object.uid().unwrap_or_default();
    let fingerprint = of_parts([spec.as_str(), versions.as_str(), uid.as_str()]);
    if context.registry.is_connected_with(&name, &fingerprint) {
        wake_on_annotations(context, object);
        return Ok(());
    }
    let waker: Waker = {
        let wake = context.containers.wake.clone();
        Arc::new(move |key: &Key| wake.wake(reference(key)))
    };
    let cluster = connect(&name, &object.spec, access, &context.outside, waker).map_err(|error| {
        let secret = error.field.contains("SecretRef") || error.field == "spec.tls";
        let reason = if secret { ClusterReason::SecretInvalid } else { ClusterReason::InvalidSpec };
        Verdict { reason, message: error.to_string() }
    })?;
    let cluster = Arc::new(cluster);
    info!(cluster = name, "connects to Proxmox VE");
    let poller = tokio::spawn(poll_forever(Arc::clone(context), name.clone(), Arc::clone(&cluster)));
    context.registry.insert(&name, fingerprint, cluster, poller.abort_handle());
    Ok(())
}

/// Annotations (takeover) concern containers that wait for a person.
fn wake_on_annotations(context: &Context, object: &ProxmoxCluster) {
    use zentoria_api::conditions::ContainerReason as Reason;
    for container in context.containers_on(&object.name_any()) {
        let reason = crate::estate::ready_reason(&container);
        if matches!(reason, Some(Reason::ForeignControlPlane | Reason::DeletionBreaker | Reason::BreakerOpen)) {
            context.containers.wake.wake(ObjectRef::from_obj(container.as_ref()));
        }
    }
}

async fn say(
    context: &Context,
    api: &Api<ProxmoxCluster>,
    object: &Arc<ProxmoxCluster>,
    verdict: &Verdict,
) -> Result<Action, WriteError> {
    write(context, api, object, None, None, verdict).await?;
    context.wake_containers_on(&object.name_any());
    Ok(Action::requeue(Duration::from_secs(300)))
}

async fn write(
    context: &Context,
    api: &Api<ProxmoxCluster>,
    object: &Arc<ProxmoxCluster>,
    sight: Option<&zentoria_core::cluster::report::Sight>,
    breaker: Option<&zentoria_api::cluster::Breaker>,
    verdict: &Verdict,
) -> Result<(), WriteError> {
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let next = status(&before, generation, &Timestamp::now(), sight, breaker, verdict);
    let written = context.status.patch_if_changed(api, &**object, &next, Precondition::SameObject).await?;
    if let Written::Patched(stored) = written {
        context.clusters.latest.wrote(*stored);
    }
    let said = |conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition]| {
        conditions.iter().find(|c| c.type_ == READY).map(|c| c.reason.clone())
    };
    if said(&before.conditions) != said(&next.conditions) {
        let type_ = match verdict.reason.phase() {
            Phase::Stalled | Phase::Retrying => EventType::Warning,
            Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Resting | Phase::Silent => EventType::Normal,
        };
        let (reason, note) = (verdict.reason.to_string(), verdict.message.clone());
        context
            .events
            .publish(object.object_ref(&()), Event { type_, reason: reason.into(), action: "Check".into(), note });
    }
    Ok(())
}

/// A ProxmoxCluster goes when no container refers to it any more.
async fn delete(
    context: &Context,
    api: &Api<ProxmoxCluster>,
    object: &Arc<ProxmoxCluster>,
) -> Result<Action, WriteError> {
    let name = object.name_any();
    let users = context.containers_on(&name);
    if users.is_empty() {
        context.registry.remove(&name);
        context.metrics.forget_cluster(&name);
        context.clusters.finalizer.remove(api, &**object).await?;
        context.clusters.latest.forget(object);
        return Ok(Action::await_change());
    }
    let verdict = Verdict {
        reason: ClusterReason::InUse,
        message: format!("{} containers refer to it; it goes when they are gone", users.len()),
    };
    let view = context.registry.view(&name).unwrap_or_default();
    write(context, api, object, view.sight.as_ref(), view.breaker.as_ref(), &verdict).await?;
    Ok(Action::requeue(Duration::from_secs(5)))
}
