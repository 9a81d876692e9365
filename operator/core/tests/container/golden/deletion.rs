//! Deletion: every policy with every hold.

use super::{compare, page_of, words};
use crate::fixture::{Whose, identity, spec};
use crate::model::{World, with_guest};
use std::fmt::Write;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::container::{DeletionPolicy, TaskAction};
use zentoria_core::Fact;
use zentoria_core::container::delete::{DeletionPlan, Farewell, Remains, plan_delete};
use zentoria_core::container::guard::guard_delete;
use zentoria_core::container::seen::{GuestFact, TaskFact};

struct Page(String);

impl Page {
    fn case(&mut self, title: &str, bye: &Farewell, world: &World) {
        let seen = world.seen.clone();
        let remains = Remains { now: seen.now, guest: seen.guest, task: seen.task, recorded: seen.recorded };
        let Farewell { identity: _, mode, policy, final_backup, destroys_left } = bye;
        let wish = format!("{policy:?}, finalBackup {final_backup:?}, {destroys_left} destructions left, {mode:?}");
        writeln!(self.0, "# {title}\nwish: {wish}\nseen: {}", words::seen(world)).unwrap();
        match plan_delete(bye, &remains) {
            DeletionPlan::Done(why) => writeln!(self.0, "done: {why}\n").unwrap(),
            DeletionPlan::Pending(plan) => {
                assert_eq!(guard_delete(plan.clone(), bye, &world.seen.guest), plan, "{title}");
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
    let retain = Farewell {
        identity: identity(),
        mode: Mode::Enforce,
        policy: DeletionPolicy::Retain,
        final_backup: FinalBackup::Required,
        destroys_left: 2,
    };
    let delete = Farewell { policy: DeletionPolicy::Delete, final_backup: FinalBackup::None, ..retain.clone() };
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
    compare("deletion", &page.0);
}
