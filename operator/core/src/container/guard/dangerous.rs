//! What a guest can lose while its object lives: its uptime by a reboot, itself by a replacement, what was kept of it.
//! Read from the wish and the facts, and from nothing that the planner concluded but what it says is pending.

use super::is_numbered;
use crate::Fact;
use crate::container::seen::{Backup, Guest, Seen, Window};
use crate::container::step::Plan;
use crate::container::want::{Identity, Want};
use crate::digest::of_parts;
use jiff::SignedDuration;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::{
    Approval, ChangeClass, GuardedClass, OnImpossible, RebootPolicy, ReplacePolicy, Replacing,
};

/// A reboot, or a move with one, that neither the policy nor an approval of everything that it applies allows.
pub(super) fn rebooting(want: &Want, seen: &Seen, plan: &Plan) -> Option<String> {
    let by_policy = match want.reboot_policy {
        RebootPolicy::Automatic => true,
        RebootPolicy::Window => seen.window == Window::Open,
        RebootPolicy::Never => false,
    };
    let waiting = plan.pending.iter().filter(|change| change.class == ChangeClass::Reboot);
    let mut digests = waiting.map(|change| &change.digest).peekable();
    let approved = digests.peek().is_some() && digests.all(|digest| seen.approved.contains(digest));
    (!by_policy && !approved).then(|| "a reboot that nobody allowed".to_owned())
}

/// A guest that is destroyed to be made anew: everything that must hold, but for what holds for every destruction.
pub(super) fn replacing(want: &Want, seen: &Seen, guest: &Guest, replacing: &Replacing) -> Option<String> {
    let unprivileged = guest.config.current.get("unprivileged").is_some_and(|value| value == "1");
    let (from, to) = (unprivileged.to_string(), want.unprivileged.to_string());
    let asked = want.unprivileged_named && from != to && want.source.is_some() && seen.recorded.is_finished();
    let approved = seen.approved.contains(&replacing.digest);
    let by_policy = want.replace_policy == ReplacePolicy::Recreate && want.approval == Approval::None;
    let why = if !asked || replacing.digest != of_parts(["unprivileged", &from, &to]) {
        "a replacement that nothing asks for"
    } else if !approved && !by_policy {
        "a replacement that nobody allowed"
    } else if !matches!(&guest.snapshots, Fact::Known(list) if list.is_empty()) {
        "snapshots would be destroyed with the guest"
    } else if seen.cluster.replicated.contains(&guest.vmid) {
        "a guest with replication jobs would be destroyed"
    } else if seen.cluster.destroys_left == 0 {
        "more destructions than are allowed within the hour"
    } else if needs_backup(want, seen) && !has_backup(seen, guest, &replacing.digest) {
        "a guest without a backup would be destroyed"
    } else if guest.config.current.iter().any(|(key, net)| is_numbered(key, "net") && !keeps_mac(key, net, replacing)) {
        "a MAC address would be lost"
    } else {
        return None;
    };
    Some(why.to_owned())
}

fn keeps_mac(key: &str, net: &str, replacing: &Replacing) -> bool {
    let mac = net.split(',').find_map(|part| part.strip_prefix("hwaddr="));
    mac.is_none() || replacing.macs.get(key).map(String::as_str) == mac
}

fn needs_backup(want: &Want, seen: &Seen) -> bool {
    let there = seen.cluster.backup_storage.is_some();
    let by_safety = match seen.cluster.final_backup {
        FinalBackup::Required => true,
        FinalBackup::IfPossible => there,
        FinalBackup::None => false,
    };
    by_safety
        || want.before_change.as_ref().is_some_and(|before| {
            before.classes.contains(&GuardedClass::Replace) && before.on_impossible == OnImpossible::Refuse
        })
}

/// Listed with a size, of this guest, for this change, and not from long ago.
fn has_backup(seen: &Seen, guest: &Guest, digest: &str) -> bool {
    let Some(Fact::Known(backups)) = &seen.backups else { return false };
    let since = seen.now.checked_sub(SignedDuration::from_hours(48)).unwrap_or(jiff::Timestamp::MIN);
    backups.iter().any(|backup| {
        backup.vmid == guest.vmid
            && backup.size > 0
            && backup.made_at >= since
            && backup.notes.contains(&format!(" {digest} "))
    })
}

/// `zentoria-` and 12 hex digits, as a change before which it is taken is named.
pub(super) fn is_our_snapshot(name: &str) -> bool {
    name.strip_prefix("zentoria-").is_some_and(|rest| rest.len() == 12 && u64::from_str_radix(rest, 16).is_ok())
}

/// A snapshot for a copy is removed from its source only once it is known that nobody makes the copy.
pub(super) fn is_idle_copy(living: Option<(&Want, &Seen)>, name: &str) -> bool {
    let wanted = living.and_then(|(_, seen)| seen.cluster.copy_snapshots.as_ref());
    name.starts_with("zentoria-copy-") && wanted.is_some_and(|wanted| !wanted.contains(name))
}

/// A backup that is removed is one of ours, of this guest, and not the newest of them.
pub(super) fn removing_backup(
    identity: &Identity,
    guest: &Guest,
    backups: Option<&Fact<Vec<Backup>>>,
    volume: &str,
) -> Option<String> {
    let Some(Fact::Known(list)) = backups else {
        return Some(format!("the removal of backup {volume} without having seen it"));
    };
    let whom = format!(" of {} in estate {}", identity.key, identity.estate);
    let is_ours = |backup: &&Backup| {
        let notes = backup.notes.trim_end();
        backup.vmid == guest.vmid && notes.starts_with("zentoria: before ") && notes.ends_with(&whom)
    };
    let age = |backup: &Backup| (backup.made_at, backup.volume.clone());
    let newest = list.iter().filter(is_ours).map(age).max();
    let found = list.iter().find(|backup| backup.volume == volume).filter(is_ours);
    match found {
        None => Some(format!("the removal of backup {volume}, which is not ours")),
        Some(backup) if backup.protected || Some(age(backup)) == newest => {
            Some(format!("the removal of backup {volume}, which is to be kept"))
        }
        Some(_) => None,
    }
}
