//! A guest restored from a backup. Neither its address nor its MAC nor its firewall rules may go live beside those of the
//! guest that it was made of.

use super::{description, made_from, making, not_found, root_storage};
use crate::Fact;
use crate::container::interfaces::offered;
use crate::container::options::for_creation;
use crate::container::plan::{copies, placing};
use crate::container::seen::{Backup, Config, Restorable, Seen, is_numbered};
use crate::container::step::{Plan, Restore, Step, Verdict};
use crate::container::want::{BackupFrom, Want};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Adoption;
use zentoria_types::mark::Description;
use zentoria_types::names::NodeName;
use zentoria_types::property::PropertyString;
use zentoria_types::vmid::Vmid;

/// Whether the namespace may look for backups of this guest at all: its own VMID, that of a container of the namespace,
/// or one that the cluster allows to copy. Whose guest it really was, the backup itself tells.
#[must_use]
pub fn may_restore(want: &Want, own: Option<Vmid>, of_namespace: &BTreeMap<String, Vmid>, vmid: Vmid) -> bool {
    own.or(want.vmid) == Some(vmid)
        || of_namespace.values().any(|other| *other == vmid)
        || want.grant.clone_sources.contains(&vmid)
}

/// The backup that is restored: the one that is named, or the newest that is not too young. One without a size counts as
/// not there.
#[must_use]
pub fn chosen<'a>(from: &BackupFrom, backups: &'a [Backup]) -> Option<&'a Backup> {
    let whole = backups.iter().filter(|backup| backup.size > 0 && backup.vmid == from.vmid());
    match from {
        BackupFrom::Volume { volume, vmid: _ } => whole.into_iter().find(|backup| backup.volume == *volume),
        BackupFrom::Newest { storage: _, vmid: _, not_after } => whole
            .filter(|backup| not_after.is_none_or(|limit| backup.made_at <= limit))
            .max_by_key(|backup| (backup.made_at, &backup.volume)),
    }
}

/// The plan.
pub(super) fn restore(want: &Want, seen: &Seen, vmid: Vmid, from: &BackupFrom) -> Result<Plan, Verdict> {
    if !may_restore(want, seen.recorded.vmid, &seen.cluster.vmids_by_name, from.vmid()) {
        return Err(denied(
            want,
            &format!(
                "source.backup of guest {}, which is neither its own VMID nor that of a container of this namespace",
                from.vmid()
            ),
        ));
    }
    let node = placing::node(want, seen)?;
    let storage = root_storage(want)?.to_string();
    offered(&want.options, seen, &node)?;
    let (backup, content) = found(seen, from, &node)?;
    let allowed_as_copy = want.grant.clone_sources.contains(&from.vmid());
    if !allowed_as_copy {
        same_namespace(want, from, backup, content)?;
        granted_features(want, backup, content)?;
    }
    network(want, backup, content)?;
    let is_own = from.vmid() == vmid;
    let step = Step::Restore(Restore {
        archive: backup.volume.clone(),
        options: options(want, vmid, is_own.then_some(content)),
        storage,
        unprivileged: unprivileged(want),
        unique: !is_own && want.options.interfaces.is_empty(),
        pool: want.pool.clone(),
        defaults: made_from(want, &backup.volume),
    });
    Ok(making(vmid, node, step))
}

/// What the token sets over the backup's own configuration. The rest of the wish is set before the first start.
fn options(want: &Want, vmid: Vmid, own: Option<&Config>) -> BTreeMap<String, String> {
    let mut options = for_creation(&want.options, description(want, vmid));
    options.retain(|key, _| !matches!(key.as_str(), "features" | "hookscript") && !is_numbered(key, "dev"));
    // Started by its node before it is finished, it would have what the backup has.
    options.insert("onboot".to_owned(), "0".to_owned());
    let nets = options.iter_mut().filter(|(key, _)| is_numbered(key, "net"));
    for (key, value) in nets {
        let old = own.and_then(|config| mac_of(config.current.get(key)?));
        if let (Some(mac), Ok(mut net)) = (old, PropertyString::parse(value))
            && net.get("hwaddr").is_none()
        {
            net.set("hwaddr", &mac);
            *value = net.to_string();
        }
    }
    options
}

fn mac_of(net: &str) -> Option<String> {
    PropertyString::parse(net).ok()?.get("hwaddr").map(str::to_owned)
}

/// A backup of a privileged guest makes no privileged one where the namespace may not have any.
fn unprivileged(want: &Want) -> Option<bool> {
    (want.unprivileged_named || !want.grant.privileged).then_some(want.unprivileged)
}

fn found<'a>(seen: &'a Seen, from: &BackupFrom, node: &NodeName) -> Result<(&'a Backup, &'a Config), Verdict> {
    let unread = |why: &str| Verdict::new(ContainerReason::PveError, why.to_owned());
    let Some(Restorable { backups, content }) = &seen.restorable else {
        return Err(unread("the backups were not looked at yet"));
    };
    let backups = match backups {
        Fact::Known(backups) => backups,
        Fact::Unknown(why) => return Err(unread(why)),
    };
    let Some(backup) = chosen(from, backups) else {
        return Err(not_found(nothing(from, backups, node)));
    };
    match content {
        Some(Fact::Known(content)) => Ok((backup, content)),
        Some(Fact::Unknown(why)) => Err(unread(why)),
        None => Err(unread("the backup was not looked at yet")),
    }
}

/// What was looked for, and what there is.
fn nothing(from: &BackupFrom, backups: &[Backup], node: &NodeName) -> String {
    let (vmid, storage) = (from.vmid(), from.storage());
    let wished = match from {
        BackupFrom::Volume { volume, .. } => format!("source.backup.volume {volume} does not exist on node {node}"),
        BackupFrom::Newest { not_after: None, .. } => {
            format!("source.backup: there is no backup of guest {vmid} on storage {storage} of node {node}")
        }
        BackupFrom::Newest { not_after: Some(limit), .. } => format!(
            "source.backup: there is no backup of guest {vmid} on storage {storage} of node {node} from {limit} or before"
        ),
    };
    const SHOWN: usize = 5;
    let mut whole: Vec<&Backup> = backups.iter().filter(|backup| backup.size > 0).collect();
    whole.sort_by_key(|backup| std::cmp::Reverse((backup.made_at, &backup.volume)));
    let listed: Vec<String> =
        whole.iter().take(SHOWN).map(|backup| format!("{} ({})", backup.volume, backup.made_at)).collect();
    if listed.is_empty() {
        return format!(
            "{wished}; the storage shows none of guest {vmid} at all (to see one, the operator's token needs VM.Backup \
             on /vms/{vmid} and Datastore.AllocateSpace on /storage/{storage})"
        );
    }
    let more = whole.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} older") } else { String::new() };
    format!("{wished}; there are {}{more}", listed.join(", "))
}

fn denied(want: &Want, what: &str) -> Verdict {
    let sources: Vec<String> = want.grant.clone_sources.iter().map(ToString::to_string).collect();
    let granted = if sources.is_empty() { "nothing".to_owned() } else { sources.join(", ") };
    let message = format!(
        "spec.{what}: access[].allow.cloneSources of the ProxmoxCluster grants it {granted}; ask for it there, or \
         change the spec"
    );
    Verdict::new(ContainerReason::AccessDenied, message)
}

/// A VMID goes from one owner to the next, and backups stay: the mark in the backup decides. One without a mark may be
/// anybody's, and is taken as a guest without one is: where the spec says so.
fn same_namespace(want: &Want, from: &BackupFrom, backup: &Backup, content: &Config) -> Result<(), Verdict> {
    let identity = &want.identity;
    let is_asked_for = want.adoption == Adoption::IfExists
        || match from {
            BackupFrom::Volume { .. } => true,
            BackupFrom::Newest { .. } => false,
        };
    match Description::parse(content.description()).map(|description| description.mark) {
        Ok(None) if is_asked_for => Ok(()),
        Ok(None) => {
            let message = format!(
                "backup {} of guest {} carries no mark, so that it may be of somebody who had this VMID before: where it is \
                 yours, name it by its volume (source.backup.volume), or set adoption: IfExists",
                backup.volume, backup.vmid
            );
            Err(Verdict::new(ContainerReason::AccessDenied, message))
        }
        Ok(Some(mark)) if mark.estate == identity.estate && mark.namespace == identity.key.namespace => Ok(()),
        Ok(Some(mark)) => Err(denied(
            want,
            &format!(
                "source.backup {}, which is of {}/{} of estate {}",
                backup.volume, mark.namespace, mark.name, mark.estate
            ),
        )),
        Err(_) => Err(denied(want, &format!("source.backup {}, whose mark cannot be read", backup.volume))),
    }
}

/// The features of the backup come back with it.
fn granted_features(want: &Want, backup: &Backup, content: &Config) -> Result<(), Verdict> {
    let granted: BTreeSet<String> =
        want.grant.features.iter().map(|feature| format!("{feature:?}").to_ascii_lowercase()).collect();
    let features = content.current.get("features").map_or("", String::as_str);
    let on = features.split(',').filter_map(|part| part.split_once('=')).filter(|(_, value)| *value != "0");
    match on.map(|(name, _)| name).find(|name| !granted.contains(*name)) {
        Some(name) => Err(Verdict::new(
            ContainerReason::AccessDenied,
            format!(
                "backup {} has features.{name}, which access[].allow.features of the ProxmoxCluster does not grant to \
                 this namespace: ask for it there",
                backup.volume
            ),
        )),
        None => Ok(()),
    }
}

/// Interfaces that the spec does not name are those of the backup: they must not be static, and must be granted.
fn network(want: &Want, backup: &Backup, content: &Config) -> Result<(), Verdict> {
    if !want.options.interfaces.is_empty() {
        return Ok(());
    }
    let what = format!("backup {}", backup.volume);
    let fixed = copies::fixed(content);
    if let Some(key) = fixed.first() {
        let message = format!(
            "{what} has a static address ({key}), and its guest may have it still: set spec.network.interfaces"
        );
        return Err(Verdict::new(ContainerReason::InvalidSpec, message));
    }
    copies::granted(want, content, &what)
}
