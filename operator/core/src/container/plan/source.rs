//! The source of a guest that is made: it is not used again, so that another one in the spec is shown and no more.

use super::creation::recorded_source;
use crate::container::seen::Seen;
use crate::container::step::Verdict;
use crate::container::want::{BackupFrom, CloneFrom, Source, Want};
use crate::digest::of_parts;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, Origin, PendingChange, TaskAction};

/// The pending change of a source that was edited after the guest was made.
pub(super) fn changed(want: &Want, seen: &Seen) -> Option<PendingChange> {
    let source = want.source.as_ref()?;
    let from = seen.recorded.defaults.as_ref()?.template.as_ref()?;
    let origin = seen.recorded.created.as_ref()?.origin;
    let to = match (origin, source) {
        (Origin::Adopted | Origin::TakenBack, _) => return None,
        (Origin::Template, Source::Template { volume, download: _ }) if from == volume => return None,
        (Origin::Image, Source::Image { reference, .. }) if from == reference => return None,
        (Origin::Clone, Source::Clone { from: copied, .. }) if is_copy_of(from, copied) => return None,
        (Origin::Backup, Source::Backup(backup)) if is_restored_from(from, backup) => return None,
        (Origin::Template | Origin::Image | Origin::Clone | Origin::Backup, _) => shown(source),
    };
    Some(PendingChange {
        field: "source".to_owned(),
        digest: of_parts(["source", from, &to]),
        message: "SourceChanged: a guest is never made anew because its source changed".to_owned(),
        class: ChangeClass::Replace,
        from: from.clone(),
        to,
    })
}

fn is_copy_of(recorded: &str, copied: &CloneFrom) -> bool {
    match (recorded_source(recorded), copied) {
        (Some((vmid, _)), CloneFrom::Vmid(wished)) => vmid == *wished,
        // A name is resolved once: whose VMID it is later does not matter to a copy that is made.
        (Some((_, name)), CloneFrom::Container(wished)) => name.is_none_or(|name| name == wished),
        (None, CloneFrom::Vmid(_) | CloneFrom::Container(_)) => false,
    }
}

/// A newer backup of the same guest is no other source, and neither is another instant.
fn is_restored_from(recorded: &str, backup: &BackupFrom) -> bool {
    match backup {
        BackupFrom::Volume { volume, vmid: _ } => recorded == volume,
        BackupFrom::Newest { storage, vmid, not_after: _ } => {
            let name = recorded.strip_prefix(storage.as_str()).and_then(|rest| rest.strip_prefix(":backup/"));
            let of = [format!("vzdump-lxc-{vmid}-"), format!("ct/{vmid}/")];
            name.is_some_and(|name| of.iter().any(|prefix| name.starts_with(prefix)))
        }
    }
}

fn shown(source: &Source) -> String {
    match source {
        Source::Template { volume, download: _ } => volume.clone(),
        Source::Image { reference, .. } => reference.clone(),
        Source::Clone { from: CloneFrom::Vmid(vmid), .. } => format!("clone {vmid}"),
        Source::Clone { from: CloneFrom::Container(name), .. } => format!("clone {name}"),
        Source::Backup(BackupFrom::Volume { volume, vmid: _ }) => volume.clone(),
        Source::Backup(BackupFrom::Newest { storage, vmid, not_after }) => {
            let when = not_after.map_or_else(|| "latest".to_owned(), |limit| limit.to_string());
            format!("{storage}: backup of {vmid} ({when})")
        }
    }
}

/// A task that failed because of what the guest is made from: trying again does not help.
pub(super) fn unusable(action: TaskAction, message: &str) -> Option<Verdict> {
    let remedy = match action {
        TaskAction::Snapshot if message.contains("snapshot feature is not available") => {
            "the storage of a guest that runs cannot take snapshots, so it cannot be copied while it runs: stop the source \
             for the copy, or move its disks to a storage with snapshots (ZFS, LVM-thin, Btrfs, Ceph)"
        }
        TaskAction::Clone if message.contains("Linked clone feature") => {
            "the storage of the source cannot make linked clones: set source.clone.full: true"
        }
        TaskAction::Snapshot
        | TaskAction::Clone
        | TaskAction::Create
        | TaskAction::Restore
        | TaskAction::Pull
        | TaskAction::DeleteSnapshot
        | TaskAction::Backup
        | TaskAction::DeleteBackup
        | TaskAction::Resize
        | TaskAction::MoveVolume
        | TaskAction::Migrate
        | TaskAction::Start
        | TaskAction::Shutdown
        | TaskAction::Reboot
        | TaskAction::Destroy => return None,
    };
    let message = format!("{action:?} failed in Proxmox VE ({message}): {remedy}");
    Some(Verdict::about(ContainerReason::SourceUnusable, format!("{action:?}"), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zentoria_types::vmid::Vmid;

    #[test]
    fn a_newer_backup_of_the_same_guest_is_no_other_source() {
        let newest = |vmid| BackupFrom::Newest {
            storage: "nas".parse().unwrap(),
            vmid: Vmid::new(vmid).unwrap(),
            not_after: None,
        };
        let recorded = "nas:backup/vzdump-lxc-404-2026_11_01-02_00_00.tar.zst";
        assert!(is_restored_from(recorded, &newest(404)));
        assert!(!is_restored_from(recorded, &newest(405)));
        assert!(!is_restored_from("nas:backup/vzdump-lxc-4040-2026_11_01-02_00_00.tar.zst", &newest(404)));
        assert!(is_restored_from("nas:backup/ct/404/2026-11-01T02:00:00Z", &newest(404)));
        assert!(!is_restored_from("nas2:backup/ct/404/2026-11-01T02:00:00Z", &newest(404)));
    }

    #[test]
    fn a_copy_is_compared_by_what_named_its_source() {
        let vmid = |number| CloneFrom::Vmid(Vmid::new(number).unwrap());
        let name = |name: &str| CloneFrom::Container(name.to_owned());
        let table = [
            ("clone 102", vmid(102), true),
            ("clone 102", vmid(103), false),
            ("clone 102 (golden)", name("golden"), true),
            ("clone 102 (golden)", name("silver"), false),
            ("clone 102 (golden)", vmid(102), true),
            ("local:vztmpl/x.tar", vmid(102), false),
        ];
        for (recorded, copied, same) in table {
            assert_eq!(is_copy_of(recorded, &copied), same, "{recorded} {copied:?}");
        }
    }
}
