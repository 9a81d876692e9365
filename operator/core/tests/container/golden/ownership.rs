//! Whose guest it is, and what follows.

use super::{bare, check, found, made};
use crate::fixture::{OLD_CP, Whose, created, guest_mut, vmid};
use crate::model::World;
use zentoria_api::common::Mode;
use zentoria_api::container::Origin;
use zentoria_core::container::seen::TaskFact;
use zentoria_types::mark::ControlPlaneId;

const NAMED: &str = "vmid: 404, adoption: IfExists, resources: {cores: 8}";

#[test]
fn ownership() {
    let with = |mut case: super::Case, change: fn(&mut World)| {
        change(&mut case.world);
        case
    };
    let takeover: fn(&mut World) = |world| world.seen.cluster.takeover = Some(ControlPlaneId::new(OLD_CP).unwrap());
    check(
        "ownership",
        vec![
            found(
                "an unmarked guest is adopted by its mark alone",
                NAMED,
                Whose::Nobody,
                &[("cores", "1"), ("tags", "web")],
            ),
            with(found("the same, where a crash came between", NAMED, Whose::Nobody, &[("cores", "1")]), |world| {
                world.seen.recorded.created = Some(created(Origin::Adopted, false));
            }),
            with(found("adoption under Observe", NAMED, Whose::Nobody, &[]), |world| {
                world.cluster.mode = Mode::Observe
            }),
            with(
                found("after the adoption the spec's own fields are set right", NAMED, Whose::Ours, &[("cores", "1")]),
                |world| {
                    world.seen.recorded.created = Some(created(Origin::Adopted, true));
                },
            ),
            found("an unmarked guest is a stranger", "vmid: 404", Whose::Nobody, &[]),
            with(found("a guest that lost its mark", "vmid: 404", Whose::Nobody, &[]), |world| {
                world.seen.recorded.created = Some(created(Origin::Template, true));
            }),
            found("another object's", NAMED, Whose::OtherObject, &[]),
            found("another estate's", NAMED, Whose::OtherEstate, &[]),
            with(
                found("a stranger took a VMID that was only chosen", "rootDisk: {size: 8Gi}", Whose::Nobody, &[]),
                |world| {
                    world.seen.recorded.vmid = Some(vmid(404));
                    world.seen.recorded.created = Some(created(Origin::Template, false));
                },
            ),
            found("a copy", NAMED, Whose::Copy, &[]),
            found("a mark that is cut off", NAMED, Whose::Unreadable, &[]),
            found("two marks", NAMED, Whose::TwoMarks, &[]),
            found("ours is taken back", "vmid: 404", Whose::Ours, &[]),
            found("ours with a tombstone is taken back", "vmid: 404", Whose::OursRetained, &[]),
            found(
                "ours in the trash is taken back, late as it is",
                "vmid: 404",
                Whose::OursTrashed,
                &[("onboot", "0")],
            ),
            found("ours may not be taken back", "vmid: 404, adoption: Never", Whose::Ours, &[]),
            found("another control plane's", "vmid: 404", Whose::OldControlPlane, &[]),
            with(found("re-bound by takeover", "vmid: 404", Whose::OldControlPlane, &[]), takeover),
            with(found("takeover of a third one", "vmid: 404", Whose::OldControlPlane, &[]), |world| {
                world.seen.cluster.takeover = Some(ControlPlaneId::new("0badcafe").unwrap());
            }),
        ],
    );
}

#[test]
fn locks_and_tasks() {
    let lock = |name: &'static str| {
        move |world: &mut World| {
            guest_mut(&mut world.seen).unwrap().config.current.insert("lock".into(), name.into());
        }
    };
    let running = |kind: &str| {
        let upid = format!("UPID:pve1:0000121C:00054F85:6B015BD0:{kind}:404:ops@pve!operator:").parse().unwrap();
        move |world: &mut World| world.seen.task = TaskFact::Running(upid)
    };
    let wish = "vmid: 404, resources: {cores: 2}";
    check(
        "locks-and-tasks",
        vec![
            made("locked by a backup", wish, &[("cores", "1")], lock("backup")),
            made("locked by its own creation, and no task", wish, &[], |world| {
                lock("create")(world);
                world.seen.recorded.created = Some(created(Origin::Template, false));
            }),
            bare("a creation runs", wish, running("vzcreate")),
            made("a start runs", wish, &[], running("vzstart")),
            made("a shutdown runs", wish, &[], running("vzshutdown")),
            made("a reboot runs", wish, &[], running("vzreboot")),
            made("a resize runs", wish, &[], running("resize")),
            made("a destruction runs", wish, &[], running("vzdestroy")),
            made("something else runs", wish, &[], running("vzdump")),
            made("a task failed", wish, &[], |world| {
                let (action, message) =
                    (zentoria_api::container::TaskAction::Start, "startup for container '404' failed");
                world.seen.task = TaskFact::Failed { action, message: message.into() };
            }),
            made("a task is done", wish, &[("cores", "2")], |world| {
                world.seen.task = TaskFact::Done(zentoria_api::container::TaskAction::Start);
            }),
        ],
    );
}
