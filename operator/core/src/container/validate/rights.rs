//! What the namespace may do: who may create a container must not thereby read another estate's disk or become root on
//! the node, nor have the node call hosts of its own networks.

use super::super::allow::{host_of_url, registry_of};
use super::super::devices::path_of;
use super::super::want::{CloneFrom, MountWish, Mounted, Refusal, Source, Want};
use super::invalid;
use std::collections::BTreeSet;
use std::net::IpAddr;
use zentoria_api::cluster::FeatureName;
use zentoria_api::conditions::ContainerReason;

/// Checks the wish against the namespace's grant.
pub(super) fn check(want: &Want) -> Result<(), Refusal> {
    vmid(want)?;
    addresses(want)?;
    storages(want)?;
    networks(want)?;
    features(want)?;
    node(want)?;
    pool(want)?;
    downloads(want)?;
    if !want.unprivileged && !want.grant.privileged {
        return Err(denied("unprivileged: false", &[], "allow.privileged"));
    }
    match &want.source {
        Some(Source::Clone { from: CloneFrom::Vmid(vmid), .. }) if !want.grant.clone_sources.contains(vmid) => {
            let allowed: Vec<_> = want.grant.clone_sources.iter().map(ToString::to_string).collect();
            Err(denied(&format!("source.clone.vmid {vmid}"), &allowed, "allow.cloneSources"))
        }
        Some(Source::Clone { .. } | Source::Template { .. } | Source::Image { .. } | Source::Backup(_)) | None => {
            Ok(())
        }
    }
}

/// `allowed` is what the field grants to this namespace.
fn denied(what: &str, allowed: &[String], field: &str) -> Refusal {
    let granted = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    let message = format!(
        "spec.{what} is not allowed to this namespace: access[].{field} of the ProxmoxCluster grants it {granted}; \
         ask for it there, or change the spec"
    );
    Refusal { reason: ContainerReason::AccessDenied, message }
}

fn vmid(want: &Want) -> Result<(), Refusal> {
    let Some(vmid) = want.vmid else { return Ok(()) };
    if want.grant.vmids.iter().any(|range| range.contains(vmid)) {
        return Ok(());
    }
    let ranges: Vec<_> = want.grant.vmids.iter().map(ToString::to_string).collect();
    Err(denied(&format!("vmid {vmid}"), &ranges, "vmidRanges"))
}

fn addresses(want: &Want) -> Result<(), Refusal> {
    for (index, interface) in want.options.interfaces.iter().enumerate() {
        let own = interface.addresses.iter().map(|cidr| (cidr.addr(), format!("address {cidr}")));
        let extra = interface.extra_addresses.iter().map(|address| (*address, format!("extraAddresses {address}")));
        let outside = |(address, _): &(IpAddr, String)| !want.grant.cidrs.iter().any(|cidr| cidr.contains(address));
        if let Some((_, what)) = own.chain(extra).find(outside) {
            let ranges: Vec<_> = want.grant.cidrs.iter().map(ToString::to_string).collect();
            return Err(denied(&format!("network.interfaces[{index}] {what}"), &ranges, "cidrs"));
        }
    }
    Ok(())
}

fn storages(want: &Want) -> Result<(), Refusal> {
    let source = match &want.source {
        Some(Source::Template { volume, .. }) => {
            volume.split(':').next().map(|name| ("source.template on storage", name))
        }
        Some(Source::Image { storage, .. }) => Some(("source.image.storage", storage.as_str())),
        Some(Source::Backup(backup)) => Some(("source.backup on storage", backup.storage())),
        Some(Source::Clone { .. }) | None => None,
    };
    let disk = want.storage.as_ref().map(|storage| ("rootDisk.storage", storage.as_str()));
    for (name, storage) in want.mounts.iter().filter_map(volume_of) {
        if !want.grant.storages.contains(storage) {
            let allowed: Vec<_> = want.grant.storages.iter().cloned().collect();
            return Err(denied(&format!("mounts[{name}].volume.storage {storage}"), &allowed, "allow.storages"));
        }
    }
    for (field, storage) in source.into_iter().chain(disk) {
        if !want.grant.storages.contains(storage) {
            let allowed: Vec<_> = want.grant.storages.iter().cloned().collect();
            return Err(denied(&format!("{field} {storage}"), &allowed, "allow.storages"));
        }
    }
    Ok(())
}

/// The name of a mount and the storage of its volume.
fn volume_of(mount: &MountWish) -> Option<(&str, &str)> {
    match &mount.what {
        Mounted::Volume { storage, size: _ } => Some((&mount.name, storage.as_str())),
        Mounted::Bind { .. } => None,
    }
}

/// What reaches into the node: directories, devices, and scripts that run as root there.
fn node(want: &Want) -> Result<(), Refusal> {
    let grant = &want.grant;
    let listed = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    for mount in &want.mounts {
        match &mount.what {
            Mounted::Bind { path } if !grant.allows_bind(path) => {
                let what = format!("mounts[{}].bind.path {path}", mount.name);
                return Err(denied(&what, &listed(&grant.bind_paths), "allow.bindPaths"));
            }
            Mounted::Bind { .. } | Mounted::Volume { .. } => {}
        }
    }
    for device in want.options.devices.iter().flatten() {
        let path = path_of(device).unwrap_or_default();
        if !grant.allows_device(&path) {
            return Err(denied(&format!("devices {path}"), &listed(&grant.devices), "allow.devices"));
        }
    }
    match &want.options.hookscript {
        Some(script) if !script.is_empty() && !grant.allows_hookscript(script) => {
            Err(denied(&format!("hookscript {script}"), &listed(&grant.hookscripts), "allow.hookscripts"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Who has rights on a pool has them on its guests.
fn pool(want: &Want) -> Result<(), Refusal> {
    match &want.pool {
        Some(pool) if !want.grant.pools.contains(pool) => {
            let allowed: Vec<_> = want.grant.pools.iter().cloned().collect();
            Err(denied(&format!("pool {pool}"), &allowed, "allow.pools"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The node fetches what a container is made from, and can reach what the namespace cannot.
fn downloads(want: &Want) -> Result<(), Refusal> {
    let (field, host) = match &want.source {
        Some(Source::Template { volume: _, download: Some(download) }) => {
            let host = host_of_url(&download.url).ok_or_else(|| {
                invalid(format!(
                    "spec.source.template.url: {} does not tell plainly from which host: write http:// or https://, the \
                     host in letters, digits, - and ., and its port where it has one, without a user",
                    download.url
                ))
            })?;
            ("source.template.url of host", host)
        }
        Some(Source::Image { reference, storage: _, pull: true }) => {
            ("source.image.reference of registry", registry_of(reference).to_owned())
        }
        Some(
            Source::Template { download: None, .. }
            | Source::Image { pull: false, .. }
            | Source::Clone { .. }
            | Source::Backup(_),
        )
        | None => return Ok(()),
    };
    if want.grant.allows_download(&host) {
        return Ok(());
    }
    let allowed: Vec<_> = want.grant.download_hosts.iter().cloned().collect();
    Err(denied(&format!("{field} {host}"), &allowed, "allow.downloadHosts"))
}

/// Bridges and VLANs. An interface without a tag is in no VLAN that would have to be granted.
fn networks(want: &Want) -> Result<(), Refusal> {
    let grant = &want.grant;
    for (index, interface) in want.options.interfaces.iter().enumerate() {
        if let Some(bridge) = interface.bridge().filter(|bridge| !grant.bridges.contains(*bridge)) {
            let allowed: Vec<_> = grant.bridges.iter().cloned().collect();
            return Err(denied(&format!("network.interfaces[{index}].bridge {bridge}"), &allowed, "allow.bridges"));
        }
        let granted = |tag: &&u32| grant.vlans.iter().any(|(first, last)| (first..=last).contains(tag));
        if let Some(tag) = interface.vlans.iter().find(|tag| !granted(tag)) {
            let range = |(first, last): &(u32, u32)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            };
            let allowed: Vec<_> = grant.vlans.iter().map(range).collect();
            return Err(denied(&format!("network.interfaces[{index}] VLAN {tag}"), &allowed, "allow.vlans"));
        }
    }
    Ok(())
}

fn features(want: &Want) -> Result<(), Refusal> {
    let Some(wish) = &want.options.features else { return Ok(()) };
    let asked = [
        (FeatureName::Nesting, "nesting", wish.nesting == Some(true)),
        (FeatureName::Keyctl, "keyctl", wish.keyctl == Some(true)),
        (FeatureName::Fuse, "fuse", wish.fuse == Some(true)),
        (FeatureName::Mknod, "mknod", wish.mknod == Some(true)),
        (FeatureName::Mount, "mount", wish.mount.as_ref().is_some_and(|list| !list.is_empty())),
    ];
    let granted = |feature: &FeatureName| want.grant.features.contains(feature);
    let allowed = asked.iter().filter(|(feature, ..)| granted(feature)).map(|(_, name, _)| (*name).to_owned());
    match asked.iter().find(|(feature, _, on)| *on && !granted(feature)) {
        Some((_, name, _)) => Err(denied(&format!("features.{name}"), &allowed.collect::<Vec<_>>(), "allow.features")),
        None => Ok(()),
    }
}
