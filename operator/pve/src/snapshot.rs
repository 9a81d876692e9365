//! Snapshots of a guest, and whether its volumes allow them.

use proxmox_api::nodes::node::lxc::vmid::snapshot::PostParams as SnapshotParams;
use proxmox_api::nodes::node::lxc::vmid::snapshot::snapname::DeleteParams;
use zentoria_types::{NodeName, SnapshotName, Upid, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::lxc::{guest_path, parse_upid};
use crate::wire::invalid;

/// What PVE calls the guest as it is now; it always stands in the list of snapshots.
const CURRENT: &str = "current";

/// One row of a guest's snapshots (`GET .../snapshot`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Its name; `current` for the guest as it is now.
    pub name: String,
    /// When it was made, in seconds since 1970; none for the guest itself.
    pub snaptime: Option<i64>,
    /// Its description, without the newline that PVE adds; none when empty.
    pub description: Option<String>,
    /// The snapshot that it follows.
    pub parent: Option<String>,
    /// Whether this row is the guest as it is now and no snapshot.
    pub is_current: bool,
}

/// What a guest's volumes may allow (`GET .../feature`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Snapshots.
    Snapshot,
    /// Linked clones.
    Clone,
    /// Full copies.
    Copy,
}

impl Feature {
    /// PVE's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Clone => "clone",
            Self::Copy => "copy",
        }
    }
}

impl Client {
    /// The snapshots of a guest and the guest itself (`GET .../snapshot`, needs `VM.Audit` on the guest), in the
    /// order of PVE, which is none.
    ///
    /// # Errors
    /// [`PveError::Absent`] when the guest is not on this node; [`PveError::Payload`] for a row without a name: an
    /// unread snapshot is not to be taken for none.
    pub async fn snapshots(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<SnapshotRow>, PveError> {
        let path = guest_path(node, vmid, "/snapshot");
        let rows: Vec<Row> = self.get(&path).await?;
        let call = Call { method: "GET", path: &path };
        rows.iter().map(|row| SnapshotRow::from_row(call, row)).collect()
    }

    /// Takes a snapshot (`POST .../snapshot`, needs `VM.Snapshot` on the guest); the guest may run.
    ///
    /// A name that is taken and volumes that allow no snapshots (raw files on a directory) are told by the task:
    /// see [`PveError::task_problem`]. Ask [`Client::has_feature`] first.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without the privilege; [`PveError::Locked`].
    pub async fn create_snapshot(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &SnapshotName,
        description: Option<&str>,
    ) -> Result<Upid, PveError> {
        let snapname = name.to_string().try_into().map_err(|why| invalid("snapname", why))?;
        let mut params = SnapshotParams::new(snapname);
        params.description = description.map(str::to_owned);
        let upid = self.guest(node, vmid)?.snapshot().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/snapshot") }, &upid)
    }

    /// Removes a snapshot (`DELETE .../snapshot/{name}`, needs `VM.Snapshot` on the guest); the guest keeps its data.
    /// A snapshot that is not there is told by the task: see [`PveError::task_problem`].
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without the privilege; [`PveError::Locked`].
    pub async fn delete_snapshot(&self, node: &NodeName, vmid: Vmid, name: &SnapshotName) -> Result<Upid, PveError> {
        let snapshot = self.guest(node, vmid)?.snapshot();
        let upid = snapshot.snapname(name.as_str()).delete(DeleteParams::default()).await?;
        let path = guest_path(node, vmid, &format!("/snapshot/{name}"));
        parse_upid(Call { method: "DELETE", path: &path }, &upid)
    }

    /// Whether the volumes of a guest, or of one of its snapshots, allow something (`GET .../feature`, needs
    /// `VM.Audit` on the guest).
    ///
    /// # Errors
    /// [`PveError::Absent`] when the guest is not on this node; [`PveError::Payload`] when PVE does not say.
    pub async fn has_feature(
        &self,
        node: &NodeName,
        vmid: Vmid,
        feature: Feature,
        snapshot: Option<&SnapshotName>,
    ) -> Result<bool, PveError> {
        let path = guest_path(node, vmid, "/feature");
        let mut query = vec![("feature", feature.as_str().to_owned())];
        query.extend(snapshot.map(|name| ("snapname", name.to_string())));
        let row: Row = self.get_query(&path, &query).await?;
        feature_of(Call { method: "GET", path: &path }, &row)
    }
}

impl SnapshotRow {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let name = row.word("name").ok_or_else(|| payload(call, "a snapshot without a name", b""))?;
        let is_current = name == CURRENT;
        Ok(Self {
            snaptime: row.unsigned("snaptime").and_then(|time| i64::try_from(time).ok()),
            description: row.word("description"),
            parent: row.word("parent"),
            is_current,
            name,
        })
    }
}

pub(crate) fn feature_of(call: Call<'_>, row: &Row) -> Result<bool, PveError> {
    row.flag("hasFeature").ok_or_else(|| payload(call, "no hasFeature", b""))
}
