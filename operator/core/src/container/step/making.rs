//! Steps by which a guest comes to be.

use super::super::options::needs_root;
use super::super::seen::is_numbered;
use super::super::want::Download;
use std::collections::BTreeMap;
use zentoria_api::container::{Origin, RecordedDefaults};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// A guest to create.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// Template volume.
    pub template: String,
    /// Options of the call (`hostname`, `memory`, `net0`, `rootfs`, `description` with the mark, ...).
    pub options: BTreeMap<String, String>,
    /// Public SSH keys of the guest's root.
    pub ssh_keys: Vec<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
    /// Storage that is written to, for the limits.
    pub storage: String,
    /// Resource pool.
    pub pool: Option<String>,
    /// How the guest comes to be: from a template or an image.
    pub origin: Origin,
}

impl Create {
    /// Whether only root@pam may make it: a token may give an unprivileged guest nesting, and no other feature; and
    /// nothing of the node (directories, devices, hook scripts).
    #[must_use]
    pub fn as_root(&self) -> bool {
        let privileged = self.options.get("unprivileged").is_some_and(|value| value == "0");
        let of_node = |(key, value): (&String, &String)| {
            key == "hookscript" || is_numbered(key, "dev") || (is_numbered(key, "mp") && value.starts_with('/'))
        };
        self.options.get("features").is_some_and(|features| privileged || needs_root(features))
            || self.options.iter().any(of_node)
    }
}

/// A guest to copy.
#[derive(Clone, Debug, PartialEq)]
pub struct CloneGuest {
    /// The guest to copy.
    pub source: Vmid,
    /// The node that it is on; the copy is made there.
    pub source_node: NodeName,
    /// Full or linked.
    pub full: bool,
    /// Snapshot of the source.
    pub snapshot: Option<String>,
    /// Storage of a full copy.
    pub storage: Option<String>,
    /// Host name of the copy.
    pub hostname: String,
    /// Description with the mark.
    pub description: String,
    /// Resource pool.
    pub pool: Option<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
}

/// A backup to restore as a new guest.
#[derive(Clone, Debug, PartialEq)]
pub struct Restore {
    /// Its volume.
    pub archive: String,
    /// Options that hold instead of those of the backup (`hostname`, `net0`, `description` with the mark, ...).
    pub options: BTreeMap<String, String>,
    /// Storage of the new disks.
    pub storage: String,
    /// Unprivileged, where the spec or the namespace's rights say it.
    pub unprivileged: Option<bool>,
    /// Whether the interfaces get new MAC addresses in place of those of the backup. With it Proxmox VE takes the
    /// interfaces of the backup, not those of `options`.
    pub unique: bool,
    /// Resource pool.
    pub pool: Option<String>,
    /// The defaults that status will record.
    pub defaults: RecordedDefaults,
}

/// What is downloaded to a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The volume that it becomes: `local:vztmpl/x.tar.zst`.
    pub volume: String,
    /// The node that downloads it.
    pub node: NodeName,
    /// What.
    pub what: Pulled,
}

/// What is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// A template.
    Template(Download),
    /// An OCI image, by its reference.
    Image(String),
}
