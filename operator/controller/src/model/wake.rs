//! Which ModelPulls look again when something around them changes.

use super::gather;
use super::pulls::Pulls;
use crate::runtime::wakeups::Wakeups;
use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use std::collections::HashMap;
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{ModelReason, READY};
use zentoria_api::model::ModelPull;
use zentoria_core::model::surroundings::ContainerSeen;

/// A container whose address, power or services change is told to the ModelPulls that name it.
pub(super) fn containers(
    wake: &Wakeups<ModelPull>,
    store: &Store<ModelPull>,
) -> impl FnMut(&watcher::Event<ZentoriaContainer>) + Send + 'static + use<> {
    let (wake, store) = (wake.clone(), store.clone());
    let mut known: HashMap<String, ContainerSeen> = HashMap::new();
    move |event| {
        let (container, changed) = match event {
            watcher::Event::Apply(container) | watcher::Event::InitApply(container) => {
                let now = gather::seen(container);
                (container, known.insert(container.uid().unwrap_or_default(), now.clone()).as_ref() != Some(&now))
            }
            watcher::Event::Delete(container) => {
                known.remove(&container.uid().unwrap_or_default());
                (container, true)
            }
            watcher::Event::Init | watcher::Event::InitDone => return,
        };
        if !changed {
            return;
        }
        for pull in store.state() {
            let named = pull.spec.container_ref.as_ref().is_some_and(|named| named.name == container.name_any());
            if named && pull.namespace() == container.namespace() {
                wake.wake(ObjectRef::from_obj(pull.as_ref()));
            }
        }
    }
}

/// A resource that goes takes its pull with it, and may end a conflict.
pub(super) fn gone(
    wake: &Wakeups<ModelPull>,
    pulls: &Arc<Pulls>,
) -> impl FnMut(&watcher::Event<ModelPull>) + Send + 'static + use<> {
    let (wake, pulls) = (wake.clone(), Arc::clone(pulls));
    let mut stalled: HashMap<String, ObjectRef<ModelPull>> = HashMap::new();
    move |event| match event {
        watcher::Event::Delete(pull) => {
            let uid = pull.uid().unwrap_or_default();
            pulls.stop(&uid);
            stalled.remove(&uid);
            stalled.values().for_each(|other| wake.wake(other.clone()));
        }
        watcher::Event::Apply(pull) | watcher::Event::InitApply(pull) => {
            let conditions = pull.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition.type_ == READY);
            let in_conflict = ready.is_some_and(|ready| ready.reason == ModelReason::Conflict.as_str());
            let uid = pull.uid().unwrap_or_default();
            if in_conflict {
                stalled.insert(uid, ObjectRef::from_obj(pull));
            } else {
                stalled.remove(&uid);
            }
        }
        watcher::Event::Init | watcher::Event::InitDone => {}
    }
}
