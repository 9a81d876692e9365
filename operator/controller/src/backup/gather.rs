//! What lies around an object of backups, read from caches; Secrets and claims from the API server, by their names. Of a
//! Secret nothing is kept but the names of its keys.

use crate::context::Context;
use crate::runtime::write::WriteError;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::{Api, ResourceExt};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::RunState;
use zentoria_core::backup::surroundings::{ContainerSeen, SecretSeen, Surroundings};

/// What is looked for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Secrets.
    pub secrets: BTreeSet<String>,
    /// PersistentVolumeClaims.
    pub claims: BTreeSet<String>,
}

/// Everything of a namespace that an object of backups may name.
pub(super) async fn around(context: &Context, namespace: &str, named: &Named) -> Result<Surroundings, WriteError> {
    let backups = &context.backups;
    let containers = context.containers_within(namespace);
    let repositories = backups.repositories.within(namespace).into_iter();
    let policies = backups.policies.within(namespace).into_iter();
    Ok(Surroundings {
        containers: containers.iter().map(|container| (container.name_any(), seen(container))).collect(),
        repositories: repositories.map(|object| (object.name_any(), object)).collect(),
        policies: policies.map(|object| (object.name_any(), object)).collect(),
        secrets: secrets(context, namespace, &named.secrets).await?,
        claims: claims(context, namespace, &named.claims).await?,
        ..Surroundings::default()
    })
}

/// What backups look at of a container.
pub(super) fn seen(container: &ZentoriaContainer) -> ContainerSeen {
    let status = container.status.clone().unwrap_or_default();
    let power = status.power.as_ref().map(|power| power.state);
    ContainerSeen {
        addresses: status.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
        running: power == Some(RunState::Running),
        labels: container.labels().clone(),
        depends_on: container.spec.depends_on.clone(),
        cluster: container.spec.cluster_ref.name.clone(),
        vmid: status.vmid.map(|vmid| vmid.0),
    }
}

async fn secrets(
    context: &Context,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, SecretSeen>, WriteError> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let mut seen = BTreeMap::new();
    for name in names {
        let secret = context.writer.read(api.get_opt(name)).await?;
        let keys = |secret: Secret| SecretSeen::Keys(secret.data.unwrap_or_default().into_keys().collect());
        seen.insert(name.clone(), secret.map_or(SecretSeen::Absent, keys));
    }
    Ok(seen)
}

async fn claims(
    context: &Context,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, bool>, WriteError> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), namespace);
    let mut seen = BTreeMap::new();
    for name in names {
        seen.insert(name.clone(), context.writer.read(api.get_opt(name)).await?.is_some());
    }
    Ok(seen)
}
