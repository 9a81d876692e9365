//! The rows of `/cluster/resources`: one cheap read of everything in a cluster.

use std::collections::BTreeSet;

use zentoria_types::{NodeName, StorageName, Tags, Vmid};

use crate::client::Client;
use crate::error::PveError;
use crate::lenient::Row;

/// What a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It runs.
    Running,
    /// It is stopped.
    Stopped,
    /// PVE does not know (yet): a new guest in the list, a node that is away, a paused VM.
    Unknown,
}

impl RunState {
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "stopped" => Self::Stopped,
            _ => Self::Unknown,
        }
    }
}

/// Container or virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuestKind {
    /// A container.
    Lxc,
    /// A virtual machine.
    Qemu,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A container or a virtual machine.
    Guest(Guest),
    /// A node.
    Node(NodeCapacity),
    /// A storage, once for each node that has it.
    Storage(StorageCapacity),
}

/// A guest in the list. `name`, `state` and the sizes lag up to 10 s; presence, `lock` and `tags` do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Guest {
    /// Its number, unique in the cluster.
    pub vmid: Vmid,
    /// Container or virtual machine.
    pub kind: GuestKind,
    /// Where it is.
    pub node: NodeName,
    /// The host name.
    pub name: Option<String>,
    /// What it does.
    pub state: RunState,
    /// The lock of its configuration.
    pub lock: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Whether it is a template.
    pub template: bool,
    /// Memory limit in bytes.
    pub maxmem: Option<u64>,
    /// Cores; a fraction for a CPU limit.
    pub maxcpu: Option<f64>,
    /// Size of the root disk in bytes.
    pub maxdisk: Option<u64>,
    /// What is used of the root disk, in bytes; 0 for one that does not run.
    pub disk: Option<u64>,
    /// Seconds since its start.
    pub uptime: Option<u64>,
    /// The pool it is in.
    pub pool: Option<String>,
    /// The state that PVE's high availability keeps it in; none when that does not manage it.
    pub hastate: Option<String>,
}

/// A node in the list. Sizes are absent for an offline node, and for an identity without `Sys.Audit` on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeCapacity {
    /// Its name.
    pub node: NodeName,
    /// Whether it is online.
    pub online: bool,
    /// Cores.
    pub maxcpu: Option<f64>,
    /// Used memory in bytes.
    pub mem: Option<u64>,
    /// Memory in bytes.
    pub maxmem: Option<u64>,
    /// Used space of its root file system, in bytes.
    pub disk: Option<u64>,
    /// Size of its root file system, in bytes.
    pub maxdisk: Option<u64>,
    /// The level of its support subscription; none without one.
    pub level: Option<String>,
}

/// A storage of a node in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageCapacity {
    /// Its name.
    pub storage: StorageName,
    /// The node.
    pub node: NodeName,
    /// Whether it can be used now.
    pub available: bool,
    /// What it may hold: `rootdir`, `vztmpl`, `backup`, ...
    pub content: BTreeSet<String>,
    /// Whether all nodes see the same: its size is then one size, though it stands in one row for each node.
    pub shared: bool,
    /// `dir`, `zfspool`, `lvmthin`, `rbd`, ...
    pub plugintype: Option<String>,
    /// Its size in bytes.
    pub maxdisk: Option<u64>,
    /// What is used, in bytes.
    pub disk: Option<u64>,
}

impl Client {
    /// The whole list. Rows of unknown types are left out, and one bad row never loses the others.
    ///
    /// # Errors
    /// [`PveError`] when the list as a whole cannot be read; it is filtered, not refused, when rights are missing.
    pub async fn resources(&self) -> Result<Vec<Resource>, PveError> {
        let rows: Vec<serde_json::Value> = self.get("/cluster/resources").await?;
        Ok(rows.iter().filter_map(Resource::from_value).collect())
    }
}

impl Resource {
    pub(crate) fn from_value(value: &serde_json::Value) -> Option<Self> {
        let row = Row(value.as_object()?.clone());
        let kind = row.word("type")?;
        let read = match kind.as_str() {
            "lxc" => Guest::from_row(&row, GuestKind::Lxc).map(Self::Guest),
            "qemu" => Guest::from_row(&row, GuestKind::Qemu).map(Self::Guest),
            "node" => NodeCapacity::from_row(&row).map(Self::Node),
            "storage" => StorageCapacity::from_row(&row).map(Self::Storage),
            // Pools, SDN zones, and whatever a later PVE adds.
            _ => return None,
        };
        if read.is_none() {
            tracing::warn!(kind, id = row.text("id"), "a row of /cluster/resources cannot be read");
        }
        read
    }
}

impl Guest {
    fn from_row(row: &Row, kind: GuestKind) -> Option<Self> {
        Some(Self {
            vmid: row.parse("vmid").or_else(|| row.word("id")?.split_once('/')?.1.parse().ok())?,
            kind,
            node: row.parse("node")?,
            name: row.word("name"),
            state: row.word("status").map_or(RunState::Unknown, |word| RunState::from_word(&word)),
            lock: row.word("lock"),
            tags: Tags::parse(&row.text("tags").unwrap_or_default()),
            template: row.flag("template").unwrap_or(false),
            maxmem: row.unsigned("maxmem"),
            maxcpu: row.float("maxcpu"),
            maxdisk: row.unsigned("maxdisk"),
            disk: row.unsigned("disk"),
            uptime: row.unsigned("uptime"),
            pool: row.word("pool"),
            hastate: row.word("hastate"),
        })
    }
}

impl NodeCapacity {
    fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            node: row.parse("node")?,
            online: row.word("status").is_some_and(|status| status == "online"),
            maxcpu: row.float("maxcpu"),
            mem: row.unsigned("mem"),
            maxmem: row.unsigned("maxmem"),
            disk: row.unsigned("disk"),
            maxdisk: row.unsigned("maxdisk"),
            level: row.word("level"),
        })
    }
}

impl StorageCapacity {
    fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            storage: row.parse("storage")?,
            node: row.parse("node")?,
            available: row.word("status").is_some_and(|status| status == "available"),
            content: words(row, "content"),
            shared: row.flag("shared").unwrap_or(false),
            plugintype: row.word("plugintype"),
            maxdisk: row.unsigned("maxdisk"),
            disk: row.unsigned("disk"),
        })
    }
}

/// A list, separated by commas, as a set.
pub(crate) fn words(row: &Row, key: &str) -> BTreeSet<String> {
    let text = row.text(key).unwrap_or_default();
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
