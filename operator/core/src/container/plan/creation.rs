//! Making a guest: the checks before, and the call. By source: `template`, `image`, `backup`, `clone`.

mod backup;
mod clone;
mod image;
mod template;

pub use backup::chosen;
pub use backup::may_restore;
pub use clone::{COPY_SNAPSHOT, copy_snapshot, leftover_snapshot, recorded_source};

use super::mounts;
use crate::container::dependencies::blocker;
use crate::container::options::describe;
use crate::container::seen::Seen;
use crate::container::step::{Plan, Step, Target, Verdict};
use crate::container::vmid::choose;
use crate::container::want::{FeatureWish, Source, Want};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::RecordedDefaults;
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::vmid::Vmid;

/// The plan for a guest that does not exist.
pub(super) fn create(want: &Want, seen: &Seen) -> Plan {
    prepare(want, seen).unwrap_or_else(Plan::say)
}

fn prepare(want: &Want, seen: &Seen) -> Result<Plan, Verdict> {
    let Some(source) = &want.source else {
        return Err(Verdict::new(
            ContainerReason::NoSource,
            "there is no guest to adopt, and no source to make one from: set spec.source, or create the guest",
        ));
    };
    if let Some(over) = &seen.over_quota {
        return Err(Verdict::new(ContainerReason::QuotaExceeded, over.to_string()));
    }
    let vmid = vmid(want, seen)?;
    if let Some(verdict) = blocker(&want.depends_on, &seen.dependencies, seen.cycle.as_deref()) {
        return Err(verdict);
    }
    root_credential(want, seen)?;
    permissions(seen)?;
    match source {
        Source::Template { volume, download } => template::create(want, seen, vmid, volume, download.as_ref()),
        Source::Image { reference, storage, pull } => image::create(want, seen, vmid, reference, storage, *pull),
        Source::Backup(from) => backup::restore(want, seen, vmid, from),
        Source::Clone { from, full, snapshot } => clone::clone(want, seen, vmid, from, *full, snapshot.as_ref()),
    }
}

/// The plan of one step that makes the guest.
fn making(vmid: Vmid, node: NodeName, step: Step) -> Plan {
    Plan {
        target: Some(Target { vmid, node, digest: None }),
        steps: vec![step],
        pending: Vec::new(),
        verdict: Verdict::new(ContainerReason::Creating, "is being created"),
        notes: Vec::new(),
    }
}

/// The description of the new guest: the user's text and our mark.
fn description(want: &Want, vmid: Vmid) -> String {
    describe(want.options.description.as_deref().unwrap_or(""), Some(&want.identity.mark(vmid)))
}

/// The defaults that status will record, with what the guest is made from.
fn made_from(want: &Want, source: &str) -> RecordedDefaults {
    RecordedDefaults { template: Some(source.to_owned()), ..want.defaults.clone() }
}

/// The storage of a new root disk.
fn root_storage(want: &Want) -> Result<&StorageName, Verdict> {
    want.storage.as_ref().ok_or_else(|| {
        let message = "a new guest needs rootDisk.storage, or defaults.storage of the ProxmoxCluster";
        Verdict::new(ContainerReason::InvalidSpec, message)
    })
}

fn vmid(want: &Want, seen: &Seen) -> Result<Vmid, Verdict> {
    if let Some(vmid) = seen.recorded.vmid.or(want.vmid) {
        return Ok(vmid);
    }
    choose(&want.grant.vmids, &seen.cluster.taken).ok_or_else(|| {
        let ranges: Vec<_> = want.grant.vmids.iter().map(ToString::to_string).collect();
        let message =
            format!("every VMID of {} is taken: widen access[].vmidRanges of the ProxmoxCluster", ranges.join(", "));
        Verdict::new(ContainerReason::NoFreeVmid, message)
    })
}

fn root_credential(want: &Want, seen: &Seen) -> Result<(), Verdict> {
    if seen.cluster.root_credential {
        return Ok(());
    }
    let features = want.options.features.as_ref();
    let what = if features.is_some_and(FeatureWish::needs_root) {
        "spec.features asks for more than nesting".to_owned()
    } else if !want.unprivileged && features.is_some_and(|features| features.nesting == Some(true)) {
        "spec.features asks for nesting in a privileged container".to_owned()
    } else if let Some(what) = mounts::needs_root(want) {
        what
    } else {
        return Ok(());
    };
    let message = format!(
        "{what}, which Proxmox VE refuses to every token: set credentials.rootSecretRef of the ProxmoxCluster, or leave it out"
    );
    Err(Verdict::new(ContainerReason::NeedsRootCredential, message))
}

fn permissions(seen: &Seen) -> Result<(), Verdict> {
    if seen.cluster.missing_permissions.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the operator's token lacks {}: grant it (pveum acl modify), see status.missingPermissions of the ProxmoxCluster",
        seen.cluster.missing_permissions.join(", ")
    );
    Err(Verdict::new(ContainerReason::PermissionDenied, message))
}

fn not_found(message: String) -> Verdict {
    Verdict::new(ContainerReason::NotFound, message)
}
