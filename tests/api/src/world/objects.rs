//! The objects of a world: writing and reading them.

use super::World;
use crate::builders;
use crate::kubernetes::apply_any;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::conditions::READY;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

impl World {
    /// The containers of this world.
    #[must_use]
    pub fn containers(&self) -> Api<ZentoriaContainer> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The ProxmoxClusters.
    #[must_use]
    pub fn clusters(&self) -> Api<ProxmoxCluster> {
        Api::all(self.client.clone())
    }

    /// The Secrets of the containers' namespace.
    #[must_use]
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A small container, to be applied.
    #[must_use]
    pub fn container(&self, name: &str, vmid: u32) -> ZentoriaContainer {
        builders::container(&self.cluster, &self.namespace, name, vmid)
    }

    /// Applies the ProxmoxCluster of this world, as `kubectl apply --server-side` does.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn apply_cluster(&self, spec: ProxmoxClusterSpec) {
        let mut cluster = ProxmoxCluster::new(&self.cluster, spec);
        cluster.metadata.labels = Some(BTreeMap::from([("zentoria.ai/shard".to_owned(), self.cluster.clone())]));
        let object = serde_json::to_value(&cluster).expect("JSON");
        apply_any(&self.client, &object).await.unwrap_or_else(|error| panic!("ProxmoxCluster: {error}"));
    }

    /// Applies a container, as `kubectl apply --server-side` does.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn apply(&self, container: &ZentoriaContainer) {
        let object = serde_json::to_value(container).expect("JSON");
        apply_any(&self.client, &object).await.unwrap_or_else(|error| panic!("{}: {error}", container.name_any()));
    }

    /// Applies a container and waits until it is Ready.
    pub async fn create(&self, container: &ZentoriaContainer) -> ZentoriaContainer {
        self.apply(container).await;
        self.ready(&container.name_any()).await
    }

    /// Merges into the spec of a container; null removes a field.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn patch(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let answer = self.containers().patch(name, &PatchParams::default(), &patch).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Sets an annotation of a container, or removes it.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn annotate(&self, name: &str, key: &str, value: Option<&str>) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
        let answer = self.containers().patch(name, &PatchParams::default(), &patch).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Merges into the spec of the ProxmoxCluster.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn patch_cluster(&self, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let answer = self.clusters().patch(&self.cluster, &PatchParams::default(), &patch).await;
        answer.unwrap_or_else(|error| panic!("ProxmoxCluster: {error}"));
    }

    /// Sets an annotation of the ProxmoxCluster, or removes it.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn annotate_cluster(&self, key: &str, value: Option<&str>) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
        let answer = self.clusters().patch(&self.cluster, &PatchParams::default(), &patch).await;
        answer.unwrap_or_else(|error| panic!("ProxmoxCluster: {error}"));
    }

    /// Asks for the deletion of a container.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn delete(&self, name: &str) {
        self.containers()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// A container as it is now.
    ///
    /// # Panics
    /// Where it does not exist.
    pub async fn get(&self, name: &str) -> ZentoriaContainer {
        self.containers().get(name).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// All containers as they are now.
    ///
    /// # Panics
    /// Where the API server does not answer.
    pub async fn all(&self) -> Vec<ZentoriaContainer> {
        self.containers().list(&ListParams::default()).await.expect("the containers").items
    }

    /// The ProxmoxCluster as it is now.
    ///
    /// # Panics
    /// Where it does not exist.
    pub async fn get_cluster(&self) -> ProxmoxCluster {
        self.clusters().get(&self.cluster).await.expect("the ProxmoxCluster")
    }

    /// The Events about an object of the containers' namespace.
    ///
    /// # Panics
    /// Where the API server does not answer.
    pub async fn events(&self, name: &str) -> Vec<Event> {
        events_in(&self.client, &self.namespace, name).await
    }

    /// The Events about the ProxmoxCluster.
    pub async fn cluster_events(&self) -> Vec<Event> {
        events_in(&self.client, "default", &self.cluster).await
    }

    /// Every object of ours, by kind and name, with its resourceVersion: the same twice means that nothing was written.
    ///
    /// # Panics
    /// Where the API server does not answer.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        for container in self.all().await {
            versions.insert(format!("zc/{}", container.name_any()), container.resource_version().unwrap_or_default());
        }
        let cluster = self.get_cluster().await;
        versions.insert(format!("pxc/{}", cluster.name_any()), cluster.resource_version().unwrap_or_default());
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        for event in events.list(&ListParams::default()).await.expect("the events").items {
            versions.insert(format!("event/{}", event.name_any()), event.resource_version().unwrap_or_default());
        }
        versions
    }
}

async fn events_in(client: &kube::Client, namespace: &str, name: &str) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let mut events = api.list(&ListParams::default()).await.expect("the events").items;
    events.retain(|event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(name));
    events
}

/// A condition by its type.
#[must_use]
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// The conditions of a container and what they say.
pub trait Conditions {
    /// All of them.
    fn conditions(&self) -> &[Condition];
    /// Generation of the spec that the status speaks of.
    fn observed(&self) -> Option<i64>;

    /// `True`, `False`, `Unknown`, or empty where there is no such condition.
    fn truth(&self, kind: &str) -> &str {
        condition(self.conditions(), kind).map_or("", |condition| &condition.status)
    }

    /// The reason of a condition, or empty.
    fn reason(&self, kind: &str) -> &str {
        condition(self.conditions(), kind).map_or("", |condition| &condition.reason)
    }

    /// The message of Ready, or empty.
    fn message(&self) -> &str {
        condition(self.conditions(), READY).map_or("", |condition| &condition.message)
    }
}

impl Conditions for ZentoriaContainer {
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }

    fn observed(&self) -> Option<i64> {
        self.status.as_ref().and_then(|status| status.observed_generation)
    }
}

impl Conditions for ProxmoxCluster {
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }

    fn observed(&self) -> Option<i64> {
        self.status.as_ref().and_then(|status| status.observed_generation)
    }
}
