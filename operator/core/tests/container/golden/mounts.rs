//! Mounts, devices and moves of disks.

use super::{Case, bare, check, made, stopped};
use crate::fixture::guest_mut;
use crate::model::World;
use zentoria_api::container::{MountStatus, ReclaimPolicy};
use zentoria_core::Fact;
use zentoria_core::container::seen::{Snapshot, TaskFact};

const DATA: &str = "vmid: 404, mounts: [{name: data, path: /data, volume: {size: 8Gi, storage: tank}}]";
const VOLUME: &str = "tank:subvol-404-disk-1,mp=/data,size=8G";

fn root(world: &mut World) {
    world.seen.cluster.root_credential = true;
}

fn remember(world: &mut World) {
    world.seen.recorded.mounts = vec![MountStatus {
        name: "data".into(),
        slot: "mp0".into(),
        volume: "tank:subvol-404-disk-1".into(),
        reclaim_policy: ReclaimPolicy::Retain,
    }];
}

fn on_data(title: &'static str, wish: &'static str, options: &[(&str, &str)]) -> Case {
    made(title, wish, options, remember)
}

#[test]
fn mounts() {
    let new = "vmid: 404, rootDisk: {size: 8Gi}, mounts: [{name: data, path: /data/, volume: {size: 8Gi}, backup: true}, {name: logs, path: /logs, slot: 4, volume: {size: 2Gi, storage: tank}, readOnly: true}]";
    let bind = "vmid: 404, rootDisk: {size: 8Gi}, mounts: [{name: media, path: /media, bind: {path: /srv/data//media}, readOnly: true}], devices: [{path: /dev/dri/renderD128, gid: 104, mode: '0660'}], hookscript: 'local:snippets/hook.sh', console: {tty: 1, mode: Shell}";
    let elsewhere =
        "vmid: 404, rootDisk: {size: 8Gi}, mounts: [{name: data, path: /data, volume: {size: 8Gi, storage: local}}]";
    check(
        "mounts",
        vec![
            bare("two volumes in the call that creates the guest", new, |_| {}),
            bare("a directory and a device of the node need root", bind, |_| {}),
            bare("a directory and a device of the node, by root", bind, root),
            bare("a storage that takes no volumes", elsewhere, |_| {}),
            made("a volume that the guest lacks", DATA, &[], |_| {}),
            made("a volume that is there is known by its path", DATA, &[("mp3", VOLUME)], |_| {}),
            on_data("nothing differs", DATA, &[("mp0", VOLUME)]),
            on_data(
                "another path; the volume and what nobody named are kept",
                DATA,
                &[("mp0", "tank:subvol-404-disk-1,mp=/old,mountoptions=noatime,ro=1,size=8G")],
            ),
            on_data("a volume grows", DATA, &[("mp0", "tank:subvol-404-disk-1,mp=/data,size=4G")]),
            on_data("a volume does not shrink", DATA, &[("mp0", "tank:subvol-404-disk-1,mp=/data,size=9G")]),
            on_data("a mount that the spec names no longer", "vmid: 404", &[("mp0", VOLUME)]),
            made("a removed mount waits for the next stop", "vmid: 404", &[("mp0", VOLUME)], |world| {
                remember(world);
                guest_mut(&mut world.seen).unwrap().config.pending.insert("mp0".into(), None);
            }),
            made("a removal that is not wished any more is taken back", DATA, &[("mp0", VOLUME)], |world| {
                remember(world);
                guest_mut(&mut world.seen).unwrap().config.pending.insert("mp0".into(), None);
            }),
            made("a mount that came with the guest stays", "vmid: 404", &[("mp0", VOLUME)], |_| {}),
            on_data(
                "a volume that a person put into the slot is not ours to detach",
                "vmid: 404",
                &[("mp0", "tank:subvol-404-disk-9,mp=/data,size=8G")],
            ),
            on_data("a slot that is taken", DATA, &[("mp0", "tank:subvol-404-disk-9,mp=/other,size=8G")]),
            on_data("a volume that a person detached", DATA, &[("unused0", "tank:subvol-404-disk-1")]),
            on_data("a volume that is gone", DATA, &[]),
            on_data(
                "another slot",
                "vmid: 404, mounts: [{name: data, path: /data, slot: 5, volume: {size: 8Gi}}]",
                &[("mp0", VOLUME)],
            ),
            on_data(
                "a directory in place of a volume",
                "vmid: 404, mounts: [{name: data, path: /data, bind: {path: /srv/data}}]",
                &[("mp0", VOLUME)],
            ),
            on_data("a protected guest", "vmid: 404", &[("mp0", VOLUME), ("protection", "1")]),
        ],
    );
}

#[test]
fn devices() {
    let wish = "vmid: 404, devices: [{path: /dev/kfd}, {path: /dev/dri/renderD128, gid: 104}]";
    let with_root = |title, wish, options: &[(&str, &str)]| made(title, wish, options, root);
    let render = [("dev0", "/dev/dri/renderD128,gid=104"), ("dev1", "/dev/kfd")];
    check(
        "devices",
        vec![
            with_root("devices that the guest lacks", wish, &[]),
            with_root("in another order", wish, &render),
            with_root("one is no longer named", "vmid: 404, devices: [{path: /dev/kfd}]", &render),
            with_root("none at all", "vmid: 404, devices: []", &render),
            with_root("not managed", "vmid: 404", &render),
            made("without root", wish, &[], |_| {}),
            with_root("a script goes", "vmid: 404, hookscript: ''", &[("hookscript", "local:snippets/hook.sh")]),
            with_root("the console waits for a reboot", "vmid: 404, console: {enabled: false, tty: 1}", &[]),
            made("a device that the node does not have", wish, &render, |world| {
                world.seen.task = TaskFact::Failed {
                    action: zentoria_api::container::TaskAction::Start,
                    message: "Device /dev/kfd does not exist".into(),
                };
            }),
        ],
    );
}

#[test]
fn moves() {
    let wish = "vmid: 404, rootDisk: {size: 8Gi, storage: tank}, rebootPolicy: Automatic";
    let stays = "vmid: 404, rootDisk: {size: 8Gi, storage: tank}, power: {state: Stopped}";
    let unmanaged = "vmid: 404, rootDisk: {size: 8Gi, storage: tank}, rebootPolicy: Automatic, adoption: IfExists";
    let volume = "vmid: 404, mounts: [{name: data, path: /data, volume: {size: 8Gi, storage: local-zfs}}], rebootPolicy: Automatic";
    check(
        "disk_moves",
        vec![
            made("a disk moves while the guest is stopped: first it is shut down", wish, &[], |_| {}),
            made("then the disk moves", wish, &[], stopped),
            made("then it starts", wish, &[("rootfs", "tank:subvol-404-disk-0,size=8G")], stopped),
            made("a guest that is stopped anyway needs no permission", stays, &[], stopped),
            made("a volume of a mount", volume, &[("mp0", VOLUME)], |world| {
                remember(world);
                stopped(world);
            }),
            made("nobody would start it again", unmanaged, &[], |world| {
                world.seen.recorded.created =
                    Some(crate::fixture::created(zentoria_api::container::Origin::Adopted, true));
            }),
            made("snapshots hold a disk where it is", wish, &[("parent", "before-upgrade")], |world| {
                let snapshot = Snapshot { name: "before-upgrade".into(), taken_at: None, description: String::new() };
                guest_mut(&mut world.seen).unwrap().snapshots = Fact::Known(vec![snapshot]);
            }),
            made("a storage that the node lacks", wish, &[], |world| {
                for facts in world.seen.cluster.nodes.values_mut() {
                    facts.rootdir_storages.remove("tank");
                }
            }),
            made("a default that is another today moves nothing", "vmid: 404, rootDisk: {size: 8Gi}", &[], |world| {
                world.seen.recorded.defaults.as_mut().unwrap().storage = Some("tank".into());
            }),
        ],
    );
}
