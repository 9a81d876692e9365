//! What every controller needs from Kubernetes and from the process, whatever kind it reconciles.
//!
//! Nothing here knows a kind of ours: leader election, metrics, probes, supervised tasks, events, status writes,
//! finalizers, backoff, wake-ups, queues, the SSH key of a namespace, and shutdown.

pub mod backoff;
pub mod caches;
pub mod events;
pub mod finalizer;
pub mod health;
pub mod http;
pub mod latest;
pub mod leader;
pub mod logging;
pub mod metrics;
pub mod queue;
pub mod shutdown;
pub mod ssh_key;
pub mod status;
pub mod streams;
pub mod tasks;
pub mod turns;
pub mod wakeups;
pub mod write;

#[cfg(test)]
pub(crate) mod fake_api;
