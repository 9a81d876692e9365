//! The cluster as a whole.

use zentoria_types::NodeName;

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;

/// What answers (`GET /version`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// `9.2.11`.
    pub version: String,
    /// `9.2`.
    pub release: Option<String>,
    /// The commit of the build.
    pub repoid: Option<String>,
}

/// Who is in the cluster (`GET /cluster/status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterStatus {
    /// The cluster's name; none for a node that is in no cluster.
    pub name: Option<String>,
    /// Whether it has quorum; a node alone always has.
    pub quorate: bool,
    /// Its nodes, by name.
    pub nodes: Vec<ClusterNode>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its name.
    pub name: NodeName,
    /// Whether it is online.
    pub online: bool,
    /// Whether it is the one that answers.
    pub local: bool,
    /// Its address in the cluster network.
    pub ip: Option<String>,
}

impl Client {
    /// PVE's version. Even this needs valid credentials.
    ///
    /// # Errors
    /// [`PveError::Unauthenticated`] for wrong credentials.
    pub async fn version(&self) -> Result<Version, PveError> {
        let row: Row = self.get("/version").await?;
        Version::from_row(Call { method: "GET", path: "/version" }, &row)
    }

    /// Name, quorum and nodes of the cluster.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without `Sys.Audit` on `/`.
    pub async fn cluster_status(&self) -> Result<ClusterStatus, PveError> {
        let rows: Vec<Row> = self.get("/cluster/status").await?;
        ClusterStatus::from_rows(Call { method: "GET", path: "/cluster/status" }, &rows)
    }
}

impl Version {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let version = row.word("version").ok_or_else(|| payload(call, "no version", b""))?;
        Ok(Self { version, release: row.word("release"), repoid: row.word("repoid") })
    }
}

impl ClusterStatus {
    pub(crate) fn from_rows(call: Call<'_>, rows: &[Row]) -> Result<Self, PveError> {
        let of = |kind: &'static str| rows.iter().filter(move |row| row.word("type").as_deref() == Some(kind));
        let cluster = of("cluster").next();
        let mut nodes: Vec<ClusterNode> = of("node").filter_map(ClusterNode::from_row).collect();
        if nodes.is_empty() {
            return Err(payload(call, "no node", b""));
        }
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self {
            name: cluster.and_then(|row| row.word("name")),
            // A cluster that does not say that it has quorum is held to have none.
            quorate: cluster.is_none_or(|row| row.flag("quorate").unwrap_or(false)),
            nodes,
        })
    }
}

impl ClusterNode {
    fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            name: row.parse("name")?,
            online: row.flag("online").unwrap_or(false),
            local: row.flag("local").unwrap_or(false),
            ip: row.word("ip"),
        })
    }
}
