//! A guest made as a copy of another. A guest that runs can only be copied from a snapshot: one of a container of ours is
//! taken for the copy, and removed before the copy is finished.

use super::{description, made_from, making, not_found};
use crate::Fact;
use crate::container::interfaces::offered;
use crate::container::plan::placing;
use crate::container::seen::{CloneOrigin, Seen, Snapshot};
use crate::container::step::{CloneGuest, Plan, Step, TakeSnapshot, Target, Verdict};
use crate::container::want::{CloneFrom, Identity, Key, Want};
use crate::digest::of_parts;
use zentoria_api::conditions::ContainerReason;
use zentoria_types::mark::EstateId;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// What the names of such snapshots begin with.
pub const COPY_SNAPSHOT: &str = "zentoria-copy-";

/// The name of the snapshot that the copy of this container is made from. It is the same at every try, so that a crash
/// leaves none behind.
#[must_use]
pub fn copy_snapshot(estate: &EstateId, copy: &Key) -> String {
    format!("{COPY_SNAPSHOT}{}", of_parts([estate.as_str(), &copy.namespace, &copy.name]))
}

fn snapshot_name(identity: &Identity) -> String {
    copy_snapshot(&identity.estate, &identity.key)
}

/// What status records of a copy's source.
fn record(source: Vmid, from: &CloneFrom) -> String {
    match from {
        CloneFrom::Vmid(_) => format!("clone {source}"),
        CloneFrom::Container(name) => format!("clone {source} ({name})"),
    }
}

/// The source of a copy, as status records it: its VMID, and its name where it was named by that.
#[must_use]
pub fn recorded_source(template: &str) -> Option<(Vmid, Option<&str>)> {
    let rest = template.strip_prefix("clone ")?;
    let (number, name) = match rest.split_once(" (") {
        Some((number, name)) => (number, name.strip_suffix(')')),
        None => (rest, None),
    };
    Some((Vmid::new(number.parse().ok()?).ok()?, name))
}

/// The plan.
pub(super) fn clone(
    want: &Want,
    seen: &Seen,
    vmid: Vmid,
    from: &CloneFrom,
    full: bool,
    snapshot: Option<&String>,
) -> Result<Plan, Verdict> {
    let source = match from {
        CloneFrom::Vmid(source) => *source,
        CloneFrom::Container(name) => *seen.cluster.vmids_by_name.get(name).ok_or_else(|| {
            let message = format!(
                "source.clone.container {name} does not exist in this namespace, or its guest is not finished yet"
            );
            Verdict::about(ContainerReason::WaitingFor, name.clone(), message)
        })?,
    };
    let Some(node) = seen.cluster.located.get(&source).cloned() else {
        return Err(not_found(format!("clone source {source} does not exist in Proxmox VE")));
    };
    same_node(want, source, &node)?;
    placing::admit(want, seen, &node)?;
    offered(&want.options, seen, &node)?;
    let Some(origin) = &seen.clone_origin else {
        return Err(Verdict::new(ContainerReason::PveError, format!("clone source {source} was not looked at yet")));
    };
    is_free(source, origin)?;
    let snapshot = match (snapshot, full) {
        (Some(name), _) => Some(existing(source, origin, name)?),
        (None, false) => {
            can_be_linked(source, origin)?;
            None
        }
        (None, true) => match from_snapshot(want, source, origin)? {
            Some(taken) if is_there(origin, &taken) => Some(taken),
            Some(name) => return Ok(take(want, vmid, source, node, name)),
            None => None,
        },
    };
    let step = Step::Clone(CloneGuest {
        source,
        source_node: node.clone(),
        full,
        snapshot,
        storage: want.storage.as_ref().filter(|_| full).map(ToString::to_string),
        hostname: want.options.hostname.as_ref().map_or_else(|| want.identity.key.name.clone(), ToString::to_string),
        description: description(want, vmid),
        pool: want.pool.clone(),
        defaults: made_from(want, &record(source, from)),
    });
    Ok(making(vmid, node, step))
}

fn same_node(want: &Want, source: Vmid, node: &NodeName) -> Result<(), Verdict> {
    if want.placement.nodes.is_empty() || want.placement.nodes.contains(node) {
        return Ok(());
    }
    let message = format!(
        "clone source {source} is on node {node}, and a clone is made on the node of its source: leave placement.node \
         out or set it to {node}"
    );
    Err(Verdict::new(ContainerReason::InvalidSpec, message))
}

/// Proxmox VE locks a source while it is copied or a snapshot of it comes and goes: our own such tasks wait for each other
/// where they are started.
fn is_free(source: Vmid, origin: &CloneOrigin) -> Result<(), Verdict> {
    match origin.lock.as_deref() {
        None | Some("disk" | "snapshot" | "snapshot-delete") => Ok(()),
        Some(lock) => {
            let message =
                format!("clone source {source} is locked by Proxmox VE ({lock}); it is copied when it is free");
            Err(Verdict::about(ContainerReason::GuestLocked, lock, message))
        }
    }
}

fn snapshots(source: Vmid, origin: &CloneOrigin) -> Result<&[Snapshot], Verdict> {
    match &origin.snapshots {
        Fact::Known(list) => Ok(list),
        Fact::Unknown(why) => {
            Err(Verdict::new(ContainerReason::PveError, format!("snapshots of clone source {source}: {why}")))
        }
    }
}

fn is_there(origin: &CloneOrigin, name: &str) -> bool {
    origin.snapshots.known().is_some_and(|list| list.iter().any(|snapshot| snapshot.name == name))
}

/// The snapshot that the spec names.
fn existing(source: Vmid, origin: &CloneOrigin, name: &str) -> Result<String, Verdict> {
    let list = snapshots(source, origin)?;
    if list.iter().any(|snapshot| snapshot.name == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = list.iter().map(|snapshot| snapshot.name.as_str()).collect();
    let there = if names.is_empty() { "no snapshot".to_owned() } else { names.join(", ") };
    Err(not_found(format!("source.clone.snapshot {name} does not exist: guest {source} has {there}")))
}

fn can_be_linked(source: Vmid, origin: &CloneOrigin) -> Result<(), Verdict> {
    if origin.template {
        return Ok(());
    }
    let message = format!(
        "source.clone.full: false needs a source that is a template of Proxmox VE, and guest {source} is none: set \
         full: true, or make it a template (template: true of its ZentoriaContainer, or `pct template {source}`)"
    );
    Err(Verdict::about(ContainerReason::SourceUnusable, source.to_string(), message))
}

/// The snapshot that a full copy is made from, where it takes one: that of an earlier try, or one of a guest that runs.
fn from_snapshot(want: &Want, source: Vmid, origin: &CloneOrigin) -> Result<Option<String>, Verdict> {
    let name = snapshot_name(&want.identity);
    snapshots(source, origin)?;
    if origin.ours && is_there(origin, &name) {
        return Ok(Some(name));
    }
    match &origin.running {
        Fact::Known(false) => Ok(None),
        Fact::Known(true) if origin.can_snapshot == Some(false) => {
            let message = format!(
                "clone source {source} runs, and its storage cannot take the snapshot that a copy of it needs: stop it \
                 for the copy, or move its disks to a storage with snapshots (ZFS, LVM-thin, Btrfs, Ceph)"
            );
            Err(Verdict::about(ContainerReason::SourceUnusable, source.to_string(), message))
        }
        Fact::Known(true) if origin.ours => Ok(Some(name)),
        Fact::Known(true) => {
            let message = format!(
                "clone source {source} runs and is not a container of this namespace, so no snapshot of it is taken: \
                 name one of its snapshots (source.clone.snapshot), or stop it"
            );
            Err(Verdict::about(ContainerReason::SourceUnusable, source.to_string(), message))
        }
        Fact::Unknown(why) => {
            Err(Verdict::new(ContainerReason::PveError, format!("power of clone source {source}: {why}")))
        }
    }
}

fn take(want: &Want, vmid: Vmid, source: Vmid, node: NodeName, name: String) -> Plan {
    let description = format!("for the copy {}; removed once that is made", want.identity.key);
    let step = Step::Snapshot(TakeSnapshot { of: source, node: node.clone(), name, description });
    let message = format!("clone source {source} runs: a snapshot of it is taken for the copy");
    Plan {
        target: Some(Target { vmid, node, digest: None }),
        steps: vec![step],
        pending: Vec::new(),
        verdict: Verdict::new(ContainerReason::Securing, message),
        notes: Vec::new(),
    }
}

/// The step that removes the snapshot which a copy that exists was made from.
///
/// # Errors
/// Where it is not known whether there is one.
pub fn leftover_snapshot(want: &Want, seen: &Seen) -> Result<Option<Step>, Verdict> {
    let Some(origin) = seen.clone_origin.as_ref().filter(|origin| origin.ours) else { return Ok(None) };
    let name = snapshot_name(&want.identity);
    let there = snapshots(origin.vmid, origin)?.iter().any(|snapshot| snapshot.name == name);
    Ok(there.then(|| Step::DeleteSnapshot { of: origin.vmid, node: origin.node.clone(), name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_status_records_of_a_source_is_read_back() {
        let vmid = Vmid::new(102).unwrap();
        let by_vmid = record(vmid, &CloneFrom::Vmid(vmid));
        let by_name = record(vmid, &CloneFrom::Container("golden".into()));
        assert_eq!((by_vmid.as_str(), by_name.as_str()), ("clone 102", "clone 102 (golden)"));
        assert_eq!(recorded_source(&by_vmid), Some((vmid, None)));
        assert_eq!(recorded_source(&by_name), Some((vmid, Some("golden"))));
        assert_eq!(recorded_source("local:vztmpl/x.tar.zst"), None);
        assert_eq!(recorded_source("clone x"), None);
    }
}
