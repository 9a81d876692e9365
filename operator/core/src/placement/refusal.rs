//! Why a node does not take a guest, and what a person is told when none does.

use super::room::limit;
use super::{NodeRoom, Overcommit, Room, Wish};
use std::collections::BTreeSet;
use std::fmt;
use zentoria_types::size::Bytes;
use zentoria_types::{NodeName, StorageName};

/// What a node can run out of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Cores.
    Cores,
    /// Memory.
    Memory,
    /// A storage.
    Disk(StorageName),
}

/// Why a node does not take a guest.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It is named by the wish, and the cluster has no such node.
    NoSuchNode,
    /// The wish does not name it.
    NotAllowed,
    /// The cluster does not see it.
    Offline,
    /// It has no such storage, or none that takes disks of containers.
    NoSuchStorage(StorageName),
    /// It has containers that the guest must not share a node with.
    AntiAffinity {
        /// How many.
        peers: u32,
    },
    /// There is a limit, and Proxmox VE does not say what the node has.
    Unmeasured(Resource),
    /// It has too little left. Figures are cores or bytes.
    Short {
        /// Of what.
        resource: Resource,
        /// What the guest needs.
        needs: u64,
        /// What is left.
        free: u64,
        /// Of how much: the node's own, times the overcommit.
        of: u64,
        /// That overcommit; `None` where the storage itself is full.
        overcommit: Option<f64>,
    },
}

impl Why {
    /// Whether it can pass without a change of the guest's spec.
    fn can_pass(&self) -> bool {
        match self {
            Self::NoSuchNode | Self::NotAllowed | Self::NoSuchStorage(_) => false,
            Self::Offline | Self::AntiAffinity { .. } | Self::Unmeasured(_) => true,
            Self::Short { needs, of, .. } => needs <= of,
        }
    }
}

/// All that speaks against a node; none: it takes the guest.
pub(super) fn refusals(
    room: &Room,
    name: &NodeName,
    node: &NodeRoom,
    wish: &Wish,
    overcommit: &Overcommit,
) -> Vec<Why> {
    if !wish.allows(name) {
        return vec![Why::NotAllowed];
    }
    // Nothing else is known of a node that does not answer.
    if !node.online {
        return vec![Why::Offline];
    }
    let mut whys = Vec::new();
    let peers = wish.peers_on(name, true);
    if peers > 0 {
        whys.push(Why::AntiAffinity { peers });
    }
    let demand = &wish.demand;
    let (cores, allocated) = (node.cores.map(u64::from), u64::from(node.allocated_cores));
    whys.extend(shortage(Resource::Cores, u64::from(demand.cores), cores, allocated, overcommit.cpu));
    let (memory, allocated) = (node.memory.map(|memory| memory.0), node.allocated_memory.0);
    whys.extend(shortage(Resource::Memory, demand.memory.0, memory, allocated, overcommit.memory));
    whys.extend(demand.disks.iter().filter_map(|(name, size)| disk(room, node, name, *size, overcommit.disk)));
    whys
}

fn disk(room: &Room, node: &NodeRoom, name: &StorageName, needs: Bytes, overcommit: Option<f64>) -> Option<Why> {
    let Some(storage) = room.storage(node, name) else { return Some(Why::NoSuchStorage(name.clone())) };
    let total = storage.total.map(|total| total.0);
    let resource = Resource::Disk(name.clone());
    if storage.is_full() && needs.0 > 0 {
        return Some(Why::Short { resource, needs: needs.0, free: 0, of: total.unwrap_or(0), overcommit: None });
    }
    shortage(resource, needs.0, total, storage.committed().0, overcommit)
}

fn shortage(
    resource: Resource,
    needs: u64,
    capacity: Option<u64>,
    committed: u64,
    overcommit: Option<f64>,
) -> Option<Why> {
    let factor = overcommit.filter(|_| needs > 0)?;
    let Some(capacity) = capacity else { return Some(Why::Unmeasured(resource)) };
    let of = limit(capacity, factor);
    let free = of.saturating_sub(committed);
    (needs > free).then_some(Why::Short { resource, needs, free, of, overcommit })
}

/// No node takes the guest. Displayed it is one line for people: each node with its reason, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct NoPlace {
    /// All that speaks against each node of the cluster and each that the wish names, by name.
    pub per_node: Vec<(NodeName, Vec<Why>)>,
}

impl NoPlace {
    pub(super) fn new(room: &Room, wish: &Wish, mut refused: Vec<(NodeName, Vec<Why>)>) -> Self {
        let named = wish.allowed.iter().flatten();
        let unknown = named.filter(|name| !room.nodes.contains_key(*name));
        refused.extend(unknown.map(|name| (name.clone(), vec![Why::NoSuchNode])));
        refused.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { per_node: refused }
    }

    /// Whether waiting can help: some node is only offline or full. Else a person has to change the spec: it asks for
    /// a node or a storage that is not there, or for more than any allowed node has.
    #[must_use]
    pub fn can_come(&self) -> bool {
        self.per_node.is_empty() || self.per_node.iter().any(|(_, whys)| whys.iter().all(Why::can_pass))
    }
}

impl std::error::Error for NoPlace {}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.per_node.is_empty() {
            return f.write_str("no node has room: Proxmox VE shows no node at all");
        }
        f.write_str(if self.can_come() { "no node has room: " } else { "no node can take it: " })?;
        // Of many nodes most are alike: those with the same words share them.
        let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
        for (node, whys) in &self.per_node {
            let text = whys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            match lines.iter_mut().find(|(_, known)| *known == text) {
                Some((nodes, _)) => nodes.push(node.as_str()),
                None => lines.push((vec![node.as_str()], text)),
            }
        }
        let lines: Vec<_> = lines.iter().map(|(nodes, text)| format!("{}: {text}", nodes.join(", "))).collect();
        let whys = self.per_node.iter().flat_map(|(_, whys)| whys);
        let remedies: BTreeSet<Remedy> = whys.flat_map(Remedy::of).collect();
        write!(f, "{}: {}", lines.join("; "), alternatives(remedies.iter().map(|remedy| remedy.text())))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode => f.write_str("does not exist"),
            Self::NotAllowed => f.write_str("not among the allowed nodes"),
            Self::Offline => f.write_str("offline"),
            Self::NoSuchStorage(name) => write!(f, "no storage {name} for disks of containers"),
            Self::AntiAffinity { peers: 1 } => f.write_str("1 container that it must not share a node with"),
            Self::AntiAffinity { peers } => write!(f, "{peers} containers that it must not share a node with"),
            Self::Unmeasured(resource) => write!(f, "size of {resource} not known"),
            Self::Short { resource, needs, free, of, overcommit } => {
                let [needs, free, of] = match resource {
                    Resource::Cores => [*needs, *free, *of].map(|cores| cores.to_string()),
                    Resource::Memory | Resource::Disk(_) => {
                        [rounded_up(*needs), rounded_down(*free), rounded_down(*of)]
                    }
                };
                write!(f, "{resource} {needs} needed, {free} of {of} free")?;
                overcommit.map_or(Ok(()), |factor| write!(f, " ({} {factor})", resource.overcommit_field()))
            }
        }
    }
}

impl Resource {
    /// The field of the ProxmoxCluster.
    fn overcommit_field(&self) -> &'static str {
        match self {
            Self::Cores => "overcommit.cpu",
            Self::Memory => "overcommit.memory",
            Self::Disk(_) => "overcommit.disk",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cores => f.write_str("cores"),
            Self::Memory => f.write_str("memory"),
            Self::Disk(name) => write!(f, "storage {name}"),
        }
    }
}

/// What a person can do, in the order in which it is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    CorrectNode,
    CorrectStorage,
    BringBack,
    AllowNode,
    Separate,
    GrantNodes,
    GrantStorage,
    Free,
    AskLess,
    AddNode,
    RaiseCpu,
    RaiseMemory,
    RaiseDisk,
}

impl Remedy {
    fn of(why: &Why) -> Vec<Self> {
        match why {
            Why::NoSuchNode => vec![Self::CorrectNode],
            Why::NotAllowed => vec![Self::AllowNode],
            Why::Offline => vec![Self::BringBack],
            Why::NoSuchStorage(_) => vec![Self::CorrectStorage],
            Why::AntiAffinity { .. } => vec![Self::Separate, Self::AddNode],
            Why::Unmeasured(Resource::Cores | Resource::Memory) => vec![Self::GrantNodes],
            Why::Unmeasured(Resource::Disk(_)) => vec![Self::GrantStorage],
            Why::Short { resource, overcommit, .. } => {
                let first = if why.can_pass() { Self::Free } else { Self::AskLess };
                let raise = match resource {
                    Resource::Cores => Self::RaiseCpu,
                    Resource::Memory => Self::RaiseMemory,
                    Resource::Disk(_) => Self::RaiseDisk,
                };
                // Another node has no more of a shared storage.
                let another = (!matches!(resource, Resource::Disk(_))).then_some(Self::AddNode);
                [Some(first), another, overcommit.map(|_| raise)].into_iter().flatten().collect()
            }
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::CorrectNode => "correct the node's name",
            Self::CorrectStorage => "name another storage",
            Self::BringBack => "bring a node back",
            Self::AllowNode => "allow another node",
            Self::Separate => "relax the anti-affinity",
            Self::GrantNodes => "grant the token Sys.Audit on /nodes",
            Self::GrantStorage => "activate the storage and grant the token Datastore.Audit on it",
            Self::Free => "free some",
            Self::AskLess => "ask for less",
            Self::AddNode => "add a node",
            Self::RaiseCpu => "raise overcommit.cpu",
            Self::RaiseMemory => "raise overcommit.memory",
            Self::RaiseDisk => "raise overcommit.disk",
        }
    }
}

/// `a`, `a or b`, `a, b, or c`.
fn alternatives<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.collect();
    match texts.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [a, b] => format!("{a} or {b}"),
        [most @ .., last] => format!("{}, or {last}", most.join(", ")),
    }
}

const MIB: u128 = 1 << 20;
const GIB: u128 = 1 << 30;

/// What is needed is rounded up and what is there down, so that what does not fit never reads as if it did.
fn rounded_up(bytes: u64) -> String {
    rounded(bytes, u128::div_ceil)
}

pub(super) fn rounded_down(bytes: u64) -> String {
    rounded(bytes, |a, b| a / b)
}

fn rounded(bytes: u64, divide: impl Fn(u128, u128) -> u128) -> String {
    let bytes = u128::from(bytes);
    if bytes < GIB {
        return format!("{}Mi", divide(bytes, MIB));
    }
    let tenths = divide(bytes * 10, GIB);
    format!("{}.{}Gi", tenths / 10, tenths % 10)
}
