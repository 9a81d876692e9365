//! What a guest that comes to be must have, and must not.

use super::{Scene, disks};
use crate::container::ownership::{Ownership, ownership};
use crate::container::seen::{GuestFact, is_numbered};
use crate::container::step::{Create, Restore};
use zentoria_types::vmid::Vmid;

/// A creation makes its own root disk, and nothing else happens in its call: no start, nothing overwritten.
pub(super) fn creating(scene: &Scene<'_>, create: &Create, vmid: Vmid) -> Option<String> {
    let option = |key: &str| create.options.get(key).map(String::as_str);
    if let Some(key) = ["force", "restore", "start"].into_iter().find(|key| option(key).is_some_and(|v| v != "0")) {
        return Some(format!("a creation with {key}"));
    }
    // `storage:40` makes a volume; `storage:vm-101-disk-0` would write over another guest's.
    let size = option("rootfs").and_then(|rootfs| rootfs.split(',').next()?.split_once(':')).map(|(_, size)| size);
    if size.is_none_or(|size| size.parse::<f64>().is_err()) {
        return Some("a creation on a volume that may exist already".to_owned());
    }
    if let Some(why) = disks::creating(scene, &create.options) {
        return Some(why);
    }
    making(scene, option("description").unwrap_or(""), vmid)
}

/// A restore makes every disk anew from a backup, and nothing starts the guest before it is finished.
pub(super) fn restoring(scene: &Scene<'_>, restore: &Restore, vmid: Vmid) -> Option<String> {
    let option = |key: &str| restore.options.get(key).map(String::as_str);
    let names_a_volume = |key: &String| key == "rootfs" || is_numbered(key, "mp") || is_numbered(key, "unused");
    if !restore.archive.contains(":backup/") || restore.options.keys().any(names_a_volume) {
        return Some("a restore of, or on, a volume that is no backup".to_owned());
    }
    if option("onboot") != Some("0") || ["force", "start"].into_iter().any(|key| option(key).is_some()) {
        return Some("a restore that would start".to_owned());
    }
    making(scene, option("description").unwrap_or(""), vmid)
}

/// A creation carries our mark in its own call, and nothing was seen at the VMID.
pub(super) fn making(scene: &Scene<'_>, description: &str, vmid: Vmid) -> Option<String> {
    if scene.deleting {
        return Some("a guest would be made for an object that is deleted".to_owned());
    }
    if !matches!(scene.guest, GuestFact::NoVmid | GuestFact::Absent) {
        return Some("a guest would be made where there may be one".to_owned());
    }
    match ownership(scene.identity, vmid, description) {
        Ownership::Ours(mark) if mark.retained.is_none() => None,
        Ownership::Ours(_)
        | Ownership::OtherControlPlane(_)
        | Ownership::CopyOf(_)
        | Ownership::Foreign(_)
        | Ownership::Unmarked
        | Ownership::Unreadable(_) => Some("a guest would be made without our mark".to_owned()),
    }
}
