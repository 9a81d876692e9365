//! What the nodes have and what is promised of it: the list of Proxmox VE, corrected by what is known better, with what
//! was given away since.

use super::ledger::Booking;
use super::{Cluster, State};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use zentoria_api::container::ZentoriaContainerStatus;
use zentoria_core::cluster::quota::Usage;
use zentoria_core::container::seen::{GuestFact, Recorded, Seen, TaskFact};
use zentoria_core::container::siting::{Neighbours, Siting, choose, demand, should_leave};
use zentoria_core::container::step::{Plan, Step, Target};
use zentoria_core::container::usage::{disks, usage};
use zentoria_core::container::want::{Key, Want};
use zentoria_core::placement::{Demand, NodeRoom, Room, StorageRoom};
use zentoria_pve::{Guest, GuestKind, Inventory};
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// A container whose guest is to be given a node.
#[derive(Clone, Debug)]
pub struct Site {
    key: Key,
    /// The node that was chosen before, by what status says.
    chosen: Option<NodeName>,
}

impl Site {
    pub(crate) fn new(key: &Key, status: &ZentoriaContainerStatus, made: bool) -> Self {
        let pending = status.pending_changes.iter().find(|change| change.field == "placement");
        let chosen = if made { pending.map(|change| &change.to) } else { status.node.as_ref() };
        Self { key: key.clone(), chosen: chosen.and_then(|node| node.parse().ok()) }
    }
}

/// What a plan does with the node of a guest.
enum Placing<'a> {
    /// A guest is made, on a node that was chosen.
    Chosen(&'a NodeName),
    /// A guest is made on the only node that it can be made on.
    Fixed(&'a NodeName),
    /// A guest moves.
    Move { from: &'a NodeName, to: &'a NodeName },
}

fn placing(plan: &Plan) -> Option<(Vmid, Placing<'_>)> {
    let target = plan.target.as_ref()?;
    let placing = plan.steps.iter().find_map(|step| match step {
        Step::Create(_) | Step::Restore(_) | Step::Pull(_) => Some(Placing::Chosen(&target.node)),
        Step::Clone(_) => Some(Placing::Fixed(&target.node)),
        Step::Migrate { to, .. } => Some(Placing::Move { from: &target.node, to }),
        Step::Mark(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => None,
    })?;
    Some((target.vmid, placing))
}

impl Cluster {
    /// What the choice of a node rests on, as it is now.
    pub(crate) fn siting(&self, site: &Site, neighbours: &Neighbours) -> Option<Siting> {
        let inventory = self.inventory()?;
        let mut state = self.lock();
        Some(self.siting_in(&mut state, &inventory, site, neighbours))
    }

    /// Books the room that a plan takes. False where another node, or none, is the right one by now: others have booked, or
    /// were made, since the plan's facts were seen. Then it is to be made anew. `neighbours` are asked for now: one that was
    /// made and counted since has no booking any more, and the plan's facts do not have it yet.
    #[must_use]
    pub fn book(
        &self,
        want: &Want,
        seen: &Seen,
        site: Option<&Site>,
        neighbours: impl FnOnce() -> Neighbours,
        plan: &Plan,
    ) -> bool {
        let key = &want.identity.key;
        let Some((vmid, placing)) = placing(plan) else {
            let at_it = matches!(seen.task, TaskFact::Running(_)) || seen.recorded.is_in_making();
            if !at_it && !self.is_made_and_not_counted(seen) {
                self.lock().ledger.release(key);
            }
            return true;
        };
        site.is_none_or(|site| self.confirm(want, site, &neighbours(), vmid, &placing))
    }

    /// Chooses once more, by what is known now, and books that. Whether it is what was planned.
    fn confirm(&self, want: &Want, site: &Site, neighbours: &Neighbours, vmid: Vmid, placing: &Placing<'_>) -> bool {
        let key = &want.identity.key;
        let Some(inventory) = self.inventory() else { return true };
        let mut state = self.lock();
        let siting = self.siting_in(&mut state, &inventory, site, neighbours);
        let (planned, answer) = match *placing {
            Placing::Chosen(node) => (node, choose(want, &siting, None)),
            Placing::Fixed(node) => (node, choose(want, &siting, Some(node))),
            Placing::Move { from, to } => match should_leave(want, &siting, from) {
                Some(answer) => (to, answer),
                None => return false,
            },
        };
        let Ok(node) = answer else {
            state.ledger.release(key);
            return false;
        };
        let as_planned = node == *planned;
        state.ledger.book(key, Booking { vmid, node, demand: demand(want), at: Instant::now() });
        as_planned
    }

    /// Whether the guest is there and neither the last list nor its configuration tell so yet: until then only its booking
    /// counts.
    fn is_made_and_not_counted(&self, seen: &Seen) -> bool {
        let (GuestFact::Present(guest), Some(inventory)) = (&seen.guest, self.inventory()) else { return false };
        !is_counted(&self.lock().configs, &inventory, guest.vmid, &guest.node)
    }

    /// Books the room of a guest that would be made, for who only looks ahead: whoever is planned after it finds that taken.
    pub fn expect(&self, want: &Want, target: &Target) {
        let booking =
            Booking { vmid: target.vmid, node: target.node.clone(), demand: demand(want), at: Instant::now() };
        self.lock().ledger.book(&want.identity.key, booking);
    }

    /// After a restart nobody remembers the room of a guest that is being made.
    pub(crate) fn rebook(&self, want: &Want, recorded: &Recorded, node: Option<&str>) {
        let node = node.and_then(|node| node.parse().ok());
        let (Some(vmid), Some(node), true) = (recorded.vmid, node, recorded.is_in_making()) else { return };
        let key = &want.identity.key;
        let mut state = self.lock();
        if state.ledger.of(key).is_none() && !state.configs.contains_key(&vmid) {
            state.ledger.book(key, Booking { vmid, node, demand: demand(want), at: Instant::now() });
        }
    }

    /// What a guest has, as far as its configuration was ever read.
    #[must_use]
    pub fn usage_of(&self, vmid: Vmid) -> Option<Usage> {
        self.lock().usages.get(&vmid).copied()
    }

    /// The room of the whole cluster, as its status shows it.
    pub(super) fn room(&self, inventory: &Inventory) -> Room {
        let mut state = self.lock();
        room(&mut state, inventory, None)
    }

    fn siting_in(&self, state: &mut State, inventory: &Inventory, site: &Site, neighbours: &Neighbours) -> Siting {
        let mut room = room(state, inventory, Some(&site.key));
        let mut neighbours = neighbours.clone();
        let here = state.ledger.others(Some(&site.key)).filter(|(key, _)| key.namespace == site.key.namespace);
        neighbours.nodes.extend(here.map(|(key, booking)| (key.name.clone(), booking.node.clone())));
        let count = neighbours.count_by_node();
        for (name, node) in &mut room.nodes {
            node.estate_guests = count.get(name).copied().unwrap_or(0);
        }
        let booked = state.ledger.of(&site.key).map(|booking| booking.node.clone());
        Siting {
            room,
            overcommit: self.overcommit,
            apart: neighbours.anti_affinity(),
            preferred: booked.or_else(|| site.chosen.clone()),
        }
    }
}

fn is_being_made(known: &super::Known) -> bool {
    known.config.lock() == Some("create")
}

/// Whether the list knows of a guest on this node, and what it has was read: from there on it is counted like any other.
fn is_counted(configs: &HashMap<Vmid, super::Known>, inventory: &Inventory, vmid: Vmid, node: &NodeName) -> bool {
    let is_listed = inventory.guest(vmid).is_some_and(|row| row.node == *node);
    let is_read = |known: &super::Known| known.node == *node && !is_being_made(known);
    is_listed && configs.get(&vmid).is_some_and(is_read)
}

/// The room; what `mine` has booked is not taken for itself.
fn room(state: &mut State, inventory: &Inventory, mine: Option<&Key>) -> Room {
    let State { ledger, configs, .. } = state;
    let listed = |booking: &Booking| inventory.guest(booking.vmid).is_some_and(|row| row.node == booking.node);
    let counted = |booking: &Booking| is_counted(configs, inventory, booking.vmid, &booking.node);
    ledger.settle(counted, listed);

    let mut room = capacities(inventory);
    let bookings: BTreeMap<Vmid, &Booking> = ledger.others(mine).map(|(_, booking)| (booking.vmid, booking)).collect();
    for guest in inventory.guests().filter(|guest| !guest.template) {
        let config = configs.get(&guest.vmid).filter(|known| !is_being_made(known)).map(|known| &known.config);
        let mut has = match config.filter(|_| guest.kind == GuestKind::Lxc) {
            Some(config) => {
                let Usage { cores, memory, disk: _ } = usage(config);
                let disks = disks(config).fold(BTreeMap::new(), |mut disks, (_, storage, size)| {
                    if let Ok(storage) = storage.parse::<StorageName>() {
                        let sum: &mut Bytes = disks.entry(storage).or_default();
                        *sum = Bytes(sum.0.saturating_add(size.0));
                    }
                    disks
                });
                Demand { cores: u32::try_from(cores).unwrap_or(u32::MAX), memory, disks }
            }
            None => listed_as(guest),
        };
        if let Some(booking) = bookings.get(&guest.vmid).filter(|booking| booking.node == guest.node) {
            // Its row fills up over the next seconds.
            has.cores = has.cores.max(booking.demand.cores);
            has.memory = has.memory.max(booking.demand.memory);
        }
        promise(&mut room, &guest.node, &has);
    }
    for booking in bookings.values() {
        let mut demand = booking.demand.clone();
        if listed(booking) {
            (demand.cores, demand.memory) = (0, Bytes(0));
        }
        room.book(&booking.node, &demand);
    }
    room
}

/// What the list says of a guest of which nothing else is known. The sizes of its disks are on their storages as used.
fn listed_as(guest: &Guest) -> Demand {
    Demand {
        cores: guest.maxcpu.unwrap_or(0.0).ceil() as u32,
        memory: Bytes(guest.maxmem.unwrap_or(0)),
        disks: BTreeMap::new(),
    }
}

/// Counts a guest that is there: unlike a booking, its disks are among what its storage says is used.
fn promise(room: &mut Room, node: &NodeName, has: &Demand) {
    let Some(on) = room.nodes.get_mut(node) else { return };
    on.allocated_cores = on.allocated_cores.saturating_add(has.cores);
    on.allocated_memory = Bytes(on.allocated_memory.0.saturating_add(has.memory.0));
    for (name, size) in &has.disks {
        let shared = room.shared.get_mut(name).filter(|_| on.shared.contains(name));
        if let Some(storage) = on.storages.get_mut(name).or(shared) {
            storage.allocated = Bytes(storage.allocated.0.saturating_add(size.0));
        }
    }
}

/// Nodes and storages, with nothing promised.
fn capacities(inventory: &Inventory) -> Room {
    let mut room = Room::default();
    for node in inventory.nodes() {
        let has = NodeRoom {
            online: node.online,
            cores: node.maxcpu.map(|cores| cores as u32),
            memory: node.maxmem.map(Bytes),
            ..NodeRoom::default()
        };
        room.nodes.insert(node.node.clone(), has);
    }
    for storage in inventory.storages().filter(|storage| storage.content.contains("rootdir")) {
        let Some(node) = room.nodes.get_mut(&storage.node) else { continue };
        let total = storage.maxdisk.filter(|_| storage.available).map(Bytes);
        let has = StorageRoom { total, used: Bytes(storage.disk.unwrap_or(0)), ..StorageRoom::default() };
        if storage.shared {
            node.shared.insert(storage.storage.clone());
            let known = room.shared.entry(storage.storage.clone()).or_insert(has);
            // A node that does not reach it knows no figures.
            if known.total.is_none() {
                *known = has;
            }
        } else {
            node.storages.insert(storage.storage.clone(), has);
        }
    }
    room
}

/// Whether some node or storage has more room than before, so that it is worth while for who waits to look again.
pub(super) fn is_roomier(before: &Inventory, now: &Inventory) -> bool {
    const NOISE: u64 = 1 << 30;
    let back = |node: &NodeName| before.node(node).is_none_or(|old| !old.online);
    let nodes = now.nodes().any(|node| {
        let grew = before.node(&node.node).is_some_and(|old| old.maxmem < node.maxmem || old.maxcpu < node.maxcpu);
        node.online && (back(&node.node) || grew)
    });
    let guests = before.guests().any(|old| match now.guest(old.vmid) {
        None => true,
        Some(new) => new.node != old.node || new.maxmem < old.maxmem || new.maxcpu < old.maxcpu,
    });
    let storages = now.storages().any(|storage| match before.storage(&storage.node, &storage.storage) {
        None => true,
        Some(old) => {
            let freed = old.disk.unwrap_or(0).saturating_sub(storage.disk.unwrap_or(0));
            freed >= NOISE || old.maxdisk < storage.maxdisk || (storage.available && !old.available)
        }
    });
    nodes || guests || storages
}

#[cfg(test)]
mod tests;
