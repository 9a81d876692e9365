//! The poll: one `/cluster/resources` serves every container. What it shows is compared with what is known; only a
//! difference makes somebody look closer.

use super::room::is_roomier;
use super::{Cluster, Live};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use zentoria_api::cluster::{ClusterIdentity, NodeStatus};
use zentoria_api::common::Size;
use zentoria_api::conditions::ClusterReason;
use zentoria_core::cluster::permissions::Permissions;
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::seen::Config;
use zentoria_core::container::want::{Identity, Key};
use zentoria_pve::{Guest, GuestKind, Inventory, PveError, RunState};
use zentoria_types::mark::{ControlPlaneId, Description, EstateId, Mark};
use zentoria_types::size::Bytes;
use zentoria_types::tags::Tags;
use zentoria_types::vmid::Vmid;

/// What a poll showed.
#[derive(Clone, Debug, Default)]
pub struct Polled {
    /// Guests that differ from what is known of them, appeared or went away.
    pub changed: BTreeSet<Vmid>,
    /// Some node or storage has more room than before.
    pub roomier: bool,
}

/// What one poll showed, before anybody acts on it.
pub struct Look(Arc<Inventory>);

impl Look {
    /// VMIDs of all guests that it shows, virtual machines included.
    #[must_use]
    pub fn present(&self) -> BTreeSet<Vmid> {
        self.0.guests().map(|guest| guest.vmid).collect()
    }
}

/// What the ProxmoxCluster's status says of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// PVE's version.
    pub version: String,
    /// Which cluster it is.
    pub identity: ClusterIdentity,
    /// Whether it has quorum; `None` for a node alone.
    pub quorate: Option<bool>,
}

/// A poll that failed, as the ProxmoxCluster's status says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollError {
    /// The reason of Ready.
    pub reason: ClusterReason,
    /// The message.
    pub message: String,
}

impl PollError {
    fn read(error: &PveError) -> Self {
        let reason = match error {
            PveError::Certificate { .. } => ClusterReason::CertificateChanged,
            PveError::Unauthenticated { .. } | PveError::RootRefused { .. } => ClusterReason::Unauthenticated,
            PveError::Forbidden { .. } => ClusterReason::MissingPermissions,
            PveError::Payload { .. } | PveError::Unexpected { .. } | PveError::Rejected { .. } => {
                ClusterReason::NotProxmoxVE
            }
            PveError::NoQuorum { .. } => ClusterReason::NoQuorum,
            PveError::Transport { .. }
            | PveError::Timeout { .. }
            | PveError::NodeUnreachable { .. }
            | PveError::Busy { .. }
            | PveError::Absent { .. }
            | PveError::Exists { .. }
            | PveError::Locked { .. }
            | PveError::DigestMismatch
            | PveError::WrongState { .. }
            | PveError::TaskFailed { .. }
            | PveError::NotMapped { .. }
            | PveError::Fenced { .. } => ClusterReason::Unreachable,
        };
        Self { reason, message: error.to_string() }
    }
}

impl Cluster {
    /// Version, identity and quorum: two calls.
    ///
    /// # Errors
    /// As the ProxmoxCluster's status says it.
    pub async fn glance(&self) -> Result<Glance, PollError> {
        let version = self.client.version().await.map_err(|error| PollError::read(&error))?;
        let status = self.client.cluster_status().await.map_err(|error| PollError::read(&error))?;
        let nodes: Vec<String> = status.nodes.iter().map(|node| node.name.to_string()).collect();
        let online: Vec<_> = status.nodes.iter().filter(|node| node.online).map(|node| node.name.clone()).collect();
        self.learn(&version.version, &online).await.map_err(|error| PollError::read(&error))?;
        let name = status.name.clone().or_else(|| nodes.first().cloned()).unwrap_or_default();
        Ok(Glance {
            version: version.version,
            identity: ClusterIdentity { name, nodes },
            quorate: status.name.is_some().then_some(status.quorate),
        })
    }

    /// The privileges that the credentials hold.
    ///
    /// # Errors
    /// As the ProxmoxCluster's status says it.
    pub async fn permissions(&self) -> Result<Permissions, PollError> {
        let held = self.client.permissions().await.map_err(|error| PollError::read(&error))?;
        let of = |path: &str| held.on(path).into_iter().flatten().map(str::to_owned).collect();
        Ok(held.paths().map(|path| (path.to_owned(), of(path))).collect())
    }

    /// One look at everything, which nobody else sees until it is published.
    ///
    /// # Errors
    /// As the ProxmoxCluster's status says it; the last inventory stays.
    pub async fn look(&self) -> Result<Look, PollError> {
        let taken_at = Instant::now();
        let rows = self.client.resources().await.map_err(|error| PollError::read(&error))?;
        Ok(Look(Arc::new(Inventory::new(taken_at, rows))))
    }

    /// Makes a look the inventory that all containers share.
    pub fn publish(&self, look: &Look) -> Polled {
        let next = &look.0;
        let previous = {
            let mut inventory = self.inventory.write().unwrap_or_else(PoisonError::into_inner);
            inventory.replace(Arc::clone(next))
        };
        let mut changed = match &previous {
            Some(previous) => previous.changed(next),
            None => next.guests().map(|guest| guest.vmid).collect(),
        };
        let before = previous.as_ref().map(|previous| previous.taken_at());
        changed.retain(|vmid| self.is_news(*vmid, next.guest(*vmid), next.taken_at(), before));
        for vmid in &changed {
            // Without a configuration the next look reads all; its power may be known from the creation alone.
            if self.known(*vmid).is_some() {
                self.invalidate(*vmid);
            }
        }
        changed.extend(previous.iter().flat_map(|previous| self.contradicted(previous, next)));
        let roomier = previous.as_ref().is_some_and(|previous| is_roomier(previous, next));
        Polled { changed, roomier }
    }

    /// Guests whose power is, by two polls in a row, not what their own status said before both. A guest that ends right
    /// after its start never shows in the list as running, for that trails by up to 10 s, and one that vanishes right
    /// after its creation is never in it: no row ever changes.
    fn contradicted(&self, previous: &Inventory, next: &Inventory) -> Vec<Vmid> {
        let mut state = self.lock();
        let wrong = |vmid: Vmid, live: &Live| {
            live.read_at < previous.taken_at()
                && denies(previous.guest(vmid), live.running)
                && denies(next.guest(vmid), live.running)
        };
        let found: Vec<Vmid> =
            state.live.iter().filter(|(vmid, live)| wrong(**vmid, live)).map(|(vmid, _)| *vmid).collect();
        for vmid in &found {
            state.live.remove(vmid);
            if next.guest(*vmid).is_none() {
                state.configs.remove(vmid);
            }
        }
        found
    }

    /// Whether a row says something else than what is known. The list trails by up to 10 s: after a change of ours it
    /// shows the old, then the new, and neither is news where the guest itself was read meanwhile and says the new.
    /// Power that was asked about after the poll `before` this one is believed against the list; where it is not known,
    /// a task of ours is at work or a look is due already.
    fn is_news(&self, vmid: Vmid, row: Option<&Guest>, taken_at: Instant, before: Option<Instant>) -> bool {
        let state = self.lock();
        let (Some(row), Some(known)) = (row, state.configs.get(&vmid)) else { return true };
        let current = &known.config.current;
        let number = |key: &str| current.get(key).and_then(|value| value.parse::<u64>().ok());
        let believed = |live: &Live| before.is_none_or(|before| live.read_at >= before);
        let same_state = state.live.get(&vmid).is_none_or(|live| believed(live) || !denies(Some(row), live.running));
        // Name and memory trail, too; lock, tags and node do not.
        let trails = before.is_none_or(|before| known.read_at >= before);
        let tags = Tags::parse(current.get("tags").map_or("", String::as_str));
        let memory = number("memory").unwrap_or(512) << 20;
        let same = row.node == known.node
            && same_state
            && row.lock.as_deref() == known.config.lock()
            && row.tags == tags
            && (trails
                || row.name.as_deref().is_none_or(|name| current.get("hostname").is_none_or(|known| known == name)))
            && (trails || row.maxmem.is_none_or(|maxmem| maxmem == memory));
        !same && known.read_at <= taken_at
    }

    /// Reads the configurations that were read longest ago, so many that every guest's turn comes once in
    /// `poll.fullResync`; says which differ from what was known.
    pub async fn resync(&self, interval: std::time::Duration) -> BTreeSet<Vmid> {
        let mut changed = BTreeSet::new();
        for (vmid, node) in self.due(interval) {
            let before = self.lock().configs.get(&vmid).map(|known| known.config.clone());
            match self.client.pending(&node, vmid).await {
                Ok(config) => {
                    let now = self.remember(vmid, &node, &config);
                    if before.is_some_and(|before| before != now) {
                        changed.insert(vmid);
                    }
                }
                // Whatever it is, the container's own reconcile finds it out where it matters.
                Err(error) => tracing::debug!(%vmid, %node, %error, "a configuration could not be read"),
            }
        }
        changed
    }

    /// What is free of the root disk of a container that runs, as the last poll had it.
    #[must_use]
    pub fn free_on(&self, vmid: Vmid) -> Option<u64> {
        let inventory = self.inventory()?;
        let guest = inventory.guests().find(|guest| guest.vmid == vmid)?;
        // Of one that does not run nothing is known, and 0 is said.
        let used = guest.disk.filter(|used| *used > 0)?;
        Some(guest.maxdisk?.saturating_sub(used))
    }

    fn due(&self, interval: std::time::Duration) -> Vec<(Vmid, zentoria_types::names::NodeName)> {
        let Some(inventory) = self.inventory() else { return Vec::new() };
        let online = |guest: &&Guest| inventory.node(&guest.node).is_some_and(|node| node.online);
        let state = self.lock();
        let mut guests: Vec<_> = inventory
            .guests()
            .filter(|guest| guest.kind == GuestKind::Lxc)
            // While a guest is made there is nothing to be read of it; at the end of a task it is looked at anyway.
            .filter(|guest| guest.lock.as_deref() != Some("create") && !state.is_busy(guest.vmid))
            .filter(online)
            .map(|guest| (state.configs.get(&guest.vmid).map(|known| known.read_at), guest.vmid, guest.node.clone()))
            .collect();
        drop(state);
        guests.sort_by_key(|(read_at, vmid, _)| (*read_at, *vmid));
        let rounds = (self.full_resync.as_secs_f64() / interval.as_secs_f64()).max(1.0);
        let share = (guests.len() as f64 / rounds).ceil() as usize;
        let never = guests.iter().filter(|(read_at, _, _)| read_at.is_none()).count().min(32);
        let due = |read_at: &Option<Instant>| read_at.is_none_or(|at| at.elapsed() >= self.full_resync / 2);
        guests
            .into_iter()
            .take(share.max(never))
            .filter(|(read_at, _, _)| due(read_at))
            .map(|(_, vmid, node)| (vmid, node))
            .collect()
    }

    /// The nodes, with what is promised on them.
    #[must_use]
    pub fn node_statuses(&self) -> Vec<NodeStatus> {
        let Some(inventory) = self.inventory() else { return Vec::new() };
        let room = self.room(&inventory);
        inventory
            .nodes()
            .map(|node| {
                let guests: Vec<&Guest> = inventory.on_node(&node.node).filter(|guest| !guest.template).collect();
                let memory: u64 = guests.iter().filter_map(|guest| guest.maxmem).sum();
                let cores: f64 = guests.iter().filter_map(|guest| guest.maxcpu).sum();
                NodeStatus {
                    name: node.node.to_string(),
                    online: node.online,
                    cores: node.maxcpu.map(|cores| cores as u32),
                    memory: node.maxmem.map(|bytes| Size(Bytes(bytes).to_string())),
                    allocated_cores: cores.ceil() as u32,
                    allocated_memory: Some(Size(Bytes(memory).to_string())),
                    free: room.nodes.get(&node.node).and_then(|room| room.free(&self.overcommit)),
                }
            })
            .collect()
    }

    /// Whose guests are there, as far as their configurations were read.
    #[must_use]
    pub fn census(&self, estate: &EstateId, control_plane: &ControlPlaneId) -> Census {
        let Some(inventory) = self.inventory() else { return Census::default() };
        let state = self.lock();
        let mut census = Census::default();
        for guest in inventory.guests() {
            let config = state.configs.get(&guest.vmid).map(|known| &known.config);
            match config.map(|config| kind(guest.vmid, config, estate, control_plane)) {
                Some(Kind::Ours(mark)) if mark.trash_until.is_some() => {
                    census.trash.insert(guest.vmid, mark);
                }
                Some(Kind::Ours(mark)) if mark.retained.is_some() => census.retained += 1,
                Some(Kind::Ours(_)) => census.ours += 1,
                Some(Kind::OtherControlPlane(cp)) => {
                    census.foreign += 1;
                    census.control_planes.insert(cp);
                }
                Some(Kind::Foreign) => census.foreign += 1,
                Some(Kind::Copy(of)) => {
                    census.copies.insert(guest.vmid, of);
                }
                Some(Kind::Unmarked) | None => census.unmarked += 1,
            }
        }
        census
    }
}

/// Whether a guest that carries an object's mark is there, whatever its VMID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// This one.
    Found(Vmid),
    /// None.
    Nowhere,
    /// So many guests were not read yet.
    NotReadYet(usize),
}

impl Cluster {
    /// Looks for the guest of an object that has no VMID: retained or in the trash, it is taken back before another one is
    /// made. Guests that other containers `claimed` are theirs.
    pub(crate) fn marked(&self, identity: &Identity, claimed: &BTreeSet<Vmid>) -> Marked {
        let Some(inventory) = self.inventory() else { return Marked::NotReadYet(1) };
        let state = self.lock();
        let mut unread = 0;
        let containers = inventory.guests().filter(|guest| guest.kind == GuestKind::Lxc);
        for guest in containers.filter(|guest| !claimed.contains(&guest.vmid)) {
            match state.configs.get(&guest.vmid) {
                Some(known) => match ownership(identity, guest.vmid, known.config.description()) {
                    Ownership::Ours(_) | Ownership::OtherControlPlane(_) => return Marked::Found(guest.vmid),
                    Ownership::CopyOf(_) | Ownership::Foreign(_) | Ownership::Unmarked | Ownership::Unreadable(_) => {}
                },
                None if guest.lock.as_deref() == Some("create") || state.is_busy(guest.vmid) => {}
                None if inventory.node(&guest.node).is_none_or(|node| !node.online) => {}
                None => unread += 1,
            }
        }
        if unread == 0 { Marked::Nowhere } else { Marked::NotReadYet(unread) }
    }
}

/// Whether a row, or its absence, says another power than this.
fn denies(row: Option<&Guest>, running: bool) -> bool {
    match row.map(|row| row.state) {
        Some(RunState::Running) => !running,
        Some(RunState::Stopped) => running,
        Some(RunState::Unknown) => false,
        None => true,
    }
}

/// Whose guests are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// With our mark.
    pub ours: u32,
    /// With our mark and a tombstone.
    pub retained: u32,
    /// In the trash, with their marks.
    pub trash: BTreeMap<Vmid, Mark>,
    /// With the mark of another estate or control plane.
    pub foreign: u32,
    /// Without a mark, or not read yet.
    pub unmarked: u32,
    /// Copies and what they are copies of.
    pub copies: BTreeMap<Vmid, Vmid>,
    /// Other control planes of this estate.
    pub control_planes: BTreeSet<ControlPlaneId>,
}

enum Kind {
    Ours(Mark),
    OtherControlPlane(ControlPlaneId),
    Foreign,
    Copy(Vmid),
    Unmarked,
}

fn kind(vmid: Vmid, config: &Config, estate: &EstateId, control_plane: &ControlPlaneId) -> Kind {
    let Ok(Description { mark: Some(mark), .. }) = Description::parse(config.description()) else {
        return Kind::Unmarked;
    };
    let key = Key { namespace: mark.namespace.clone(), name: mark.name.clone() };
    let identity = Identity { estate: estate.clone(), key, control_plane: control_plane.clone() };
    match ownership(&identity, vmid, config.description()) {
        Ownership::Ours(mark) => Kind::Ours(mark),
        Ownership::OtherControlPlane(cp) => Kind::OtherControlPlane(cp),
        Ownership::CopyOf(of) => Kind::Copy(of),
        Ownership::Foreign(_) => Kind::Foreign,
        Ownership::Unmarked | Ownership::Unreadable(_) => Kind::Unmarked,
    }
}
