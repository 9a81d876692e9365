//! What firewalls are compiled from: clusters, containers, rules and the labels of namespaces, from the API server or
//! from files.

use crate::connect::{Api, connect};
use crate::error::Error;
use crate::manifests::{self, Documents, UNCHECKED};
use crate::object;
use crate::options::{From, To};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::Compiled;
use zentoria_core::firewall::{Estate, compile, estate};

/// Labels of namespaces.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// All objects that firewalls depend on.
#[derive(Debug, Default)]
pub struct Gathered {
    /// ProxmoxClusters by name.
    pub clusters: BTreeMap<String, ProxmoxCluster>,
    /// Containers.
    pub containers: Vec<ZentoriaContainer>,
    /// Firewall rules.
    pub rules: Vec<FirewallRule>,
    /// Labels of namespaces.
    pub labels: Labels,
    /// The namespace that was asked for; none: all.
    pub namespace: Option<String>,
    /// What could not be read.
    pub problems: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The matrix of one ProxmoxCluster.
#[derive(Debug)]
pub struct Matrix<'a> {
    /// The ProxmoxCluster.
    pub cluster: &'a ProxmoxCluster,
    /// What was compiled.
    pub estate: Estate,
    /// What came of it.
    pub compiled: Compiled,
}

impl Gathered {
    /// Reads the files that are named; without any, asks the API server.
    ///
    /// # Errors
    /// Where a file or a list cannot be read.
    pub async fn read(to: &To, from: &From, all_namespaces: bool) -> Result<Self, Error> {
        if from.filenames.is_empty() { live(to, all_namespaces).await } else { files(to, from) }
    }

    /// From manifests; the namespace that was asked for.
    #[must_use]
    pub fn of(documents: Documents, namespace: Option<String>) -> Self {
        let labels = documents.labels();
        let clusters = documents.clusters.into_iter().map(|cluster| (cluster.name_any(), cluster)).collect();
        let mut gathered = Self {
            clusters,
            containers: documents.containers,
            rules: documents.rules,
            labels,
            namespace,
            problems: documents.problems,
            notes: vec![UNCHECKED.to_owned()],
        };
        gathered.missing_clusters();
        gathered
    }

    /// A container for people: with its namespace only where there are several.
    #[must_use]
    pub fn told(&self, key: &Key) -> String {
        let one = self.containers.iter().all(|container| container.namespace().as_ref() == Some(&key.namespace));
        let here = self.namespace.as_ref() == Some(&key.namespace);
        if one || here { key.name.clone() } else { key.to_string() }
    }

    /// The matrix of each ProxmoxCluster that containers refer to.
    #[must_use]
    pub fn matrices(&self) -> Vec<Matrix<'_>> {
        let used: BTreeSet<&str> = self.containers.iter().map(|c| c.spec.cluster_ref.name.as_str()).collect();
        let used = self.clusters.iter().filter(|(name, _)| used.contains(name.as_str()));
        used.map(|(_, cluster)| self.matrix(cluster)).collect()
    }

    fn matrix<'a>(&self, cluster: &'a ProxmoxCluster) -> Matrix<'a> {
        let none = BTreeMap::new();
        let labels = |namespace: &str| self.labels.get(namespace).unwrap_or(&none).clone();
        let estate = estate(cluster, &self.containers, &self.rules, &labels);
        let compiled = compile(&estate);
        Matrix { cluster, estate, compiled }
    }

    /// Clusters that containers refer to and that are not there.
    fn missing_clusters(&mut self) {
        let mut by_cluster: BTreeMap<&str, usize> = BTreeMap::new();
        for container in &self.containers {
            *by_cluster.entry(&container.spec.cluster_ref.name).or_default() += 1;
        }
        let missing = by_cluster.iter().filter(|(name, _)| !self.clusters.contains_key(**name));
        let told = missing
            .map(|(name, count)| format!("there is no ProxmoxCluster {name}, which {count} containers refer to"));
        let told: Vec<String> = told.collect();
        self.problems.extend(told);
    }
}

fn files(to: &To, from: &From) -> Result<Gathered, Error> {
    let documents = manifests::read(&from.filenames, to.namespace.as_deref().unwrap_or("default"))?;
    Ok(Gathered::of(documents, to.namespace.clone()))
}

async fn live(to: &To, all_namespaces: bool) -> Result<Gathered, Error> {
    let api = connect(to).await?;
    let mut notes = Vec::new();
    let containers = everywhere::<ZentoriaContainer>(&api, "containers", all_namespaces, &mut notes).await?;
    let rules = everywhere::<FirewallRule>(&api, "firewall rules", all_namespaces, &mut notes).await?;
    let clusters = object::list(&object::clusters(&api), "the ProxmoxClusters").await?;
    let used = containers.iter().filter_map(ResourceExt::namespace).collect();
    let labels = labels(&api, &used).await?;
    let mut gathered = Gathered {
        clusters: clusters.into_iter().map(|cluster| (cluster.name_any(), cluster)).collect(),
        containers,
        rules,
        labels,
        namespace: (!all_namespaces).then(|| api.namespace.clone()),
        problems: Vec::new(),
        notes,
    };
    gathered.missing_clusters();
    Ok(gathered)
}

/// All objects of a kind; where only those of the namespace may be seen, those, with a note.
///
/// # Errors
/// Where they cannot be read, or `all` are needed and may not be seen.
pub async fn everywhere<K>(api: &Api, what: &str, all: bool, notes: &mut Vec<String>) -> Result<Vec<K>, Error>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let objects = kube::Api::<K>::all(api.client.clone());
    match object::list(&objects, &format!("the {what} of all namespaces")).await {
        Ok(list) => Ok(list),
        Err(error) if all => Err(error),
        Err(error) => {
            let here = kube::Api::<K>::namespaced(api.client.clone(), &api.namespace);
            let here = object::list(&here, &format!("the {what}")).await?;
            notes.push(format!("{what} of other namespaces are not known ({error})"));
            Ok(here)
        }
    }
}

/// Labels of all namespaces; where these may not be listed, of those that are named.
///
/// # Errors
/// Where one that is named cannot be read.
pub async fn labels(api: &Api, named: &BTreeSet<String>) -> Result<Labels, Error> {
    let objects = kube::Api::<Namespace>::all(api.client.clone());
    if let Ok(list) = object::list(&objects, "the namespaces").await {
        return Ok(list.into_iter().map(|namespace| (namespace.name_any(), namespace.labels().clone())).collect());
    }
    let mut labels = Labels::new();
    for name in named {
        let read = match objects.get(name).await {
            Ok(namespace) => namespace.labels().clone(),
            Err(error) => return Err(Error::kubernetes(format!("cannot read namespace {name}"), &error)),
        };
        labels.insert(name.clone(), read);
    }
    Ok(labels)
}
