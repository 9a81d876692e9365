//! What nodes and storages offer, asked for when somebody needs it and remembered for a while.

use super::Cluster;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;
use zentoria_core::container::seen::NodeFacts;
use zentoria_pve::PveError;
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::vmid::Vmid;

/// How long an answer holds. A name that is missing is asked for again sooner.
const HOLDS: Duration = Duration::from_secs(600);
/// How long a miss holds: who corrects a template by hand should not wait for ten minutes.
const MISS_HOLDS: Duration = Duration::from_secs(10);

/// Answers by what they are about, with when they were given.
type Answers<K, V> = Mutex<HashMap<K, (Instant, BTreeSet<V>)>>;

#[derive(Default)]
pub(super) struct Catalog {
    bridges: Answers<NodeName, String>,
    templates: Answers<(NodeName, String), String>,
    owners: Answers<String, Vmid>,
    /// One question at a time: seventeen new containers ask for the same template list.
    asking: AsyncMutex<()>,
}

fn fresh<K: Hash + Eq, V: Clone>(
    map: &Answers<K, V>,
    key: &K,
    enough: impl Fn(&BTreeSet<V>) -> bool,
) -> Option<BTreeSet<V>> {
    let map = map.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, value) = map.get(key)?;
    let holds = if enough(value) { HOLDS } else { MISS_HOLDS };
    (at.elapsed() < holds).then(|| value.clone())
}

fn keep<K: Hash + Eq, V>(map: &Answers<K, V>, key: K, value: BTreeSet<V>) {
    map.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (Instant::now(), value));
}

impl Cluster {
    /// Nodes with the storages that take root disks, from the inventory alone.
    pub(crate) fn nodes(&self) -> BTreeMap<NodeName, NodeFacts> {
        let Some(inventory) = self.inventory() else { return BTreeMap::new() };
        let mut nodes: BTreeMap<NodeName, NodeFacts> = inventory
            .nodes()
            .map(|node| (node.node.clone(), NodeFacts { online: node.online, ..NodeFacts::default() }))
            .collect();
        for storage in inventory.storages().filter(|storage| storage.content.contains("rootdir")) {
            if let Some(node) = nodes.get_mut(&storage.node) {
                node.rootdir_storages.insert(storage.storage.to_string());
            }
        }
        nodes
    }

    /// The bridges of a node; asked again where `bridge` was not among them.
    pub(crate) async fn bridges(&self, node: &NodeName, bridge: &str) -> Result<BTreeSet<String>, PveError> {
        let known = || fresh(&self.catalog.bridges, node, |set: &BTreeSet<String>| set.contains(bridge));
        if let Some(set) = known() {
            return Ok(set);
        }
        let _one = self.catalog.asking.lock().await;
        if let Some(set) = known() {
            return Ok(set);
        }
        let set: BTreeSet<String> = self.client.bridges(node).await?.into_iter().map(|bridge| bridge.iface).collect();
        keep(&self.catalog.bridges, node.clone(), set.clone());
        Ok(set)
    }

    /// The templates on the storage of `volume`; asked again where it was not among them.
    pub(crate) async fn templates(&self, node: &NodeName, volume: &str) -> Result<BTreeSet<String>, PveError> {
        let storage = volume.split(':').next().unwrap_or("").to_owned();
        let key = (node.clone(), storage.clone());
        let known = || fresh(&self.catalog.templates, &key, |set: &BTreeSet<String>| set.contains(volume));
        if let Some(set) = known() {
            return Ok(set);
        }
        let Ok(name) = StorageName::new(storage) else { return Ok(BTreeSet::new()) };
        let _one = self.catalog.asking.lock().await;
        if let Some(set) = known() {
            return Ok(set);
        }
        let volumes = self.client.storage_content(node, &name, Some("vztmpl")).await?;
        let set: BTreeSet<String> = volumes.into_iter().map(|volume| volume.volid).collect();
        keep(&self.catalog.templates, key.clone(), set.clone());
        Ok(set)
    }

    /// Forgets what templates a storage has: a download to it ended.
    pub(super) fn forget_templates(&self, storage: &str) {
        let mut templates = self.catalog.templates.lock().unwrap_or_else(PoisonError::into_inner);
        templates.retain(|(_, known), _| known != storage);
    }

    /// VMIDs that own volumes or backups on a storage, with or without a guest: a new guest must not inherit them.
    pub(crate) async fn owners(&self, node: &NodeName, storage: &StorageName) -> Result<BTreeSet<Vmid>, PveError> {
        let key = storage.to_string();
        let known = || {
            let map = self.catalog.owners.lock().unwrap_or_else(PoisonError::into_inner);
            map.get(&key).filter(|(at, _)| at.elapsed() < MISS_HOLDS).map(|(_, set)| set.clone())
        };
        if let Some(set) = known() {
            return Ok(set);
        }
        let _one = self.catalog.asking.lock().await;
        if let Some(set) = known() {
            return Ok(set);
        }
        let volumes = self.client.storage_content(node, storage, None).await?;
        let set: BTreeSet<Vmid> = volumes.into_iter().filter_map(|volume| volume.vmid).collect();
        keep(&self.catalog.owners, key, set.clone());
        Ok(set)
    }
}
