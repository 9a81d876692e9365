//! What a copy or a restored guest has from another guest, and must not have when it starts for the first time.

use super::creation::COPY_SNAPSHOT;
use crate::container::seen::{Config, Guest, Seen, is_numbered};
use crate::container::step::{Plan, Step, Verdict};
use crate::container::want::{Grant, Want};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Origin;
use zentoria_types::property::PropertyString;

/// What a guest in the making has its configuration from, where that is another guest's.
fn from_another(seen: &Seen) -> Option<&'static str> {
    match seen.recorded.created.as_ref()?.origin {
        Origin::Clone => Some("source"),
        Origin::Backup => Some("backup"),
        Origin::Template | Origin::Image | Origin::Adopted | Origin::TakenBack => None,
    }
}

/// The interfaces with a fixed address: `net0`.
pub(super) fn fixed(config: &Config) -> Vec<&str> {
    let is_static = |net: &PropertyString| {
        [net.get("ip"), net.get("ip6")].into_iter().flatten().any(|address| address.contains('/'))
    };
    let interfaces = config.current.iter().filter(|(key, _)| is_numbered(key, "net"));
    let fixed = interfaces.filter(|(_, value)| PropertyString::parse(value).is_ok_and(|net| is_static(&net)));
    fixed.map(|(key, _)| key.as_str()).collect()
}

/// Whether the namespace may have these interfaces, which the spec does not name: their bridges, VLAN tags and trunks.
///
/// # Errors
/// The first that it may not, and one that cannot be read.
pub(super) fn granted(want: &Want, config: &Config, whose: &str) -> Result<(), Verdict> {
    let interfaces = config.current.iter().filter(|(key, _)| is_numbered(key, "net"));
    match interfaces.filter_map(|(key, value)| Some((key, beyond(&want.grant, value)?))).next() {
        None => Ok(()),
        Some((key, what)) => {
            let message = format!(
                "{whose} has {key} {what}, which is not allowed to this namespace: set spec.network.interfaces, or ask for \
                 it in access[].allow of the ProxmoxCluster"
            );
            Err(Verdict::new(ContainerReason::AccessDenied, message))
        }
    }
}

/// What of an interface the grant does not have.
fn beyond(grant: &Grant, net: &str) -> Option<String> {
    let Ok(net) = PropertyString::parse(net) else { return Some("that cannot be read".to_owned()) };
    let bridge = net.get("bridge").unwrap_or_default();
    if !grant.bridges.contains(bridge) {
        return Some(format!("on bridge {bridge}"));
    }
    let granted = |tag: &u32| grant.vlans.iter().any(|(first, last)| (first..=last).contains(&tag));
    let tags = net.get("tag").into_iter().chain(net.get("trunks").into_iter().flat_map(|list| list.split(';')));
    let tag = tags.into_iter().find(|tag| !tag.parse().is_ok_and(|tag| granted(&tag)))?;
    Some(format!("on bridge {bridge} with VLAN {tag}"))
}

/// Where the spec names interfaces, the others are removed before its first start, as everywhere; without any, a static
/// address would be on the network twice, and a bridge or VLAN could be one that the namespace may not have.
pub(super) fn own_network(want: &Want, seen: &Seen, guest: &Guest) -> Result<(), Verdict> {
    let Some(whose) = from_another(seen) else { return Ok(()) };
    if !want.options.interfaces.is_empty() {
        return Ok(());
    }
    let fixed = fixed(&guest.config);
    if !fixed.is_empty() {
        let message = format!(
            "the copy has the static address of its {whose} ({}) and is not started with it: set \
             spec.network.interfaces",
            fixed.join(", ")
        );
        return Err(Verdict::new(ContainerReason::InvalidSpec, message));
    }
    granted(want, &guest.config, &format!("the copy is not started: its {whose}"))
}

/// The plan, and, where it starts no task, the removal of a snapshot that was taken of this guest for a copy which nobody
/// makes any more: its object was deleted in between.
pub(super) fn tidied(seen: &Seen, guest: &Guest, mut plan: Plan) -> Plan {
    let is_taken = |step: &Step| step.task().is_some() || matches!(step, Step::Mark(_));
    if plan.target.is_none() || !seen.recorded.is_finished() || plan.steps.iter().any(is_taken) {
        return plan;
    }
    let (Some(wanted), Some(there)) = (&seen.cluster.copy_snapshots, guest.snapshots.known()) else { return plan };
    let mut names = there.iter().map(|snapshot| &snapshot.name).filter(|name| name.starts_with(COPY_SNAPSHOT));
    if let Some(name) = names.find(|name| !wanted.contains(*name)) {
        plan.steps.push(Step::DeleteSnapshot { of: guest.vmid, node: guest.node.clone(), name: name.clone() });
        plan.verdict = Verdict::new(
            ContainerReason::Securing,
            format!("snapshot {name} is removed: the copy that it was taken for is not made any more"),
        );
    }
    plan
}

/// The volumes that came with it, which stay.
pub(super) fn came_along(seen: &Seen, guest: &Guest) -> Option<String> {
    let whose = from_another(seen)?;
    let mounts: Vec<String> = guest
        .config
        .current
        .iter()
        .filter(|(key, _)| is_numbered(key, "mp"))
        .map(|(key, value)| {
            let path = PropertyString::parse(value).ok().and_then(|mount| mount.get("mp").map(str::to_owned));
            format!("{key} ({})", path.unwrap_or_default())
        })
        .collect();
    (!mounts.is_empty()).then(|| format!("came with the {whose} and stay: {}", mounts.join(", ")))
}
