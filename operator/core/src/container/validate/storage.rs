//! Mounts, devices, hook script and console.

use super::{GIB, Input, invalid, optional, whole};
use crate::container::allow::normal_path;
use crate::container::devices::DeviceWish;
use crate::container::want::{ConsoleWish, MountWish, Mounted, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::container::{Console, Device, Mount, RecordedDefaults, ZentoriaContainerSpec};
use zentoria_types::names::StorageName;

/// The mounts, each with a name, a path and a slot of its own.
pub(super) fn mounts(input: &Input<'_>, defaults: &RecordedDefaults) -> Result<Vec<MountWish>, Refusal> {
    let default = defaults.storage.as_ref().or(input.cluster.defaults.storage.as_ref());
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    let (mut names, mut slots) = (BTreeSet::new(), BTreeSet::new());
    let mut wishes = Vec::new();
    for mount in &input.spec.mounts {
        let wish = one(mount, default)?;
        if let Some(other) = paths.insert(wish.path.clone(), &mount.name) {
            let path = &wish.path;
            return Err(invalid(format!(
                "spec.mounts[{}].path: {path} is the path of mounts[{other}] already; two mounts cannot have the same",
                mount.name
            )));
        }
        if !names.insert(&mount.name) {
            return Err(invalid(format!("spec.mounts: two mounts have the name {}", mount.name)));
        }
        if let Some(slot) = mount.slot.filter(|slot| !slots.insert(*slot)) {
            return Err(invalid(format!("spec.mounts[{}].slot: two mounts have slot {slot}", mount.name)));
        }
        wishes.push(wish);
    }
    Ok(wishes)
}

fn one(mount: &Mount, default: Option<&String>) -> Result<MountWish, Refusal> {
    let Mount { name, slot, path, volume, bind, read_only, backup, reclaim_policy } = mount;
    let field = format!("spec.mounts[{name}]");
    let inside = normal_path(path).filter(|path| path != "/").ok_or_else(|| {
        invalid(format!(
            "{field}.path: {path} is no path below / of the guest (absolute, without .., blanks and commas)"
        ))
    })?;
    let what = match (volume, bind) {
        (Some(volume), None) => {
            let storage: Option<StorageName> =
                optional(&format!("{field}.volume.storage"), volume.storage.as_ref().or(default))?;
            let storage = storage.ok_or_else(|| {
                invalid(format!(
                    "{field}.volume.storage: name a storage, or set defaults.storage of the ProxmoxCluster"
                ))
            })?;
            let size = whole(&format!("{field}.volume.size"), &volume.size, GIB)?;
            Mounted::Volume { storage, size }
        }
        (None, Some(bind)) => {
            let path = normal_path(&bind.path).ok_or_else(|| {
                invalid(format!("{field}.bind.path: {} is no absolute path (without .., blanks and commas)", bind.path))
            })?;
            if backup.is_some() {
                return Err(invalid(format!(
                    "{field}.backup: vzdump never includes a directory of the node; leave it out"
                )));
            }
            Mounted::Bind { path }
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid(format!("{field}: a mount is exactly one of volume and bind")));
        }
    };
    Ok(MountWish {
        name: name.clone(),
        slot: *slot,
        path: inside,
        what,
        storage_named: volume.as_ref().is_some_and(|volume| volume.storage.is_some()),
        read_only: *read_only,
        backup: *backup,
        reclaim: *reclaim_policy,
    })
}

/// The devices, as Proxmox VE writes them.
pub(super) fn devices(spec: &ZentoriaContainerSpec) -> Result<Option<Vec<String>>, Refusal> {
    let Some(devices) = &spec.devices else { return Ok(None) };
    let mut paths = BTreeSet::new();
    let mut list = Vec::new();
    for device in devices {
        let Device { path, uid, gid, mode, deny_write } = device;
        if normal_path(path).as_ref() != Some(path) || !path.starts_with("/dev/") {
            return Err(invalid(format!("spec.devices: {path} is no device below /dev/")));
        }
        if !paths.insert(path) {
            return Err(invalid(format!("spec.devices: {path} stands there twice")));
        }
        let wish = DeviceWish { path: path.clone(), uid: *uid, gid: *gid, mode: mode.clone(), deny_write: *deny_write };
        list.push(wish.to_pve());
    }
    Ok(Some(list))
}

/// What the spec says of the console.
pub(super) fn console(console: Option<&Console>) -> ConsoleWish {
    console.map_or_else(ConsoleWish::default, |Console { enabled, tty, mode }| ConsoleWish {
        enabled: *enabled,
        tty: *tty,
        mode: *mode,
    })
}
