//! Choosing a VMID.

use std::collections::BTreeSet;
use zentoria_types::vmid::{Vmid, VmidRange};

/// The lowest VMID of the ranges that nobody has. Proxmox VE's own `nextid` reserves nothing, so it is no help.
#[must_use]
pub fn choose(ranges: &[VmidRange], taken: &BTreeSet<Vmid>) -> Option<Vmid> {
    ranges.iter().flat_map(VmidRange::iter).filter(|vmid| !taken.contains(vmid)).min()
}
