//! Steps that change a guest, or keep something of it.

use std::collections::BTreeMap;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// A snapshot to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeSnapshot {
    /// The guest.
    pub of: Vmid,
    /// Its node.
    pub node: NodeName,
    /// Name of the snapshot.
    pub name: String,
    /// Its description.
    pub description: String,
}

/// A backup to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBackup {
    /// Storage.
    pub storage: String,
    /// Its notes: who made it, and what for.
    pub notes: String,
    /// Whether people are kept from removing it.
    pub protected: bool,
}

/// Why a mark is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkPurpose {
    /// `adoption: IfExists` takes over an unmarked guest.
    Adopt,
    /// A guest with our mark is taken back: its tombstone goes, status is filled.
    TakeBack,
    /// The control plane was rebuilt and `takeover` names the old one.
    Rebind,
    /// The object is deleted, the guest stays: a tombstone.
    Retain,
    /// The object is deleted, the guest is kept for a time.
    Trash,
}

/// A mark to write.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkGuest {
    /// Why.
    pub purpose: MarkPurpose,
    /// The whole new description; `None` where it is right already.
    pub description: Option<String>,
    /// The new tags; `None` where they are right already.
    pub tags: Option<String>,
    /// Whether it is started at boot: a guest in the trash is not, and one that is taken back is as it was before.
    pub on_boot: Option<bool>,
}

/// Options to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configure {
    /// Option to value.
    pub set: BTreeMap<String, String>,
    /// Options to delete.
    pub delete: Vec<String>,
    /// Pending changes to take back.
    pub revert: Vec<String>,
    /// The fields of the spec behind it, for events: `memory 2048 -> 4096`.
    pub changes: Vec<String>,
    /// Only root@pam may do it.
    pub as_root: bool,
}

impl Configure {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty() && self.revert.is_empty()
    }

    /// Whether it changes this option.
    #[must_use]
    pub fn touches(&self, key: &str) -> bool {
        self.touched().any(|touched| touched == key)
    }

    /// The options that it changes.
    pub fn touched(&self) -> impl Iterator<Item = &str> {
        self.set.keys().chain(&self.delete).chain(&self.revert).map(String::as_str)
    }
}
