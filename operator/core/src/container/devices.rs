//! Devices of the node that a guest has (`dev0`, `dev1`, ...), and what it takes to have exactly those of the spec.
//!
//! Which slot a device is in makes no difference to the guest, so devices are matched by their path: another order in the
//! spec changes nothing.

use super::seen::{Config, is_numbered};
use super::step::Configure;
use crate::digest::of_parts;
use std::collections::BTreeSet;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, PendingChange};
use zentoria_types::property::PropertyString;

/// A device of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceWish {
    /// Its path.
    pub path: String,
    /// User id in the guest.
    pub uid: Option<u32>,
    /// Group id in the guest.
    pub gid: Option<u32>,
    /// Access mode.
    pub mode: Option<String>,
    /// Read-only.
    pub deny_write: bool,
}

impl DeviceWish {
    /// As Proxmox VE takes and shows it: the path, then the keys by name.
    #[must_use]
    pub fn to_pve(&self) -> String {
        let Self { path, uid, gid, mode, deny_write } = self;
        let number = |key: &str, value: &Option<u32>| value.map(|value| format!("{key}={value}"));
        let parts = [
            Some(path.clone()),
            deny_write.then(|| "deny-write=1".to_owned()),
            number("gid", gid),
            mode.as_ref().map(|mode| format!("mode={mode}")),
            number("uid", uid),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(",")
    }
}

/// The path of a `devN` value.
#[must_use]
pub fn path_of(value: &str) -> Option<String> {
    let device = PropertyString::parse(value).ok()?;
    device.keyless().or_else(|| device.get("path")).map(str::to_owned)
}

/// Whether both values are the same device with the same rights; what is not said is Proxmox VE's default.
fn is_same(one: &str, other: &str) -> bool {
    let read = |value: &str| {
        let device = PropertyString::parse(value).ok()?;
        let key = |key: &str, default: &str| device.get(key).unwrap_or(default).to_owned();
        Some((path_of(value)?, key("uid", "0"), key("gid", "0"), key("mode", ""), key("deny-write", "0")))
    };
    read(one).is_some() && read(one) == read(other)
}

/// Puts into `configure` what it takes to have exactly these devices, and returns what is stored and waits for a reboot.
pub(super) fn difference(wishes: &[String], config: &Config, configure: &mut Configure) -> Vec<PendingChange> {
    let keys: BTreeSet<&str> = config
        .current
        .keys()
        .chain(config.pending.keys())
        .map(String::as_str)
        .filter(|k| is_numbered(k, "dev"))
        .collect();
    let value_of = |key: &str| config.current.get(key).map(String::as_str).or_else(|| config.effective(key));
    let mut pending = Vec::new();
    let mut taken = BTreeSet::new();
    for wish in wishes {
        let path = path_of(wish);
        let slot = keys.iter().find(|key| !taken.contains(**key) && value_of(key).and_then(path_of) == path);
        let slot = slot.map_or_else(|| free(&keys, &taken), |slot| (*slot).to_owned());
        compare(Some(wish), &slot, config, configure, &mut pending);
        taken.insert(slot);
    }
    for key in keys.iter().filter(|key| !taken.contains(**key)) {
        compare(None, key, config, configure, &mut pending);
    }
    pending
}

fn free(keys: &BTreeSet<&str>, taken: &BTreeSet<String>) -> String {
    let mut number = 0;
    loop {
        let slot = format!("dev{number}");
        if !keys.contains(slot.as_str()) && !taken.contains(&slot) {
            return slot;
        }
        number += 1;
    }
}

fn compare(
    wish: Option<&String>,
    slot: &str,
    config: &Config,
    configure: &mut Configure,
    pending: &mut Vec<PendingChange>,
) {
    let (now, then) = (config.current.get(slot).map(String::as_str), config.effective(slot));
    let holds = |have: Option<&str>| match (wish, have) {
        (Some(wish), Some(have)) => is_same(wish, have),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let said = |value: Option<&str>| value.unwrap_or("(none)").to_owned();
    let field = format!("devices[{slot}]");
    match (holds(now), holds(then)) {
        (true, true) => {}
        (false, true) => {
            let (from, to) = (said(now), said(then));
            pending.push(PendingChange {
                digest: of_parts([slot, &from, &to]),
                field: "devices".to_owned(),
                message: format!("stored in Proxmox VE as {slot}; it takes effect at the next reboot of the guest"),
                class: ChangeClass::Reboot,
                from,
                to,
            });
        }
        (true, false) => {
            configure.changes.push(format!("{field}: pending {} taken back", said(then)));
            configure.revert.push(slot.to_owned());
            configure.as_root = true;
        }
        (false, false) => {
            let wished = wish.map(String::as_str);
            configure.changes.push(format!("{field} {} -> {}", said(then), said(wished)));
            match wish {
                Some(wish) => drop(configure.set.insert(slot.to_owned(), wish.clone())),
                None => configure.delete.push(slot.to_owned()),
            }
            configure.as_root = true;
        }
    }
}

/// The device that Proxmox VE says it does not find, in an error or in the log of a task.
#[must_use]
pub fn missing(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Device ").or_else(|| message.split_once("device "))?;
    let (path, rest) = rest.split_once(' ')?;
    (path.starts_with("/dev/") && rest.starts_with("does not exist")).then_some(path)
}

/// What is said of a device that the node does not have.
#[must_use]
pub fn missing_verdict(path: &str, node: &str) -> super::step::Verdict {
    let message = format!(
        "spec.devices: {path} does not exist on node {node}: load its driver there, correct the path, or place the \
         container on a node that has it"
    );
    super::step::Verdict::about(ContainerReason::NotFound, path.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(current: &[(&str, &str)]) -> Config {
        let current = current.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config { current, ..Config::default() }
    }

    fn changes(wishes: &[&str], current: &[(&str, &str)]) -> Vec<String> {
        let wishes: Vec<String> = wishes.iter().map(|wish| (*wish).to_owned()).collect();
        let mut configure = Configure::default();
        difference(&wishes, &config(current), &mut configure);
        assert_eq!(configure.as_root, !configure.changes.is_empty());
        configure.changes
    }

    #[test]
    fn the_order_of_devices_and_what_is_the_default_make_no_difference() {
        let have = [("dev0", "/dev/kfd"), ("dev3", "path=/dev/dri/renderD128,gid=104,uid=0")];
        assert_eq!(changes(&["/dev/dri/renderD128,gid=104", "/dev/kfd,uid=0,deny-write=0"], &have), [""; 0]);
    }

    #[test]
    fn a_device_keeps_its_slot_and_the_rest_goes() {
        let have = [("dev0", "/dev/kfd"), ("dev1", "/dev/fuse")];
        assert_eq!(
            changes(&["/dev/fuse,mode=0666", "/dev/net/tun"], &have),
            [
                "devices[dev1] /dev/fuse -> /dev/fuse,mode=0666",
                "devices[dev2] (none) -> /dev/net/tun",
                "devices[dev0] /dev/kfd -> (none)",
            ]
        );
    }

    #[test]
    fn the_device_that_is_missing_is_read_from_what_proxmox_ve_says() {
        let said = "task failed: Device /dev/dri/renderD128 does not exist";
        assert_eq!(missing(said), Some("/dev/dri/renderD128"));
        assert_eq!(missing("device eth0 does not exist"), None);
        assert_eq!(missing("Configuration file does not exist"), None);
    }
}
