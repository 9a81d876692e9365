//! A queue of objects that are worked on one at a time each, several at once: for work beside the controller of the kind,
//! whose own queue it must not hold up.

use super::shutdown::Shutdown;
use super::wakeups::Wakeups;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use kube::runtime::reflector::ObjectRef;
use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

/// Works on every object that is woken, until the stop. One that is woken while it is worked on has another turn after it.
/// `work` says when it is to be woken again.
pub async fn serve<K, F, Fut>(
    wakes: impl Stream<Item = ObjectRef<K>>,
    wakeups: Wakeups<K>,
    at_once: usize,
    stop: Shutdown,
    work: F,
) where
    K: kube::Resource<DynamicType = ()> + 'static,
    F: Fn(ObjectRef<K>) -> Fut,
    Fut: Future<Output = Option<Duration>>,
{
    let mut wakes = std::pin::pin!(wakes);
    let mut running = FuturesUnordered::new();
    let (mut busy, mut again) = (HashSet::new(), HashSet::new());
    loop {
        tokio::select! {
            () = stop.requested() => return,
            woken = wakes.next(), if running.len() < at_once => {
                let Some(object) = woken else { return };
                if busy.insert(object.clone()) {
                    let work = work(object.clone());
                    running.push(async move { (object, work.await) });
                } else {
                    again.insert(object);
                }
            }
            Some((object, pause)) = running.next(), if !running.is_empty() => {
                busy.remove(&object);
                if again.remove(&object) {
                    wakeups.wake(object);
                } else if let Some(pause) = pause {
                    wakeups.wake_after(object, pause);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shutdown;
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn an_object_that_is_woken_while_it_is_worked_on_has_one_more_turn_and_never_two_at_once() {
        let (wakeups, wakes) = Wakeups::<ConfigMap>::new();
        let (trigger, stop) = shutdown::pair();
        let (turns, at_work, gate) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, working, held) = (Arc::clone(&turns), Arc::clone(&at_work), Arc::clone(&gate));
        let work = move |_| {
            let (counted, working, held) = (Arc::clone(&counted), Arc::clone(&working), Arc::clone(&held));
            async move {
                assert_eq!(working.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                held.notified().await;
                working.fetch_sub(1, Ordering::SeqCst);
                counted.fetch_add(1, Ordering::SeqCst);
                None
            }
        };
        let served = tokio::spawn(serve(wakes, wakeups.clone(), 4, stop, work));
        let object = || ObjectRef::new("a").within("ns");
        wakeups.wake(object());
        while at_work.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            wakeups.wake(object());
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        while turns.load(Ordering::SeqCst) < 1 || at_work.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        while turns.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(wakeups.depth(), 0, "nothing is left to do");
        trigger.request();
        served.await.unwrap();
    }
}
