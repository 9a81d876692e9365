//! Watch caches that say when they are filled.
//!
//! kube 5.0.0's `Store::wait_until_ready` remembers one waiter only. A controller waits there already, so a second
//! waiter (a readiness probe, say) sleeps for ever or, worse, makes the controller do so. The end of the first list is
//! therefore taken from the events themselves.

use std::{fmt::Debug, hash::Hash};

use futures::{Stream, StreamExt};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        WatchStreamExt, reflector,
        reflector::Store,
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;

use super::health::Gate;

/// A watch that fills a store and opens `gate` when the first list is complete. Drive the stream with kube's
/// `Controller::for_stream(stream, store)`, or spawn it as a task that drops its items.
pub fn watched<K>(
    api: Api<K>,
    config: watcher::Config,
    gate: Gate,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Send + Sync,
{
    watched_with(api, config, gate, |_| {})
}

/// The same, and `tell` hears of every event once the store shows it: also of objects that went, and of a list made anew.
pub fn watched_with<K>(
    api: Api<K>,
    config: watcher::Config,
    gate: Gate,
    mut tell: impl FnMut(&watcher::Event<K>) + Send + 'static,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Send + Sync,
{
    // Who set which field is for the API server; it is half of a small object, and nothing of ours reads it.
    let events = watcher(api, config).default_backoff().modify(|object| object.managed_fields_mut().clear());
    let told = move |event: &watcher::Result<watcher::Event<K>>| event.as_ref().ok().into_iter().for_each(&mut tell);
    cached(events, gate, told)
}

fn cached<K>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    gate: Gate,
    mut tell: impl FnMut(&watcher::Result<watcher::Event<K>>) + Send + 'static,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: Resource + Clone + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Send + Sync,
{
    let (store, writer) = reflector::store();
    let filled = reflector(writer, events).inspect(move |event| {
        if matches!(event, Ok(watcher::Event::InitDone)) {
            gate.set(true);
        }
        tell(event);
    });
    (store, filled.applied_objects())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{api::ObjectMeta, runtime::reflector::ObjectRef};

    use super::super::health::Health;
    use super::*;

    fn object(name: &str) -> ConfigMap {
        let metadata = ObjectMeta { name: Some(name.into()), namespace: Some("ns".into()), ..ObjectMeta::default() };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    #[tokio::test]
    async fn the_gate_opens_when_the_first_list_is_complete_and_the_store_is_filled_then() {
        let health = Health::new();
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let (store, objects) = cached(receiver, health.gate("things"), |_| {});
        let mut objects = std::pin::pin!(objects);
        for event in [watcher::Event::Init, watcher::Event::InitApply(object("a"))] {
            sender.unbounded_send(Ok(event)).unwrap();
        }
        assert_eq!(objects.next().await.unwrap().unwrap(), object("a"));
        assert_eq!(health.why_not_ready(), ["things: not ready yet"]);
        for event in [watcher::Event::InitDone, watcher::Event::Apply(object("b"))] {
            sender.unbounded_send(Ok(event)).unwrap();
        }
        assert_eq!(objects.next().await.unwrap().unwrap(), object("b"));
        assert!(health.why_not_ready().is_empty());
        assert!(store.get(&ObjectRef::new("a").within("ns")).is_some());
    }
}
