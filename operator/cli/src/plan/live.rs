//! An estate as the API server has it.

use super::estate::{Estate, Given, Us};
use crate::connect::{Api, connect};
use crate::error::Error;
use crate::gather;
use crate::object;
use crate::options::{Plan, To};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::ResourceExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::estate::key_of;
use zentoria_ops::cluster::{Access, secrets};
use zentoria_types::mark::ControlPlaneId;

/// Reads the objects, and the Secrets of the ProxmoxClusters with the user's own rights.
///
/// # Errors
/// Where the containers, the ProxmoxClusters or the namespaces cannot be read.
pub async fn read(to: &To, what: &Plan) -> Result<Estate, Error> {
    let api = connect(to).await?;
    let mut notes = Vec::new();
    let containers = gather::everywhere(&api, "containers", what.all_namespaces, &mut notes).await?;
    let rules = gather::everywhere(&api, "firewall rules", what.all_namespaces, &mut notes).await?;
    let mine = |container: &ZentoriaContainer| {
        what.all_namespaces || container.namespace().as_deref() == Some(api.namespace.as_str())
    };
    let chosen: BTreeSet<Key> = containers.iter().filter(|container| mine(container)).map(key_of).collect();
    if chosen.is_empty() && !what.all_namespaces {
        notes.push(format!("Namespace {} has no containers; -A plans all namespaces", api.namespace));
    }
    let named: BTreeSet<String> =
        containers.iter().filter(|c| mine(c)).map(|container| container.spec.cluster_ref.name.clone()).collect();
    let mut clusters = BTreeMap::new();
    for object in object::list(&object::clusters(&api), "the ProxmoxClusters").await? {
        if named.contains(&object.name_any()) {
            let access = access(&api, &object, &what.operator_namespace).await.map_err(|error| error.to_string());
            clusters.insert(object.name_any(), Given { object, access });
        }
    }
    let control_plane = Us::Is(control_plane(&api).await?);
    let used = chosen.iter().map(|key| key.namespace.clone()).collect();
    let labels = gather::labels(&api, &used).await?;
    let containers = containers.into_iter().map(Arc::new).collect();
    Ok(Estate { clusters, containers, rules, chosen, labels, control_plane, problems: Vec::new(), notes })
}

fn namespaces(api: &Api) -> kube::Api<Namespace> {
    kube::Api::all(api.client.clone())
}

async fn access(api: &Api, cluster: &ProxmoxCluster, namespace: &str) -> Result<Access, Error> {
    let objects = kube::Api::<Secret>::namespaced(api.client.clone(), namespace);
    let mut found: BTreeMap<String, Secret> = BTreeMap::new();
    for (field, name) in secrets::references(&cluster.spec) {
        let read = objects.get_opt(name).await;
        let what = format!("cannot read Secret {name} in namespace {namespace} ({field})");
        if let Some(secret) = read.map_err(|error| Error::kubernetes(what, &error))? {
            found.insert(name.to_owned(), secret);
        }
    }
    let access = secrets::access(&cluster.spec, namespace, |name| found.get(name).cloned());
    access.map_err(|verdict| Error::Refused(format!("{}; --operator-namespace names another one", verdict.message)))
}

/// The first 8 characters of the uid of kube-system, as the operator writes them into marks.
async fn control_plane(api: &Api) -> Result<ControlPlaneId, Error> {
    let read = namespaces(api).get("kube-system").await;
    let read = read.map_err(|error| Error::kubernetes("cannot read namespace kube-system", &error))?;
    let short: String = read.uid().unwrap_or_default().chars().take(8).collect();
    ControlPlaneId::new(short).map_err(|error| Error::Refused(format!("uid of namespace kube-system: {error}")))
}
