//! Containers: create, configure, power, destroy.

use std::time::Duration;

use proxmox_api::nodes::node::lxc::vmid::DeleteParams;
use proxmox_api::nodes::node::lxc::vmid::config::PutParams as ConfigParams;
use proxmox_api::nodes::node::lxc::vmid::resize::{Disk, PutParams as ResizeParams};
use proxmox_api::nodes::node::lxc::vmid::status::{reboot, shutdown, start, stop};
use serde_json::Value;
use zentoria_types::{ConfigDigest, NodeName, Upid, Vmid};

use crate::client::Client;
use crate::config::{ConfigChange, GuestConfig};
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::params::{CloneLxc, CreateLxc, RestoreLxc};
use crate::resources::RunState;
use crate::wire::invalid;

/// What one guest does now (`GET status/current`). Unlike the cluster's list it never lags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestStatus {
    /// Running or stopped.
    pub state: RunState,
    /// The host name.
    pub name: Option<String>,
    /// The lock of its configuration.
    pub lock: Option<String>,
    /// Whether PVE's high availability manages it.
    pub ha_managed: bool,
    /// Seconds since its start; 0 when stopped.
    pub uptime: u64,
    /// Memory limit in bytes.
    pub maxmem: Option<u64>,
    /// Size of the root disk in bytes.
    pub maxdisk: Option<u64>,
    /// Whether it is a template.
    pub template: bool,
}

impl GuestStatus {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let state = row.word("status").ok_or_else(|| payload(call, "no status", b""))?;
        let ha_managed = row.0.get("ha").and_then(|ha| ha.get("managed")).and_then(crate::lenient::flag);
        Ok(Self {
            state: RunState::from_word(&state),
            name: row.word("name"),
            lock: row.word("lock"),
            ha_managed: ha_managed.unwrap_or(false),
            uptime: row.unsigned("uptime").unwrap_or(0),
            maxmem: row.unsigned("maxmem"),
            maxdisk: row.unsigned("maxdisk"),
            template: row.flag("template").unwrap_or(false),
        })
    }
}

/// How a guest is destroyed. Disks that its configuration does not name are never destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Destroy {
    /// Also remove it from backup jobs, replication and HA.
    pub purge: bool,
    /// Even while it runs.
    pub force: bool,
}

impl Client {
    /// Creates a container from a template. The task decides whether it worked.
    ///
    /// # Errors
    /// [`PveError::Exists`] when the VMID is taken; [`PveError::Forbidden`] for options that tokens may not set.
    pub async fn create(&self, node: &NodeName, what: &CreateLxc) -> Result<Upid, PveError> {
        let params = what.params()?;
        let upid = self.node(node).lxc().post(params).await?;
        parse_upid(Call { method: "POST", path: &format!("/nodes/{node}/lxc") }, &upid)
    }

    /// Restores a container from a backup (`POST .../lxc` with `restore=1`; needs `VM.Allocate` on the guest,
    /// `Datastore.AllocateSpace` on the storage, and a right to read the backup). The task decides whether it worked.
    ///
    /// # Errors
    /// [`PveError::Exists`] when the VMID is taken; [`PveError::Rejected`] for an archive that is no backup volume;
    /// [`PveError::Forbidden`] for options that tokens may not set.
    pub async fn restore(&self, node: &NodeName, what: &RestoreLxc) -> Result<Upid, PveError> {
        let params = what.params()?;
        let upid = self.node(node).lxc().post(params).await?;
        parse_upid(Call { method: "POST", path: &format!("/nodes/{node}/lxc") }, &upid)
    }

    /// Clones a container of this node. The task decides whether it worked.
    ///
    /// # Errors
    /// [`PveError::Exists`] when the new VMID is taken; [`PveError::Absent`] when there is no such source.
    pub async fn clone_guest(&self, node: &NodeName, source: Vmid, what: &CloneLxc) -> Result<Upid, PveError> {
        let params = what.params()?;
        let upid = self.guest(node, source)?.clone().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, source, "/clone") }, &upid)
    }

    /// The configuration that holds now (`current=1`; without it PVE shows pending values as if they held).
    /// What is pending is not in it: see [`Client::pending`].
    ///
    /// # Errors
    /// [`PveError::Absent`] when the guest is not on this node.
    pub async fn config(&self, node: &NodeName, vmid: Vmid) -> Result<GuestConfig, PveError> {
        let path = guest_path(node, vmid, "/config");
        let row: Row = self.get_query(&path, &[("current", "1".to_owned())]).await?;
        GuestConfig::from_config(Call { method: "GET", path: &path }, &row)
    }

    /// The configuration that holds now and what waits for the next start, in one answer with one digest.
    ///
    /// # Errors
    /// [`PveError::Absent`] when the guest is not on this node.
    pub async fn pending(&self, node: &NodeName, vmid: Vmid) -> Result<GuestConfig, PveError> {
        let path = guest_path(node, vmid, "/pending");
        let rows: Vec<Row> = self.get(&path).await?;
        GuestConfig::from_pending(Call { method: "GET", path: &path }, &rows)
    }

    /// Changes the configuration. Sends nothing when the change is empty. PVE waits up to 10 s for the guest's lock.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when somebody else was first; [`PveError::Busy`] when the lock is not free.
    /// [`PveError::Unexpected`] may come although the change is stored (a network on a missing bridge): read again.
    pub async fn set_config(&self, node: &NodeName, vmid: Vmid, change: &ConfigChange) -> Result<(), PveError> {
        if change.is_empty() {
            return Ok(());
        }
        if change.touches_raw() {
            return Err(invalid("lxc", "raw lxc lines cannot be changed through the API"));
        }
        let list = |keys: &[String]| (!keys.is_empty()).then(|| keys.join(","));
        let digest = change.digest.to_string().try_into().map_err(|why| invalid("digest", why))?;
        let params = ConfigParams {
            delete: list(&change.delete),
            revert: list(&change.revert),
            digest: Some(digest),
            additional_properties: change
                .set
                .iter()
                .map(|(key, value)| (key.clone(), Value::String(value.clone())))
                .collect(),
            ..Default::default()
        };
        self.guest(node, vmid)?.config().put(params).await
    }

    /// Grows a disk: `disk` is `rootfs` or `mpN`, `size` absolute (`12G`) or relative (`+4G`).
    ///
    /// # Errors
    /// [`PveError::Unexpected`] with PVE's text for the same or a smaller size.
    pub async fn resize(
        &self,
        node: &NodeName,
        vmid: Vmid,
        disk: &str,
        size: &str,
        digest: &ConfigDigest,
    ) -> Result<Upid, PveError> {
        let disk = Disk::try_from(disk).map_err(|_| invalid("disk", "not rootfs or mp0 to mp255"))?;
        let size = size.to_owned().try_into().map_err(|why| invalid("size", why))?;
        let mut params = ResizeParams::new(disk, size);
        params.digest = Some(digest.to_string().try_into().map_err(|why| invalid("digest", why))?);
        let upid = self.guest(node, vmid)?.resize().put(params).await?;
        parse_upid(Call { method: "PUT", path: &guest_path(node, vmid, "/resize") }, &upid)
    }

    /// Starts a guest. A guest that does not exist or is locked is told by the task, not here.
    ///
    /// # Errors
    /// [`PveError::WrongState`] when it runs already.
    pub async fn start(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, PveError> {
        let upid = self.guest(node, vmid)?.status().start().post(start::PostParams::default()).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/status/start") }, &upid)
    }

    /// Asks a guest to shut down, within `timeout` (whole seconds); with `force` it is stopped after that.
    ///
    /// # Errors
    /// [`PveError::WrongState`] when it does not run.
    pub async fn shutdown(
        &self,
        node: &NodeName,
        vmid: Vmid,
        timeout: Duration,
        force: bool,
    ) -> Result<Upid, PveError> {
        let seconds = i128::from(timeout.as_secs()).try_into().map_err(|why| invalid("timeout", why))?;
        let params = shutdown::PostParams { forcestop: Some(force), timeout: Some(seconds), ..Default::default() };
        let upid = self.guest(node, vmid)?.status().shutdown().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/status/shutdown") }, &upid)
    }

    /// Stops a guest at once.
    ///
    /// # Errors
    /// [`PveError::WrongState`] when it does not run.
    pub async fn stop(&self, node: &NodeName, vmid: Vmid) -> Result<Upid, PveError> {
        let upid = self.guest(node, vmid)?.status().stop().post(stop::PostParams::default()).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/status/stop") }, &upid)
    }

    /// Reboots a guest, which applies what is pending.
    ///
    /// # Errors
    /// [`PveError::WrongState`] when it does not run.
    pub async fn reboot(&self, node: &NodeName, vmid: Vmid, timeout: Duration) -> Result<Upid, PveError> {
        let seconds = i128::from(timeout.as_secs()).try_into().map_err(|why| invalid("timeout", why))?;
        let params = reboot::PostParams { timeout: Some(seconds), ..Default::default() };
        let upid = self.guest(node, vmid)?.status().reboot().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/status/reboot") }, &upid)
    }

    /// Destroys a guest and the disks that its configuration names; its firewall file goes too.
    /// Disks that it does not name stay (`destroy-unreferenced-disks=0`).
    ///
    /// # Errors
    /// [`PveError::WrongState`] while it runs (without `force`) or is protected; [`PveError::Locked`].
    pub async fn destroy(&self, node: &NodeName, vmid: Vmid, how: Destroy) -> Result<Upid, PveError> {
        let params = DeleteParams {
            destroy_unreferenced_disks: Some(false),
            force: how.force.then_some(true),
            purge: how.purge.then_some(true),
            ..Default::default()
        };
        let upid = self.guest(node, vmid)?.delete(params).await?;
        parse_upid(Call { method: "DELETE", path: &guest_path(node, vmid, "") }, &upid)
    }

    /// What the guest does now.
    ///
    /// # Errors
    /// [`PveError::Absent`] when the guest is not on this node.
    pub async fn status_current(&self, node: &NodeName, vmid: Vmid) -> Result<GuestStatus, PveError> {
        let path = guest_path(node, vmid, "/status/current");
        let row: Row = self.get(&path).await?;
        GuestStatus::from_row(Call { method: "GET", path: &path }, &row)
    }
}

pub(crate) fn guest_path(node: &NodeName, vmid: Vmid, below: &str) -> String {
    format!("/nodes/{node}/lxc/{vmid}{below}")
}

/// The UPID that a call answers with. Anything else there means that we do not know what PVE did.
pub(crate) fn parse_upid(call: Call<'_>, text: &str) -> Result<Upid, PveError> {
    text.parse().map_err(|_| payload(call, "not a UPID", text.as_bytes()))
}
