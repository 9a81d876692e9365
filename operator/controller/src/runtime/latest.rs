//! The newest version of an object that this process has seen, from the watch cache or from its own write.
//!
//! After a status patch the cache still shows the old object for a moment. A reconcile that started from it would not
//! know what it wrote itself: it could start the same PVE task twice.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::Resource;

/// Answers to our own writes, by uid, until the cache has caught up.
pub struct Latest<K>(Mutex<Known<K>>);

struct Known<K> {
    written: HashMap<String, Arc<K>>,
    /// Objects that we let go and that the cache may still show.
    gone: HashSet<String>,
}

impl<K> Default for Latest<K> {
    fn default() -> Self {
        Self(Mutex::new(Known { written: HashMap::new(), gone: HashSet::new() }))
    }
}

impl<K> Latest<K> {
    fn lock(&self) -> MutexGuard<'_, Known<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource> Latest<K> {
    /// Nothing written yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The newer of the cached object and of what our last write answered. Once the cache has caught up, the memory of
    /// the write is dropped.
    #[must_use]
    pub fn newest(&self, cached: Arc<K>) -> Arc<K> {
        let Some(uid) = cached.meta().uid.as_deref() else { return cached };
        let written = &mut self.lock().written;
        match written.get(uid) {
            Some(ours) if is_newer(ours.as_ref(), cached.as_ref()) => Arc::clone(ours),
            Some(_) => {
                written.remove(uid);
                cached
            }
            None => cached,
        }
    }

    /// The newer of two versions.
    #[must_use]
    pub fn newer(&self, one: &Arc<K>, other: &Arc<K>) -> Arc<K> {
        Arc::clone(if is_newer(one.as_ref(), other.as_ref()) { one } else { other })
    }

    /// Notes the answer to a write of ours.
    pub fn wrote(&self, object: K) -> Arc<K> {
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

    /// Drops every object of which `is_live` (asked by uid) says no; to be called now and then with the cache's uids,
    /// for objects that vanished without our doing.
    pub fn sweep(&self, is_live: impl Fn(&str) -> bool) {
        let mut known = self.lock();
        known.written.retain(|uid, _| is_live(uid));
        known.gone.retain(|uid| is_live(uid));
    }

    /// How many objects are ahead of the cache.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().written.len()
    }

    /// Whether no object is ahead of the cache.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

impl<K> fmt::Debug for Latest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latest")
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;

    use super::*;

    fn object(uid: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
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
        let latest = Latest::new();
        latest.wrote(object("a", "10"));
        for (cached, expected, remembered) in [("9", "10", 1), ("10", "10", 0), ("8", "8", 0)] {
            // The last row: after the cache has caught up, only the cache counts.
            assert_eq!(version(&latest.newest(Arc::new(object("a", cached)))), expected, "cached {cached}");
            assert_eq!(latest.len(), remembered, "cached {cached}");
        }
    }

    #[test]
    fn of_two_versions_the_newer_is_taken() {
        let latest: Latest<ConfigMap> = Latest::new();
        let (old, new) = (Arc::new(object("a", "9")), Arc::new(object("a", "10")));
        for (one, other) in [(&old, &new), (&new, &old)] {
            assert_eq!(version(&latest.newer(one, other)), "10");
        }
    }

    #[test]
    fn an_answer_that_comes_late_does_not_replace_a_newer_one() {
        let latest = Latest::new();
        latest.wrote(object("a", "10"));
        latest.wrote(object("a", "9"));
        assert_eq!(version(&latest.newest(Arc::new(object("a", "7")))), "10");
    }

    #[test]
    fn an_object_that_was_created_anew_under_the_same_name_starts_anew() {
        let latest = Latest::new();
        latest.wrote(object("a", "10"));
        assert_eq!(version(&latest.newest(Arc::new(object("b", "3")))), "3");
    }

    #[test]
    fn versions_that_are_no_numbers_leave_the_cache_in_charge() {
        let latest = Latest::new();
        latest.wrote(object("a", "x10"));
        assert_eq!(version(&latest.newest(Arc::new(object("a", "x9")))), "x9");
    }

    #[test]
    fn objects_that_are_gone_are_dropped() {
        let latest = Latest::new();
        for uid in ["a", "b", "c"] {
            latest.wrote(object(uid, "10"));
        }
        latest.forget(&object("a", "10"));
        latest.sweep(|uid| uid == "c");
        assert_eq!(latest.len(), 1);
    }
}
