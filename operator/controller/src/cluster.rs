//! The ProxmoxCluster controller: connects, polls, counts, and shuts the gate before anything is written to a cluster
//! that is not what it should be.

pub mod destroys;
mod poller;
mod reconcile;
pub mod registry;
mod secrets;
mod trash;
mod windows;

pub use reconcile::reconcile;
pub use secrets::refers_to;
pub use windows::MaintenanceWindows;
