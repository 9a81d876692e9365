//! The newest version of an object that this process knows, of the watch cache and of its own writes.
//!
//! After a status patch the cache still shows the old object for a moment. A reconcile that started from it would not
//! know what it wrote itself: it could start the same PVE task twice. Nobody reads the cache but through here, for a
//! version that somebody took from it some time ago proves nothing: meanwhile the cache may have caught up with a write,
//! and the memory of the write is gone.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{
    Resource, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};

/// The watch cache, and the answers to our own writes, by uid, until it has caught up.
pub struct Latest<K: Resource<DynamicType = ()> + 'static> {
    store: Store<K>,
    known: Mutex<Known<K>>,
}

struct Known<K> {
    written: HashMap<String, Arc<K>>,
    /// Objects that we let go and that the cache may still show.
    gone: HashSet<String>,
}

impl<K: Resource> Known<K> {
    /// The newer of the object as the cache shows it now and of what our last write answered. Once the cache has caught up,
    /// the memory of the write is dropped.
    fn newest(&mut self, cached: Arc<K>) -> Arc<K> {
        let Some(uid) = cached.meta().uid.as_deref() else { return cached };
        match self.written.get(uid) {
            Some(ours) if is_newer(ours.as_ref(), cached.as_ref()) => Arc::clone(ours),
            Some(_) => {
                self.written.remove(uid);
                cached
            }
            None => cached,
        }
    }
}

impl<K> Latest<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    /// Nothing written yet.
    #[must_use]
    pub fn new(store: Store<K>) -> Self {
        Self { store, known: Mutex::new(Known { written: HashMap::new(), gone: HashSet::new() }) }
    }

    /// Held while the cache is read: what it showed before is not compared with a memory that was dropped since.
    fn lock(&self) -> MutexGuard<'_, Known<K>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, reference: &ObjectRef<K>) -> Option<Arc<K>> {
        let mut known = self.lock();
        self.store.get(reference).map(|cached| known.newest(cached))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<K>> {
        let mut known = self.lock();
        self.store.state().into_iter().map(|cached| known.newest(cached)).collect()
    }

    /// This very object (by uid), at least as new as the given version.
    #[must_use]
    pub fn current(&self, object: &Arc<K>) -> Arc<K> {
        let mut known = self.lock();
        let uid = object.meta().uid.as_deref();
        let cached = self.store.get(&ObjectRef::from_obj(object.as_ref()));
        let newest = match cached.filter(|cached| cached.meta().uid.as_deref() == uid) {
            Some(cached) => Some(known.newest(cached)),
            None => uid.and_then(|uid| known.written.get(uid).map(Arc::clone)),
        };
        match newest {
            Some(newest) if !is_newer(object.as_ref(), newest.as_ref()) => newest,
            Some(_) | None => Arc::clone(object),
        }
    }

    /// Notes the answer to a write of ours.
    pub fn wrote(&self, mut object: K) -> Arc<K> {
        // As in the cache: it is half of a small object, and nothing of ours reads it.
        object.meta_mut().managed_fields = None;
        let object = Arc::new(object);
        if let Some(uid) = object.meta().uid.clone() {
            let written = &mut self.lock().written;
            let is_stale = written.get(&uid).is_some_and(|known| is_newer(known.as_ref(), object.as_ref()));
            if !is_stale {
                written.insert(uid, Arc::clone(&object));
            }
        }
        object
    }

    /// Drops what is known of an object that is gone, or whose finalizer was removed: from now on it is nobody's rival,
    /// though the cache may show it for a moment.
    pub fn forget(&self, object: &K) {
        if let Some(uid) = object.meta().uid.clone() {
            let mut known = self.lock();
            known.written.remove(&uid);
            known.gone.insert(uid);
        }
    }

    /// Whether the object was let go.
    #[must_use]
    pub fn is_gone(&self, object: &K) -> bool {
        object.meta().uid.as_ref().is_some_and(|uid| self.lock().gone.contains(uid))
    }

    /// Drops what is known of objects that the cache does not show any more; to be called now and then, for those that
    /// vanished without our doing.
    pub fn sweep(&self) {
        let mut known = self.lock();
        let live: HashSet<String> = self.store.state().iter().filter_map(|object| object.uid()).collect();
        known.written.retain(|uid, _| live.contains(uid));
        known.gone.retain(|uid| live.contains(uid));
    }

    /// How many objects are ahead of the cache.
    #[cfg(test)]
    fn ahead(&self) -> usize {
        self.lock().written.len()
    }
}

/// Compares as numbers, as Kubernetes allows since 1.35; a version that is no number is never newer.
fn is_newer<K: Resource>(one: &K, other: &K) -> bool {
    let version = |object: &K| object.meta().resource_version.as_deref().and_then(|text| text.parse::<u128>().ok());
    match (version(one), version(other)) {
        (Some(one), Some(other)) => one > other,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

impl<K: Resource<DynamicType = ()>> fmt::Debug for Latest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latest")
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;
    use kube::runtime::reflector::{self, store::Writer};
    use kube::runtime::watcher::Event;

    use super::*;

    /// The cache, and the watch that fills it.
    struct Scene {
        latest: Latest<ConfigMap>,
        watch: Writer<ConfigMap>,
    }

    fn scene() -> Scene {
        let (store, watch) = reflector::store();
        Scene { latest: Latest::new(store), watch }
    }

    impl Scene {
        fn told(&mut self, object: ConfigMap) {
            self.watch.apply_watcher_event(&Event::Apply(object));
        }

        fn version(&self) -> String {
            self.latest.get(&ObjectRef::new("x").within("ns")).unwrap().resource_version().unwrap()
        }
    }

    fn object(uid: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            name: Some("x".to_owned()),
            namespace: Some("ns".to_owned()),
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn version(object: &ConfigMap) -> &str {
        object.metadata.resource_version.as_deref().unwrap()
    }

    #[test]
    fn a_reconcile_never_sees_less_than_what_we_wrote_ourselves() {
        let mut scene = scene();
        scene.latest.wrote(object("a", "10"));
        for (cached, expected, ahead) in [("9", "10", 1), ("10", "10", 0), ("12", "12", 0)] {
            scene.told(object("a", cached));
            assert_eq!(scene.version(), expected, "cached {cached}");
            let all: Vec<_> = scene.latest.all().iter().map(|object| version(object).to_owned()).collect();
            assert_eq!((all, scene.latest.ahead()), (vec![expected.to_owned()], ahead), "cached {cached}");
        }
    }

    #[test]
    fn a_reconcile_that_was_queued_before_the_cache_caught_up_sees_what_we_wrote() {
        let mut scene = scene();
        scene.told(object("a", "9"));
        let queued = Arc::new(object("a", "9"));
        scene.latest.wrote(object("a", "10"));
        assert_eq!(version(&scene.latest.current(&queued)), "10", "ahead of the cache");
        scene.told(object("a", "10"));
        assert_eq!(scene.version(), "10", "somebody else looks, and the write is forgotten");
        assert_eq!(version(&scene.latest.current(&queued)), "10", "behind the cache");
    }

    #[test]
    fn an_object_is_never_older_than_the_one_that_is_asked_with() {
        let mut scene = scene();
        let held = Arc::new(object("a", "10"));
        assert_eq!(version(&scene.latest.current(&held)), "10", "the cache shows none");
        scene.told(object("a", "9"));
        assert_eq!(version(&scene.latest.current(&held)), "10", "the cache is older");
        scene.told(object("b", "12"));
        assert_eq!(version(&scene.latest.current(&held)), "10", "the cache shows another one of its name");
    }

    #[test]
    fn an_answer_that_comes_late_does_not_replace_a_newer_one() {
        let mut scene = scene();
        scene.told(object("a", "7"));
        scene.latest.wrote(object("a", "10"));
        scene.latest.wrote(object("a", "9"));
        assert_eq!(scene.version(), "10");
    }

    #[test]
    fn an_object_that_was_created_anew_under_the_same_name_starts_anew() {
        let mut scene = scene();
        scene.latest.wrote(object("a", "10"));
        scene.told(object("b", "3"));
        assert_eq!(scene.version(), "3");
    }

    #[test]
    fn versions_that_are_no_numbers_leave_the_cache_in_charge() {
        let mut scene = scene();
        scene.latest.wrote(object("a", "x10"));
        scene.told(object("a", "x9"));
        assert_eq!(scene.version(), "x9");
    }

    #[test]
    fn objects_that_are_gone_are_dropped() {
        let mut scene = scene();
        for uid in ["a", "b", "c"] {
            scene.latest.wrote(object(uid, "10"));
        }
        scene.told(object("c", "9"));
        scene.latest.forget(&object("a", "10"));
        assert!(scene.latest.is_gone(&object("a", "9")));
        scene.latest.sweep();
        assert_eq!((scene.latest.ahead(), scene.latest.is_gone(&object("a", "9"))), (1, false));
    }
}
