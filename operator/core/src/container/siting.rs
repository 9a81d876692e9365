//! On which node the guest of a container belongs: its wish and what is known of the nodes, put to
//! [`crate::placement`].

use super::seen::NodeFacts;
use super::want::{Mounted, Source, Want};
use crate::cluster::access::selects;
use crate::placement::{
    AntiAffinity, Demand, NoPlace, NodeRoom, Overcommit, Room, StorageRoom, Strategy, Wish, place, should_move,
};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::cluster::Overcommit as SpecOvercommit;
use zentoria_api::container::{AntiAffinity as Term, Strategy as SpecStrategy};
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::size::Bytes;

/// What a guest without `resources.cores` and `resources.cpuLimit` counts as. Proxmox VE shows such a guest every core
/// of its node; counted like that, one of them would fill a node.
pub const UNNAMED_CORES: u32 = 1;
/// What Proxmox VE gives a guest without `resources.memory`.
pub const UNNAMED_MEMORY: Bytes = Bytes(512 << 20);

/// What the choice of a node rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Siting {
    /// What the nodes have, and what is promised of it; this container's own guest or booking is not in it.
    pub room: Room,
    /// How many times over it may be promised.
    pub overcommit: Overcommit,
    /// Whom the guest should not, or must not, share a node with.
    pub apart: Vec<AntiAffinity>,
    /// The node that was chosen for it before; kept while it still fits.
    pub preferred: Option<NodeName>,
}

/// What Kubernetes knows of the containers around a container: those of its namespace on its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The nodes of the others, by name, as far as they have one.
    pub nodes: BTreeMap<String, NodeName>,
    /// Whom it should not, or must not, share a node with.
    pub apart: Vec<Apart>,
}

/// One term of anti-affinity, with the containers that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Their names.
    pub names: BTreeSet<String>,
    /// Whether a node with one of them is never chosen.
    pub required: bool,
}

/// A container as anti-affinity sees it.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its own terms.
    pub terms: &'a [Term],
}

/// The terms of `mine`, and what the required terms of others say of it: who may not be with me, I may not be with. Each
/// container is in one required term at most, so that it counts once.
#[must_use]
pub fn apart<'a>(mine: Member<'_>, others: impl Iterator<Item = Member<'a>> + Clone) -> Vec<Apart> {
    let others = others.filter(|other| other.name != mine.name);
    let selected = |term: &Term| -> BTreeSet<String> {
        others
            .clone()
            .filter(|other| selects(&term.selector, other.labels))
            .map(|other| other.name.to_owned())
            .collect()
    };
    let refuses_me =
        |other: &Member<'_>| other.terms.iter().any(|term| term.required && selects(&term.selector, mine.labels));
    let mut never: BTreeSet<String> = others.clone().filter(refuses_me).map(|other| other.name.to_owned()).collect();
    never.extend(mine.terms.iter().filter(|term| term.required).flat_map(selected));
    let avoided = mine.terms.iter().filter(|term| !term.required);
    let avoided = avoided.map(|term| Apart { names: selected(term), required: false });
    let all = [Apart { names: never, required: true }].into_iter().chain(avoided);
    all.filter(|term| !term.names.is_empty()).collect()
}

impl Neighbours {
    /// The terms with the nodes of the containers that they are about.
    #[must_use]
    pub fn anti_affinity(&self) -> Vec<AntiAffinity> {
        let count = |term: &Apart| {
            let mut peers_by_node: BTreeMap<NodeName, u32> = BTreeMap::new();
            for node in term.names.iter().filter_map(|name| self.nodes.get(name)) {
                *peers_by_node.entry(node.clone()).or_default() += 1;
            }
            AntiAffinity { peers_by_node, required: term.required }
        };
        self.apart.iter().map(count).collect()
    }

    /// How many containers of the namespace each node has.
    #[must_use]
    pub fn count_by_node(&self) -> BTreeMap<&NodeName, u32> {
        let mut count = BTreeMap::new();
        for node in self.nodes.values() {
            *count.entry(node).or_default() += 1;
        }
        count
    }
}

/// `spec.overcommit` of the ProxmoxCluster.
#[must_use]
pub fn overcommit(spec: &SpecOvercommit) -> Overcommit {
    let SpecOvercommit { cpu, memory, disk } = spec;
    Overcommit { cpu: *cpu, memory: Some(*memory).filter(|factor| *factor > 0.0), disk: *disk }
}

/// What the guest needs. Of a copy only what the spec names is known; the rest is its source's.
#[must_use]
pub fn demand(want: &Want) -> Demand {
    let mut disks: BTreeMap<StorageName, Bytes> = BTreeMap::new();
    let mut add = |storage: &StorageName, size: Bytes| {
        let sum = disks.entry(storage.clone()).or_default();
        *sum = Bytes(sum.0.saturating_add(size.0));
    };
    let linked = matches!(want.source, Some(Source::Clone { full: false, .. }));
    if let (Some(storage), Some(size), false) = (&want.storage, want.disk, linked) {
        add(storage, size);
    }
    for mount in &want.mounts {
        match &mount.what {
            Mounted::Volume { storage, size } => add(storage, *size),
            Mounted::Bind { .. } => {}
        }
    }
    let limit = want.options.cpu_limit.map(|limit| limit.ceil() as u32).filter(|cores| *cores > 0);
    Demand {
        cores: want.options.cores.or(limit).unwrap_or(UNNAMED_CORES),
        memory: want.options.memory_mib.map_or(UNNAMED_MEMORY, Bytes::from_mib),
        disks,
    }
}

fn wish(want: &Want, siting: &Siting, current: Option<&NodeName>) -> Wish {
    let nodes = &want.placement.nodes;
    Wish {
        allowed: (!nodes.is_empty()).then(|| nodes.iter().cloned().collect()),
        strategy: match want.placement.strategy {
            SpecStrategy::MostFree => Strategy::MostFree,
            SpecStrategy::Spread => Strategy::Spread,
        },
        anti_affinity: siting.apart.clone(),
        demand: demand(want),
        current: current.cloned(),
    }
}

/// The node for a new guest; `only` is the one that it must be on, where something other than the spec says so.
///
/// # Errors
/// Where no node takes it.
pub fn choose(want: &Want, siting: &Siting, only: Option<&NodeName>) -> Result<NodeName, NoPlace> {
    let wish = wish(want, siting, None);
    let on = |node: &NodeName| {
        let allowed = wish.allowed.as_ref().is_none_or(|allowed| allowed.contains(node));
        Wish { allowed: Some(allowed.then(|| node.clone()).into_iter().collect()), ..wish.clone() }
    };
    if let Some(node) = only {
        return place(&siting.room, &on(node), &siting.overcommit);
    }
    if let Some(node) = &siting.preferred
        && let Ok(node) = place(&siting.room, &on(node), &siting.overcommit)
    {
        return Ok(node);
    }
    place(&siting.room, &wish, &siting.overcommit)
}

/// Whether a guest has to leave its node for `placement.enforce`, and where it goes.
#[must_use]
pub fn should_leave(want: &Want, siting: &Siting, current: &NodeName) -> Option<Result<NodeName, NoPlace>> {
    if !want.placement.enforce {
        return None;
    }
    let wish = wish(want, siting, Some(current));
    let answer = should_move(&siting.room, &wish, &siting.overcommit)?;
    let allows = |node: &NodeName| wish.allowed.as_ref().is_none_or(|allowed| allowed.contains(node));
    let preferred = siting.preferred.as_ref().filter(|node| *node != current && allows(node));
    let kept = preferred.and_then(|node| {
        let wish = Wish { allowed: Some([node.clone()].into()), ..wish.clone() };
        should_move(&siting.room, &wish, &siting.overcommit)?.ok()
    });
    Some(kept.map_or(answer, Ok))
}

/// Room without figures, where nothing but the nodes is known: nothing is ever too much.
#[must_use]
pub fn unmeasured(nodes: &BTreeMap<NodeName, NodeFacts>) -> Siting {
    let room = |facts: &NodeFacts| NodeRoom {
        online: facts.online,
        storages: facts
            .rootdir_storages
            .iter()
            .filter_map(|name| Some((name.parse().ok()?, StorageRoom::default())))
            .collect(),
        ..NodeRoom::default()
    };
    let nodes = nodes.iter().map(|(name, facts)| (name.clone(), room(facts))).collect();
    Siting { room: Room { nodes, ..Room::default() }, ..Siting::default() }
}
