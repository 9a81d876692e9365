//! Making a guest: the checks before, and the call.

use super::placing;
use crate::container::dependencies::blocker;
use crate::container::interfaces::offered;
use crate::container::options::{describe, for_creation};
use crate::container::seen::Seen;
use crate::container::step::{CloneGuest, Create, Plan, Step, Target, Verdict};
use crate::container::vmid::choose;
use crate::container::want::{CloneFrom, Source, Want};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Origin;
use zentoria_types::vmid::Vmid;

/// The plan for a guest that does not exist.
pub(super) fn create(want: &Want, seen: &Seen) -> Plan {
    match prepare(want, seen) {
        Ok((target, step)) => Plan {
            target: Some(target),
            steps: vec![step],
            pending: Vec::new(),
            verdict: Verdict::new(ContainerReason::Creating, "is being created"),
            notes: Vec::new(),
        },
        Err(verdict) => Plan::say(verdict),
    }
}

fn prepare(want: &Want, seen: &Seen) -> Result<(Target, Step), Verdict> {
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
        Source::Template { volume, download: _ } => from_template(want, seen, vmid, volume),
        Source::Image { .. } | Source::Backup(_) => Err(not_found("not built yet".into())),
        Source::Clone { from, full, snapshot } => from_guest(want, seen, vmid, from, *full, snapshot.as_ref()),
    }
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
    let Some(features) = &want.options.features else { return Ok(()) };
    let what = if features.needs_root() {
        "spec.features asks for more than nesting"
    } else if !want.unprivileged && features.nesting == Some(true) {
        "spec.features asks for nesting in a privileged container"
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

fn from_template(want: &Want, seen: &Seen, vmid: Vmid, volume: &str) -> Result<(Target, Step), Verdict> {
    let node = placing::node(want, seen)?;
    let (Some(storage), Some(disk)) = (&want.storage, want.disk) else {
        return Err(Verdict::new(
            ContainerReason::InvalidSpec,
            "a new guest needs rootDisk.size, and rootDisk.storage or defaults.storage of the ProxmoxCluster",
        ));
    };
    offered(&want.options, seen, &node)?;
    let templates = seen.cluster.nodes.get(&node).and_then(|facts| facts.templates.as_ref());
    if templates.is_some_and(|known| !known.contains(volume)) {
        return Err(not_found(format!(
            "template {volume} does not exist on node {node}: download it there (pveam download), or correct the name"
        )));
    }
    let description = describe(want.options.description.as_deref().unwrap_or(""), Some(&want.identity.mark(vmid)));
    let mut options = for_creation(&want.options, description);
    options.insert("rootfs".into(), format!("{storage}:{}", disk.as_gib_exact().unwrap_or_default()));
    options.insert("unprivileged".into(), u8::from(want.unprivileged).to_string());
    let step = Step::Create(Create {
        template: volume.to_owned(),
        options,
        ssh_keys: seen.ssh_keys.clone(),
        defaults: want.defaults.clone(),
        storage: storage.to_string(),
        pool: want.pool.clone(),
        origin: Origin::Template,
    });
    Ok((Target { vmid, node, digest: None }, step))
}

fn from_guest(
    want: &Want,
    seen: &Seen,
    vmid: Vmid,
    from: &CloneFrom,
    full: bool,
    snapshot: Option<&String>,
) -> Result<(Target, Step), Verdict> {
    let source = match from {
        CloneFrom::Vmid(source) => *source,
        CloneFrom::Container(name) => *seen.cluster.vmids_by_name.get(name).ok_or_else(|| {
            let message =
                format!("source.clone.container {name} does not exist in this namespace, or has no guest yet");
            Verdict::about(ContainerReason::WaitingFor, name.clone(), message)
        })?,
    };
    let Some(source_node) = seen.cluster.located.get(&source).cloned() else {
        return Err(not_found(format!("clone source {source} does not exist in Proxmox VE")));
    };
    if !want.placement.nodes.is_empty() && !want.placement.nodes.contains(&source_node) {
        let message = format!(
            "clone source {source} is on node {source_node}, and a clone is made on the node of its source: \
             leave placement.node out or set it to {source_node}"
        );
        return Err(Verdict::new(ContainerReason::InvalidSpec, message));
    }
    placing::admit(want, seen, &source_node)?;
    offered(&want.options, seen, &source_node)?;
    let description = describe(want.options.description.as_deref().unwrap_or(""), Some(&want.identity.mark(vmid)));
    let step = Step::Clone(CloneGuest {
        source,
        source_node: source_node.clone(),
        full,
        snapshot: snapshot.cloned(),
        storage: want.storage.as_ref().filter(|_| full).map(ToString::to_string),
        hostname: want.options.hostname.as_ref().map_or_else(|| want.identity.key.name.clone(), ToString::to_string),
        description,
        pool: want.pool.clone(),
        defaults: want.defaults.clone(),
    });
    Ok((Target { vmid, node: source_node, digest: None }, step))
}

fn not_found(message: String) -> Verdict {
    Verdict::new(ContainerReason::NotFound, message)
}
