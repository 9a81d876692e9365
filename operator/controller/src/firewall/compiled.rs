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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::{Compiled, CompiledGuest};
use zentoria_core::firewall::report::OnGuest;
use zentoria_core::firewall::{compile, estate};
use zentoria_ops::firewall::Switch;

/// Changes that come together are compiled together.
const TOGETHER: Duration = Duration::from_millis(50);

/// What all looks at firewalls share.
pub struct Firewalls {
    /// Wakes looks at guests.
    pub wake: Wakeups<ZentoriaContainer>,
    /// Pauses after failures, and after writes that somebody takes back again and again.
    pub backoff: Backoff<ObjectRef<ZentoriaContainer>>,
    changed: Notify,
    clusters: Mutex<HashMap<String, Cached>>,
    outcomes: Mutex<HashMap<Key, Outcome>>,
    switches: Mutex<HashMap<String, Switch>>,
}

struct Cached {
    inputs: u64,
    compiled: Arc<Compiled>,
}

/// What came of the last look at a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// The compiled guest that it was held against.
    against: u64,
    on: OnGuest,
}

impl Firewalls {
    /// Nothing compiled yet.
    #[must_use]
    pub fn new(wake: Wakeups<ZentoriaContainer>, backoff: BackoffConfig) -> Self {
        Self {
            wake,
            backoff: Backoff::new(backoff),
            changed: Notify::new(),
            clusters: Mutex::default(),
            outcomes: Mutex::default(),
            switches: Mutex::default(),
        }
    }

    /// Something that the matrix may rest on has changed.
    pub fn touch(&self) {
        self.changed.notify_one();
    }

    /// The compiled matrix of a cluster, as the objects are now.
    #[must_use]
    pub fn compiled(&self, context: &Context, cluster: &ProxmoxCluster) -> Arc<Compiled> {
        let name = cluster.name_any();
        let containers = context.containers_on(&name);
        // Those of other namespaces say nothing of these guests.
        let namespaces: BTreeSet<Option<String>> = containers.iter().map(|container| container.namespace()).collect();
        let mut rules = context.rules.all();
        rules.retain(|rule| namespaces.contains(&rule.namespace()));
        let inputs = fingerprint(context, cluster, &containers, &rules);
        let mut clusters = lock(&self.clusters);
        if let Some(known) = clusters.get(&name).filter(|known| known.inputs == inputs) {
            return Arc::clone(&known.compiled);
        }
        let labels = |namespace: &str| context.labels_of(namespace);
        let estate = estate(cluster, containers.iter().map(AsRef::as_ref), rules.iter().map(AsRef::as_ref), &labels);
        let compiled = Arc::new(compile(&estate));
        let before = clusters.insert(name, Cached { inputs, compiled: Arc::clone(&compiled) });
        drop(clusters);
        self.wake_concerned(context, before.as_ref().map(|cached| cached.compiled.as_ref()), &compiled);
        compiled
    }

    fn wake_concerned(&self, context: &Context, before: Option<&Compiled>, now: &Compiled) {
        let old_guest = |key: &Key| before.and_then(|before| before.guests.get(key));
        for (key, _) in now.guests.iter().filter(|(key, guest)| old_guest(key) != Some(*guest)) {
            self.wake.wake(reference(key));
        }
        let old_rule = |key: &Key| before.and_then(|before| before.rules.get(key));
        for (key, _) in now.rules.iter().filter(|(key, report)| old_rule(key) != Some(*report)) {
            context.rules.wake(key);
        }
        let gone = before.into_iter().flat_map(|before| before.rules.keys());
        for key in gone.filter(|key| !now.rules.contains_key(*key)) {
            context.rules.wake(key);
        }
    }

    /// What was compiled for a cluster last, without a look whether it still holds.
    fn known(&self, cluster: &str) -> Option<Arc<Compiled>> {
        lock(&self.clusters).get(cluster).map(|cached| Arc::clone(&cached.compiled))
    }

    /// Notes what came of a look at a guest; who rests on it is woken.
    pub(super) fn note(&self, context: &Context, cluster: &str, key: &Key, against: &CompiledGuest, on: OnGuest) {
        let outcome = Outcome { against: digest(against), on };
        if lock(&self.outcomes).insert(key.clone(), outcome.clone()).as_ref() == Some(&outcome) {
            return;
        }
        let Some(compiled) = self.known(cluster) else { return };
        for (rule, _) in compiled.rules.iter().filter(|(_, report)| report.guests.contains(key)) {
            context.rules.wake(rule);
        }
    }

    /// Whether the last look at a guest was held against this.
    pub(super) fn was_against(&self, key: &Key, guest: &CompiledGuest) -> bool {
        lock(&self.outcomes).get(key).is_some_and(|outcome| outcome.against == digest(guest))
    }

    /// What came of the looks at these guests, as far as they were held against what is compiled now.
    pub(super) fn outcomes(&self, compiled: &Compiled) -> BTreeMap<Key, OnGuest> {
        let outcomes = lock(&self.outcomes);
        let current = |(key, guest): (&Key, &CompiledGuest)| {
            let outcome = outcomes.get(key).filter(|outcome| outcome.against == digest(guest))?;
            Some((key.clone(), outcome.on.clone()))
        };
        compiled.guests.iter().filter_map(current).collect()
    }

    /// Forgets a guest whose container is gone.
    pub(super) fn forget(&self, key: &Key) {
        lock(&self.outcomes).remove(key);
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

/// Compiles whenever something has changed, until the stop.
pub async fn watch(context: Arc<Context>, stop: Shutdown) {
    context.health.gates_are_open().await;
    loop {
        for cluster in context.clusters.store.state() {
            if context.serves(&cluster) {
                let cluster = context.clusters.latest.newest(cluster);
                let _ = context.firewalls.compiled(&context, &cluster);
            }
        }
        tokio::select! {
            () = stop.requested() => return,
            () = context.firewalls.changed.notified() => tokio::time::sleep(TOGETHER).await,
        }
    }
}

/// What the matrix rests on, in a number: of a container its wish, its labels and what its status says of addresses.
fn fingerprint(
    context: &Context,
    cluster: &ProxmoxCluster,
    containers: &[Arc<ZentoriaContainer>],
    rules: &[Arc<FirewallRule>],
) -> u64 {
    let mut sum = of(&(meta(cluster), 0));
    for container in containers {
        let status = container.status.as_ref();
        let created = status.and_then(|status| status.created.as_ref()).map(|created| format!("{:?}", created.origin));
        let seen = status.map(|status| (status.vmid.map(|vmid| vmid.0), &status.addresses, created));
        sum = sum.wrapping_add(of(&(meta(container.as_ref()), 1, seen)));
    }
    for rule in rules {
        sum = sum.wrapping_add(of(&(meta(rule.as_ref()), 2)));
    }
    for namespace in context.namespaces.state() {
        sum = sum.wrapping_add(of(&(namespace.name_any(), namespace.labels(), 3)));
    }
    sum
}

fn meta<K: ResourceExt>(object: &K) -> impl Hash {
    let meta = object.meta();
    (
        meta.uid.clone(),
        meta.generation,
        meta.labels.clone(),
        meta.annotations.clone(),
        meta.deletion_timestamp.is_some(),
    )
}

fn of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A compiled guest in a number.
pub(super) fn digest(guest: &CompiledGuest) -> u64 {
    of(&format!("{guest:?}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
