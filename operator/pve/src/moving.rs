//! What moves a guest or its volumes, and what makes a template of it.

use std::time::Duration;

use proxmox_api::nodes::node::lxc::vmid::migrate::PostParams as MigrateParams;
use proxmox_api::nodes::node::lxc::vmid::move_volume::{PostParams as MoveParams, Volume as Slot};
use zentoria_types::{ConfigDigest, NodeName, StorageName, Upid, Vmid};

use crate::client::Client;
use crate::decode::Call;
use crate::error::PveError;
use crate::lxc::{guest_path, parse_upid};
use crate::wire::invalid;

/// One volume of a guest put onto another storage (`POST .../move_volume`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveVolume {
    /// `rootfs`, `mpN` or `unusedN`.
    pub volume: String,
    /// Where to.
    pub storage: StorageName,
    /// Whether the old volume is removed; else it stays with the guest as `unusedN`.
    pub delete: bool,
    /// The digest of the configuration that this was decided for.
    pub digest: Option<ConfigDigest>,
}

/// A guest put onto another node (`POST .../migrate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrate {
    /// Where to.
    pub target: NodeName,
    /// Whether a running guest is shut down, moved and started again; containers cannot be moved while they run.
    pub restart: bool,
    /// How long the shutdown of a restart may take, in whole seconds; PVE's own is 180 s.
    pub timeout: Option<Duration>,
}

impl Client {
    /// Moves a volume (`POST .../move_volume`, needs `VM.Config.Disk` on the guest and `Datastore.AllocateSpace` on the
    /// storage). The guest must be stopped. The volume gets a new id; its size stays. A move onto its own storage makes
    /// a second volume there.
    ///
    /// # Errors
    /// [`PveError::Unexpected`] ("format error") when the guest has no such volume; [`PveError::DigestMismatch`];
    /// [`PveError::WrongState`] while it runs, if PVE does not leave that to the task.
    pub async fn move_volume(&self, node: &NodeName, vmid: Vmid, what: &MoveVolume) -> Result<Upid, PveError> {
        let MoveVolume { volume, storage, delete, digest } = what;
        let slot = Slot::try_from(volume.as_str()).map_err(|_| invalid("volume", "not rootfs, mpN or unusedN"))?;
        let mut params = MoveParams::new(slot);
        params.storage = Some(storage.to_string());
        params.delete = Some(*delete);
        params.digest = match digest {
            Some(digest) => Some(digest.to_string().try_into().map_err(|why| invalid("digest", why))?),
            None => None,
        };
        let upid = self.guest(node, vmid)?.move_volume().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/move_volume") }, &upid)
    }

    /// Moves a guest to another node (`POST .../migrate`, needs `VM.Migrate` on the guest). PVE takes no digest here,
    /// and hands a guest under its high availability to that.
    ///
    /// # Errors
    /// [`PveError::Rejected`] when it is there already; [`PveError::Unexpected`] when there is no such node;
    /// [`PveError::WrongState`] for a running guest without `restart`.
    pub async fn migrate(&self, node: &NodeName, vmid: Vmid, what: &Migrate) -> Result<Upid, PveError> {
        let Migrate { target, restart, timeout } = what;
        let mut params = MigrateParams::new(target.to_string());
        params.restart = restart.then_some(true);
        params.timeout = match timeout.filter(|_| *restart) {
            Some(timeout) => Some(i128::from(timeout.as_secs()).try_into().map_err(|why| invalid("timeout", why))?),
            None => None,
        };
        let upid = self.guest(node, vmid)?.migrate().post(params).await?;
        parse_upid(Call { method: "POST", path: &guest_path(node, vmid, "/migrate") }, &upid)
    }

    /// Makes a template of a guest (`POST .../template`, needs `VM.Allocate` on the guest). There is no way back.
    ///
    /// PVE answers null and no task id, though a task of type `vztemplate` does the work: it is done when the
    /// configuration says `template: 1`. The volumes are renamed to `base-...`.
    ///
    /// # Errors
    /// [`PveError::WrongState`] while it runs, or when it is a template already.
    pub async fn convert_to_template(&self, node: &NodeName, vmid: Vmid) -> Result<(), PveError> {
        self.guest(node, vmid)?.template().post().await
    }
}
