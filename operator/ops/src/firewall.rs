//! The firewall of one guest and of the datacenter: what it holds ([`look`]), the steps of an enforcement, carried out one
//! call at a time ([`act`]), and whether a guest still answers ([`probe`]).
//!
//! Proxmox VE takes one lock of the whole cluster for every write to any firewall, and waits no longer than 10 s for it:
//! writes queue here instead.

pub mod act;
mod datacenter;
mod look;
pub mod probe;

pub use datacenter::{Obstacles, Switch};
pub use look::look;

use crate::cluster::Cluster;
use tokio::sync::MutexGuard;

impl Cluster {
    /// The turn to write to some firewall of this cluster, for one call.
    pub(crate) async fn firewall_turn(&self) -> MutexGuard<'_, ()> {
        self.firewall_writes.lock().await
    }
}
