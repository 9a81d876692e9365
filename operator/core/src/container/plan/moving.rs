//! A guest on a node that it may not be on: moved back for `placement.enforce`, or why not.

use crate::container::seen::{Config, Guest, Seen, is_numbered};
use crate::container::siting::should_leave;
use crate::container::step::{Plan, Step, Verdict};
use crate::container::want::Want;
use crate::digest::of_parts;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::{ChangeClass, PendingChange};
use zentoria_types::names::NodeName;
use zentoria_types::property::PropertyString;

/// What comes of the node that a guest is on.
pub(super) enum Moving {
    /// It stays there.
    Stays,
    /// It belongs there, and goes as soon as it may.
    Goes(NodeName),
    /// It belongs elsewhere, and somebody else decides on that.
    Refused(Verdict),
}

/// Where a guest of ours belongs; what that changes is added to `pending`. A stopped guest has nothing to interrupt, so
/// nothing of its move is pending.
pub(super) fn moving(want: &Want, seen: &Seen, guest: &Guest, pending: &mut Vec<PendingChange>) -> Moving {
    let goes = seen.siting.as_ref().and_then(|siting| should_leave(want, siting, &guest.node));
    let Some(goes) = goes.filter(|_| seen.recorded.is_finished()) else { return Moving::Stays };
    let to = match goes {
        Ok(to) => to,
        Err(no_place) => {
            pending.push(change(want, guest, None, ChangeClass::Impossible, no_place.to_string()));
            return Moving::Stays;
        }
    };
    if let Some(verdict) = refused(seen, guest) {
        pending.push(change(want, guest, Some(&to), ChangeClass::Impossible, verdict.message.clone()));
        return Moving::Refused(verdict);
    }
    if let Some((slot, what)) = bound(&guest.config) {
        let message = format!(
            "{slot} is {what} of node {}, which another node does not have: remove it, or allow the node in \
             placement.nodes",
            guest.node
        );
        pending.push(change(want, guest, Some(&to), ChangeClass::Impossible, message));
        return Moving::Stays;
    }
    if guest.running.known() != Some(&false) {
        let message = "placement.enforce moves it back; a container cannot be moved live, so it restarts there";
        pending.push(change(want, guest, Some(&to), ChangeClass::Reboot, message.to_owned()));
    }
    Moving::Goes(to)
}

impl Moving {
    /// The plan with the move in it: in the place of the reboot that it needs, or before a stopped guest is started.
    pub(super) fn over(self, mut plan: Plan, guest: &Guest) -> Plan {
        match self {
            Self::Stays => {}
            Self::Refused(verdict) => {
                if plan.verdict.reason.phase() == Phase::Settled {
                    plan.verdict = verdict;
                }
            }
            Self::Goes(to) => {
                let restart = match (plan.steps.last(), guest.running.known()) {
                    (Some(Step::Reboot), _) => true,
                    (Some(Step::Start), Some(false)) => false,
                    (last, Some(false)) if last.is_none_or(|step| step.task().is_none()) => false,
                    (Some(_) | None, Some(_) | None) => return plan,
                };
                plan.steps.retain(|step| step.task().is_none());
                let message = format!("moves from node {} to {to}", guest.node);
                plan.verdict = Verdict::new(ContainerReason::Migrating, message);
                plan.steps.push(Step::Migrate { to, restart });
            }
        }
        plan
    }
}

/// What is decided is that it leaves its node for one of those that are allowed; which of them is the best may change
/// until then, and an approval holds nevertheless.
fn change(want: &Want, guest: &Guest, to: Option<&NodeName>, class: ChangeClass, message: String) -> PendingChange {
    let from = guest.node.to_string();
    let allowed: Vec<&str> = want.placement.nodes.iter().map(NodeName::as_str).collect();
    PendingChange {
        field: "placement".to_owned(),
        digest: of_parts(["placement", from.as_str()].into_iter().chain(allowed)),
        from,
        to: to.map_or_else(|| "(no node)".to_owned(), ToString::to_string),
        class,
        message,
    }
}

/// Why a guest is not moved, whatever its placement says.
fn refused(seen: &Seen, guest: &Guest) -> Option<Verdict> {
    let vmid = guest.vmid;
    if guest.ha {
        let message = format!(
            "guest {vmid} is on node {}, where its placement does not have it, and it is under PVE's HA, which decides \
             where it runs: move it there (ha-manager relocate ct:{vmid} NODE) or change its HA rules, or take it out \
             of HA (ha-manager remove ct:{vmid})",
            guest.node
        );
        return Some(Verdict::new(ContainerReason::ManagedByHA, message));
    }
    if seen.cluster.replicated.contains(&vmid) {
        let message = format!(
            "guest {vmid} is on node {}, where its placement does not have it, and it has replication jobs, which a \
             move would break: remove them first (pvesr list, pvesr delete {vmid}-0), or migrate it to a replication \
             target by hand",
            guest.node
        );
        return Some(Verdict::new(ContainerReason::Replicated, message));
    }
    None
}

/// A directory or device of the node. Proxmox VE moves a directory that is marked as shared.
fn bound(config: &Config) -> Option<(&str, &'static str)> {
    config.current.iter().find_map(|(key, value)| {
        if is_numbered(key, "dev") {
            return Some((key.as_str(), "a device"));
        }
        let mount = PropertyString::parse(value).ok().filter(|_| is_numbered(key, "mp"))?;
        let is_bind = mount.keyless().or_else(|| mount.get("volume")).is_some_and(|volume| volume.starts_with('/'));
        (is_bind && mount.get("shared") != Some("1")).then_some((key.as_str(), "a directory"))
    })
}
