//! The objects that carry out a wish: applied, created once, deleted when nothing wishes them any more.

use crate::context::Context;
use crate::runtime::write::{FIELD_MANAGER, WriteError};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use tracing::info;
use zentoria_api::wire::BACKUP_OWNER_LABEL;
use zentoria_core::backup::jobs::Desired;
use zentoria_core::backup::want::Owner;
use zentoria_core::backup::{drill, rest};

/// A ConfigMap is written before its Job, and both are seen later: a younger one without a Job is no leftover.
const YOUNG: SignedDuration = SignedDuration::from_mins(10);

/// Applies the CronJobs of an owner with their ConfigMaps, and deletes those that it has no more.
pub(super) async fn apply_all(context: &Context, owner: &Owner, wanted: &[Desired]) -> Result<(), WriteError> {
    for Desired { config, cron, job: _ } in wanted {
        apply_config(context, config).await?;
        if let Some(cron) = cron {
            let api: Api<CronJob> = Api::namespaced(context.client.clone(), &owner.namespace);
            let stored = stored(&context.backups.cron_jobs, cron);
            if context.backups.applied.apply(&context.writer, &api, stored.as_deref(), cron).await? {
                info!(namespace = owner.namespace, cronjob = cron.name_any(), "applied");
            }
        }
    }
    let names: BTreeSet<String> = wanted.iter().map(|desired| desired.config.name_any()).collect();
    for cron in owned(&context.backups.cron_jobs, owner) {
        if !names.contains(&cron.name_any()) {
            delete(context, cron.as_ref()).await?;
        }
    }
    let now = Timestamp::now();
    for config in owned(&context.backups.configs, owner) {
        // The report of a drill stays without a Job.
        if drill::is_drill(&config.metadata) {
            continue;
        }
        let name = config.name_any();
        let has_job = context.backups.jobs.get(&ObjectRef::new(&name).within(&owner.namespace)).is_some();
        let made = config.creation_timestamp().map_or(now, |time| time.0);
        if !names.contains(&name) && !has_job && now.duration_since(made) > YOUNG {
            delete(context, config.as_ref()).await?;
        }
    }
    Ok(())
}

/// Suspends the CronJobs that may not go on while the spec of their owner is refused. [`apply_all`] takes it back.
pub(super) async fn rest(context: &Context, owner: &Owner, is_suspended: bool) -> Result<(), WriteError> {
    let api: Api<CronJob> = Api::namespaced(context.client.clone(), &owner.namespace);
    for cron in owned(&context.backups.cron_jobs, owner) {
        if !rest::is_due(&cron, is_suspended) {
            continue;
        }
        let name = cron.name_any();
        // Never another object of the same name.
        let patch = Patch::Merge(json!({"metadata": {"uid": cron.uid()}, "spec": {"suspend": true}}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match context.writer.send(api.patch(&name, &params, &patch)).await {
            Ok(_) => info!(namespace = owner.namespace, cronjob = name, "suspended: the spec of its owner is refused"),
            Err(WriteError::Gone | WriteError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Creates the Job of `wanted` with its ConfigMap, unless there is one of that name. Says whether it was created.
pub(super) async fn start(context: &Context, wanted: &Desired) -> Result<bool, WriteError> {
    let Some(job) = &wanted.job else { return Ok(false) };
    let namespace = job.namespace().unwrap_or_default();
    if stored(&context.backups.jobs, job).is_some_and(|job| !context.backups.jobs_gone.is_gone(&job)) {
        return Ok(false);
    }
    apply_config(context, &wanted.config).await?;
    let api: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match context.writer.send(api.create(&params, job)).await {
        Ok(_) => {
            info!(namespace, job = job.name_any(), "started");
            Ok(true)
        }
        Err(WriteError::AlreadyExists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Applies the NetworkPolicy of a repository.
pub(super) async fn apply_network_policy(context: &Context, wanted: &NetworkPolicy) -> Result<(), WriteError> {
    let api: Api<NetworkPolicy> = Api::namespaced(context.client.clone(), &wanted.namespace().unwrap_or_default());
    let stored = stored(&context.backups.network_policies, wanted);
    context.backups.applied.apply(&context.writer, &api, stored.as_deref(), wanted).await?;
    Ok(())
}

/// Deletes a Job that has ended, with its pods, so that another of its name can be made.
pub(super) async fn delete_job(context: &Context, job: &Job) -> Result<(), WriteError> {
    delete(context, job).await?;
    context.backups.jobs_gone.forget(job);
    Ok(())
}

pub(super) async fn apply_config(context: &Context, config: &ConfigMap) -> Result<(), WriteError> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &config.namespace().unwrap_or_default());
    let stored = stored(&context.backups.configs, config);
    context.backups.applied.apply(&context.writer, &api, stored.as_deref(), config).await?;
    Ok(())
}

pub(super) async fn delete<K>(context: &Context, object: &K) -> Result<(), WriteError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    // Never another object of the same name.
    let preconditions = Preconditions { uid: object.uid(), ..Preconditions::default() };
    let params = DeleteParams {
        preconditions: Some(preconditions),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    match context.writer.send(api.delete(&name, &params)).await {
        Ok(_) => {
            info!(namespace, name, kind = %K::kind(&()), "deleted");
            Ok(())
        }
        Err(WriteError::Gone | WriteError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

fn stored<K>(store: &Store<K>, wanted: &K) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let namespace = wanted.meta().namespace.as_deref().unwrap_or_default();
    store.get(&ObjectRef::new(wanted.meta().name.as_deref()?).within(namespace))
}

/// The objects of a store that belong to an owner: by our label, and by the reference to its uid.
fn owned<K>(store: &Store<K>, owner: &Owner) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let label = owner.label();
    let mut found = store.state();
    found.retain(|object| {
        object.meta().namespace.as_deref() == Some(&owner.namespace)
            && object.labels().get(BACKUP_OWNER_LABEL) == Some(&label)
            && object.owner_references().iter().any(|reference| reference.uid == owner.uid)
            && object.meta().deletion_timestamp.is_none()
    });
    found
}
