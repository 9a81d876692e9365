//! The compiled matrix of each ProxmoxCluster: made anew when something that it rests on has changed, and shared by all.
//! Who is concerned by a difference is woken, and nobody else.

use crate::context::{Context, reference};
use crate::runtime::backoff::{Backoff, BackoffConfig};
use crate::runtime::shutdown::Shutdown;
use crate::runtime::wakeups::Wakeups;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::{Compiled, CompiledGuest};
use zentoria_core::firewall::report::OnGuest;
use zentoria_core::firewall::{compile, estate};
use zentoria_ops::firewall::Switch;

/// Changes that come together are compiled together.
const TOGETHER: Duration = Duration::from_millis(20);
/// The part of the time that compiling takes at most.
const SHARE: u32 = 10;
/// So long the one who compiles is waited for; then it is done by whom it concerns.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all looks at firewalls share.
pub struct Firewalls {
    /// Wakes looks at guests.
    pub wake: Wakeups<ZentoriaContainer>,
    /// Pauses after failures, and after writes that somebody takes back again and again.
    pub backoff: Backoff<ObjectRef<ZentoriaContainer>>,
    /// Pauses after writes for the same rules, one after the other.
    pub fights: Backoff<ObjectRef<ZentoriaContainer>>,
    changed: Notify,
    made: Notify,
    /// Counts the changes: what was looked at since the last one still holds.
    epoch: AtomicU64,
    next_version: AtomicU64,
    clusters: Mutex<HashMap<String, Cached>>,
    outcomes: Mutex<HashMap<Key, Outcome>>,
    switches: Mutex<HashMap<String, Switch>>,
}

struct Cached {
    epoch: u64,
    inputs: u64,
    compiled: Arc<Compiled>,
    /// Of each guest a number, which is another one when what is compiled for it is.
    versions: BTreeMap<Key, u64>,
}

/// What came of the last look at a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// The version of the compiled guest that it was held against.
    against: Option<u64>,
    on: OnGuest,
}

impl Firewalls {
    /// Nothing compiled yet.
    #[must_use]
    pub fn new(wake: Wakeups<ZentoriaContainer>, backoff: BackoffConfig) -> Self {
        Self {
            wake,
            backoff: Backoff::new(backoff),
            fights: Backoff::new(backoff),
            changed: Notify::new(),
            made: Notify::new(),
            epoch: AtomicU64::new(0),
            next_version: AtomicU64::new(0),
            clusters: Mutex::default(),
            outcomes: Mutex::default(),
            switches: Mutex::default(),
        }
    }

    /// Something that the matrix may rest on has changed.
    pub fn touch(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// The compiled matrix of a cluster, with everything that the caches held when this was called.
    pub async fn compiled(&self, context: &Context, cluster: &ProxmoxCluster) -> Arc<Compiled> {
        let (name, epoch) = (cluster.name_any(), self.epoch.load(Ordering::Relaxed));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut made = std::pin::pin!(self.made.notified());
            made.as_mut().enable();
            if let Some(known) = lock(&self.clusters).get(&name).filter(|known| known.epoch >= epoch) {
                return Arc::clone(&known.compiled);
            }
            self.changed.notify_one();
            if timeout_at(deadline, made).await.is_err() {
                return self.compile(context, cluster);
            }
        }
    }

    /// What was compiled for a guest last; where it is not in there yet, as [`Firewalls::compiled`].
    pub async fn compiled_for(&self, context: &Context, cluster: &ProxmoxCluster, key: &Key) -> Option<CompiledGuest> {
        let known = self.known(&cluster.name_any()).and_then(|compiled| compiled.guests.get(key).cloned());
        match known {
            Some(guest) => Some(guest),
            None => self.compiled(context, cluster).await.guests.get(key).cloned(),
        }
    }

    /// Compiles the matrix of a cluster, where something has changed of what it rests on.
    fn compile(&self, context: &Context, cluster: &ProxmoxCluster) -> Arc<Compiled> {
        let name = cluster.name_any();
        let epoch = self.epoch.load(Ordering::Relaxed);
        let containers = context.containers_on(&name);
        // Those of other namespaces say nothing of these guests.
        let namespaces: BTreeSet<Option<String>> = containers.iter().map(|container| container.namespace()).collect();
        let mut rules = context.rules.all();
        rules.retain(|rule| namespaces.contains(&rule.namespace()));
        let inputs = fingerprint(context, cluster, &containers, &rules);
        if let Some(known) = lock(&self.clusters).get_mut(&name).filter(|known| known.inputs == inputs) {
            known.epoch = epoch;
            return Arc::clone(&known.compiled);
        }
        let labels = |namespace: &str| context.labels_of(namespace);
        let estate = estate(cluster, containers.iter().map(AsRef::as_ref), rules.iter().map(AsRef::as_ref), &labels);
        let compiled = Arc::new(compile(&estate));
        let mut clusters = lock(&self.clusters);
        let before = clusters.remove(&name);
        let versions = self.versions(before.as_ref(), &compiled);
        clusters.insert(name, Cached { epoch, inputs, compiled: Arc::clone(&compiled), versions });
        drop(clusters);
        self.wake_concerned(context, before.as_ref().map(|cached| cached.compiled.as_ref()), &compiled);
        compiled
    }

    /// Whether everything that the caches hold is compiled.
    fn is_current(&self, cluster: &str) -> bool {
        let epoch = self.epoch.load(Ordering::Relaxed);
        lock(&self.clusters).get(cluster).is_some_and(|known| known.epoch == epoch)
    }

    fn versions(&self, before: Option<&Cached>, now: &Compiled) -> BTreeMap<Key, u64> {
        let version = |(key, guest): (&Key, &CompiledGuest)| {
            let same = before.filter(|before| before.compiled.guests.get(key) == Some(guest));
            let known = same.and_then(|before| before.versions.get(key).copied());
            (key.clone(), known.unwrap_or_else(|| self.next_version.fetch_add(1, Ordering::Relaxed)))
        };
        now.guests.iter().map(version).collect()
    }

    /// The version of what is compiled for a guest.
    pub(super) fn version(&self, cluster: &str, key: &Key) -> Option<u64> {
        lock(&self.clusters).get(cluster)?.versions.get(key).copied()
    }

    fn wake_concerned(&self, context: &Context, before: Option<&Compiled>, now: &Compiled) {
        let old_guest = |key: &Key| before.and_then(|before| before.guests.get(key));
        for (key, _) in now.guests.iter().filter(|(key, guest)| old_guest(key) != Some(*guest)) {
            self.wake.wake(reference(key));
        }
        let old_rule = |key: &Key| before.and_then(|before| before.rules.get(key));
        for (key, _) in now.rules.iter().filter(|(key, report)| old_rule(key) != Some(*report)) {
            context.rules.wake(&key.namespace, &key.name);
        }
        let gone = before.into_iter().flat_map(|before| before.rules.keys());
        for key in gone.filter(|key| !now.rules.contains_key(*key)) {
            context.rules.wake(&key.namespace, &key.name);
        }
    }

    /// What was compiled for a cluster last, without a look whether it still holds.
    pub(super) fn known(&self, cluster: &str) -> Option<Arc<Compiled>> {
        lock(&self.clusters).get(cluster).map(|cached| Arc::clone(&cached.compiled))
    }

    /// Notes what came of a look at a guest, and which version it was held against; who rests on it is woken.
    pub(super) fn note(&self, context: &Context, cluster: &str, key: &Key, against: Option<u64>, on: OnGuest) {
        let outcome = Outcome { against, on };
        if lock(&self.outcomes).insert(key.clone(), outcome.clone()).as_ref() == Some(&outcome) {
            return;
        }
        let Some(compiled) = self.known(cluster) else { return };
        for (rule, _) in compiled.rules.iter().filter(|(_, report)| report.guests.contains(key)) {
            context.rules.wake(&rule.namespace, &rule.name);
        }
    }

    /// Whether the last look at a guest was held against this version.
    pub(super) fn was_against(&self, key: &Key, version: Option<u64>) -> bool {
        lock(&self.outcomes).get(key).is_some_and(|outcome| outcome.against == version)
    }

    /// Whether somebody has looked at the guest since this process began.
    pub(super) fn was_looked_at(&self, key: &Key) -> bool {
        lock(&self.outcomes).contains_key(key)
    }

    /// What came of the looks at these guests, as far as they were held against what is compiled now.
    pub(super) fn outcomes(&self, cluster: &str, guests: &BTreeSet<Key>) -> BTreeMap<Key, OnGuest> {
        let clusters = lock(&self.clusters);
        let Some(cached) = clusters.get(cluster) else { return BTreeMap::new() };
        let outcomes = lock(&self.outcomes);
        let current = |key: &Key| {
            let version = cached.versions.get(key).copied();
            let outcome = outcomes.get(key).filter(|outcome| version.is_some() && outcome.against == version)?;
            Some((key.clone(), outcome.on.clone()))
        };
        guests.iter().filter_map(current).collect()
    }

    /// Forgets a guest whose container is gone.
    pub(super) fn forget(&self, container: &ObjectRef<ZentoriaContainer>) {
        let key = Key { namespace: container.namespace.clone().unwrap_or_default(), name: container.name.clone() };
        lock(&self.outcomes).remove(&key);
        self.backoff.reset(container);
        self.fights.reset(container);
    }

    /// Whether the datacenter's firewall is on, as far as it was asked.
    #[must_use]
    pub fn switch(&self, cluster: &str) -> Option<Switch> {
        lock(&self.switches).get(cluster).cloned()
    }

    /// Notes whether it is on; true where that is new.
    pub(crate) fn set_switch(&self, cluster: &str, switch: &Switch) -> bool {
        lock(&self.switches).insert(cluster.to_owned(), switch.clone()).as_ref() != Some(switch)
    }
}

/// Compiles whenever something has changed, until the stop. Where changes never end, as while an estate is made, it takes one
/// part in [`SHARE`] of the time, and leaves the rest to those who write.
pub async fn watch(context: Arc<Context>, stop: Shutdown) {
    context.health.gates_are_open().await;
    let firewalls = &context.firewalls;
    loop {
        let started = Instant::now();
        for cluster in context.clusters.latest.all() {
            if context.serves(&cluster) && !firewalls.is_current(&cluster.name_any()) {
                let _ = firewalls.compile(&context, &cluster);
            }
        }
        let pause = TOGETHER.max(started.elapsed() * (SHARE - 1));
        firewalls.made.notify_waiters();
        tokio::select! {
            () = stop.requested() => return,
            () = async {
                tokio::time::sleep(pause).await;
                firewalls.changed.notified().await;
            } => {}
        }
    }
}

/// What the matrix rests on, in a number: of a container its wish, its labels and what its status says of addresses. The
/// order of a cache means nothing.
fn fingerprint(
    context: &Context,
    cluster: &ProxmoxCluster,
    containers: &[Arc<ZentoriaContainer>],
    rules: &[Arc<FirewallRule>],
) -> u64 {
    let mut sum = of(|hasher| meta(cluster, hasher));
    for container in containers {
        let part = of(|hasher| {
            meta(container.as_ref(), hasher);
            let Some(status) = &container.status else { return };
            (status.vmid.map(|vmid| vmid.0), &status.addresses).hash(hasher);
            status.created.as_ref().map(|created| format!("{:?}", created.origin)).hash(hasher);
        });
        sum = sum.wrapping_add(part);
    }
    for rule in rules {
        sum = sum.wrapping_add(of(|hasher| meta(rule.as_ref(), hasher)));
    }
    for namespace in context.namespaces.state() {
        sum = sum.wrapping_add(of(|hasher| (namespace.name_any(), namespace.labels()).hash(hasher)));
    }
    sum
}

fn meta<K: ResourceExt>(object: &K, hasher: &mut DefaultHasher) {
    let meta = object.meta();
    (&meta.uid, meta.generation, &meta.labels, meta.deletion_timestamp.is_some()).hash(hasher);
    for annotation in object.annotations().iter().filter(|(key, _)| key.contains("zentoria.ai/")) {
        annotation.hash(hasher);
    }
}

fn of(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
