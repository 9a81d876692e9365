//! Deletion: every policy with every hold.

use super::{compare, page_of, words};
use crate::deletion::{backed, expiry, farewell, proof, remains};
use crate::fixture::{Whose, spec};
use crate::model::{World, with_guest};
use std::fmt::Write;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::container::{DeletionPolicy, TaskAction};
use zentoria_core::Fact;
use zentoria_core::container::delete::{DeletionPlan, Farewell, Remains, plan_delete};
use zentoria_core::container::guard::guard_delete;
use zentoria_core::container::seen::{Backup, GuestFact, TaskFact};

struct Page(String);

impl Page {
    fn case(&mut self, title: &str, bye: &Farewell, world: &World) {
        self.over(title, bye, world, &remains(world));
    }

    fn over(&mut self, title: &str, bye: &Farewell, world: &World, remains: &Remains) {
        let Farewell { mode, policy, final_backup, destroys_left, backup_storage, expiring, .. } = bye;
        let storage = backup_storage.as_deref().map(|name| format!(" on {name}")).unwrap_or_default();
        let what = if *expiring { "expiry of the trash".to_owned() } else { format!("{policy:?}") };
        let wish =
            format!("{what}, finalBackup {final_backup:?}{storage}, {destroys_left} destructions left, {mode:?}");
        writeln!(self.0, "# {title}\nwish: {wish}\nseen: {}", words::seen(world)).unwrap();
        match plan_delete(bye, remains) {
            DeletionPlan::Done(why) => writeln!(self.0, "done: {why}\n").unwrap(),
            DeletionPlan::Pending(plan) => {
                assert_eq!(guard_delete(plan.clone(), bye, remains), plan, "{title}");
                writeln!(self.0, "{}", page_of(&plan)).unwrap();
            }
        }
    }
}

fn world(whose: Whose, options: &[(&str, &str)], running: bool) -> World {
    with_guest(spec("vmid: 404"), &whose.description("Notes"), options, running)
}

#[test]
fn deletion() {
    let retain = farewell(DeletionPolicy::Retain);
    let delete = farewell(DeletionPolicy::Delete);
    let observe = Farewell { mode: Mode::Observe, ..delete.clone() };
    let unbacked = Farewell { final_backup: FinalBackup::Required, ..delete.clone() };
    let rationed = Farewell { destroys_left: 0, ..delete.clone() };
    let bare = world(Whose::Ours, &[], false);
    let mut page = Page(String::new());

    page.case("retained with a tombstone", &retain, &world(Whose::Ours, &[], true));
    page.case("retained already", &retain, &world(Whose::OursRetained, &[], true));
    page.case("retained though protected", &retain, &world(Whose::Ours, &[("protection", "1")], true));
    page.case("a running guest is shut down first", &delete, &world(Whose::Ours, &[], true));
    page.case("a stopped guest is destroyed", &delete, &bare);
    page.case("held for want of a backup", &unbacked, &bare);
    page.case("held for its protection", &delete, &world(Whose::Ours, &[("protection", "1")], true));
    let volumes = [("mp0", "tank:subvol-404-disk-1,mp=/data"), ("unused3", "tank:subvol-404-disk-7")];
    page.case("held for its volumes", &delete, &world(Whose::Ours, &volumes, true));
    let mut coming = world(Whose::Ours, &[], true);
    let guest = crate::fixture::guest_mut(&mut coming.seen).unwrap();
    guest.config.pending.insert("mp1".into(), Some("tank:subvol-404-disk-2,mp=/more".into()));
    page.case("held for a volume that is pending", &delete, &coming);
    page.case("held by the breaker", &rationed, &world(Whose::Ours, &[], true));
    let mut ha = world(Whose::Ours, &[], true);
    crate::fixture::guest_mut(&mut ha.seen).unwrap().ha = true;
    page.case("held for HA", &delete, &ha);
    page.case("waits for a lock", &delete, &world(Whose::Ours, &[("lock", "backup")], false));
    let mut unknown = world(Whose::Ours, &[], true);
    crate::fixture::guest_mut(&mut unknown.seen).unwrap().running = Fact::Unknown("595 no route to host".into());
    page.case("its power is not known", &delete, &unknown);

    for whose in [Whose::Nobody, Whose::Copy, Whose::OldControlPlane, Whose::OtherObject, Whose::Unreadable] {
        page.case(&format!("not ours ({whose:?})"), &delete, &world(whose, &[], false));
    }
    page.case("Observe lets go and touches nothing", &observe, &bare);
    let fact = |fact| World {
        seen: zentoria_core::container::seen::Seen { guest: fact, ..bare.seen.clone() },
        ..bare.clone()
    };
    page.case("gone already", &delete, &fact(GuestFact::Absent));
    page.case("there never was one", &delete, &fact(GuestFact::NoVmid));
    page.case("a virtual machine", &delete, &fact(GuestFact::OtherKind));
    let unknown = GuestFact::Unknown { why: "595 no route to host".into(), offline: None };
    page.case("nobody knows", &delete, &fact(unknown));
    let mut busy = bare.clone();
    let upid = "UPID:pve1:0000121C:00054F85:6B015BD0:vzdestroy:404:ops@pve!operator:";
    busy.seen.task = TaskFact::Running(upid.parse().unwrap());
    page.case("a task runs", &delete, &busy);
    busy.seen.task = TaskFact::Failed { action: TaskAction::Destroy, message: "dataset is busy".into() };
    page.case("a destruction failed", &delete, &busy);
    let message = "base volume 'fast:404/base-404-disk-0.raw' is still in use by linked cloned".to_owned();
    busy.seen.task = TaskFact::Failed { action: TaskAction::Destroy, message };
    page.case("a template that others are cloned from", &delete, &busy);
    final_backups(&mut page, &delete);
    trash(&mut page);
    compare("deletion", &page.0);
}

fn final_backups(page: &mut Page, delete: &Farewell) {
    let (stopped, running) = (world(Whose::Ours, &[], false), world(Whose::Ours, &[], true));
    let asked = backed(delete);
    let with = |world: &World, backup: Option<Backup>| Remains {
        backups: Some(Fact::Known(backup.into_iter().collect())),
        ..remains(world)
    };
    page.over("stopped before its final backup", &asked, &running, &with(&running, None));
    page.over("backed up before it is destroyed", &asked, &stopped, &with(&stopped, None));
    page.over("destroyed once its backup is listed", &asked, &stopped, &with(&stopped, Some(proof(&asked, 404))));
    let empty = Backup { size: 0, ..proof(&asked, 404) };
    page.over("an empty backup does not count", &asked, &stopped, &with(&stopped, Some(empty)));
    let nightly = Backup { notes: "nightly".into(), ..proof(&asked, 404) };
    page.over("somebody else's backup does not count", &asked, &stopped, &with(&stopped, Some(nightly)));
    let said_ok = Remains { unlisted_backup: true, ..with(&stopped, None) };
    page.over("a task that says OK does not count", &asked, &stopped, &said_ok);
    let unread = Remains { backups: Some(Fact::Unknown("403 Forbidden".into())), ..remains(&stopped) };
    page.over("its backups cannot be read", &asked, &stopped, &unread);
    let poor = Farewell { final_backup: FinalBackup::IfPossible, ..delete.clone() };
    page.case("destroyed without one where none is possible", &poor, &stopped);
    let replicated = Remains { replicated: Fact::Known(true), ..remains(&running) };
    page.over("held for its replication", delete, &running, &replicated);
    let unknown = Remains { replicated: Fact::Unknown("403 Forbidden".into()), ..remains(&running) };
    page.over("held while nobody knows of its replication", delete, &running, &unknown);
    let mut mounted = world(Whose::Ours, &[("mp0", "tank:subvol-404-disk-1,mp=/data"), ("mp1", "/srv,mp=/srv")], false);
    page.case("a directory of the node is no volume, a mount is", delete, &mounted);
    mounted.seen.recorded.mounts = vec![zentoria_api::container::MountStatus {
        name: "data".into(),
        slot: "mp0".into(),
        volume: "tank:subvol-404-disk-1".into(),
        reclaim_policy: zentoria_api::container::ReclaimPolicy::Delete,
    }];
    page.case("a mount that is given up goes with the guest", delete, &mounted);
    page.case("the trash remembers that it is given up", &farewell(DeletionPolicy::Trash), &mounted);
    let lines = Whose::OursTrashed.line().unwrap();
    let remembering = |volume: &str| {
        let mark = lines.replace(" trashUntil=", &format!(" reclaim={volume} trashUntil="));
        let options = [("mp0", "tank:subvol-404-disk-1,mp=/data")];
        with_guest(spec("vmid: 404"), &format!("Notes\n{mark}"), &options, false)
    };
    page.case("and destroys it with the guest", &expiry(), &remembering("tank:subvol-404-disk-1"));
    page.case("and no other volume in its place", &expiry(), &remembering("tank:subvol-404-disk-9"));
}

fn trash(page: &mut Page) {
    let bye = farewell(DeletionPolicy::Trash);
    page.case("shut down for the trash", &bye, &world(Whose::Ours, &[], true));
    page.case("put into the trash", &bye, &world(Whose::Ours, &[("onboot", "1")], false));
    page.case("one that did not start at boot", &bye, &world(Whose::Ours, &[], false));
    page.case("protected, and still put into the trash", &bye, &world(Whose::Ours, &[("protection", "1")], false));
    let mut ha = world(Whose::Ours, &[], true);
    crate::fixture::guest_mut(&mut ha.seen).unwrap().ha = true;
    page.case("not while HA decides over its power", &bye, &ha);
    let trashed = |until: &str| {
        let mark = Whose::Ours.line().unwrap().replace(" vmid=", &format!(" trashUntil={until} vmid="));
        with_guest(spec("vmid: 404"), &format!("Notes\n{mark}"), &[], false)
    };
    page.case("in the trash already", &bye, &trashed("2026-06-08T12:00:00Z"));
    page.case("its time is over", &expiry(), &trashed("2026-06-01T11:59:59Z"));
    page.case("its time is not over", &expiry(), &trashed("2026-06-01T12:00:01Z"));
    page.case("its time cannot be read", &expiry(), &trashed("soon"));
    page.case("it was taken back meanwhile", &expiry(), &world(Whose::Ours, &[], false));
    page.case("expiry asks for a final backup, too", &backed(&expiry()), &trashed("2026-06-01T11:59:59Z"));
    page.case(
        "the policy became Retain meanwhile",
        &farewell(DeletionPolicy::Retain),
        &world(Whose::OursTrashed, &[("onboot", "0")], false),
    );
    page.case("somebody started it", &expiry(), &world(Whose::OursTrashed, &[], true));
    let over = world(Whose::OursTrashed, &[], false);
    let restored = Remains { restored: Fact::Known(true), ..remains(&over) };
    page.over("a person restored it", &expiry(), &over, &restored);
    let unknown = Remains { restored: Fact::Unknown("403 Forbidden".into()), ..remains(&over) };
    page.over("nobody knows whether it was restored", &expiry(), &over, &unknown);
    let rationed = Farewell { destroys_left: 0, ..expiry() };
    page.case("expiry is rationed", &rationed, &trashed("2026-06-01T11:59:59Z"));
}
