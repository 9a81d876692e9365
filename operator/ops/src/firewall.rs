//! The firewall of one guest and of the datacenter: what it holds ([`observe`]), the steps of an enforcement, carried out one
//! call at a time ([`act`]), and whether a guest still answers ([`probe`]).
//!
//! Proxmox VE takes one lock of the whole cluster for every write to any firewall, and waits no longer than 10 s for it:
//! writes queue here instead.

pub mod act;
mod datacenter;
mod look;
pub mod probe;
mod scene;

pub use datacenter::{Obstacles, Switch};
pub use scene::{Scene, scene};

use crate::cluster::Cluster;
use tokio::sync::MutexGuard;
use zentoria_core::firewall::seen::Seen;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// Reads what the firewall of a guest holds: three calls, and one for each IP set that matters.
///
/// # Errors
/// The first call that failed, as a condition says it.
pub async fn observe(cluster: &Cluster, node: &NodeName, vmid: Vmid) -> Result<Seen, act::Stop> {
    let answer = look::look(cluster, node, vmid).await;
    answer.map_err(|error| act::read(&format!("look at the firewall of guest {vmid} on node {node}"), &error))
}

impl Cluster {
    /// The turn to write to some firewall of this cluster, for one call.
    pub(crate) async fn firewall_turn(&self) -> MutexGuard<'_, ()> {
        self.firewall_writes.lock().await
    }
}
