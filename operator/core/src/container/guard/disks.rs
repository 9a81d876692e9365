//! What a plan does to the disks of a guest, and what it lets the guest reach of its node.
//!
//! Data is lost, or somebody else's is read, where a volume is named that is not the one that the slot has. So a mount
//! may be set to a new volume of a storage, or to the very volume that it has; it is deleted only where it is ours and
//! the spec names it no longer.

use super::Scene;
use crate::container::devices::path_of;
use crate::container::mounts::{Kind, MountPoint};
use crate::container::seen::{Guest, is_numbered};
use crate::container::step::Configure;
use crate::container::want::Grant;
use std::collections::BTreeMap;

/// What is wrong with the disks and devices of a creation.
pub(super) fn creating(scene: &Scene<'_>, options: &BTreeMap<String, String>) -> Option<String> {
    options.iter().find_map(|(key, value)| {
        if is_numbered(key, "mp") { new_mount(scene, key, value) } else { of_node(scene, key, value) }
    })
}

/// What is wrong with a change of disks and devices.
pub(super) fn configuring(scene: &Scene<'_>, configure: &Configure, guest: &Guest) -> Option<String> {
    let holds_data = |key: &&str| matches!(*key, "rootfs" | "lock") || is_numbered(key, "unused");
    if let Some(key) = configure.touched().find(holds_data) {
        return Some(format!("a change of {key}"));
    }
    let set = configure.set.iter().find_map(|(key, value)| {
        if is_numbered(key, "mp") { mount(scene, key, value, guest) } else { of_node(scene, key, value) }
    });
    let delete = configure.delete.iter().filter(|key| is_numbered(key, "mp")).find_map(|key| {
        (!may_detach(scene, key, guest)).then(|| format!("{key} would be detached, which the spec does not ask for"))
    });
    set.or(delete)
}

/// A disk that is grown or moved: it is there, and the new storage is granted.
pub(super) fn disk(scene: &Scene<'_>, disk: &str, storage: Option<&str>, guest: &Guest) -> Option<String> {
    let is_disk = disk == "rootfs" || is_numbered(disk, "mp");
    let there = guest.config.current.get(disk).and_then(|value| MountPoint::parse(value));
    if !is_disk || there.is_none_or(|point| point.kind() == Kind::OfNode) {
        return Some(format!("{disk} is no disk of the guest"));
    }
    let denied = storage.filter(|storage| !grant(scene).is_some_and(|grant| grant.storages.contains(*storage)));
    denied.map(|storage| format!("a disk on storage {storage}, which the namespace may not use"))
}

fn grant<'a>(scene: &Scene<'a>) -> Option<&'a Grant> {
    scene.living.map(|(want, _)| &want.grant)
}

fn mount(scene: &Scene<'_>, key: &str, value: &str, guest: &Guest) -> Option<String> {
    let current = guest.config.current.get(key).and_then(|value| MountPoint::parse(value));
    let Some(current) = current else {
        return if guest.config.current.contains_key(key) {
            Some(unreadable(key))
        } else {
            new_mount(scene, key, value)
        };
    };
    let Some(next) = MountPoint::parse(value) else { return Some(unreadable(key)) };
    match (current.kind(), next.kind()) {
        (Kind::Stored { .. } | Kind::Requested { .. }, _) => (current.volume() != next.volume()
            || current.size() != next.size())
        .then(|| format!("{key} would lose its volume {}", current.volume())),
        (Kind::OfNode, _) => new_mount(scene, key, value).or_else(|| {
            (next.kind() != Kind::OfNode).then(|| format!("{key} is a directory of the node, and would be a volume"))
        }),
    }
}

fn unreadable(key: &str) -> String {
    format!("{key} cannot be read")
}

/// `storage:8` makes a volume; `storage:vm-101-disk-0` would be another guest's. A directory must be granted.
fn new_mount(scene: &Scene<'_>, key: &str, value: &str) -> Option<String> {
    let Some(point) = MountPoint::parse(value) else { return Some(unreadable(key)) };
    let granted = |allows: &dyn Fn(&Grant) -> bool| grant(scene).is_some_and(allows);
    match point.kind() {
        Kind::Stored { .. } => Some(format!("{key} on a volume that exists already")),
        Kind::Requested { storage, .. } if granted(&|grant| grant.storages.contains(storage)) => None,
        Kind::Requested { storage, .. } => {
            Some(format!("a disk on storage {storage}, which the namespace may not use"))
        }
        Kind::OfNode if granted(&|grant| grant.allows_bind(point.volume())) => None,
        Kind::OfNode => Some(format!("{} of the node, which the namespace may not use", point.volume())),
    }
}

/// Devices and scripts of the node that are set.
fn of_node(scene: &Scene<'_>, key: &str, value: &str) -> Option<String> {
    let grant = grant(scene);
    let allowed = if is_numbered(key, "dev") {
        path_of(value).is_some_and(|path| grant.is_some_and(|grant| grant.allows_device(&path)))
    } else if key == "hookscript" {
        grant.is_some_and(|grant| grant.allows_hookscript(value))
    } else {
        true
    };
    (!allowed).then(|| format!("{key}={value}, which the namespace may not use"))
}

/// A mount of ours, still with the volume that status remembers, that the spec names no longer.
fn may_detach(scene: &Scene<'_>, key: &str, guest: &Guest) -> bool {
    let value = guest.config.current.get(key).map(String::as_str).or_else(|| guest.config.effective(key));
    let Some(point) = value.and_then(MountPoint::parse) else { return false };
    let Some((want, seen)) = scene.living else { return false };
    let recorded = &seen.recorded.mounts;
    let remembered = recorded.iter().find(|mount| mount.slot == key && mount.volume == point.volume());
    let known = |name: &str| recorded.iter().any(|mount| mount.name == name);
    let named = |name: &str| {
        want.mounts.iter().any(|wish| wish.name == name || (point.is_at(&wish.path) && !known(&wish.name)))
    };
    remembered.is_some_and(|mount| !named(&mount.name))
}
