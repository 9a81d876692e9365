//! The preflight: which privileges are needed, and which of them are missing.
//!
//! What each call needs was measured on a real Proxmox VE 9.2 by taking one privilege away at a time.

mod networks;

pub use networks::{Zones, missing_for_interfaces};

use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::common::Mode;

/// Path to privileges, as `GET /access/permissions` tells them.
pub type Permissions = BTreeMap<String, BTreeSet<String>>;

/// To look and show.
const OBSERVE: &[(&str, &[&str])] = &[("/vms", &["VM.Audit"]), ("/", &["Sys.Audit"])];

/// To create, change, start, stop, clone and destroy.
const ENFORCE: &[&str] = &[
    "VM.Allocate",
    "VM.Clone",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.PowerMgmt",
];

/// What the spec of the cluster makes needed: path and privilege.
#[must_use]
pub fn needed(spec: &ProxmoxClusterSpec) -> BTreeSet<(String, String)> {
    let pair = |path: &str, privilege: &str| (path.to_owned(), privilege.to_owned());
    let mut all: BTreeSet<_> =
        OBSERVE.iter().flat_map(|(path, list)| list.iter().map(move |privilege| pair(path, privilege))).collect();
    // Without it a storage is not even listed, and seems not to exist.
    let storages = spec.access.iter().flat_map(|access| &access.allow.storages);
    all.extend(storages.map(|storage| pair(&format!("/storage/{storage}"), "Datastore.Audit")));
    if spec.mode == Mode::Observe {
        return all;
    }
    if spec.firewall.manage_datacenter {
        all.insert(pair("/", "Sys.Modify"));
    }
    all.extend(ENFORCE.iter().map(|privilege| pair("/vms", privilege)));
    for access in &spec.access {
        if access.allow.privileged {
            all.insert(pair("/", "Sys.Modify"));
        }
    }
    if let Some(storage) = &spec.safety.backup_storage {
        all.insert(pair("/vms", "VM.Backup"));
        all.extend(
            ["Datastore.Audit", "Datastore.AllocateSpace"].map(|right| pair(&format!("/storage/{storage}"), right)),
        );
    }
    if let Some(storage) = &spec.defaults.storage {
        all.insert(pair(&format!("/storage/{storage}"), "Datastore.AllocateSpace"));
    }
    all
}

/// What is needed and not held, each as `/path: Privilege`. Which zone a virtual network belongs to, `zones` tells.
#[must_use]
pub fn missing(spec: &ProxmoxClusterSpec, held: &Permissions, zones: &Zones) -> Vec<String> {
    let lacks = needed(spec).into_iter().filter(|(path, privilege)| !holds(held, path, privilege));
    let mut all: BTreeSet<String> = lacks.map(|(path, privilege)| format!("{path}: {privilege}")).collect();
    if spec.mode == Mode::Enforce {
        all.extend(spec.access.iter().flat_map(|access| networks::missing(&access.allow, held, zones)));
    }
    all.into_iter().collect()
}

/// What a new root disk on this storage needs and the credentials do not hold.
#[must_use]
pub fn missing_for_disk(storage: &str, held: &Permissions) -> Option<String> {
    let path = format!("/storage/{storage}");
    (!holds(held, &path, "Datastore.AllocateSpace")).then(|| format!("{path}: Datastore.AllocateSpace"))
}

/// What a download of a template, or the pull of an image, to this storage of the node needs and the credentials do not
/// hold. Whether the node may reach the network is its own privilege; for a template, that of an administrator does, too.
#[must_use]
pub fn missing_for_pull(node: &str, storage: &str, image: bool, held: &Permissions) -> Vec<String> {
    let (node, storage) = (format!("/nodes/{node}"), format!("/storage/{storage}"));
    let administers = holds(held, "/", "Sys.Audit") && holds(held, "/", "Sys.Modify");
    let reaches = holds(held, &node, "Sys.AccessNetwork") || (administers && !image);
    let lacks = [
        (reaches, format!("{node}: Sys.AccessNetwork")),
        (holds(held, &storage, "Datastore.AllocateTemplate"), format!("{storage}: Datastore.AllocateTemplate")),
    ];
    lacks.into_iter().filter(|(has, _)| !has).map(|(_, lack)| lack).collect()
}

/// A privilege on a path, or on the nearest path above it that the answer names: Proxmox VE lists a path once its
/// permissions differ from those of its parent.
fn holds(held: &Permissions, path: &str, privilege: &str) -> bool {
    let mut path = path;
    loop {
        if let Some(privileges) = held.get(path) {
            return privileges.contains(privilege);
        }
        match path.rfind('/') {
            Some(0) if path.len() > 1 => path = "/",
            Some(end) if end > 0 => path = &path[..end],
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(list: &[(&str, &[&str])]) -> Permissions {
        list.iter().map(|(path, list)| ((*path).into(), list.iter().map(|p| (*p).to_owned()).collect())).collect()
    }

    #[test]
    fn what_a_download_lacks_is_named_and_an_administrator_may_download_templates_but_not_pull_images() {
        let usual = held(&[("/", &["Sys.Audit"]), ("/storage/local", &["Datastore.AllocateSpace"])]);
        let both = ["/nodes/pve1: Sys.AccessNetwork", "/storage/local: Datastore.AllocateTemplate"];
        assert_eq!(missing_for_pull("pve1", "local", false, &usual), both);
        let admin = held(&[("/", &["Sys.Audit", "Sys.Modify"]), ("/storage/local", &["Datastore.AllocateTemplate"])]);
        assert!(missing_for_pull("pve1", "local", false, &admin).is_empty());
        assert_eq!(missing_for_pull("pve1", "local", true, &admin), both[..1]);
        let granted =
            held(&[("/nodes/pve1", &["Sys.AccessNetwork"]), ("/storage/local", &["Datastore.AllocateTemplate"])]);
        assert!(missing_for_pull("pve1", "local", true, &granted).is_empty());
    }

    #[test]
    fn the_nearest_listed_path_decides() {
        let held = held(&[("/", &["Sys.Audit"]), ("/vms", &["VM.Audit"]), ("/storage/a", &[])]);
        let cases = [
            ("/vms", "VM.Audit", true),
            ("/vms/101", "VM.Audit", true),
            ("/", "Sys.Audit", true),
            ("/nodes/pve1", "Sys.Audit", true),
            ("/storage/a", "Sys.Audit", false),
            ("/vms", "Sys.Audit", false),
        ];
        for (path, privilege, expected) in cases {
            assert_eq!(holds(&held, path, privilege), expected, "{path} {privilege}");
        }
        assert!(!holds(&Permissions::new(), "/vms", "VM.Audit"));
    }
}
