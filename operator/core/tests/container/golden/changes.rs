//! Dangerous changes: kept before, approved, made anew.

use super::{Case, bare, check, made};
use crate::fixture::{guest_mut, now, vmid};
use crate::model::World;
use jiff::SignedDuration;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::TaskAction;
use zentoria_core::Fact;
use zentoria_core::container::seen::{Backup, KeepFailed, Snapshot, Window};

const REPLACE: &str = "vmid: 404, unprivileged: false, replacePolicy: Recreate, rootDisk: {size: 8Gi}, \
                       network: {interfaces: [{bridge: vmbr0, ipv4: {address: dhcp}}]}";
const BY_HAND: &str = "vmid: 404, unprivileged: false, rootDisk: {size: 8Gi}, \
                       network: {interfaces: [{bridge: vmbr0, ipv4: {address: dhcp}}]}";
const BOTH: &str = "vmid: 404, unprivileged: false, replacePolicy: Recreate, approval: Required, \
                    rootDisk: {size: 8Gi}, network: {interfaces: [{bridge: vmbr0, ipv4: {address: dhcp}}]}";
const NET: &str = "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:05:04:62,ip=dhcp,type=veth";

/// A guest that is to be made anew, with everything that allows it.
fn anew(title: &'static str, wish: &'static str, change: impl FnOnce(&mut World)) -> Case {
    made(title, wish, &[("net0", NET)], |world| {
        world.cluster.access[0].allow.privileged = true;
        world.seen.cluster.root_credential = true;
        world.seen.cluster.backup_storage = Some("nas".into());
        world.seen.cluster.destroys_left = 2;
        world.seen.recorded.defaults.as_mut().unwrap().template = Some(crate::fixture::TEMPLATE.into());
        world.seen.recorded.defaults.as_mut().unwrap().storage = Some("local-zfs".into());
        change(world);
    })
}

/// A backup of ours.
fn backup(digest: &str, hours_ago: i64) -> Backup {
    let number = 100 - hours_ago;
    Backup {
        volume: format!("nas:backup/vzdump-lxc-404-{number}.tar.zst"),
        vmid: vmid(404),
        made_at: now() - SignedDuration::from_hours(hours_ago),
        size: 1 << 20,
        notes: format!("zentoria: before {digest} of zentoria/zentoria-db in estate home"),
        protected: false,
    }
}

fn snapshot(name: &str, minutes_ago: i64) -> Snapshot {
    let taken_at = Some(now() - SignedDuration::from_mins(minutes_ago));
    Snapshot { name: name.into(), taken_at, description: String::new() }
}

fn snapshots(world: &mut World, list: Vec<Snapshot>) {
    guest_mut(&mut world.seen).unwrap().snapshots = Fact::Known(list);
}

#[test]
fn replacements() {
    // The digest of unprivileged true -> false.
    const DIGEST: &str = "3876c51f5e10";
    let kept = |world: &mut World| world.backups = vec![backup(DIGEST, 0)];
    let stopped = |world: &mut World| guest_mut(&mut world.seen).unwrap().running = Fact::Known(false);
    let held = |title, change: fn(&mut World)| {
        anew(title, REPLACE, move |world| {
            kept(world);
            change(world);
        })
    };
    check(
        "replacements",
        vec![
            anew("the policy is Never", BY_HAND, |_| {}),
            anew("it is backed up first", REPLACE, |_| {}),
            anew("a backup of no size is none", REPLACE, |world| {
                world.backups = vec![Backup { size: 0, ..backup(DIGEST, 0) }];
            }),
            anew("a backup from last week is none", REPLACE, |world| world.backups = vec![backup(DIGEST, 170)]),
            anew("a backup before another change is none", REPLACE, |world| {
                world.backups = vec![backup("0123456789ab", 0)];
            }),
            anew("then it is shut down", REPLACE, kept),
            anew("then it is destroyed", REPLACE, |world| {
                kept(world);
                stopped(world);
            }),
            anew("then it is made again, whatever onMissing says", REPLACE, |world| {
                world.seen.guest = zentoria_core::container::seen::GuestFact::Absent;
                world.seen.recorded.replacing = Some(zentoria_api::container::Replacing {
                    digest: DIGEST.into(),
                    macs: [("net0".to_owned(), "BC:24:11:05:04:62".to_owned())].into(),
                });
            }),
            anew("what is not wished any more leaves nothing", "vmid: 404", |world| {
                world.seen.recorded.replacing = Some(Default::default());
            }),
            anew("a person approved it", BY_HAND, |world| {
                kept(world);
                world.seen.approved.insert(DIGEST.into());
            }),
            anew("the policy allows it, and an approval is required", BOTH, kept),
            anew("no storage for the final backup", REPLACE, |world| world.seen.cluster.backup_storage = None),
            anew("its final backup failed", REPLACE, |world| {
                let message = "no space left on device".into();
                world.seen.keep_failed = Some(KeepFailed { action: TaskAction::Backup, message });
            }),
            anew("a backup if possible, and there is no storage for it", REPLACE, |world| {
                world.seen.cluster.backup_storage = None;
                world.seen.cluster.final_backup = FinalBackup::IfPossible;
            }),
            held("held: a mount", |world| {
                let guest = guest_mut(&mut world.seen).unwrap();
                guest.config.current.insert("mp0".into(), "tank:subvol-404-disk-1,mp=/data,size=1G".into());
            }),
            held("held: snapshots", |world| snapshots(world, vec![snapshot("before-upgrade", 5)])),
            held("held: HA", |world| guest_mut(&mut world.seen).unwrap().ha = true),
            held("held: replication", |world| world.seen.cluster.replicated = [vmid(404)].into()),
            held("held: protection", |world| {
                guest_mut(&mut world.seen).unwrap().config.current.insert("protection".into(), "1".into());
            }),
            held("held: an interface that the spec does not name", |world| {
                guest_mut(&mut world.seen).unwrap().config.current.insert("net1".into(), NET.into());
            }),
            held("held: the breaker", |world| world.seen.cluster.destroys_left = 0),
            held("held: no source", |world| {
                world.seen.recorded.defaults.as_mut().unwrap().template = None;
            }),
            held("held: the new guest could not be made", |world| {
                world.seen.cluster.missing_permissions = vec!["/vms: VM.Allocate".into()];
            }),
            held("held: Observe", |world| world.cluster.mode = zentoria_api::common::Mode::Observe),
        ],
    );
}

#[test]
fn kept_before_a_change() {
    const WISH: &str = "vmid: 404, network: {dns: {nameservers: [10.10.0.53]}}, rebootPolicy: Automatic, \
                        beforeChange: {classes: [Reboot], keep: 2}";
    const ALSO_HOT: &str = "vmid: 404, resources: {memory: 4Gi}, beforeChange: {classes: [Hot], maxAge: 1h}";
    const VZDUMP: &str = "vmid: 404, network: {dns: {nameservers: [10.10.0.53]}}, rebootPolicy: Automatic, \
                          beforeChange: {classes: [Reboot], method: Vzdump}";
    const PROCEED: &str = "vmid: 404, network: {dns: {nameservers: [10.10.0.53]}}, rebootPolicy: Automatic, \
                           beforeChange: {classes: [Reboot], onImpossible: Proceed}";
    // The digest over the reboot's one change.
    const NAME: &str = "zentoria-d9b4a63ffadb";
    let reboots = |title, wish, change: fn(&mut World)| {
        made(title, wish, &[("nameserver", "8.8.8.8")], move |world| {
            let guest = guest_mut(&mut world.seen).unwrap();
            guest.config.pending.insert("nameserver".into(), Some("10.10.0.53".into()));
            change(world);
        })
    };
    let hot = |title, change: fn(&mut World)| made(title, ALSO_HOT, &[], change);
    check(
        "before-change",
        vec![
            reboots("a snapshot before the reboot", WISH, |_| {}),
            reboots("it is there", WISH, |world| snapshots(world, vec![snapshot(NAME, 2)])),
            reboots("one of last week for the same change goes first", WISH, |world| {
                snapshots(world, vec![snapshot(NAME, 10_000)]);
            }),
            reboots("the oldest of ours is not kept; a person's is", WISH, |world| {
                let list = [("by-hand", 9000), ("zentoria-111111111111", 8000), ("zentoria-222222222222", 7000)];
                let mut list: Vec<Snapshot> = list.into_iter().map(|(name, age)| snapshot(name, age)).collect();
                list.extend([snapshot("zentoria-404", 10_000), snapshot(NAME, 1)]);
                snapshots(world, list);
            }),
            reboots("storages that cannot, and no other storage", WISH, |world| world.can_snapshot = false),
            reboots("storages that cannot, so a backup", WISH, |world| {
                world.can_snapshot = false;
                world.seen.cluster.backup_storage = Some("nas".into());
            }),
            reboots("a snapshot that failed", WISH, |world| {
                let message = "snapshot feature is not available".into();
                world.seen.keep_failed = Some(KeepFailed { action: TaskAction::Snapshot, message });
            }),
            reboots("impossible, and done all the same", PROCEED, |world| world.can_snapshot = false),
            reboots("a backup is asked for, and there is no storage", VZDUMP, |_| {}),
            reboots("a backup is asked for", VZDUMP, |world| world.seen.cluster.backup_storage = Some("nas".into())),
            reboots("backups beyond those that are kept go, a person's stays", VZDUMP, |world| {
                world.seen.cluster.backup_storage = Some("nas".into());
                let foreign = Backup { notes: "mine".into(), ..backup("", 99) };
                let ours = [9, 8, 7, 0].map(|age| backup(NAME.trim_start_matches("zentoria-"), age));
                world.backups = ours.into_iter().chain([foreign]).collect();
            }),
            hot("a snapshot before what takes effect at once", |_| {}),
            hot("a young one of ours serves, whatever it was for", |world| {
                snapshots(world, vec![snapshot("zentoria-111111111111", 30)]);
            }),
            hot("an old one does not", |world| snapshots(world, vec![snapshot("zentoria-111111111111", 90)])),
            hot("a person's does not", |world| snapshots(world, vec![snapshot("by-hand", 1)])),
            hot("impossible, so the change is held", |world| world.can_snapshot = false),
        ],
    );
}

#[test]
fn approvals() {
    const NEW: &str = "vmid: 404, approval: Required, rootDisk: {size: 8Gi}";
    check(
        "approvals",
        vec![
            bare("a creation waits for its approval", NEW, |_| {}),
            bare("an approval of something else", NEW, |world| {
                world.seen.approved = ["0123456789ab".to_owned()].into()
            }),
            bare("it is shown while something else is missing", "approval: Required", |world| {
                world.seen.cluster.missing_permissions = vec!["/vms: VM.Allocate".into()];
            }),
            bare("approved", NEW, |world| world.seen.approved = ["80d50024d787".to_owned()].into()),
            bare("what was approved to be made anew is not asked for again", NEW, |world| {
                world.seen.recorded.vmid = Some(vmid(404));
                world.seen.recorded.created =
                    Some(crate::fixture::created(zentoria_api::container::Origin::Template, true));
                world.seen.recorded.replacing = Some(Default::default());
            }),
            made(
                "two changes wait for a reboot, and one is approved",
                "vmid: 404, timezone: host, network: {dns: {nameservers: [10.10.0.53]}}",
                &[("nameserver", "8.8.8.8")],
                |world| {
                    let guest = guest_mut(&mut world.seen).unwrap();
                    guest.config.pending.insert("nameserver".into(), Some("10.10.0.53".into()));
                    guest.config.pending.insert("timezone".into(), Some("host".into()));
                    world.seen.approved.insert("f42aebbbaed9".into());
                },
            ),
            made("windows that cannot be read", "vmid: 404, timezone: host, rebootPolicy: Window", &[], |world| {
                let guest = guest_mut(&mut world.seen).unwrap();
                guest.config.pending.insert("timezone".into(), Some("host".into()));
                world.seen.window = Window::Unusable("spec.maintenanceWindows[0].schedule is no cron".into());
            }),
        ],
    );
}
