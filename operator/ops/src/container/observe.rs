//! Observe: every fact with its proof. What is known and unchanged is not asked again.

use super::history;
use crate::cluster::{Cluster, Live, TaskEnd};
use crate::slots::Place;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use zentoria_api::container::{TaskStatus, ZentoriaContainerStatus};
use zentoria_core::Fact;
use zentoria_core::container::power::needs_cause;
use zentoria_core::container::seen::{
    ClusterFacts, Config, DependencyState, Guest, GuestFact, Recorded, Seen, StopCause, TaskFact,
};
use zentoria_core::container::want::{Key, Source, Want};
use zentoria_pve::{GuestKind, PveError, RunState};
use zentoria_types::mark::ControlPlaneId;
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::vmid::Vmid;

/// What Kubernetes knows; the rest is asked of Proxmox VE.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Dependencies by name.
    pub dependencies: BTreeMap<String, DependencyState>,
    /// A cycle of hard dependencies.
    pub cycle: Option<Vec<String>>,
    /// Who else claims the same and wins.
    pub conflict: Option<String>,
    /// VMIDs of the namespace's containers by name.
    pub vmids_by_name: BTreeMap<String, Vmid>,
    /// VMIDs that other containers have or ask for.
    pub claimed: BTreeSet<Vmid>,
    /// `zentoria.ai/takeover`.
    pub takeover: Option<ControlPlaneId>,
    /// Public SSH keys for a new guest.
    pub ssh_keys: Vec<String>,
}

/// What was seen, and whether the guest's configuration was read just now.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The facts.
    pub seen: Seen,
    /// The configuration was read in this very act; else it has to be read again before it is changed.
    pub fresh: bool,
}

/// What status remembers, as facts.
#[must_use]
pub fn recorded(status: &ZentoriaContainerStatus) -> Recorded {
    Recorded {
        vmid: status.vmid.and_then(|vmid| Vmid::new(vmid.0).ok()),
        created: status.created.clone(),
        defaults: status.defaults.clone(),
        power: status.power.clone(),
    }
}

/// Looks at everything that the plan of this container rests on.
pub async fn observe(
    cluster: &Arc<Cluster>,
    want: &Want,
    status: &ZentoriaContainerStatus,
    known: Known,
    now: Timestamp,
) -> Observed {
    let key = &want.identity.key;
    let recorded = recorded(status);
    let vmid = recorded.vmid.or(want.vmid);
    let task = task(cluster, key, vmid, status.node.as_deref(), status.task.as_ref()).await;
    let (guest, fresh) = match (&task, vmid) {
        // Whatever the task is doing, it is not over: the guest is looked at when it is.
        (TaskFact::Running(_), _) => (last_seen(vmid), false),
        (_, None) => (GuestFact::NoVmid, false),
        (_, Some(vmid)) => guest(cluster, vmid, &recorded, status.node.as_deref()).await,
    };
    let facts = facts(cluster, want, &known, &guest, key).await;
    let mut seen = Seen {
        now,
        guest,
        task,
        stop_cause: None,
        cluster: facts,
        dependencies: known.dependencies,
        cycle: known.cycle,
        conflict: known.conflict,
        recorded,
        ssh_keys: known.ssh_keys,
    };
    seen.stop_cause = stop_cause(cluster, &seen).await;
    Observed { seen, fresh }
}

/// The guest alone, for a deletion.
pub async fn remains(
    cluster: &Arc<Cluster>,
    key: &Key,
    status: &ZentoriaContainerStatus,
    spec_vmid: Option<Vmid>,
) -> (GuestFact, TaskFact, bool) {
    let recorded = recorded(status);
    let vmid = recorded.vmid.or(spec_vmid.filter(|_| recorded.created.is_some()));
    let task = task(cluster, key, vmid, status.node.as_deref(), status.task.as_ref()).await;
    let (guest, fresh) = match (&task, vmid) {
        (TaskFact::Running(_), _) => (last_seen(vmid), false),
        (_, None) => (GuestFact::NoVmid, false),
        (_, Some(vmid)) => guest(cluster, vmid, &recorded, status.node.as_deref()).await,
    };
    (guest, task, fresh)
}

/// While a task runs on the guest: what was known of it, without asking.
fn last_seen(vmid: Option<Vmid>) -> GuestFact {
    match vmid {
        None => GuestFact::NoVmid,
        Some(_) => GuestFact::Unknown { why: "a task runs on it".to_owned(), offline: None },
    }
}

async fn task(
    cluster: &Arc<Cluster>,
    key: &Key,
    vmid: Option<Vmid>,
    node: Option<&str>,
    task: Option<&TaskStatus>,
) -> TaskFact {
    let (Some(task), Some(vmid)) = (task, vmid) else { return TaskFact::None };
    let named = history::upid(task.upid.as_deref());
    let upid = match named {
        Some(upid) => upid,
        // The answer to the call never came, or its UPID was never stored: look for the task itself.
        None => {
            let Some(node) = node.and_then(|node| node.parse::<NodeName>().ok()) else { return TaskFact::NotStarted };
            let since = task.started_at.0.as_second();
            match history::task_of_intent(cluster, &node, vmid, task.action, since).await {
                Ok(Some(row)) if row.ended.is_none() => row.upid,
                Ok(Some(_) | None) => return TaskFact::NotStarted,
                Err(error) => {
                    let message = format!("the task list of node {node} cannot be read: {error}");
                    return TaskFact::Failed { action: task.action, message };
                }
            }
        }
    };
    let end = match cluster.end_of(&upid) {
        Some(end) => Some(end),
        None if cluster.is_followed(&upid) => None,
        // A restart: nobody follows it yet.
        None => match cluster.ask(&upid).await {
            Ok(end) => end,
            Err(error) => {
                tracing::debug!(%upid, %error, "a task cannot be asked about");
                None
            }
        },
    };
    match end {
        Some(TaskEnd::Well | TaskEnd::Lost) => TaskFact::Done(task.action),
        Some(TaskEnd::Badly(message)) => TaskFact::Failed { action: task.action, message },
        None => {
            let node = upid.node().map(|node| node.to_string()).unwrap_or_default();
            let slot = (!cluster.is_followed(&upid)).then(|| cluster.slots().force(Place { node, storage: None }));
            if let Some(slot) = slot {
                cluster.follow(key.clone(), vmid, upid.clone(), slot);
            }
            TaskFact::Running(upid)
        }
    }
}

/// The guest at the VMID. For one that we never had, the inventory is enough: the creation itself is refused where
/// somebody has the VMID. For one that we had, absence needs proof.
async fn guest(cluster: &Cluster, vmid: Vmid, recorded: &Recorded, node: Option<&str>) -> (GuestFact, bool) {
    let Some(inventory) = cluster.inventory() else {
        return (GuestFact::Unknown { why: "Proxmox VE was not asked yet".into(), offline: None }, false);
    };
    if let Some(row) = inventory.guest(vmid) {
        if row.kind == GuestKind::Qemu {
            return (GuestFact::OtherKind, false);
        }
        if inventory.node(&row.node).is_some_and(|node| !node.online) {
            let why = format!("guest {vmid} is on it");
            return (GuestFact::Unknown { why, offline: Some(row.node.clone()) }, false);
        }
        return match read(cluster, vmid, &row.node, recorded).await {
            Ok((guest, fresh)) => (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => elsewhere(cluster, vmid, None, recorded).await,
            Err(error) => (unknown(vmid, &row.node, &error), false),
        };
    }
    if recorded.created.is_none() {
        return (GuestFact::Absent, false);
    }
    let node = node.and_then(|node| node.parse::<NodeName>().ok());
    elsewhere(cluster, vmid, node.as_ref(), recorded).await
}

/// Reads what is not known: the configuration, and whether it runs.
async fn read(cluster: &Cluster, vmid: Vmid, node: &NodeName, recorded: &Recorded) -> Result<(Guest, bool), PveError> {
    let known = cluster.known_config(vmid, node).filter(|_| !recorded.is_in_making());
    let (config, fresh) = match known {
        Some(config) => (config, false),
        None => (cluster.read_config(vmid, node).await?, true),
    };
    let locked = config.lock().is_some();
    let live = match cluster.known_live(vmid) {
        Some(live) => Fact::Known(live),
        // A lock says enough: nothing is done, so nobody needs to know.
        None if locked && recorded.is_in_making() => Fact::Unknown("the guest is locked".to_owned()),
        None => match cluster.read_live(vmid, node).await {
            Ok(live) => Fact::Known(live),
            Err(error) => Fact::Unknown(format!("status of guest {vmid} on node {node}: {error}")),
        },
    };
    let ha = live.known().is_some_and(|live| live.ha);
    let running = match live {
        Fact::Known(live) => Fact::Known(live.running),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    Ok((Guest { vmid, node: node.clone(), config, running, ha, qemu: false }, fresh))
}

/// A guest that is not where it was, or not in the list: it is gone only where we may see it, every node answers, and
/// each says that it does not have it.
async fn elsewhere(cluster: &Cluster, vmid: Vmid, last: Option<&NodeName>, recorded: &Recorded) -> (GuestFact, bool) {
    let why = |why: String| (GuestFact::Unknown { why, offline: None }, false);
    // Presence needs no further proof: a guest that was just made is not in the list yet.
    if let Some(node) = last {
        match read(cluster, vmid, node, recorded).await {
            Ok((guest, fresh)) => return (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => {}
            Err(error) => return (unknown(vmid, node, &error), false),
        }
    }
    match cluster.client().permissions_on(&format!("/vms/{vmid}")).await {
        Ok(held) if held.allows(&format!("/vms/{vmid}"), "VM.Audit") => {}
        Ok(_) => {
            return why(format!(
                "guest {vmid} is not shown, and the token lacks VM.Audit on /vms/{vmid}: it may well be there"
            ));
        }
        Err(error) => return why(format!("guest {vmid} is not shown, and the rights cannot be read: {error}")),
    }
    let Some(inventory) = cluster.inventory() else { return why("Proxmox VE was not asked yet".into()) };
    let nodes: Vec<(NodeName, bool)> = inventory.nodes().map(|node| (node.node.clone(), node.online)).collect();
    if let Some((offline, _)) = nodes.iter().find(|(_, online)| !online) {
        let why = format!("guest {vmid} is not shown, and may be on it");
        return (GuestFact::Unknown { why, offline: Some(offline.clone()) }, false);
    }
    if nodes.is_empty() {
        return why(format!("guest {vmid} is not shown, and neither is any node"));
    }
    for (node, _) in nodes.iter().filter(|(node, _)| Some(node) != last) {
        match read(cluster, vmid, node, recorded).await {
            Ok((guest, fresh)) => return (GuestFact::Present(Box::new(guest)), fresh),
            Err(PveError::Absent { .. }) => {}
            Err(error) => return (unknown(vmid, node, &error), false),
        }
    }
    cluster.invalidate(vmid);
    (GuestFact::Absent, false)
}

fn unknown(vmid: Vmid, node: &NodeName, error: &PveError) -> GuestFact {
    let offline = match error {
        PveError::NodeUnreachable { .. } => Some(node.clone()),
        _ => None,
    };
    GuestFact::Unknown { why: format!("configuration of guest {vmid} on node {node}: {error}"), offline }
}

/// What is known of the cluster, as far as a plan needs it: what nodes offer matters to a new guest alone.
async fn facts(cluster: &Cluster, want: &Want, known: &Known, guest: &GuestFact, key: &Key) -> ClusterFacts {
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
    let mut taken: BTreeSet<Vmid> = located.keys().copied().collect();
    taken.extend(&known.claimed);
    taken.extend(cluster.reserved_by_others(key));
    let mut facts = ClusterFacts {
        nodes: cluster.nodes(),
        taken,
        located,
        root_credential: cluster.has_root(),
        missing_permissions: cluster.missing_permissions(want.storage.as_ref().map(StorageName::as_str)),
        takeover: known.takeover.clone(),
        vmids_by_name: known.vmids_by_name.clone(),
    };
    if matches!(guest, GuestFact::NoVmid | GuestFact::Absent) && want.source.is_some() {
        offers(cluster, want, &mut facts, matches!(guest, GuestFact::NoVmid)).await;
    }
    facts
}

/// Bridges and templates of the node that a new guest would be made on, and who else owns volumes on its storage. What
/// cannot be read stays unknown: the creation itself tells.
async fn offers(cluster: &Cluster, want: &Want, facts: &mut ClusterFacts, no_vmid: bool) {
    let node =
        want.node.clone().or_else(|| (facts.nodes.len() == 1).then(|| facts.nodes.keys().next().cloned()).flatten());
    let Some(node) = node.filter(|node| facts.nodes.get(node).is_some_and(|facts| facts.online)) else { return };
    if let Some(bridge) = want.options.interface.as_ref().and_then(|interface| interface.bridge()) {
        let bridges = cluster.bridges(&node, bridge).await.ok();
        facts.nodes.entry(node.clone()).and_modify(|facts| facts.bridges = bridges);
    }
    if let Some(Source::Template { volume }) = &want.source {
        let templates = cluster.templates(&node, volume).await.ok();
        facts.nodes.entry(node.clone()).and_modify(|facts| facts.templates = templates);
    }
    if let (true, Some(storage)) = (no_vmid, &want.storage) {
        facts.taken.extend(cluster.owners(&node, storage).await.unwrap_or_default());
    }
}

/// Why the guest is stopped, asked only where the plan needs it.
async fn stop_cause(cluster: &Cluster, seen: &Seen) -> Option<Fact<StopCause>> {
    let GuestFact::Present(guest) = &seen.guest else { return None };
    if guest.running != Fact::Known(false) || !needs_cause(seen) {
        return None;
    }
    match history::stop_cause(cluster, &guest.node, guest.vmid).await {
        Ok(cause) => Some(Fact::Known(cause)),
        Err(error) => Some(Fact::Unknown(format!("task list of node {}: {error}", guest.node))),
    }
}

impl Cluster {
    fn known_config(&self, vmid: Vmid, node: &NodeName) -> Option<Config> {
        let known = self.known(vmid)?;
        (known.node == *node).then_some(known.config)
    }

    /// Reads the configuration with what is pending, and remembers it.
    pub(crate) async fn read_config(&self, vmid: Vmid, node: &NodeName) -> Result<Config, PveError> {
        let config = self.client().pending(node, vmid).await?;
        Ok(self.remember(vmid, node, &config))
    }

    async fn read_live(&self, vmid: Vmid, node: &NodeName) -> Result<Live, PveError> {
        let status = self.client().status_current(node, vmid).await?;
        let live = Live { running: status.state == RunState::Running, ha: status.ha_managed, read_at: Instant::now() };
        self.remember_live(vmid, live);
        Ok(live)
    }
}
