//! What the cluster has for a new guest.

use super::Known;
use crate::cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::container::interfaces::bridges_to_check;
use zentoria_core::container::seen::{ClusterFacts, GuestFact};
use zentoria_core::container::siting::{Siting, choose};
use zentoria_core::container::want::{CloneFrom, Key, Source, Want};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// What is known of the cluster, as far as a plan needs it: what nodes offer matters to a new guest alone.
pub(super) async fn facts(
    cluster: &Cluster,
    want: &Want,
    known: &Known,
    guest: &GuestFact,
    siting: Option<&Siting>,
    key: &Key,
) -> ClusterFacts {
    let inventory = cluster.inventory();
    let mut located: BTreeMap<Vmid, NodeName> = inventory
        .iter()
        .flat_map(|inventory| inventory.guests().map(|guest| (guest.vmid, guest.node.clone())))
        .collect();
    // A guest of ours that was just made is not in the list yet.
    for vmid in known.vmids_by_name.values() {
        if let (false, Some(made)) = (located.contains_key(vmid), cluster.known(*vmid)) {
            located.insert(*vmid, made.node);
        }
    }
    if let Some(source) = unlisted_source(want, known, &located) {
        // It was made a moment ago: the list trails, and a direct read tells.
        for node in cluster.nodes().into_keys() {
            if cluster.read_config(source, &node).await.is_ok() {
                located.insert(source, node);
                break;
            }
        }
    }
    let mut taken: BTreeSet<Vmid> = located.keys().copied().collect();
    taken.extend(&known.claimed);
    taken.extend(cluster.reserved_by_others(key));
    let mut facts = ClusterFacts {
        nodes: cluster.nodes(),
        taken,
        located,
        root_credential: cluster.has_root(),
        missing_permissions: cluster.missing_permissions(want),
        takeover: known.takeover.clone(),
        vmids_by_name: known.vmids_by_name.clone(),
        copy_snapshots: None,
        version: cluster.version(),
        capabilities: cluster.capabilities(),
        replicated: cluster.replicated(),
        backup_storage: known.backup_storage.clone(),
        final_backup: known.final_backup,
        destroys_left: known.destroys_left,
    };
    if matches!(guest, GuestFact::NoVmid | GuestFact::Absent) && want.source.is_some() {
        let node = siting.and_then(|siting| future_node(want, siting, &facts));
        offers(cluster, want, &mut facts, node, matches!(guest, GuestFact::NoVmid)).await;
    }
    if let GuestFact::Present(guest) = guest {
        // Of a guest that is there only a change of its interfaces has to know.
        bridges(cluster, &mut facts, &guest.node, bridges_to_check(&want.options, &guest.config)).await;
    }
    facts
}

/// The bridges of a node, where it is to have these; unknown where it cannot say.
async fn bridges(cluster: &Cluster, facts: &mut ClusterFacts, node: &NodeName, named: BTreeSet<&str>) {
    let mut known = None;
    for bridge in named {
        known = cluster.bridges(node, bridge).await.ok();
        if known.is_none() {
            break;
        }
    }
    facts.nodes.entry(node.clone()).and_modify(|facts| facts.bridges = known);
}

/// Bridges and templates of the node that a new guest would be made on, and who else owns volumes on its storage. What
/// cannot be read stays unknown: the creation itself tells.
async fn offers(cluster: &Cluster, want: &Want, facts: &mut ClusterFacts, node: Option<NodeName>, no_vmid: bool) {
    let Some(node) = node.filter(|node| facts.nodes.get(node).is_some_and(|facts| facts.online)) else { return };
    let named: BTreeSet<&str> = want.options.interfaces.iter().filter_map(|interface| interface.bridge()).collect();
    bridges(cluster, facts, &node, named).await;
    if let Some((volume, fetched)) = super::source::file(want) {
        let templates = cluster.templates(&node, &volume).await.ok();
        let storage = volume.split(':').next().unwrap_or_default();
        let image = matches!(want.source, Some(Source::Image { .. }));
        let lacks = if fetched { cluster.missing_for_pull(&node, storage, image) } else { Vec::new() };
        facts.nodes.entry(node.clone()).and_modify(|facts| (facts.templates, facts.pull_lacks) = (templates, lacks));
    }
    if let (true, Some(storage)) = (no_vmid, &want.storage) {
        facts.taken.extend(cluster.owners(&node, storage).await.unwrap_or_default());
    }
}

/// The node that the plan will choose.
pub(super) fn future_node(want: &Want, siting: &Siting, facts: &ClusterFacts) -> Option<NodeName> {
    let source = match &want.source {
        Some(Source::Clone { from: CloneFrom::Vmid(vmid), .. }) => Some(vmid),
        Some(Source::Clone { from: CloneFrom::Container(name), .. }) => facts.vmids_by_name.get(name),
        Some(Source::Template { .. } | Source::Image { .. } | Source::Backup(_)) | None => {
            return choose(want, siting, None).ok();
        }
    };
    facts.located.get(source?).cloned()
}

/// The container that is copied, where no list shows its guest yet.
fn unlisted_source(want: &Want, known: &Known, located: &BTreeMap<Vmid, NodeName>) -> Option<Vmid> {
    let Some(Source::Clone { from: CloneFrom::Container(name), .. }) = &want.source else { return None };
    known.vmids_by_name.get(name).copied().filter(|vmid| !located.contains_key(vmid))
}
