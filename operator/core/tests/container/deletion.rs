//! Deletions: what they rest on, and that no guard lets one harm anybody.

use crate::fixture::{Whose, identity, now};
use crate::model::World;
use crate::protection::{has_our_mark, outcome, over, plans, runner, written};
use crate::strategies::plain_guests;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::container::DeletionPolicy;
use zentoria_core::Fact;
use zentoria_core::container::delete::final_backup::notes;
use zentoria_core::container::delete::{Farewell, Remains};
use zentoria_core::container::seen::{Backup, Guest, GuestFact, Recorded, TaskFact};
use zentoria_core::container::step::{Plan, Step};

pub type DeletionGuard<'a> = &'a dyn Fn(Plan, &Farewell, &Remains) -> Plan;

/// A deletion under this policy, with backups off and two destructions left.
pub fn farewell(policy: DeletionPolicy) -> Farewell {
    Farewell {
        identity: identity(),
        mode: Mode::Enforce,
        policy,
        expiring: false,
        requested_at: now(),
        trash_retention: SignedDuration::from_hours(168),
        final_backup: FinalBackup::None,
        backup_storage: None,
        destroys_left: 2,
    }
}

/// The same, of a guest whose time in the trash is over.
pub fn expiry() -> Farewell {
    Farewell { expiring: true, ..farewell(DeletionPolicy::Trash) }
}

/// With a final backup asked for, on storage `nas`.
pub fn backed(bye: &Farewell) -> Farewell {
    Farewell { final_backup: FinalBackup::Required, backup_storage: Some("nas".into()), ..bye.clone() }
}

pub fn remains(world: &World) -> Remains {
    let seen = world.seen.clone();
    Remains {
        now: seen.now,
        guest: seen.guest,
        task: seen.task,
        recorded: seen.recorded,
        replicated: Fact::Known(false),
        backups: Some(Fact::Known(Vec::new())),
    }
}

/// The one backup that proves this deletion.
pub fn proof(bye: &Farewell, vmid: u32) -> Backup {
    Backup {
        volume: format!("nas:backup/vzdump-lxc-{vmid}-2026_06_01-12_00_00.tar.zst"),
        vmid: crate::fixture::vmid(vmid),
        made_at: now(),
        size: 1 << 20,
        notes: notes(bye),
        protected: false,
    }
}

fn farewells() -> impl Strategy<Value = Farewell> {
    let policy = select(vec![
        DeletionPolicy::Retain,
        DeletionPolicy::Trash,
        DeletionPolicy::Delete,
        DeletionPolicy::Delete,
        DeletionPolicy::Delete,
    ]);
    let backup = select(vec![FinalBackup::Required, FinalBackup::Required, FinalBackup::IfPossible, FinalBackup::None]);
    (policy, backup, 0u32..4, prop::bool::weighted(0.9), prop::bool::weighted(0.2)).prop_map(
        |(policy, final_backup, destroys_left, storage, expiring)| Farewell {
            final_backup,
            destroys_left,
            expiring,
            backup_storage: storage.then(|| "nas".to_owned()),
            ..farewell(policy)
        },
    )
}

/// What was listed: nothing, the proof, or something that looks like it.
fn listed(bye: &Farewell) -> impl Strategy<Value = Option<Fact<Vec<Backup>>>> + use<> {
    let good = proof(bye, crate::fixture::VMID);
    let empty = Backup { size: 0, ..good.clone() };
    let other = Backup { notes: "nightly".into(), ..good.clone() };
    let of_another = Backup { vmid: crate::fixture::vmid(405), ..good.clone() };
    let list = |backup: Backup| Just(Some(Fact::Known(vec![backup])));
    prop_oneof![
        1 => list(good),
        1 => list(empty),
        1 => list(other),
        1 => list(of_another),
        1 => Just(Some(Fact::Unknown("403".to_owned()))),
        1 => Just(None),
    ]
}

/// A deletion destroys or stops only what it may, and otherwise writes a tombstone at most.
pub fn deletion_guard_protects(guard: DeletionGuard<'_>) -> Result<(), String> {
    let replicated = prop::bool::weighted(0.1);
    let input = (farewells().boxed(), plain_guests().boxed(), plans().boxed(), replicated)
        .prop_flat_map(|(bye, guest, plan, replicated)| (listed(&bye).boxed(), Just((bye, guest, plan, replicated))))
        .boxed();
    outcome(runner(8_000).run(&input, |(backups, (bye, (whose, guest), plan, replicated))| {
        let plan = over(plan, guest.config.description());
        let seen = Remains {
            now: now(),
            guest: GuestFact::Present(Box::new(guest.clone())),
            task: TaskFact::None,
            recorded: Recorded::default(),
            replicated: Fact::Known(replicated),
            backups,
        };
        let passed = guard(plan, &bye, &seen);
        match harm(whose, &bye, &guest, &seen, &passed) {
            None => Ok(()),
            Some(harm) => Err(TestCaseError::fail(harm)),
        }
    }))
}

/// Whether a backup covers the destruction, told another way than the guard does.
fn is_covered(bye: &Farewell, seen: &Remains, guest: &Guest) -> bool {
    let needed = match (bye.final_backup, &bye.backup_storage) {
        (FinalBackup::None, _) | (FinalBackup::IfPossible, None) => false,
        (FinalBackup::Required, _) | (FinalBackup::IfPossible, Some(_)) => true,
    };
    let listed = seen.backups.iter().filter_map(|fact| fact.known()).flatten();
    let mut right = listed.filter(|backup| **backup == proof(bye, guest.vmid.get()));
    !needed || right.next().is_some()
}

fn harm(whose: Whose, bye: &Farewell, guest: &Guest, seen: &Remains, plan: &Plan) -> Option<String> {
    let written = written(plan);
    if written.is_empty() {
        return None;
    }
    if !whose.is_ours() || guest.config.lock().is_some() {
        return Some(format!("let go a guest that is locked or not ours ({whose:?})"));
    }
    let over = guest.config.description().contains("trashUntil=2026-06-01T11");
    let asked = bye.policy == DeletionPolicy::Delete || bye.expiring && over;
    let may = asked && bye.destroys_left > 0 && seen.replicated == Fact::Known(false);
    let has = |key: &str| guest.config.current.get(key).is_some_and(|value| !value.starts_with('/'));
    let protected = guest.config.current.get("protection").is_some_and(|value| value == "1");
    let stopped = guest.running == Fact::Known(false);
    match written.as_slice() {
        [Step::Mark(mark)] => {
            let text = mark.description.as_deref().unwrap_or("");
            let tombstone = text.contains(" retained=") || text.contains(" trashUntil=") && stopped;
            (!(tombstone && has_our_mark(text))).then(|| "a tombstone that is none".to_owned())
        }
        [Step::Shutdown] => {
            let may = may || bye.policy == DeletionPolicy::Trash && !bye.expiring;
            (!may || guest.ha).then(|| "stopped what nobody wanted destroyed".to_owned())
        }
        [Step::Backup(_)] => (!may).then(|| "backed up for a destruction that nobody wants".to_owned()),
        [Step::Destroy { replacing: None }] => {
            let bare = !has("mp0") && !has("unused0") && !protected && !guest.ha;
            if !(may && stopped && bare) {
                return Some("destroyed what must be kept".to_owned());
            }
            (!is_covered(bye, seen, guest)).then(|| "destroyed without its final backup".to_owned())
        }
        other => Some(format!("did something else while deleting: {}", other.len())),
    }
}
