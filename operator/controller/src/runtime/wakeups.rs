//! Wakes single objects from outside the watches: a task that ended, a poll that saw a difference, a timer.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::Stream;
use kube::{Resource, runtime::reflector::ObjectRef};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Sends wake-ups. Cheap to clone. An object that waits already is not queued twice, so memory is bounded by the
/// number of objects.
pub struct Wakeups<K: Resource>(Arc<Inner<K>>)
where
    K::DynamicType: Eq + Hash + Clone;

struct Inner<K: Resource>
where
    K::DynamicType: Eq + Hash + Clone,
{
    queue: Mutex<Queue<ObjectRef<K>>>,
    changed: Notify,
}

struct Queue<T> {
    ready: VecDeque<T>,
    waiting: HashSet<T>,
    /// By time; the number tells timers of the same instant apart.
    timers: BTreeMap<(Instant, u64), T>,
    times: HashMap<T, (Instant, u64)>,
    next_number: u64,
}

impl<K> Wakeups<K>
where
    K: Resource + 'static,
    K::DynamicType: Eq + Hash + Clone + Send,
{
    /// The sender, and the stream for kube's `Controller::reconcile_on`. The stream never ends.
    pub fn new() -> (Self, impl Stream<Item = ObjectRef<K>> + Send + 'static)
    where
        K::DynamicType: Sync,
    {
        let inner = Arc::new(Inner { queue: Mutex::new(Queue::default()), changed: Notify::new() });
        let stream = futures::stream::unfold(Arc::clone(&inner), |inner: Arc<Inner<K>>| async move {
            let next = inner.next().await;
            Some((next, inner))
        });
        (Self(inner), stream)
    }

    /// Wakes an object now.
    pub fn wake(&self, object: ObjectRef<K>) {
        self.0.queue().push(object);
        self.0.changed.notify_one();
    }

    /// Wakes an object after `delay`. Of several timers of one object the earliest counts.
    pub fn wake_after(&self, object: ObjectRef<K>, delay: Duration) {
        self.0.queue().schedule(object, Instant::now() + delay);
        self.0.changed.notify_one();
    }

    /// How many objects were woken and not yet taken by the controller.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.queue().ready.len()
    }
}

impl<K: Resource> Clone for Wakeups<K>
where
    K::DynamicType: Eq + Hash + Clone,
{
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Resource> fmt::Debug for Wakeups<K>
where
    K::DynamicType: Eq + Hash + Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wakeups")
    }
}

impl<K: Resource> Inner<K>
where
    K::DynamicType: Eq + Hash + Clone,
{
    fn queue(&self) -> MutexGuard<'_, Queue<ObjectRef<K>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> ObjectRef<K> {
        loop {
            let timer = {
                let mut queue = self.queue();
                queue.expire(Instant::now());
                if let Some(object) = queue.pop() {
                    return object;
                }
                queue.next_timer()
            };
            match timer {
                Some(timer) => tokio::select! {
                    () = sleep_until(timer) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            ready: VecDeque::new(),
            waiting: HashSet::new(),
            timers: BTreeMap::new(),
            times: HashMap::new(),
            next_number: 0,
        }
    }
}

impl<T: Clone + Eq + Hash> Queue<T> {
    fn push(&mut self, object: T) {
        if self.waiting.insert(object.clone()) {
            self.ready.push_back(object);
        }
    }

    fn pop(&mut self) -> Option<T> {
        let object = self.ready.pop_front()?;
        self.waiting.remove(&object);
        Some(object)
    }

    fn schedule(&mut self, object: T, at: Instant) {
        if let Some(known) = self.times.get(&object) {
            if known.0 <= at {
                return;
            }
            self.timers.remove(known);
        }
        let key = (at, self.next_number);
        self.next_number += 1;
        self.timers.insert(key, object.clone());
        self.times.insert(object, key);
    }

    /// Moves what is due to the ready ones.
    fn expire(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let object = entry.remove();
            self.times.remove(&object);
            self.push(object);
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str) -> ObjectRef<ConfigMap> {
        ObjectRef::new(name).within("ns")
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_waits_is_not_queued_twice_and_may_be_woken_again_once_taken() {
        let (wakeups, stream) = Wakeups::<ConfigMap>::new();
        let mut stream = std::pin::pin!(stream);
        for name in ["a", "b", "a", "a"] {
            wakeups.wake(object(name));
        }
        assert_eq!(wakeups.depth(), 2);
        assert_eq!(stream.next().await, Some(object("a")));
        wakeups.clone().wake(object("a"));
        assert_eq!(stream.next().await, Some(object("b")));
        assert_eq!(stream.next().await, Some(object("a")));
        assert_eq!(stream.next().now_or_never(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_timers_of_one_object_the_earliest_counts() {
        let (wakeups, stream) = Wakeups::<ConfigMap>::new();
        let mut stream = std::pin::pin!(stream);
        let start = Instant::now();
        for seconds in [20, 5, 30] {
            wakeups.wake_after(object("a"), Duration::from_secs(seconds));
        }
        wakeups.wake_after(object("b"), Duration::from_secs(10));
        assert_eq!((stream.next().await, start.elapsed().as_secs()), (Some(object("a")), 5));
        assert_eq!((stream.next().await, start.elapsed().as_secs()), (Some(object("b")), 10));
        let silence = tokio::time::timeout(Duration::from_secs(600), stream.next()).await;
        assert!(silence.is_err(), "the later timers of a are gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_reaches_a_stream_that_is_already_waiting_for_a_timer() {
        let (wakeups, stream) = Wakeups::<ConfigMap>::new();
        wakeups.wake_after(object("late"), Duration::from_secs(60));
        let start = Instant::now();
        let taking = tokio::spawn(async move { std::pin::pin!(stream).next().await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        wakeups.wake(object("now"));
        assert_eq!(taking.await.unwrap(), Some(object("now")));
        assert_eq!(start.elapsed().as_secs(), 1);
    }
}
