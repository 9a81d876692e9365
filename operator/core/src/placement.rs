//! On which node a new container is put, and when one that runs is to be moved.
//!
//! Pure arithmetic over what a poll of Proxmox VE showed: nothing here asks, and the same room and wish give the same
//! node, in whatever order the facts came in.

mod refusal;
mod room;

pub use refusal::{NoPlace, Resource, Why};
pub use room::{NodeRoom, Room, StorageRoom};

use refusal::refusals;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_types::size::Bytes;
use zentoria_types::{NodeName, StorageName};

/// What a guest needs of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Cores that it sees; what has no limit of its own sees all cores of its node, which the caller decides on.
    pub cores: u32,
    /// Memory, without swap.
    pub memory: Bytes,
    /// The sizes of its disks, summed by storage.
    pub disks: BTreeMap<StorageName, Bytes>,
}

/// How many times over each resource of a node may be promised; `None`: without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overcommit {
    /// Cores.
    pub cpu: Option<f64>,
    /// Memory.
    pub memory: Option<f64>,
    /// Every storage by itself. Without limit too, nothing is put on a storage that is full to its last byte.
    pub disk: Option<f64>,
}

/// Which of the nodes that have room is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The one of whose memory the largest share is free afterwards.
    #[default]
    MostFree,
    /// The one with the fewest guests of the estate.
    Spread,
}

/// One term of anti-affinity: the containers that match its selector, by the node that they are on. The guest that is
/// placed is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AntiAffinity {
    /// How many matching containers each node has; a node with none may be left out.
    pub peers_by_node: BTreeMap<NodeName, u32>,
    /// A node with a peer is refused; else it is taken only where no other has room.
    pub required: bool,
}

impl AntiAffinity {
    fn peers_on(&self, node: &NodeName) -> u32 {
        self.peers_by_node.get(node).copied().unwrap_or(0)
    }
}

/// Where a guest may be, and what it needs there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The nodes that it may be on; `None`: any.
    pub allowed: Option<BTreeSet<NodeName>>,
    /// Which of them is the best.
    pub strategy: Strategy,
    /// What it should not, or must not, share a node with.
    pub anti_affinity: Vec<AntiAffinity>,
    /// What it needs.
    pub demand: Demand,
    /// Where it is now.
    pub current: Option<NodeName>,
}

impl Wish {
    fn allows(&self, node: &NodeName) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(node))
    }

    /// Peers of the required terms (`true`) or of the others (`false`) on a node.
    fn peers_on(&self, node: &NodeName, required: bool) -> u32 {
        let terms = self.anti_affinity.iter().filter(|term| term.required == required);
        terms.fold(0, |sum, term| sum.saturating_add(term.peers_on(node)))
    }
}

/// The node for a guest.
///
/// One that is somewhere stays there, whatever the figures say: nobody is moved without need (see [`should_move`]).
///
/// # Errors
/// Where no node takes it; the error says of each node why not, and whether waiting can help.
pub fn place(room: &Room, wish: &Wish, overcommit: &Overcommit) -> Result<NodeName, NoPlace> {
    match &wish.current {
        Some(node) => Ok(node.clone()),
        None => best(room, wish, overcommit),
    }
}

/// Whether a guest has to leave its node, and where it goes: for `placement.enforce`.
///
/// `None` where it is nowhere yet, or where its node is allowed and has no peer of a required anti-affinity; neither a
/// node over its capacity nor a better one is a reason. Its disks on shared storages stay where they are and need no
/// room. Two guests that must not be together both get an answer here: move one, and look again.
#[must_use]
pub fn should_move(room: &Room, wish: &Wish, overcommit: &Overcommit) -> Option<Result<NodeName, NoPlace>> {
    let current = wish.current.as_ref()?;
    if wish.allows(current) && wish.peers_on(current, true) == 0 {
        return None;
    }
    let mut moved = wish.clone();
    for (storage, size) in &mut moved.demand.disks {
        if room.shared.contains_key(storage) {
            *size = Bytes(0);
        }
    }
    Some(best(room, &moved, overcommit))
}

fn best(room: &Room, wish: &Wish, overcommit: &Overcommit) -> Result<NodeName, NoPlace> {
    let mut refused = Vec::new();
    let mut found: Option<(Rank, &NodeName)> = None;
    for (name, node) in &room.nodes {
        let whys = refusals(room, name, node, wish, overcommit);
        if !whys.is_empty() {
            refused.push((name.clone(), whys));
            continue;
        }
        let rank = Rank::of(name, node, wish, overcommit);
        // Nodes come by name, so of equal ones the first stays.
        if found.as_ref().is_none_or(|(best, _)| rank.compare(best, wish.strategy) == Ordering::Less) {
            found = Some((rank, name));
        }
    }
    match found {
        Some((_, name)) => Ok(name.clone()),
        None => Err(NoPlace::new(room, wish, refused)),
    }
}

/// What makes one node better than another; the smallest is the best.
struct Rank {
    unwanted_peers: u32,
    estate_guests: u32,
    free_memory: f64,
}

impl Rank {
    fn of(name: &NodeName, node: &NodeRoom, wish: &Wish, overcommit: &Overcommit) -> Self {
        Self {
            unwanted_peers: wish.peers_on(name, false),
            estate_guests: node.estate_guests,
            free_memory: node.free_memory_share(wish.demand.memory, overcommit),
        }
    }

    fn compare(&self, other: &Self, strategy: Strategy) -> Ordering {
        let guests = self.estate_guests.cmp(&other.estate_guests);
        let memory = other.free_memory.total_cmp(&self.free_memory);
        self.unwanted_peers.cmp(&other.unwanted_peers).then(match strategy {
            Strategy::MostFree => memory.then(guests),
            Strategy::Spread => guests.then(memory),
        })
    }
}
