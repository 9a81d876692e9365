//! What a new guest is made from.

use jiff::Timestamp;
use zentoria_types::names::StorageName;
use zentoria_types::vmid::Vmid;

/// What a new guest is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A template volume.
    Template {
        /// `storage:vztmpl/file`.
        volume: String,
        /// From where it comes where the storage lacks it.
        download: Option<Download>,
    },
    /// A copy.
    Clone {
        /// The guest to copy.
        from: CloneFrom,
        /// Full or linked.
        full: bool,
        /// Snapshot of the source.
        snapshot: Option<String>,
    },
    /// An OCI image.
    Image {
        /// With registry and tag.
        reference: String,
        /// Storage that it is pulled to.
        storage: StorageName,
        /// Whether it may be pulled.
        pull: bool,
    },
    /// A backup.
    Backup(BackupFrom),
}

impl BackupFrom {
    /// The guest that the backup was made of.
    #[must_use]
    pub const fn vmid(&self) -> Vmid {
        match self {
            Self::Volume { vmid, .. } | Self::Newest { vmid, .. } => *vmid,
        }
    }

    /// The storage that it is on.
    #[must_use]
    pub fn storage(&self) -> &str {
        match self {
            Self::Volume { volume, .. } => volume.split(':').next().unwrap_or_default(),
            Self::Newest { storage, .. } => storage.as_str(),
        }
    }
}

/// From where a template is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// URL.
    pub url: String,
    /// `sha256` or `sha512`.
    pub algorithm: String,
    /// The checksum, in hex.
    pub checksum: String,
}

/// Which backup is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupFrom {
    /// This volume.
    Volume {
        /// `nas:backup/vzdump-lxc-404-2026_11_01-02_00_00.tar.zst`.
        volume: String,
        /// The guest that it was made of, by its name.
        vmid: Vmid,
    },
    /// The newest backup of a guest.
    Newest {
        /// Storage that it is on.
        storage: StorageName,
        /// The guest that it was made of.
        vmid: Vmid,
        /// Not younger than this; `None` for the latest.
        not_after: Option<Timestamp>,
    },
}

/// Which guest is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloneFrom {
    /// By VMID, allowed by the cluster.
    Vmid(Vmid),
    /// A container of the same namespace, by name.
    Container(String),
}
