//! Leader election over a `coordination.k8s.io/v1` Lease, with a fence that closes by itself.
//!
//! The shape is client-go's: lease duration, renew deadline, retry period, optimistic concurrency. On top of it:
//! - a leader may write only while its last successful renewal was sent less than the renew deadline ago ([`Fence`]);
//! - candidates watch the Lease, so that a released one is taken at once;
//! - a lost leadership is final: [`Leader::run`] returns and the process is expected to exit.
//!
//! Needs on `leases` in the configured namespace: `get`, `create`, `patch`, `watch`.

mod config;
mod decide;
mod election;
mod fence;
mod lease;
#[cfg(test)]
mod tests;

pub use config::{ElectionConfig, ElectionConfigError, identity};
pub use decide::{LeaseRecord, LossReason, Observed, Role, Step, decide};
pub use election::{Ended, Leader, LeaderState};
pub use fence::Fence;
