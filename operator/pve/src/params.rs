//! What a guest is created from.

use std::collections::BTreeMap;

use proxmox_api::nodes::node::lxc::PostParams as CreateParams;
use proxmox_api::nodes::node::lxc::vmid::clone::PostParams as CloneParams;
use serde_json::Value;
use zentoria_types::{NodeName, StorageName, Vmid};

use crate::error::PveError;
use crate::wire::invalid;

/// Options that a create or a restore never carries: they overwrite a guest, start it before it is finished, or lock it for good.
const NEVER_SENT: &[&str] = &["force", "restore", "start", "lock", "unique", "vmid", "ostemplate", "template"];

/// A container made from a template (`POST /nodes/{node}/lxc`). It is never started by this call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateLxc {
    /// The VMID to take.
    pub vmid: Vmid,
    /// The template's volume, `local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst`; an OCI image (`.tar`) from
    /// PVE 9.1 on.
    pub ostemplate: String,
    /// The configuration as in a `PUT config`: `hostname`, `memory`, `rootfs` (`storage:GiB`), `net0`, `mp0`, `dev0`,
    /// and for an OCI image `entrypoint` and `env`. Options that PVE keeps for root@pam are refused to every token.
    pub options: BTreeMap<String, String>,
    /// Public keys for root's `authorized_keys`; PVE takes them at creation alone.
    pub ssh_public_keys: Vec<String>,
    /// The pool to add the guest to.
    pub pool: Option<String>,
}

impl CreateLxc {
    pub(crate) fn params(&self) -> Result<CreateParams, PveError> {
        let Self { vmid, ostemplate, options, ssh_public_keys, pool } = self;
        let mut params = new_guest(*vmid, ostemplate, options)?;
        if !ssh_public_keys.is_empty() {
            params.ssh_public_keys = Some(ssh_public_keys.join("\n"));
        }
        params.pool = pool.clone();
        Ok(params)
    }
}

/// What a create and a restore have in common.
fn new_guest(vmid: Vmid, source: &str, options: &BTreeMap<String, String>) -> Result<CreateParams, PveError> {
    if let Some(key) = options.keys().find(|key| NEVER_SENT.contains(&key.as_str())) {
        return Err(invalid(key, "this client never sends it when it creates a guest"));
    }
    let source = source.to_owned().try_into().map_err(|why| invalid("ostemplate", why))?;
    let vmid = i128::from(vmid.get()).try_into().map_err(|why| invalid("vmid", why))?;
    let mut params = CreateParams::new(source, vmid);
    params.additional_properties =
        options.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
    Ok(params)
}

/// A container restored from a backup (`POST /nodes/{node}/lxc` with `restore=1`). It is never started by this call,
/// and never put in the place of another (`force` is never sent): its VMID must be free.
///
/// What `options` does not name comes from the backup: description, tags, addresses, `onboot`, and the firewall file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreLxc {
    /// The VMID to take.
    pub vmid: Vmid,
    /// The backup's volume, `local:backup/vzdump-lxc-101-2026_11_21-09_17_37.tar.zst`.
    pub archive: String,
    /// Where the volumes go that `options` does not name.
    pub storage: StorageName,
    /// The configuration to put over that of the backup, as in [`CreateLxc::options`]. When it names any volume
    /// (`rootfs`, `mpN`), it must name all.
    pub options: BTreeMap<String, String>,
    /// Whether the interfaces get new MAC addresses; else those of the backup.
    pub unique: bool,
    /// The pool to add the guest to.
    pub pool: Option<String>,
}

impl RestoreLxc {
    pub(crate) fn params(&self) -> Result<CreateParams, PveError> {
        let Self { vmid, archive, storage, options, unique, pool } = self;
        let volume = archive.split_once(":backup/").is_some_and(|(storage, _)| storage.parse::<StorageName>().is_ok());
        if !volume {
            return Err(invalid("ostemplate", "not a backup of a storage (storage:backup/name)"));
        }
        let mut params = new_guest(*vmid, archive, options)?;
        params.restore = Some(true);
        params.storage = Some(storage.to_string());
        params.unique = unique.then_some(true);
        params.pool = pool.clone();
        Ok(params)
    }
}

/// A container cloned from another (`POST /nodes/{node}/lxc/{vmid}/clone`). It is never started by this call.
///
/// The clone has the source's configuration, IP addresses and firewall rules included; its MAC addresses are new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneLxc {
    /// The VMID to take.
    pub newid: Vmid,
    /// The host name; PVE makes one up when absent.
    pub hostname: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// A full copy; otherwise a linked clone, which only a template allows.
    pub full: bool,
    /// Where a full copy is put; PVE refuses it for a linked clone.
    pub storage: Option<StorageName>,
    /// The snapshot to clone; needed when the source runs.
    pub snapshot: Option<String>,
    /// The pool to add the clone to.
    pub pool: Option<String>,
    /// The node of the clone, when it is another one (shared storage only).
    pub target: Option<NodeName>,
}

impl CloneLxc {
    /// A full clone with nothing said about it.
    #[must_use]
    pub fn full(newid: Vmid) -> Self {
        Self {
            newid,
            hostname: None,
            description: None,
            full: true,
            storage: None,
            snapshot: None,
            pool: None,
            target: None,
        }
    }

    pub(crate) fn params(&self) -> Result<CloneParams, PveError> {
        let Self { newid, hostname, description, full, storage, snapshot, pool, target } = self;
        let newid = i128::from(newid.get()).try_into().map_err(|why| invalid("newid", why))?;
        let mut params = CloneParams::new(newid);
        params.full = Some(*full);
        params.hostname = hostname.clone();
        params.description = description.clone();
        params.storage = storage.as_ref().map(ToString::to_string);
        params.pool = pool.clone();
        params.target = target.as_ref().map(ToString::to_string);
        params.snapname =
            snapshot.clone().map(TryInto::try_into).transpose().map_err(|why| invalid("snapname", why))?;
        Ok(params)
    }
}
