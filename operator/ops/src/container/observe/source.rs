//! What a new guest is made from: a file that is fetched, the guest that is copied, the backups to choose from.

use super::backups::{backups, snapshots};
use super::offers::future_node;
use crate::cluster::Cluster;
use zentoria_core::Fact;
use zentoria_core::container::ownership::is_of_namespace;
use zentoria_core::container::plan::{chosen, may_restore, recorded_source};
use zentoria_core::container::pull::{image_volume, image_volume_of_pve};
use zentoria_core::container::seen::{CloneOrigin, ClusterFacts, Config, GuestFact, PullFact, Recorded, Restorable};
use zentoria_core::container::siting::Siting;
use zentoria_core::container::step::Pulled;
use zentoria_core::container::want::{BackupFrom, CloneFrom, Identity, Source, Want};
use zentoria_pve::{Feature, RunState};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// What was seen of it.
#[derive(Default)]
pub(super) struct Origins {
    pub(super) clone_origin: Option<CloneOrigin>,
    pub(super) restorable: Option<Restorable>,
    pub(super) pull: PullFact,
    /// The privilege that its copy lacks, as `/path: Privilege`.
    pub(super) lacks: Option<String>,
}

/// Looks at the source of a guest that is not made, or not finished, yet.
pub(super) async fn look(
    cluster: &Cluster,
    want: &Want,
    recorded: &Recorded,
    guest: &GuestFact,
    siting: Option<&Siting>,
    facts: &ClusterFacts,
) -> Origins {
    let mut origins = Origins::default();
    match guest {
        GuestFact::NoVmid | GuestFact::Absent => {}
        GuestFact::Present(_) if recorded.is_in_making() => {
            let made_from = recorded.defaults.as_ref().and_then(|defaults| defaults.template.as_deref());
            if let Some((source, _)) = made_from.and_then(recorded_source) {
                origins.clone_origin = origin(cluster, &want.identity, source, facts).await;
            }
            return origins;
        }
        GuestFact::Present(_) | GuestFact::OtherKind | GuestFact::Unknown { .. } => return origins,
    }
    let node = siting.and_then(|siting| future_node(want, siting, facts));
    match &want.source {
        Some(Source::Clone { from, full, snapshot }) => {
            let source = match from {
                CloneFrom::Vmid(vmid) => Some(*vmid),
                CloneFrom::Container(name) => facts.vmids_by_name.get(name).copied(),
            };
            if let Some(source) = source {
                origins.clone_origin = origin(cluster, &want.identity, source, facts).await;
                let live = origins
                    .clone_origin
                    .as_ref()
                    .is_some_and(|origin| origin.ours && origin.running == Fact::Known(true));
                let takes_snapshot = live && *full && snapshot.is_none();
                origins.lacks = takes_snapshot.then(|| cluster.missing_for_live_copy(source)).flatten();
            }
        }
        Some(Source::Backup(from)) => origins.restorable = restorable(cluster, want, recorded, facts, node, from).await,
        Some(Source::Template { .. } | Source::Image { .. }) => origins.pull = pull(cluster, want, facts, node),
        None => {}
    }
    origins
}

/// The file that a new guest is made of, and whether it may be fetched.
pub(super) fn file(want: &Want) -> Option<(String, bool)> {
    match want.source.as_ref()? {
        Source::Template { volume, download } => Some((volume.clone(), download.is_some())),
        Source::Image { reference, storage, pull: true } => Some((image_volume(storage, reference), true)),
        Source::Image { reference, storage, pull: false } => Some((image_volume_of_pve(storage, reference), false)),
        Source::Clone { .. } | Source::Backup(_) => None,
    }
}

fn pull(cluster: &Cluster, want: &Want, facts: &ClusterFacts, node: Option<NodeName>) -> PullFact {
    let what = match &want.source {
        Some(Source::Template { download: Some(download), .. }) => Pulled::Template(download.clone()),
        Some(Source::Image { reference, pull: true, .. }) => Pulled::Image(reference.clone()),
        Some(Source::Template { .. } | Source::Image { .. } | Source::Clone { .. } | Source::Backup(_)) | None => {
            return PullFact::None;
        }
    };
    let (Some((volume, _)), Some(node)) = (file(want), node) else { return PullFact::None };
    let is_missing = facts.nodes.get(&node).and_then(|facts| facts.templates.as_ref());
    if is_missing.is_none_or(|known| known.contains(&volume)) {
        return PullFact::None;
    }
    let place = cluster.pull_place(&node, &volume);
    cluster.pull_fact(&place, &what, &want.identity.key)
}

/// The guest that is copied. Its configuration is read now: what is known of it may be from before its last snapshot.
async fn origin(cluster: &Cluster, identity: &Identity, source: Vmid, facts: &ClusterFacts) -> Option<CloneOrigin> {
    let node = facts.located.get(&source)?.clone();
    let config = match cluster.read_config(source, &node).await {
        Ok(config) => config,
        Err(error) => {
            tracing::debug!(%source, %node, %error, "the source of a copy cannot be read");
            return None;
        }
    };
    let running = match cluster.client().status_current(&node, source).await {
        Ok(status) => Fact::Known(status.state == RunState::Running),
        Err(error) => Fact::Unknown(format!("status of guest {source} on node {node}: {error}")),
    };
    let ours = is_of_namespace(identity, source, config.description());
    let can_snapshot = if ours && running == Fact::Known(true) {
        cluster.client().has_feature(&node, source, Feature::Snapshot, None).await.ok()
    } else {
        None
    };
    let snapshots = snapshots(cluster, source, &node, &config).await;
    let template = config.current.get("template").is_some_and(|value| value == "1");
    let lock = config.lock().map(str::to_owned);
    Some(CloneOrigin { vmid: source, node, running, ours, template, lock, snapshots, can_snapshot })
}

/// The backups to choose from, and what is in the one that would be restored. Those of a guest that the namespace may not
/// restore are not even looked for.
async fn restorable(
    cluster: &Cluster,
    want: &Want,
    recorded: &Recorded,
    facts: &ClusterFacts,
    node: Option<NodeName>,
    from: &BackupFrom,
) -> Option<Restorable> {
    if !may_restore(want, recorded.vmid, &facts.vmids_by_name, from.vmid()) {
        return None;
    }
    let node = node?;
    let backups = backups(cluster, from.vmid(), &node, from.storage()).await;
    let volume = backups.known().and_then(|list| chosen(from, list)).map(|backup| backup.volume.clone());
    let content = match volume {
        Some(volume) => Some(match cluster.client().backup_config(&node, &volume).await {
            Ok(found) => {
                let mut current = found.options;
                if !found.description.is_empty() {
                    current.insert("description".to_owned(), found.description);
                }
                Fact::Known(Config { current, ..Config::default() })
            }
            Err(error) => Fact::Unknown(format!("configuration in backup {volume}: {error}")),
        }),
        None => None,
    };
    Some(Restorable { backups, content })
}
