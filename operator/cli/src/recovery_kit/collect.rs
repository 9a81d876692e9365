//! What goes into the file: manifests that can be applied, with the Secrets that they name.

use crate::connect::Api;
use crate::error::Error;
use crate::object;
use crate::options::RecoveryKit;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Debug;
use zentoria_api::ZentoriaContainer;
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::firewall::FirewallRule;

/// The key pair of a namespace, where nothing names another one.
const SSH: &str = "zentoria-ssh";

/// What the file holds.
pub(super) struct Kit {
    /// Its text, in the clear: never printed.
    pub text: String,
    /// How many objects.
    pub objects: usize,
    /// How many Secrets.
    pub secrets: usize,
    /// The repositories in it.
    pub repositories: Vec<BackupRepository>,
}

/// Reads everything. A Secret that is named and missing is an error: a kit without a password is none.
pub(super) async fn collect(api: &Api, what: &RecoveryKit, now: Timestamp) -> Result<Kit, Error> {
    let clusters = object::list(&object::clusters(api), "the ProxmoxClusters").await?;
    let repositories: Vec<BackupRepository> = list(api, what, "the BackupRepositories").await?;
    let policies: Vec<BackupPolicy> = list(api, what, "the BackupPolicies").await?;
    let containers: Vec<ZentoriaContainer> = list(api, what, "the containers").await?;
    let rules: Vec<FirewallRule> = list(api, what, "the FirewallRules").await?;
    let mut objects = Vec::new();
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    for cluster in &clusters {
        let value = manifest(cluster)?;
        named.extend(secrets_of(&value).into_iter().map(|name| (what.operator_namespace.clone(), name)));
        objects.push(value);
    }
    let mut namespaces = BTreeSet::from([what.operator_namespace.clone()]);
    for value in all(&repositories)?.into_iter().chain(all(&policies)?) {
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        named.extend(secrets_of(&value).into_iter().map(|name| (namespace.clone(), name)));
        objects.push(value);
    }
    // Key pairs of containers are generated where they are missing: those that are there are taken along.
    let mut keys: BTreeSet<(String, String)> = BTreeSet::new();
    for value in all(&containers)? {
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        keys.extend(secrets_of(&value).into_iter().map(|name| (namespace.clone(), name)));
        objects.push(value);
    }
    objects.extend(all(&rules)?);
    namespaces
        .extend(objects.iter().filter_map(|value| value["metadata"]["namespace"].as_str().map(ToOwned::to_owned)));
    let mut documents = Vec::new();
    for name in &namespaces {
        documents.extend(namespace(api, name).await?);
    }
    let mut secrets = 0;
    for (namespace, name) in &named {
        documents.push(secret(api, namespace, name).await?.ok_or_else(|| {
            Error::NotFound(format!(
                "there is no Secret {name} in namespace {namespace}, which a manifest names: a recovery kit without it would \
                 be none. Make it, or correct the manifest"
            ))
        })?);
        secrets += 1;
    }
    keys.extend(namespaces.iter().map(|namespace| (namespace.clone(), SSH.to_owned())));
    for (namespace, name) in keys.difference(&named) {
        if let Some(found) = secret(api, namespace, name).await? {
            documents.push(found);
            secrets += 1;
        }
    }
    let count = objects.len();
    documents.extend(objects);
    let mut text = head(&repositories, now);
    for document in documents {
        let yaml = serde_saphyr::to_string(&document)
            .map_err(|error| Error::Refused(format!("an object cannot be written as YAML: {error}")))?;
        text.push_str("---\n");
        text.push_str(&yaml);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(Kit { text, objects: count, secrets, repositories })
}

async fn list<K>(api: &Api, what: &RecoveryKit, name: &str) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let objects: kube::Api<K> = if what.all_namespaces {
        kube::Api::all(api.client.clone())
    } else {
        kube::Api::namespaced(api.client.clone(), &api.namespace)
    };
    object::list(&objects, name).await
}

fn all<K: Resource<DynamicType = ()> + Serialize>(objects: &[K]) -> Result<Vec<Value>, Error> {
    objects.iter().map(manifest).collect()
}

/// An object as it can be applied elsewhere: no status, and of the metadata what people write.
fn manifest<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Result<Value, Error> {
    let value =
        serde_json::to_value(object).map_err(|error| Error::Refused(format!("an object cannot be read: {error}")))?;
    let meta = object.meta();
    let mut metadata = json!({"name": meta.name});
    if let Some(namespace) = &meta.namespace {
        metadata["namespace"] = json!(namespace);
    }
    if let Some(labels) = meta.labels.as_ref().filter(|labels| !labels.is_empty()) {
        metadata["labels"] = json!(labels);
    }
    Ok(json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": metadata, "spec": value["spec"],
    }))
}

/// The Secrets that a manifest names: in every field whose name ends in `SecretRef`.
fn secrets_of(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field["name"].as_str() {
                    Some(name) if key.ends_with("SecretRef") || key == "secretRef" => {
                        names.insert(name.to_owned());
                    }
                    Some(_) | None => names.extend(secrets_of(field)),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names.extend(secrets_of(item))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    names
}

async fn namespace(api: &Api, name: &str) -> Result<Option<Value>, Error> {
    let found = kube::Api::<Namespace>::all(api.client.clone()).get_opt(name).await;
    let found = found.map_err(|error| Error::kubernetes(format!("cannot read namespace {name}"), &error))?;
    Ok(found.map(|namespace| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": namespace.labels()}})
    }))
}

async fn secret(api: &Api, namespace: &str, name: &str) -> Result<Option<Value>, Error> {
    let found = kube::Api::<Secret>::namespaced(api.client.clone(), namespace).get_opt(name).await;
    let found = found
        .map_err(|error| Error::kubernetes(format!("cannot read Secret {name} of namespace {namespace}"), &error))?;
    Ok(found.map(|secret| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": secret.type_,
            "metadata": {"name": name, "namespace": namespace}, "data": secret.data,
        })
    }))
}

/// How it is used, and which repository is which.
fn head(repositories: &[BackupRepository], now: Timestamp) -> String {
    let mut text = format!(
        "# Recovery kit, taken {}. Holds passwords and private keys in the clear.\n\
         # On a new cluster, once the operator is installed:  age -d kit.age | kubectl apply -f -\n\
         # Without any cluster:  RESTIC_PASSWORD=... restic -r REPOSITORY snapshots\n\
         # Repositories (namespace/name, id, place):\n",
        now.strftime("%Y-%m-%d %H:%M UTC")
    );
    for repository in repositories {
        let status = repository.status.clone().unwrap_or_default();
        let id = status.repository_id.unwrap_or_else(|| "not initialised yet".to_owned());
        let target = status.target.unwrap_or_default();
        let name = format!("{}/{}", repository.namespace().unwrap_or_default(), repository.name_any());
        text.push_str(&format!("#   {name} {id} {target}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_that_a_manifest_names_is_found() {
        let value = json!({"spec": {
            "passwordSecretRef": {"name": "a", "key": "password"},
            "backend": {"s3": {"caSecretRef": {"name": "b", "key": "ca.crt"}}},
            "source": {"files": {"ssh": {"keySecretRef": {"name": "c", "key": "key"}}, "server": {"containerRef": {"name": "no"}}}},
            "copies": [{"to": {"name": "neither"}, "secretRef": {"name": "d"}}],
        }});
        assert_eq!(secrets_of(&value), ["a", "b", "c", "d"].map(str::to_owned).into());
    }

    #[test]
    fn a_manifest_holds_what_people_write_and_no_status() {
        let repository = json!({
            "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupRepository",
            "metadata": {"name": "main", "namespace": "ns", "uid": "1", "resourceVersion": "7", "labels": {"a": "b"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"backend": {"pvc": {"claimName": "backups"}}, "passwordSecretRef": {"name": "s", "key": "k"}},
            "status": {"repositoryId": "5eed", "target": "claim backups"},
        });
        let repository: BackupRepository = serde_json::from_value(repository).unwrap();
        let value = manifest(&repository).unwrap();
        assert_eq!(value["metadata"], json!({"name": "main", "namespace": "ns", "labels": {"a": "b"}}));
        assert!(value.get("status").is_none() && value["spec"]["passwordSecretRef"]["name"] == "s");
        let head = head(&[repository], "2026-05-01T00:00:00Z".parse().unwrap());
        assert!(head.contains("#   ns/main 5eed claim backups\n") && head.lines().all(|line| line.starts_with('#')));
    }
}
