//! What every reconcile shares.

use crate::backup::Backups;
use crate::cluster::MaintenanceWindows;
use crate::cluster::registry::Registry;
use crate::container::PublicKeys;
use crate::estate::waves::Waves;
use crate::firewall::Firewalls;
use crate::model::Models;
use crate::runtime::backoff::Backoff;
use crate::runtime::events::EventSink;
use crate::runtime::finalizer::Finalizer;
use crate::runtime::health::Health;
use crate::runtime::latest::Latest;
use crate::runtime::metrics::Metrics;
use crate::runtime::status::StatusWriter;
use crate::runtime::turns::Turns;
use crate::runtime::wakeups::Wakeups;
use crate::runtime::write::Writer;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::{Identity, Key};
pub use zentoria_core::estate::key_of;
use zentoria_ops::cluster::Outside;
use zentoria_types::mark::{ControlPlaneId, EstateId};

/// What reconciles of one kind share.
pub struct Kind<K: kube::Resource<DynamicType = ()> + 'static> {
    /// The newest version of each, of the watch cache and of our own writes.
    pub latest: Latest<K>,
    /// Pauses after failures.
    pub backoff: Backoff<ObjectRef<K>>,
    /// Wakes reconciles.
    pub wake: Wakeups<K>,
    /// Holds objects until their deletion is carried out.
    pub finalizer: Finalizer,
}

/// A kind for which nothing has to be done before an object goes: it has no finalizer.
pub struct Unheld<K: kube::Resource<DynamicType = ()> + 'static> {
    /// The newest version of each, of the watch cache and of our own writes.
    pub latest: Latest<K>,
    /// Wakes reconciles.
    pub wake: Wakeups<K>,
}

impl<K> Unheld<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    /// Nothing written yet.
    #[must_use]
    pub fn new(store: Store<K>, wake: Wakeups<K>) -> Self {
        Self { latest: Latest::new(store), wake }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<K>> {
        self.latest.all()
    }

    /// One, in the newest version that this process knows.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.latest.get(&ObjectRef::new(name).within(namespace))
    }

    /// Those of a namespace, in the newest version that this process knows.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Vec<Arc<K>> {
        let all = self.all().into_iter();
        all.filter(|object| object.meta().namespace.as_deref() == Some(namespace)).collect()
    }

    /// Wakes one.
    pub fn wake(&self, namespace: &str, name: &str) {
        self.wake.wake(ObjectRef::new(name).within(namespace));
    }

    /// Drops what is remembered of objects that are gone.
    pub fn sweep(&self) {
        self.latest.sweep();
    }
}

/// What every reconcile shares.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The operator's own namespace.
    pub namespace: String,
    /// Who we are, in marks.
    pub control_plane: ControlPlaneId,
    /// Which ProxmoxClusters are ours to serve.
    pub selector: Option<(String, String)>,
    /// Containers.
    pub containers: Kind<ZentoriaContainer>,
    /// Clusters.
    pub clusters: Kind<ProxmoxCluster>,
    /// Rows of the firewall matrix.
    pub rules: Unheld<FirewallRule>,
    /// The compiled matrix, and what came of it.
    pub firewalls: Arc<Firewalls>,
    /// Repositories, policies and restores of backups, and what carries them out.
    pub backups: Backups,
    /// Models, and the pulls that are at work.
    pub models: Models,
    /// Who writes the status of an object just now.
    pub turns: Turns,
    /// Namespaces, for their labels.
    pub namespaces: Store<Namespace>,
    /// Secrets of the operator's namespace.
    pub secrets: Store<Secret>,
    /// The PVE clusters that are connected.
    pub registry: Registry,
    /// Writes status.
    pub status: StatusWriter,
    /// The gate for every other write.
    pub writer: Writer,
    /// Events.
    pub events: EventSink,
    /// Metrics.
    pub metrics: Metrics,
    /// Public SSH keys of the namespaces.
    pub public_keys: PublicKeys,
    /// Maintenance windows.
    pub windows: MaintenanceWindows,
    /// By which wave containers start at boot.
    pub waves: Waves,
    /// How PVE is reached, and whether it may be written to.
    pub outside: Outside,
    /// Its gates are the caches: nothing may be concluded from what one lacks before it is filled.
    pub health: Health,
}

impl Context {
    /// The ProxmoxCluster of this name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<Arc<ProxmoxCluster>> {
        self.clusters.latest.get(&ObjectRef::new(name))
    }

    /// Whether this operator serves the cluster.
    #[must_use]
    pub fn serves(&self, cluster: &ProxmoxCluster) -> bool {
        self.serves_labelled(cluster)
    }

    /// Whether this operator serves an object that refers to no cluster: where it serves some clusters alone, the object
    /// needs the same label.
    #[must_use]
    pub fn serves_labelled(&self, object: &impl ResourceExt) -> bool {
        self.selector.as_ref().is_none_or(|(key, value)| object.labels().get(key) == Some(value))
    }

    /// Labels of a namespace.
    #[must_use]
    pub fn labels_of(&self, namespace: &str) -> BTreeMap<String, String> {
        let found = self.namespaces.get(&ObjectRef::new(namespace));
        found.map(|namespace| namespace.labels().clone()).unwrap_or_default()
    }

    /// All containers in the newest version, without those that were let go.
    fn held_containers(&self) -> impl Iterator<Item = Arc<ZentoriaContainer>> {
        let latest = &self.containers.latest;
        latest.all().into_iter().filter(|container| !latest.is_gone(container))
    }

    /// Those on a cluster.
    #[must_use]
    pub fn containers_on(&self, cluster: &str) -> Vec<Arc<ZentoriaContainer>> {
        self.held_containers().filter(|container| container.spec.cluster_ref.name == cluster).collect()
    }

    /// Those of a namespace.
    #[must_use]
    pub fn containers_within(&self, namespace: &str) -> Vec<Arc<ZentoriaContainer>> {
        self.held_containers().filter(|container| container.namespace().as_deref() == Some(namespace)).collect()
    }

    /// Who we are, for a container.
    #[must_use]
    pub fn identity(&self, cluster: &ProxmoxCluster, key: Key) -> Option<Identity> {
        let estate = EstateId::new(cluster.spec.estate_id.clone()).ok()?;
        Some(Identity { estate, key, control_plane: self.control_plane.clone() })
    }

    /// Wakes all containers of a namespace.
    pub fn wake_containers_in(&self, namespace: &str) {
        for container in self.containers.latest.all() {
            if container.namespace().as_deref() == Some(namespace) {
                self.containers.wake.wake(ObjectRef::from_obj(container.as_ref()));
            }
        }
    }

    /// Wakes all containers on a cluster.
    pub fn wake_containers_on(&self, cluster: &str) {
        for container in self.containers_on(cluster) {
            self.containers.wake.wake(ObjectRef::from_obj(container.as_ref()));
            self.firewalls.wake.wake(ObjectRef::from_obj(container.as_ref()));
        }
    }
}

/// The reference of a container.
#[must_use]
pub fn reference(key: &Key) -> ObjectRef<ZentoriaContainer> {
    ObjectRef::new(&key.name).within(&key.namespace)
}

/// `zentoria.ai/paused: "true"`.
#[must_use]
pub fn is_paused(object: &impl ResourceExt) -> bool {
    zentoria_core::estate::is_paused(object.meta())
}
