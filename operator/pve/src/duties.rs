//! What PVE itself does with guests: high availability, replication; and the virtual networks of its SDN.

use zentoria_types::{BridgeName, NodeName, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;

const HA: &str = "/cluster/ha/resources";
const REPLICATION: &str = "/cluster/replication";
const VNETS: &str = "/cluster/sdn/vnets";

/// A guest that PVE's high availability was told of (`GET /cluster/ha/resources`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaResource {
    /// Its id, `ct:101`.
    pub sid: String,
    /// The guest's number; none for what is no guest.
    pub vmid: Option<Vmid>,
    /// What it is to be: `started` (also written `enabled`, and meant when absent), `stopped`, `disabled`, `ignored`.
    pub state: Option<String>,
    /// The group (PVE 8; rules took their place in 9.0).
    pub group: Option<String>,
}

/// A replication job (`GET /cluster/replication`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationJob {
    /// Its id, `101-0`.
    pub id: String,
    /// The guest that is replicated.
    pub guest: Vmid,
    /// The node that its volumes are copied to.
    pub target: Option<NodeName>,
    /// Whether it is switched off.
    pub disable: bool,
}

/// A virtual network of the SDN (`GET /cluster/sdn/vnets`); guests use it like a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vnet {
    /// Its name, and that of the bridge that nodes make of it.
    pub vnet: BridgeName,
    /// The zone it belongs to; `SDN.Use` is asked for on `/sdn/zones/{zone}/{vnet}`.
    pub zone: Option<String>,
    /// Its own VLAN tag or VXLAN id.
    pub tag: Option<u64>,
    /// Whether guests may set VLAN tags in it.
    pub vlan_aware: bool,
}

impl Client {
    /// The guests that high availability was told of (needs `Sys.Audit` on `/`). Recorded empty alone; the fields are
    /// those of PVE's schema.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without the privilege: ask a guest's own status then ([`crate::GuestStatus::ha_managed`]).
    /// [`PveError::Payload`] for a row that cannot be read: it must not be taken for no row.
    pub async fn ha_resources(&self) -> Result<Vec<HaResource>, PveError> {
        let rows: Vec<Row> = self.get(HA).await?;
        rows.iter().map(|row| HaResource::from_row(Call { method: "GET", path: HA }, row)).collect()
    }

    /// The replication jobs. A job is left out, and nothing refused, when `VM.Audit` on its guest is missing. Recorded
    /// empty alone; the fields are those of PVE's schema.
    ///
    /// # Errors
    /// [`PveError::Payload`] for a row that cannot be read: it must not be taken for no row.
    pub async fn replication_jobs(&self) -> Result<Vec<ReplicationJob>, PveError> {
        let rows: Vec<Row> = self.get(REPLICATION).await?;
        rows.iter().map(|row| ReplicationJob::from_row(Call { method: "GET", path: REPLICATION }, row)).collect()
    }

    /// The virtual networks; none where PVE has no SDN (501). One is left out, and nothing refused, when `SDN.Audit` on
    /// it is missing. Recorded empty alone; the fields are those of PVE's schema.
    ///
    /// # Errors
    /// [`PveError`] when the cluster cannot say. Rows without a usable name are left out.
    pub async fn vnets(&self) -> Result<Vec<Vnet>, PveError> {
        let rows: Vec<Row> = match self.get(VNETS).await {
            Err(error) if error.is_not_implemented() => Vec::new(),
            answer => answer?,
        };
        Ok(rows.iter().filter_map(Vnet::from_row).collect())
    }
}

impl HaResource {
    /// Whether high availability decides about this guest: it leaves `ignored` ones alone, and calls about them run
    /// as if it were not there.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.state.as_deref() != Some("ignored")
    }

    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let sid = row.word("sid").ok_or_else(|| payload(call, "an HA resource without an id", b""))?;
        let vmid = sid.strip_prefix("ct:").or_else(|| sid.strip_prefix("vm:")).and_then(|id| id.parse().ok());
        Ok(Self { vmid, sid, state: row.word("state"), group: row.word("group") })
    }
}

impl ReplicationJob {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let id = row.word("id");
        // The id begins with the guest, should its own field be missing.
        let of_id = || id.as_deref()?.split_once('-')?.0.parse().ok();
        let guest = row.parse("guest").or_else(of_id);
        let guest = guest.ok_or_else(|| payload(call, "a replication job without a guest", b""))?;
        Ok(Self {
            id: id.unwrap_or_default(),
            guest,
            target: row.parse("target"),
            disable: row.flag("disable").unwrap_or(false),
        })
    }
}

impl Vnet {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            vnet: row.parse("vnet")?,
            zone: row.word("zone"),
            tag: row.unsigned("tag"),
            vlan_aware: row.flag("vlanaware").unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::server::{Server, failed, ok};

    async fn client(body: &'static str) -> (Client, Server) {
        let server = Server::start(move |_| ok(body)).await;
        (server.client(), server)
    }

    #[tokio::test]
    async fn a_guest_under_high_availability_is_known_by_its_number() {
        let rows = "[{\"sid\":\"ct:101\",\"state\":\"started\",\"group\":\"a\",\"type\":\"ct\"},\
                     {\"sid\":\"vm:102\"},{\"sid\":\"ct:103\",\"state\":\"ignored\"}]";
        let (client, _server) = client(rows).await;
        let found = client.ha_resources().await.unwrap();
        let read: Vec<_> = found.iter().map(|one| (one.vmid.map(Vmid::get), one.is_managed())).collect();
        assert_eq!(read, [(Some(101), true), (Some(102), true), (Some(103), false)]);
        assert_eq!((found[0].state.as_deref(), found[0].group.as_deref()), (Some("started"), Some("a")));
    }

    #[tokio::test]
    async fn a_replication_job_names_its_guest_and_its_target() {
        let rows = "[{\"id\":\"101-0\",\"guest\":\"101\",\"target\":\"pve2\",\"disable\":\"1\"},{\"id\":\"102-3\"}]";
        let (client, _server) = client(rows).await;
        let found = client.replication_jobs().await.unwrap();
        let target = |at: usize| found[at].target.as_ref().map(NodeName::as_str);
        assert_eq!((found[0].guest.get(), target(0), found[0].disable), (101, Some("pve2"), true));
        assert_eq!((found[1].guest.get(), target(1), found[1].disable), (102, None, false));
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_not_taken_for_none() {
        let (client, _server) = client("[{\"comment\":\"x\"}]").await;
        assert_eq!(client.ha_resources().await.unwrap_err().kind(), "payload");
        assert_eq!(client.replication_jobs().await.unwrap_err().kind(), "payload");
    }

    #[tokio::test]
    async fn an_auditor_is_needed_for_high_availability_and_the_error_says_so() {
        let server = Server::start(|_| failed(403, "Permission check failed (/, Sys.Audit)")).await;
        let error = server.client().ha_resources().await.unwrap_err();
        assert_eq!(error.to_string(), "missing privilege Sys.Audit on /");
    }

    #[tokio::test]
    async fn a_cluster_without_sdn_has_no_virtual_networks() {
        let server = Server::start(|_| failed(501, "Method 'GET /cluster/sdn/vnets' not implemented")).await;
        assert_eq!(server.client().vnets().await.unwrap(), []);
        let broken = Server::start(|_| failed(500, "cannot read")).await;
        assert_eq!(broken.client().vnets().await.unwrap_err().kind(), "unexpected");
        let (client, _server) =
            client("[{\"vnet\":\"tenant1\",\"zone\":\"z\",\"tag\":\"100\",\"vlanaware\":1},{\"zone\":\"z\"}]").await;
        let found = client.vnets().await.unwrap();
        let vnet =
            Vnet { vnet: "tenant1".parse().unwrap(), zone: Some("z".to_owned()), tag: Some(100), vlan_aware: true };
        assert_eq!(found, [vnet]);
    }
}
