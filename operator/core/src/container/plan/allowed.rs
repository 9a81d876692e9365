//! Whether a guest may be rebooted for a change: by its policy, in a maintenance window, or because a person approved it.

use crate::container::seen::{Guest, GuestFact, Seen, Window};
use crate::container::want::Want;
use jiff::Timestamp;
use zentoria_api::conditions::UpToDateReason;
use zentoria_api::container::{ChangeClass, PendingChange, RebootPolicy};

/// Whether a running guest may be taken down for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// It may, now.
    Allowed,
    /// Never by us: PVE's HA decides over its power.
    NotAllowed,
    /// In a maintenance window: the next one opens then; `None` where none ever does.
    WaitsForWindow(Option<Timestamp>),
    /// Once a person has approved every change that waits for it.
    NeedsApproval,
}

/// Whether the guest may be rebooted (moved with a restart, shut down for a while) for what is pending.
///
/// One reboot applies everything that is stored, so an approval is asked for every change of that class; those of other
/// classes do not matter.
pub(super) fn may_reboot(want: &Want, seen: &Seen, pending: &[PendingChange]) -> Permission {
    if matches!(&seen.guest, GuestFact::Present(guest) if guest.ha) {
        return Permission::NotAllowed;
    }
    let mut waiting = of_class(pending, ChangeClass::Reboot).peekable();
    let approved = waiting.peek().is_some() && waiting.all(|change| seen.approved.contains(&change.digest));
    match (want.reboot_policy, &seen.window) {
        (_, _) if approved => Permission::Allowed,
        (RebootPolicy::Automatic, _) | (RebootPolicy::Window, Window::Open) => Permission::Allowed,
        (RebootPolicy::Window, Window::Closed(next)) => Permission::WaitsForWindow(*next),
        (RebootPolicy::Window, Window::None | Window::Unusable(_)) => Permission::WaitsForWindow(None),
        (RebootPolicy::Never, _) => Permission::NeedsApproval,
    }
}

/// Whether the policy alone allows it, whatever was approved: for a change that has no digest yet, because it is stored in
/// the same act.
pub(super) fn may_reboot_unasked(want: &Want, seen: &Seen) -> bool {
    may_reboot(want, seen, &[]) == Permission::Allowed
}

/// The changes of a class.
pub(super) fn of_class(pending: &[PendingChange], class: ChangeClass) -> impl Iterator<Item = &PendingChange> {
    pending.iter().filter(move |change| change.class == class)
}

/// Says with every change that waits for a reboot what it waits for, and what to do; returns what that makes of UpToDate.
pub(super) fn explain(
    want: &Want,
    seen: &Seen,
    guest: &Guest,
    pending: &mut [PendingChange],
) -> Option<UpToDateReason> {
    of_class(pending, ChangeClass::Reboot).next()?;
    let permission = may_reboot(want, seen, pending);
    let why = match &permission {
        Permission::Allowed => return None,
        Permission::NotAllowed => format!(
            "guest {vmid} is under PVE's HA and is not rebooted by the operator: restart it there (ha-manager \
             crm-command stop ct:{vmid} 60, then ha-manager set ct:{vmid} --state started)",
            vmid = guest.vmid
        ),
        Permission::WaitsForWindow(Some(next)) => format!("waits for the next maintenance window, at {next}"),
        Permission::WaitsForWindow(None) => match &seen.window {
            Window::Unusable(why) => format!("rebootPolicy is Window, and {why}"),
            Window::None | Window::Open | Window::Closed(_) => "rebootPolicy is Window, and maintenanceWindows of the \
                 ProxmoxCluster is empty: add one there"
                .to_owned(),
        },
        Permission::NeedsApproval => "rebootPolicy is Never".to_owned(),
    };
    let remedy = match permission {
        Permission::NotAllowed => String::new(),
        Permission::WaitsForWindow(_) | Permission::NeedsApproval | Permission::Allowed => {
            let digests: Vec<&str> =
                of_class(pending, ChangeClass::Reboot).map(|change| change.digest.as_str()).collect();
            format!("; {}", how_to_approve(want, &digests))
        }
    };
    for change in pending.iter_mut().filter(|change| change.class == ChangeClass::Reboot) {
        change.message = format!("{}; {why}{remedy}", change.message);
    }
    match permission {
        Permission::WaitsForWindow(Some(_)) => Some(UpToDateReason::WaitingForWindow),
        Permission::Allowed | Permission::NotAllowed | Permission::WaitsForWindow(None) | Permission::NeedsApproval => {
            None
        }
    }
}

/// How a person approves these changes.
pub(super) fn how_to_approve(want: &Want, digests: &[&str]) -> String {
    let digests = digests.join(",");
    let name = &want.identity.key.name;
    format!("approve with: kubectl zentoria approve zc/{name} {digests}, or annotate zentoria.ai/approve={digests}")
}
