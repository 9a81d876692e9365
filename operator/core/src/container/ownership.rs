//! Whose guest is it? The answer comes from the mark alone; tags are decoration.

use super::want::Identity;
use zentoria_types::mark::{ControlPlaneId, Description, Mark, MarkError};
use zentoria_types::vmid::Vmid;

/// Whose guest it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Ownership {
    /// Ours, of this object and this control plane.
    Ours(Mark),
    /// Of this object, but written by another control plane.
    OtherControlPlane(ControlPlaneId),
    /// Our mark, with the VMID of another guest: a copy that a person made.
    CopyOf(Vmid),
    /// Another object's, or another estate's.
    Foreign(Mark),
    /// Nobody's.
    Unmarked,
    /// It has what looks like a mark and cannot be read.
    Unreadable(MarkError),
}

/// Reads the mark of `description` of the guest at `vmid`.
#[must_use]
pub fn ownership(identity: &Identity, vmid: Vmid, description: &str) -> Ownership {
    let mark = match Description::parse(description) {
        Ok(parsed) => match parsed.mark {
            Some(mark) => mark,
            None => return Ownership::Unmarked,
        },
        Err(error) => return Ownership::Unreadable(error),
    };
    if mark.vmid != vmid {
        return Ownership::CopyOf(mark.vmid);
    }
    let same =
        mark.estate == identity.estate && mark.namespace == identity.key.namespace && mark.name == identity.key.name;
    if !same {
        return Ownership::Foreign(mark);
    }
    if mark.cp == identity.control_plane { Ownership::Ours(mark) } else { Ownership::OtherControlPlane(mark.cp) }
}

/// Whether the guest at `vmid` carries the mark of any container of the same namespace, estate and control plane.
#[must_use]
pub fn is_of_namespace(identity: &Identity, vmid: Vmid, description: &str) -> bool {
    let mark = Description::parse(description).ok().and_then(|description| description.mark);
    mark.is_some_and(|mark| {
        mark.vmid == vmid
            && mark.estate == identity.estate
            && mark.namespace == identity.key.namespace
            && mark.cp == identity.control_plane
    })
}
