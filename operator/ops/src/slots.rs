//! Task slots: how many tasks of Proxmox VE run at once, per cluster, node and storage. Who finds none queues and is
//! woken in order; nobody blocks a worker.

use crate::Waker;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zentoria_core::container::want::Key;
use zentoria_types::vmid::Vmid;

/// How many tasks may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLimits {
    /// On the cluster.
    pub cluster: usize,
    /// On one node.
    pub node: usize,
    /// On one storage.
    pub storage: usize,
}

/// Where a task works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its node.
    pub node: String,
    /// The storage that it writes to, where it writes much.
    pub storage: Option<String>,
    /// The guest that it copies, or of which it takes or removes a snapshot for a copy: Proxmox VE locks it meanwhile, so
    /// that one such task can run at a time.
    pub source: Option<Vmid>,
}

/// How long a slot is kept for a container that was woken for it.
const KEPT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    cluster: usize,
    nodes: BTreeMap<String, usize>,
    storages: BTreeMap<String, usize>,
    sources: BTreeSet<Vmid>,
    queue: VecDeque<(Key, Place)>,
    granted: BTreeMap<Key, (Place, Instant)>,
}

/// The slots of one cluster.
#[derive(Clone)]
pub struct Slots {
    limits: SlotLimits,
    state: Arc<Mutex<State>>,
    waker: Waker,
}

/// A slot, given back when it is dropped.
pub struct Slot {
    slots: Slots,
    /// None once it was passed on.
    place: Option<Place>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place.fmt(f)
    }
}

impl State {
    fn fits(&self, limits: &SlotLimits, place: &Place) -> bool {
        let used = |map: &BTreeMap<String, usize>, name: &str| map.get(name).copied().unwrap_or(0);
        self.cluster < limits.cluster
            && used(&self.nodes, &place.node) < limits.node
            && place.storage.as_ref().is_none_or(|storage| used(&self.storages, storage) < limits.storage)
            && place.source.is_none_or(|source| !self.sources.contains(&source))
    }

    fn take(&mut self, place: &Place) {
        self.cluster += 1;
        *self.nodes.entry(place.node.clone()).or_default() += 1;
        if let Some(storage) = &place.storage {
            *self.storages.entry(storage.clone()).or_default() += 1;
        }
        self.sources.extend(place.source);
    }

    fn give_back(&mut self, place: &Place) {
        let lower = |count: &mut usize| *count = count.saturating_sub(1);
        lower(&mut self.cluster);
        self.nodes.entry(place.node.clone()).and_modify(lower);
        if let Some(storage) = &place.storage {
            self.storages.entry(storage.clone()).and_modify(lower);
        }
        if let Some(source) = place.source {
            self.sources.remove(&source);
        }
    }

    /// Slots that were kept for a container that never came.
    fn expire(&mut self, now: Instant) {
        let late: Vec<Key> = self
            .granted
            .iter()
            .filter(|(_, (_, since))| now.duration_since(*since) > KEPT)
            .map(|(key, _)| key.clone())
            .collect();
        for key in late {
            if let Some((place, _)) = self.granted.remove(&key) {
                self.give_back(&place);
            }
        }
    }

    /// Keeps slots for those who wait, in order, and says whom to wake.
    fn grant(&mut self, limits: &SlotLimits, now: Instant) -> Vec<Key> {
        let mut woken = Vec::new();
        let mut left = VecDeque::new();
        while let Some((key, place)) = self.queue.pop_front() {
            if self.fits(limits, &place) {
                self.take(&place);
                self.granted.insert(key.clone(), (place, now));
                woken.push(key);
            } else {
                left.push_back((key, place));
            }
        }
        self.queue = left;
        woken
    }
}

impl Slots {
    /// Slots with these limits.
    #[must_use]
    pub fn new(limits: SlotLimits, waker: Waker) -> Self {
        Self { limits, state: Arc::default(), waker }
    }

    /// A slot, or a place in the queue: the waker is called when it is that container's turn.
    #[must_use]
    pub fn acquire(&self, key: &Key, place: &Place) -> Option<Slot> {
        let mut state = self.lock();
        state.expire(Instant::now());
        if let Some((kept, _)) = state.granted.remove(key) {
            if kept == *place {
                return Some(self.slot(kept));
            }
            state.give_back(&kept);
        }
        state.queue.retain(|(queued, _)| queued != key);
        if state.fits(&self.limits, place) {
            state.take(place);
            return Some(self.slot(place.clone()));
        }
        state.queue.push_back((key.clone(), place.clone()));
        None
    }

    /// A slot beyond the limits, for a task that runs already (after a restart).
    #[must_use]
    pub fn force(&self, place: Place) -> Slot {
        self.lock().take(&place);
        self.slot(place)
    }

    /// Gives up a place in the queue, or a slot that is kept.
    pub fn leave(&self, key: &Key) {
        let mut state = self.lock();
        state.queue.retain(|(queued, _)| queued != key);
        if let Some((place, _)) = state.granted.remove(key) {
            drop(state);
            drop(self.slot(place));
        }
    }

    /// Tasks that hold a slot, by node.
    #[must_use]
    pub fn in_use(&self) -> BTreeMap<String, usize> {
        self.lock().nodes.clone()
    }

    /// Keeps what is free for those who wait, and wakes them.
    fn hand_out(&self, mut state: std::sync::MutexGuard<'_, State>, now: Instant) {
        state.expire(now);
        let woken = state.grant(&self.limits, now);
        drop(state);
        for key in woken {
            (self.waker)(&key);
        }
    }

    fn slot(&self, place: Place) -> Slot {
        Slot { slots: self.clone(), place: Some(place) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Passes it on to the next task of a container that is woken for it: a guest that was just made is started before
    /// another one is made. It is kept as [`Slots::acquire`] keeps one; [`Slots::leave`] gives it up.
    pub fn keep_for(mut self, key: &Key) {
        let Some(place) = self.place.take() else { return };
        let kept = Place { node: place.node.clone(), storage: None, source: None };
        let now = Instant::now();
        let mut state = self.slots.lock();
        state.give_back(&place);
        state.take(&kept);
        state.queue.retain(|(queued, _)| queued != key);
        if let Some((older, _)) = state.granted.insert(key.clone(), (kept, now)) {
            state.give_back(&older);
        }
        self.slots.hand_out(state, now);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let now = Instant::now();
        let mut state = self.slots.lock();
        state.give_back(&place);
        self.slots.hand_out(state, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(node: usize) -> (Slots, Arc<Mutex<Vec<String>>>) {
        let woken: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&woken);
        let waker: Waker = Arc::new(move |key: &Key| seen.lock().unwrap().push(key.name.clone()));
        (Slots::new(SlotLimits { cluster: 100, node, storage: 2 }, waker), woken)
    }

    fn key(name: &str) -> Key {
        Key { namespace: "ns".into(), name: name.into() }
    }

    fn place(storage: Option<&str>) -> Place {
        Place { node: "pve1".into(), storage: storage.map(Into::into), source: None }
    }

    #[test]
    fn who_finds_no_slot_is_woken_in_order_and_finds_it_kept() {
        let (slots, woken) = slots(1);
        let first = slots.acquire(&key("a"), &place(None)).unwrap();
        assert!(slots.acquire(&key("b"), &place(None)).is_none());
        assert!(slots.acquire(&key("c"), &place(None)).is_none());
        drop(first);
        assert_eq!(*woken.lock().unwrap(), ["b"]);
        assert!(slots.acquire(&key("d"), &place(None)).is_none(), "the slot is kept for b");
        let second = slots.acquire(&key("b"), &place(None)).unwrap();
        drop(second);
        assert_eq!(*woken.lock().unwrap(), ["b", "c"]);
    }

    #[test]
    fn a_storage_has_its_own_limit() {
        let (slots, _) = slots(10);
        let _one = slots.acquire(&key("a"), &place(Some("zfs"))).unwrap();
        let _two = slots.acquire(&key("b"), &place(Some("zfs"))).unwrap();
        assert!(slots.acquire(&key("c"), &place(Some("zfs"))).is_none());
        assert!(slots.acquire(&key("d"), &place(None)).is_some());
    }

    #[test]
    fn copies_of_one_guest_come_one_after_the_other() {
        let (slots, woken) = slots(10);
        let copy = |vmid| Place { source: Vmid::new(vmid).ok(), ..place(None) };
        let first = slots.acquire(&key("a"), &copy(400)).unwrap();
        assert!(slots.acquire(&key("b"), &copy(400)).is_none());
        assert!(slots.acquire(&key("c"), &copy(401)).is_some());
        assert!(slots.acquire(&key("d"), &place(None)).is_some());
        first.keep_for(&key("a"));
        assert_eq!(*woken.lock().unwrap(), ["b"], "the copy is started while the next one is made");
        assert!(slots.acquire(&key("b"), &copy(400)).is_some());
    }

    #[test]
    fn who_leaves_frees_the_slot_that_was_kept() {
        let (slots, woken) = slots(1);
        let first = slots.acquire(&key("a"), &place(None)).unwrap();
        assert!(slots.acquire(&key("b"), &place(None)).is_none());
        assert!(slots.acquire(&key("c"), &place(None)).is_none());
        drop(first);
        slots.leave(&key("b"));
        assert_eq!(*woken.lock().unwrap(), ["b", "c"]);
    }

    #[test]
    fn a_slot_that_is_passed_on_is_kept_for_the_next_task_and_frees_the_storage() {
        let (slots, woken) = slots(2);
        let made = slots.acquire(&key("a"), &place(Some("zfs"))).unwrap();
        let _other = slots.acquire(&key("b"), &place(Some("zfs"))).unwrap();
        assert!(slots.acquire(&key("c"), &place(Some("zfs"))).is_none());
        made.keep_for(&key("a"));
        assert!(woken.lock().unwrap().is_empty(), "the node is full still");
        let next = slots.acquire(&key("a"), &place(None)).unwrap();
        assert_eq!(slots.in_use()["pve1"], 2);
        drop(next);
        assert_eq!(*woken.lock().unwrap(), ["c"], "the storage was free");
    }

    #[test]
    fn a_slot_that_was_passed_on_in_vain_is_given_up() {
        let (slots, woken) = slots(1);
        let made = slots.acquire(&key("a"), &place(Some("zfs"))).unwrap();
        assert!(slots.acquire(&key("b"), &place(None)).is_none());
        made.keep_for(&key("a"));
        assert!(woken.lock().unwrap().is_empty());
        slots.leave(&key("a"));
        assert_eq!(*woken.lock().unwrap(), ["b"]);
    }
}
