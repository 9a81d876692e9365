//! What is mounted into a guest.

use zentoria_api::container::ReclaimPolicy;
use zentoria_types::names::StorageName;
use zentoria_types::size::Bytes;

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountWish {
    /// Its name in the spec.
    pub name: String,
    /// The slot that the spec names. Without, the mount keeps the one that status remembers, or takes a free one.
    pub slot: Option<u32>,
    /// Where it appears in the guest.
    pub path: String,
    /// What is mounted.
    pub what: Mounted,
    /// Whether the spec names the storage: else the volume stays where it is.
    pub storage_named: bool,
    /// Read-only.
    pub read_only: bool,
    /// Whether vzdump includes it.
    pub backup: Option<bool>,
    /// What happens to its volume.
    pub reclaim: ReclaimPolicy,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mounted {
    /// A volume.
    Volume {
        /// Its storage.
        storage: StorageName,
        /// Its size.
        size: Bytes,
    },
    /// A directory of the node.
    Bind {
        /// Its path on the node.
        path: String,
    },
}
