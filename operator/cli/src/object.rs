//! Objects as a person names them, and as the API server has them.

use crate::connect::Api;
use crate::error::Error;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::{self, Debug};
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A ZentoriaContainer.
    Container(String),
    /// A ProxmoxCluster.
    Cluster(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(name) => write!(f, "zc/{name}"),
            Self::Cluster(name) => write!(f, "pxc/{name}"),
        }
    }
}

impl Name {
    /// `zc/NAME`, `pxc/NAME`, or the kinds' longer names; a bare name is a container's.
    ///
    /// # Errors
    /// Where it is of another kind, or has no name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (kind, name) = text.split_once('/').map_or(("zc", text), |(kind, name)| (kind, name));
        if name.is_empty() || name.contains('/') {
            return Err(Error::Refused(format!("{text:?} names no object: write NAME, zc/NAME or pxc/NAME")));
        }
        let kind = kind.split('.').next().unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            "zc" | "zentoriacontainer" | "zentoriacontainers" => Ok(Self::Container(name.to_owned())),
            "pxc" | "proxmoxcluster" | "proxmoxclusters" => Ok(Self::Cluster(name.to_owned())),
            _ => {
                Err(Error::Refused(format!("{text:?} is neither a ZentoriaContainer (zc) nor a ProxmoxCluster (pxc)")))
            }
        }
    }

    /// As [`Name::parse`], for a verb that is about containers alone.
    ///
    /// # Errors
    /// Where it names something else.
    pub fn container(text: &str) -> Result<String, Error> {
        match Self::parse(text)? {
            Self::Container(name) => Ok(name),
            other @ Self::Cluster(_) => Err(Error::Refused(format!("{other} is no container"))),
        }
    }

    /// As [`Name::parse`], for a verb that is about ProxmoxClusters alone, whose kind need not be said.
    ///
    /// # Errors
    /// Where it names something else.
    pub fn cluster(text: &str) -> Result<String, Error> {
        let kind = if text.contains('/') { "" } else { "pxc/" };
        match Self::parse(&format!("{kind}{text}"))? {
            Self::Cluster(name) => Ok(name),
            other @ Self::Container(_) => Err(Error::Refused(format!("{other} is no ProxmoxCluster"))),
        }
    }
}

/// The containers of a namespace.
#[must_use]
pub fn containers(api: &Api) -> kube::Api<ZentoriaContainer> {
    namespaced(&api.client, &api.namespace)
}

fn namespaced<K>(client: &Client, namespace: &str) -> kube::Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    kube::Api::namespaced(client.clone(), namespace)
}

/// The BackupPolicies of a namespace.
#[must_use]
pub fn backup_policies(api: &Api) -> kube::Api<BackupPolicy> {
    namespaced(&api.client, &api.namespace)
}

/// The BackupRestores of a namespace.
#[must_use]
pub fn backup_restores(api: &Api) -> kube::Api<BackupRestore> {
    namespaced(&api.client, &api.namespace)
}

/// The name of a BackupPolicy: `NAME`, `bp/NAME`, or the kind's longer names.
///
/// # Errors
/// Where it names something else.
pub fn backup_policy_name(text: &str) -> Result<String, Error> {
    let (kind, name) = text.split_once('/').map_or(("bp", text), |(kind, name)| (kind, name));
    let kind = kind.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_policy = matches!(kind.as_str(), "bp" | "backuppolicy" | "backuppolicies");
    if is_policy && !name.is_empty() && !name.contains('/') {
        return Ok(name.to_owned());
    }
    Err(Error::Refused(format!("{text:?} names no BackupPolicy: write NAME or bp/NAME")))
}

/// One BackupPolicy.
///
/// # Errors
/// Where it does not exist, or cannot be read.
pub async fn backup_policy(api: &Api, name: &str) -> Result<BackupPolicy, Error> {
    let what = format!("bp/{name} in namespace {}", api.namespace);
    get(&backup_policies(api), name, &what, "kubectl get bp -A shows all").await
}

/// The BackupRepositories of the namespace.
#[must_use]
pub fn backup_repositories(api: &Api) -> kube::Api<BackupRepository> {
    kube::Api::namespaced(api.client.clone(), &api.namespace)
}

/// The name of a BackupRepository: `NAME`, `br/NAME`, or the kind's longer names.
///
/// # Errors
/// Where it names something else.
pub fn backup_repository_name(text: &str) -> Result<String, Error> {
    let (kind, name) = text.split_once('/').map_or(("br", text), |(kind, name)| (kind, name));
    let kind = kind.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_repository = matches!(kind.as_str(), "br" | "backuprepository" | "backuprepositories");
    if is_repository && !name.is_empty() && !name.contains('/') {
        return Ok(name.to_owned());
    }
    Err(Error::Refused(format!("{text:?} names no BackupRepository: write NAME or br/NAME")))
}

/// One BackupRepository.
///
/// # Errors
/// Where it does not exist, or cannot be read.
pub async fn backup_repository(api: &Api, name: &str) -> Result<BackupRepository, Error> {
    let what = format!("br/{name} in namespace {}", api.namespace);
    get(&backup_repositories(api), name, &what, "kubectl get br -A shows all").await
}

/// One BackupRestore.
///
/// # Errors
/// Where it does not exist, or cannot be read.
pub async fn backup_restore(api: &Api, name: &str) -> Result<BackupRestore, Error> {
    let what = format!("brs/{name} in namespace {}", api.namespace);
    get(&backup_restores(api), name, &what, "kubectl get brs -A shows all").await
}

/// The ProxmoxClusters.
#[must_use]
pub fn clusters(api: &Api) -> kube::Api<ProxmoxCluster> {
    kube::Api::all(api.client.clone())
}

/// One container.
///
/// # Errors
/// Where it does not exist, or cannot be read.
pub async fn container(api: &Api, name: &str) -> Result<ZentoriaContainer, Error> {
    let what = format!("zc/{name} in namespace {}", api.namespace);
    get(&containers(api), name, &what, "kubectl get zc -A shows all").await
}

/// One ProxmoxCluster.
///
/// # Errors
/// Where it does not exist, or cannot be read.
pub async fn cluster(api: &Api, name: &str) -> Result<ProxmoxCluster, Error> {
    get(&clusters(api), name, &format!("pxc/{name}"), "kubectl get pxc shows all").await
}

async fn get<K>(objects: &kube::Api<K>, name: &str, what: &str, remedy: &str) -> Result<K, Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    match objects.get_opt(name).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(Error::NotFound(format!("there is no {what}; {remedy}"))),
        Err(error) => Err(Error::kubernetes(format!("cannot read {what}"), &error)),
    }
}

/// All objects of a kind; `what` is their name for people.
///
/// # Errors
/// Where they cannot be read.
pub async fn list<K>(objects: &kube::Api<K>, what: &str) -> Result<Vec<K>, Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut all = Vec::new();
    let mut params = ListParams::default().limit(500);
    loop {
        let page = objects.list(&params).await;
        let page = page.map_err(|error| Error::kubernetes(format!("cannot list {what}"), &error))?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_kubectl_names_them() {
        assert_eq!(Name::parse("db").unwrap(), Name::Container("db".into()));
        assert_eq!(Name::parse("zentoriacontainers.zentoria.ai/db").unwrap(), Name::Container("db".into()));
        assert_eq!(Name::parse("pxc/pve").unwrap(), Name::Cluster("pve".into()));
        assert_eq!(Name::cluster("pve").unwrap(), "pve");
        for wrong in ["", "pod/x", "zc/", "zc/a/b"] {
            assert!(Name::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Name::container("pxc/pve").is_err() && Name::cluster("zc/db").is_err());
    }
}
