//! Storages of a node and what they hold.

use std::collections::BTreeSet;

use zentoria_types::{NodeName, StorageName, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::path::segment;
use crate::resources::words;

/// A storage as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStorage {
    /// Its name.
    pub storage: StorageName,
    /// `dir`, `zfspool`, `lvmthin`, ...
    pub kind: Option<String>,
    /// What it may hold: `rootdir`, `vztmpl`, `backup`, ...
    pub content: BTreeSet<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it can be used now.
    pub active: bool,
    /// Whether all nodes see the same.
    pub shared: bool,
    /// Its size in bytes.
    pub total: Option<u64>,
    /// What is free, in bytes.
    pub avail: Option<u64>,
    /// What is used, in bytes.
    pub used: Option<u64>,
}

/// One volume of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id, `local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst`.
    pub volid: String,
    /// `vztmpl`, `rootdir`, `backup`, `iso`, `snippets`, ...
    pub content: Option<String>,
    /// `raw`, `tzst`, `tar.zst` (a backup), ...
    pub format: Option<String>,
    /// What a backup is of: `lxc` or `qemu`.
    pub subtype: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The guest that it belongs to.
    pub vmid: Option<Vmid>,
    /// When it was made, in seconds since 1970.
    pub ctime: Option<u64>,
    /// Its notes (backups); PVE shows the first line alone.
    pub notes: Option<String>,
    /// Whether it is protected from removal (backups).
    pub protected: bool,
    /// The volume that it is a linked clone of.
    pub parent: Option<String>,
    /// What Proxmox Backup Server found when it read the backup again: `ok`, `failed`; none where it did not.
    pub verification: Option<String>,
    /// When it did, in seconds since 1970.
    pub verified_at: Option<i64>,
}

impl Client {
    /// The storages of a node that this identity may see.
    ///
    /// # Errors
    /// [`PveError`] when the node cannot say. Rows without a usable name are left out.
    pub async fn node_storages(&self, node: &NodeName) -> Result<Vec<NodeStorage>, PveError> {
        let rows: Vec<Row> = self.get(&format!("/nodes/{node}/storage")).await?;
        Ok(rows.iter().filter_map(NodeStorage::from_row).collect())
    }

    /// The volumes of a storage, all or of one content (`vztmpl`, `rootdir`, `backup`, ...).
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without a right to look; [`PveError::Unexpected`] when the storage does not exist, is
    /// off, or cannot be activated.
    pub async fn storage_content(
        &self,
        node: &NodeName,
        storage: &StorageName,
        content: Option<&str>,
    ) -> Result<Vec<Volume>, PveError> {
        let query: Vec<(&str, String)> = content.map(|content| ("content", content.to_owned())).into_iter().collect();
        self.volumes(node, storage, &query).await
    }

    pub(crate) async fn volumes(
        &self,
        node: &NodeName,
        storage: &StorageName,
        query: &[(&str, String)],
    ) -> Result<Vec<Volume>, PveError> {
        let path = format!("/nodes/{node}/storage/{}/content", segment(storage.as_str()));
        let rows: Vec<Row> = self.get_query(&path, query).await?;
        let call = Call { method: "GET", path: &path };
        rows.iter().map(|row| Volume::from_row(call, row)).collect()
    }
}

/// When a task of Proxmox Backup Server began: its ids have one part more than those of Proxmox VE.
fn begin_of(upid: &str) -> Option<i64> {
    let parts: Vec<&str> = upid.split(':').collect();
    let begin = if parts.len() == 10 { parts.get(5) } else { parts.get(4) };
    i64::from_str_radix(begin?, 16).ok()
}

impl NodeStorage {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            storage: row.parse("storage")?,
            kind: row.word("type"),
            content: words(row, "content"),
            enabled: row.flag("enabled").unwrap_or(true),
            active: row.flag("active").unwrap_or(false),
            shared: row.flag("shared").unwrap_or(false),
            total: row.unsigned("total"),
            avail: row.unsigned("avail"),
            used: row.unsigned("used"),
        })
    }
}

impl Volume {
    /// A volume without an id is an error: an unread backup or disk is not to be taken for none.
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let verification = row.0.get("verification").and_then(serde_json::Value::as_object).map(|map| Row(map.clone()));
        let verification = verification.as_ref();
        Ok(Self {
            volid: row.word("volid").ok_or_else(|| payload(call, "a volume without an id", b""))?,
            content: row.word("content"),
            format: row.word("format"),
            size: row.unsigned("size"),
            vmid: row.parse("vmid"),
            ctime: row.unsigned("ctime"),
            notes: row.word("notes"),
            subtype: row.word("subtype"),
            protected: row.flag("protected").unwrap_or(false),
            parent: row.word("parent"),
            verification: verification.and_then(|row| row.word("state")),
            verified_at: verification.and_then(|row| begin_of(&row.word("upid")?)),
        })
    }
}
