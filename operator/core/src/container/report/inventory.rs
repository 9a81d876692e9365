//! What the status shows of a guest beside its conditions: its mounts with their slots, its snapshots, and the options
//! that are not modelled. Every change keeps those as they are.

use crate::Fact;
use crate::container::mounts::{MountPoint, place, removed};
use crate::container::seen::{Config, Guest, is_numbered};
use crate::container::want::Want;
use std::collections::BTreeSet;
use zentoria_api::container::{MountStatus, ZentoriaContainerStatus};

/// Options that are modelled, or that Proxmox VE writes itself.
const MODELLED: [&str; 28] = [
    "arch",
    "cmode",
    "console",
    "cores",
    "cpulimit",
    "cpuunits",
    "description",
    "digest",
    "entrypoint",
    "features",
    "hostname",
    "lock",
    "memory",
    "nameserver",
    "onboot",
    "ostype",
    "parent",
    "protection",
    "rootfs",
    "searchdomain",
    "snaptime",
    "startup",
    "swap",
    "tags",
    "template",
    "timezone",
    "tty",
    "unprivileged",
];

/// Writes what the guest has into the status.
pub(super) fn show(next: &mut ZentoriaContainerStatus, want: &Want, guest: &Guest) {
    next.mounts = mounts(want, &next.mounts, &guest.config);
    if let Fact::Known(snapshots) = &guest.snapshots {
        let mut names: Vec<String> = snapshots.iter().map(|snapshot| snapshot.name.clone()).collect();
        names.sort();
        next.snapshots = names;
    }
    next.unmodelled = unmodelled(want, &next.mounts, &guest.config);
}

/// The mounts of the spec with their slots, and those that are still to go. Where a slot is taken by something else, what
/// is remembered stays: it tells whose the volumes are.
#[must_use]
pub fn mounts(want: &Want, recorded: &[MountStatus], config: &Config) -> Vec<MountStatus> {
    let Ok(placed) = place(&want.mounts, recorded, config) else { return recorded.to_vec() };
    let there = placed.iter().filter_map(|placed| {
        let volume = match &placed.have {
            Some(point) => point.volume(),
            // Detached by a person: which volume it was stays known.
            None => placed.lost()?,
        };
        let (name, slot, volume) = (placed.wish.name.clone(), placed.slot.clone(), volume.to_owned());
        Some(MountStatus { name, slot, volume, reclaim_policy: placed.wish.reclaim })
    });
    let leaving = removed(&placed, recorded, config).into_iter().map(|(recorded, _)| recorded.clone());
    let mut mounts: Vec<MountStatus> = there.chain(leaving).collect();
    mounts.sort_by(|one, other| one.name.cmp(&other.name));
    mounts
}

/// The options that nobody here manages, as `key=value`, without values that may hold secrets.
fn unmodelled(want: &Want, mounts: &[MountStatus], config: &Config) -> Vec<String> {
    let interfaces: BTreeSet<String> =
        (0..want.options.interfaces.len()).map(|number| format!("net{number}")).collect();
    let ours = |key: &str, value: &str| {
        let volume = || MountPoint::parse(value).map(|point| point.volume().to_owned());
        MODELLED.contains(&key)
            || interfaces.contains(key)
            || (key == "hookscript" && want.options.hookscript.is_some())
            || (key == "env" && want.options.env.is_some())
            || (is_numbered(key, "dev") && want.options.devices.is_some())
            || (is_numbered(key, "mp")
                && mounts.iter().any(|mount| mount.slot == key && Some(&mount.volume) == volume().as_ref()))
    };
    let mut list = Vec::new();
    for (key, value) in config.current.iter().filter(|(key, value)| !ours(key, value)) {
        match key.as_str() {
            "lxc" => list.extend(raw(value)),
            "env" => list.push(counted("env", value.split('\0').filter(|part| !part.is_empty()).count())),
            _ => list.push(format!("{key}={}", value.trim_end())),
        }
    }
    list
}

fn counted(key: &str, variables: usize) -> String {
    format!("{key} ({variables} variable{})", if variables == 1 { "" } else { "s" })
}

/// Raw lines of the configuration of LXC: `lxc.apparmor.profile=unconfined`. An environment may hold secrets.
fn raw(lines: &str) -> Vec<String> {
    let pairs = lines.lines().filter_map(|line| line.split_once(['=', ':']));
    let (secret, plain): (Vec<_>, Vec<_>) =
        pairs.map(|(key, value)| (key.trim(), value.trim())).partition(|(key, _)| key.starts_with("lxc.environment"));
    let mut list: Vec<String> = plain.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    if !secret.is_empty() {
        list.push(counted("lxc.environment", secret.len()));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_lines_are_shown_in_their_order_and_an_environment_is_counted() {
        let lines =
            "lxc.cgroup2.devices.allow: c 226:* rwm\nlxc.environment: TOKEN=x\nlxc.apparmor.profile = unconfined\n";
        assert_eq!(
            raw(lines),
            [
                "lxc.cgroup2.devices.allow=c 226:* rwm",
                "lxc.apparmor.profile=unconfined",
                "lxc.environment (1 variable)"
            ]
        );
    }
}
