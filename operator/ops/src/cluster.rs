//! One PVE cluster as all its containers share it: the client, the inventory of the last poll, configurations read, the
//! tasks in flight, and what is known of nodes, storages and templates.

mod catalog;
mod connect;
mod duties;
mod follow;
mod ledger;
mod poll;
mod pulls;
mod room;
pub mod secrets;

pub use connect::{Access, ConnectError, Outside, connect, dialer};
pub use follow::TaskEnd;
pub(crate) use poll::Marked;
pub use poll::{Census, Glance, Look, PollError, Polled};
pub(crate) use pulls::{Begin, PullPlace};
pub use room::Site;

use crate::Waker;
use crate::container::observe::KeepFailures;
use crate::slots::{SlotLimits, Slots};
use catalog::Catalog;
use duties::Duties;
use follow::Durations;
use ledger::Ledger;
use pulls::Pulls;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use zentoria_core::cluster::permissions::{self, Permissions};
use zentoria_core::cluster::quota::Usage;
use zentoria_core::container::seen::{Config, Snapshot};
use zentoria_core::container::usage::usage;
use zentoria_core::container::want::{Key, Want};
use zentoria_core::placement::Overcommit;
pub use zentoria_net::Dialer;
use zentoria_pve::{Client, GuestConfig, Inventory};
pub use zentoria_pve::{Observer, RequestRecord};
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// A configuration that was read, and when.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) node: NodeName,
    pub(crate) config: Config,
    /// Its snapshots, where they were asked for.
    pub(crate) snapshots: Option<Vec<Snapshot>>,
    /// Its raw `lxc.*` lines, where they were asked for.
    pub(crate) raw: Option<String>,
    pub(crate) read_at: Instant,
}

/// Whether a guest runs, as its own `status/current` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) running: bool,
    pub(crate) ha: bool,
    pub(crate) read_at: Instant,
}

#[derive(Default)]
pub(crate) struct State {
    configs: HashMap<Vmid, Known>,
    live: HashMap<Vmid, Live>,
    /// Tasks that are followed, and the ends of those that nobody has asked about yet.
    followed: HashSet<Upid>,
    ended: HashMap<Upid, TaskEnd>,
    reserved: BTreeMap<Vmid, Key>,
    ledger: Ledger,
    /// What guests had when their configuration was read last; it outlives what is to be read anew.
    usages: HashMap<Vmid, Usage>,
    held: Option<Permissions>,
    duties: Duties,
    pub(crate) keep_failures: KeepFailures,
    /// When vzdump said OK, and its storage did not list the backup.
    pub(crate) unlisted_backups: HashMap<Vmid, Instant>,
    /// Guests that somebody acts on just now.
    pub(crate) turns: HashSet<Vmid>,
    missing_permissions: Vec<String>,
}

impl State {
    /// Whether a task of ours runs on the guest.
    fn is_busy(&self, vmid: Vmid) -> bool {
        self.followed.iter().any(|upid| upid.vmid() == Some(vmid))
    }
}

/// One PVE cluster.
pub struct Cluster {
    /// Name of the ProxmoxCluster.
    pub name: String,
    client: Client,
    inventory: RwLock<Option<Arc<Inventory>>>,
    state: Mutex<State>,
    catalog: Catalog,
    durations: Durations,
    pulls: Pulls,
    slots: Slots,
    waker: Waker,
    full_resync: Duration,
    overcommit: Overcommit,
    /// Who writes to some firewall: Proxmox VE has one lock for all of them.
    pub(crate) firewall_writes: tokio::sync::Mutex<()>,
}

impl Cluster {
    fn new(
        name: String,
        client: Client,
        limits: SlotLimits,
        full_resync: Duration,
        overcommit: Overcommit,
        waker: Waker,
    ) -> Self {
        Self {
            name,
            client,
            inventory: RwLock::default(),
            state: Mutex::default(),
            catalog: Catalog::default(),
            durations: Durations::default(),
            pulls: Pulls::default(),
            slots: Slots::new(limits, Arc::clone(&waker)),
            waker,
            full_resync,
            overcommit,
            firewall_writes: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Wakes the reconcile of a container: what is known of its guest has changed beside it.
    pub(crate) fn wake(&self, key: &Key) {
        (self.waker)(key);
    }

    /// Whether there is a root credential.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.client.has_root()
    }

    /// Tasks that hold a slot, by node.
    #[must_use]
    pub fn tasks_in_flight(&self) -> BTreeMap<String, usize> {
        self.slots.in_use()
    }

    /// Gives up what a container that is gone has waited for.
    pub fn forget(&self, key: &Key) {
        self.slots.leave(key);
        self.pulls.leave(key);
        let mut state = self.lock();
        state.reserved.retain(|_, holder| holder != key);
        state.ledger.release(key);
    }

    pub(crate) fn inventory(&self) -> Option<Arc<Inventory>> {
        self.inventory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the preflight found: the privileges that are held, and those that are missing. Whether it differs from the
    /// last time.
    pub fn set_permissions(&self, held: Permissions, missing: Vec<String>) -> bool {
        let mut state = self.lock();
        let differs = state.held.as_ref().is_some_and(|before| *before != held);
        state.held = Some(held);
        state.missing_permissions = missing;
        differs
    }

    /// Privileges that are missing, for a new guest as `want` has it as well.
    pub(crate) fn missing_permissions(&self, want: &Want) -> Vec<String> {
        let state = self.lock();
        let mut missing = state.missing_permissions.clone();
        let Some(held) = &state.held else { return missing };
        for lack in permissions::missing_for_guest(want, held, &state.duties.zones) {
            if !missing.contains(&lack) {
                missing.push(lack);
            }
        }
        missing
    }

    /// The privilege that the copy of a guest that runs lacks; none where they are not known.
    pub(crate) fn missing_for_live_copy(&self, source: Vmid) -> Option<String> {
        permissions::missing_for_live_copy(source, self.lock().held.as_ref()?)
    }

    /// Privileges that a download to this storage of the node lacks; none where they are not known.
    pub(crate) fn missing_for_pull(&self, node: &NodeName, storage: &str, image: bool) -> Vec<String> {
        let state = self.lock();
        let held = state.held.as_ref();
        held.map(|held| permissions::missing_for_pull(node.as_str(), storage, image, held)).unwrap_or_default()
    }

    /// Keeps a VMID for a container until its status says so; false where another has it.
    pub(crate) fn reserve(&self, vmid: Vmid, key: &Key) -> bool {
        let mut state = self.lock();
        if state.reserved.get(&vmid).is_some_and(|holder| holder != key) {
            return false;
        }
        state.reserved.retain(|_, holder| holder != key);
        state.reserved.insert(vmid, key.clone());
        true
    }

    /// VMIDs that other containers keep.
    pub(crate) fn reserved_by_others(&self, key: &Key) -> BTreeSet<Vmid> {
        self.lock().reserved.iter().filter(|(_, holder)| *holder != key).map(|(vmid, _)| *vmid).collect()
    }

    /// Drops what is known of a guest: the next look reads it anew.
    pub fn invalidate(&self, vmid: Vmid) {
        let mut state = self.lock();
        state.configs.remove(&vmid);
        state.live.remove(&vmid);
    }

    /// Drops what is known of a guest's power and of HA over it, where it is older: the next look asks the guest itself.
    pub(crate) fn invalidate_live(&self, vmid: Vmid, older: Duration) {
        let live = &mut self.lock().live;
        if live.get(&vmid).is_some_and(|live| live.read_at.elapsed() >= older) {
            live.remove(&vmid);
        }
    }

    pub(crate) fn invalidate_config(&self, vmid: Vmid) {
        self.lock().configs.remove(&vmid);
    }

    pub(crate) fn remember(&self, vmid: Vmid, node: &NodeName, config: &GuestConfig) -> Config {
        let config = convert(config);
        let mut state = self.lock();
        // Snapshots and raw lines come and go with the configuration file: one that did not change has the same.
        let (snapshots, raw) = match state.configs.remove(&vmid) {
            Some(before) if before.config.digest == config.digest => (before.snapshots, before.raw),
            Some(_) | None => (None, None),
        };
        // While it is made it has nothing but the lock.
        if config.lock() != Some("create") {
            state.usages.insert(vmid, usage(&config));
        }
        let known = Known { node: node.clone(), config: config.clone(), snapshots, raw, read_at: Instant::now() };
        state.configs.insert(vmid, known);
        config
    }

    pub(crate) fn remember_snapshots(&self, vmid: Vmid, snapshots: &[Snapshot]) {
        if let Some(known) = self.lock().configs.get_mut(&vmid) {
            known.snapshots = Some(snapshots.to_vec());
        }
    }

    pub(crate) fn remember_raw(&self, vmid: Vmid, raw: &str) {
        if let Some(known) = self.lock().configs.get_mut(&vmid) {
            known.raw = Some(raw.to_owned());
        }
    }

    pub(crate) fn known(&self, vmid: Vmid) -> Option<Known> {
        self.lock().configs.get(&vmid).cloned()
    }

    pub(crate) fn known_live(&self, vmid: Vmid) -> Option<Live> {
        self.lock().live.get(&vmid).copied()
    }

    pub(crate) fn remember_live(&self, vmid: Vmid, live: Live) {
        self.lock().live.insert(vmid, live);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's answer as the core's fact. The lock is an option like the others there.
fn convert(config: &GuestConfig) -> Config {
    let mut current = config.current.clone();
    current.extend(config.lock.clone().map(|lock| ("lock".to_owned(), lock)));
    Config { digest: Some(config.digest.clone()), current, pending: config.pending.clone() }
}
