//! Firewalls: the matrix is compiled once for each change ([`compiled`]), each guest's firewall is looked at and enforced in
//! a queue of its own ([`guest`], [`lockout`], [`report`]), rules say how far they are in force ([`rule`]), and the
//! datacenter's switch is watched ([`datacenter`]).

pub mod compiled;
pub(crate) mod datacenter;
mod guest;
mod lockout;
mod report;
mod rule;
mod verdict;

pub use compiled::Firewalls;
pub use rule::reconcile;

use crate::context::Context;
use crate::runtime::queue;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::tasks::Tasks;
use futures::Stream;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;

/// So many guests are looked at at once.
const AT_ONCE: usize = 6;

/// Whatever is seen of such objects may change what the matrix comes to.
pub fn touching<K>(firewalls: &Arc<Firewalls>) -> impl FnMut(&watcher::Event<K>) + Send + 'static + use<K> {
    let firewalls = Arc::clone(firewalls);
    move |_| firewalls.touch()
}

/// Compiles and enforces until the stop.
pub fn spawn(
    context: &Arc<Context>,
    tasks: &Tasks,
    stop: &Shutdown,
    wakes: impl Stream<Item = ObjectRef<ZentoriaContainer>> + Send + 'static,
) {
    tasks.spawn("firewall matrix", compiled::watch(Arc::clone(context), stop.clone()));
    let (context, wakeups) = (Arc::clone(context), context.firewalls.wake.clone());
    let work = move |container| {
        let context = Arc::clone(&context);
        async move {
            // What a cache lacks that is not filled yet proves nothing.
            context.health.gates_are_open().await;
            guest::enforce(context, container).await
        }
    };
    tasks.spawn("firewalls", queue::serve(wakes, wakeups, AT_ONCE, stop.clone(), work));
}
