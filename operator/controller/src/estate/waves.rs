//! The waves of an estate, by which its guests start when a node boots. They are made anew when dependencies change, not
//! with each look at a container.

use crate::context::{Context, key_of};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zentoria_api::ZentoriaContainer;
use zentoria_api::container::Dependency;
use zentoria_core::container::dependencies::Graph;

/// A namespace on a ProxmoxCluster.
type Estate = (String, String);

/// The waves of every estate, as far as they were asked for.
#[derive(Default)]
pub struct Waves(Mutex<HashMap<Estate, Known>>);

/// The waves, and what they were made from.
#[derive(Default)]
struct Known {
    depends_on: BTreeMap<String, Vec<Dependency>>,
    waves: BTreeMap<String, u32>,
}

impl Known {
    fn new(depends_on: BTreeMap<String, Vec<Dependency>>) -> Self {
        let mut graph = Graph::default();
        for (name, list) in &depends_on {
            graph.insert(name, list);
        }
        Self { waves: graph.waves(), depends_on }
    }

    /// Who has another wave than before.
    fn differences(&self, before: &Self) -> Vec<String> {
        let differs = |(name, wave): &(&String, &u32)| before.waves.get(*name).is_some_and(|old| old != *wave);
        self.waves.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }
}

impl Waves {
    fn lock(&self) -> MutexGuard<'_, HashMap<Estate, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the new waves; those whose wave they change.
    fn replace(&self, estate: Estate, next: Known) -> Vec<String> {
        let mut all = self.lock();
        let before = all.remove(&estate).unwrap_or_default();
        let differences = next.differences(&before);
        if !next.depends_on.is_empty() {
            all.insert(estate, next);
        }
        differences
    }
}

fn estate_of(container: &ZentoriaContainer) -> Estate {
    (container.spec.cluster_ref.name.clone(), key_of(container).namespace)
}

/// The wave of a container. Where its dependencies are new, those whose wave this changes are woken.
#[must_use]
pub fn wave_of(context: &Context, container: &ZentoriaContainer) -> Option<u32> {
    let (estate, name) = (estate_of(container), container.name_any());
    if let Some(known) = context.waves.lock().get(&estate)
        && known.depends_on.get(&name) == Some(&container.spec.depends_on)
    {
        return known.waves.get(&name).copied();
    }
    let all = context.containers_on(&estate.0);
    let here = all.iter().filter(|other| other.namespace().as_deref() == Some(&estate.1));
    let mut depends_on: BTreeMap<String, Vec<Dependency>> =
        here.map(|other| (other.name_any(), other.spec.depends_on.clone())).collect();
    depends_on.insert(name.clone(), container.spec.depends_on.clone());
    let next = Known::new(depends_on);
    let wave = next.waves.get(&name).copied();
    take(context, estate, next, &name);
    wave
}

/// A container that is gone is nobody's dependency any more.
pub fn forget(context: &Context, container: &ZentoriaContainer) {
    let (estate, name) = (estate_of(container), container.name_any());
    let depends_on = match context.waves.lock().get(&estate) {
        Some(known) if known.depends_on.contains_key(&name) => {
            known.depends_on.iter().filter(|(other, _)| **other != name).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        Some(_) | None => return,
    };
    take(context, estate, Known::new(depends_on), &name);
}

fn take(context: &Context, estate: Estate, next: Known, but: &str) {
    let namespace = estate.1.clone();
    for name in context.waves.replace(estate, next).iter().filter(|name| *name != but) {
        context.containers.wake.wake(ObjectRef::new(name).within(&namespace));
    }
}
