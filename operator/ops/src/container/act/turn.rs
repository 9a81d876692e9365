//! One at a time acts on a guest. A container has one reconcile at a time, but the trash is emptied beside it: a guest that
//! is taken back while its time runs out is either taken back or destroyed, and never both. Its firewall is written beside
//! it, too, and not while it is destroyed: a firewall file outlives its guest.

use crate::cluster::Cluster;
use std::sync::Arc;
use zentoria_types::vmid::Vmid;

/// The right to act on a guest, given back when it is dropped.
pub(crate) struct Turn {
    cluster: Arc<Cluster>,
    vmid: Vmid,
}

impl Cluster {
    /// The turn to act on a guest; none while somebody has it.
    pub(crate) fn turn(self: &Arc<Self>, vmid: Vmid) -> Option<Turn> {
        self.lock().turns.insert(vmid).then(|| Turn { cluster: Arc::clone(self), vmid })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.cluster.lock().turns.remove(&self.vmid);
    }
}
