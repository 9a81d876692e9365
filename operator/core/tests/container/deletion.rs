//! Deletions: what they rest on, and that no guard lets one harm anybody.

use crate::fixture::{Whose, guest_of, identity, now, spec};
use crate::model::{World, with_guest};
use crate::protection::{has_our_mark, outcome, over, plans, runner, written};
use crate::strategies::plain_guests;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use proptest::sample::select;
use zentoria_api::cluster::{Destroy, FinalBackup, Safety};
use zentoria_api::common::{Mode, VmidField};
use zentoria_api::container::{DeletionPolicy, Origin};
use zentoria_core::Fact;
use zentoria_core::cluster::breaker::{destroys_left, next_destroy_at, recent_destroys};
use zentoria_core::container::delete::final_backup::notes;
use zentoria_core::container::delete::{DeletionPlan, Farewell, Remains, plan_delete};
use zentoria_core::container::guard::guard_delete;
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
        unlisted_backup: false,
        restored: Fact::Known(false),
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

/// Before the time of [`Whose::OursTrashed`] is over.
fn before() -> Timestamp {
    "2026-06-01T10:59:59Z".parse().unwrap()
}

/// A deletion destroys or stops only what it may, and otherwise writes a tombstone at most.
pub fn deletion_guard_protects(guard: DeletionGuard<'_>) -> Result<(), String> {
    let facts = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), select(vec![now(), now(), before()]));
    let input = (farewells().boxed(), plain_guests().boxed(), plans().boxed(), facts)
        .prop_flat_map(|(bye, guest, plan, facts)| (listed(&bye).boxed(), Just((bye, guest, plan, facts))))
        .boxed();
    outcome(runner(8_000).run(&input, |(backups, (bye, (whose, guest), plan, (replicated, restored, now)))| {
        let plan = over(plan, guest.config.description());
        let seen = Remains {
            now,
            guest: GuestFact::Present(Box::new(guest.clone())),
            task: TaskFact::None,
            recorded: Recorded::default(),
            replicated: Fact::Known(replicated),
            backups,
            unlisted_backup: false,
            restored: Fact::Known(restored),
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
    let over = whose == Whose::OursTrashed && seen.now == now() && seen.restored == Fact::Known(false);
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
            let may = !bye.expiring && (may || bye.policy == DeletionPolicy::Trash);
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

/// Every hold of an expiry, one at a time: neither is it planned, nor does the guard let it pass.
#[test]
fn what_is_in_the_trash_is_destroyed_only_when_nothing_holds_it() {
    let world = with_guest(spec("vmid: 404"), &Whose::OursTrashed.description("Notes"), &[], false);
    let (bye, seen) = (expiry(), remains(&world));
    let DeletionPlan::Pending(plan) = plan_delete(&bye, &seen) else { panic!("nothing is planned") };
    assert_eq!(plan.steps, [Step::Destroy { replacing: None }]);
    assert_eq!(guard_delete(plan.clone(), &bye, &seen), plan);

    let guest = |change: &dyn Fn(&mut Guest)| {
        let mut seen = seen.clone();
        if let GuestFact::Present(guest) = &mut seen.guest {
            change(guest);
        }
        seen
    };
    let option =
        |key: &str, value: &str| guest(&|guest| drop(guest.config.current.insert(key.to_owned(), value.to_owned())));
    let description = |whose: Whose| option("description", &whose.description("Notes"));
    let holds = [
        ("not due", bye.clone(), Remains { now: before(), ..seen.clone() }),
        ("restored", bye.clone(), Remains { restored: Fact::Known(true), ..seen.clone() }),
        ("perhaps restored", bye.clone(), Remains { restored: Fact::Unknown("403".into()), ..seen.clone() }),
        ("replicated", bye.clone(), Remains { replicated: Fact::Known(true), ..seen.clone() }),
        ("perhaps replicated", bye.clone(), Remains { replicated: Fact::Unknown("403".into()), ..seen.clone() }),
        ("under HA", bye.clone(), guest(&|guest| guest.ha = true)),
        ("running", bye.clone(), guest(&|guest| guest.running = Fact::Known(true))),
        ("perhaps running", bye.clone(), guest(&|guest| guest.running = Fact::Unknown("595".into()))),
        ("protected", bye.clone(), option("protection", "1")),
        ("locked", bye.clone(), option("lock", "backup")),
        ("with a mount", bye.clone(), option("mp0", "tank:subvol-404-disk-1,mp=/data")),
        ("with an unused volume", bye.clone(), option("unused0", "tank:subvol-404-disk-1")),
        ("taken back", bye.clone(), description(Whose::Ours)),
        ("retained", bye.clone(), description(Whose::OursRetained)),
        ("another's", bye.clone(), description(Whose::OtherObject)),
        ("a copy", bye.clone(), description(Whose::Copy)),
        ("no destruction left", Farewell { destroys_left: 0, ..bye.clone() }, seen.clone()),
        ("without its backup", backed(&bye), seen.clone()),
        ("without a storage for it", Farewell { backup_storage: None, ..backed(&bye) }, seen.clone()),
        ("Observe", Farewell { mode: Mode::Observe, ..bye.clone() }, seen.clone()),
        ("not expiring", Farewell { expiring: false, ..bye.clone() }, seen.clone()),
    ];
    for (what, bye, seen) in holds {
        if let DeletionPlan::Pending(plan) = plan_delete(&bye, &seen) {
            assert!(
                !plan.steps.iter().any(|step| matches!(step, Step::Destroy { .. } | Step::Shutdown)),
                "{what}: {plan:?}"
            );
        }
        let judged = guard_delete(plan.clone(), &bye, &seen);
        assert!(judged.steps.is_empty(), "the guard lets a guest be destroyed that is {what}");
    }
}

proptest! {
    /// What asks for destructions at any time, with a clock that is passed in.
    #[test]
    fn never_more_are_destroyed_within_an_hour_than_allowed(
        limit in 0u32..5, asks in proptest::collection::vec((0i64..2000, 400u32..406), 0..60),
    ) {
        let safety = Safety { max_destroys_per_hour: limit, ..Safety::default() };
        let (mut history, mut destroyed, mut clock) = (Vec::<Destroy>::new(), Vec::new(), 1_000_000);
        for (pause, vmid) in asks {
            clock += pause;
            let now = Timestamp::from_second(clock).unwrap();
            history = recent_destroys(&history, now);
            if destroys_left(&safety, &history, now) > 0 {
                history.push(Destroy { vmid: VmidField(vmid), at: Time(now) });
                destroyed.push(clock);
            } else if limit > 0 {
                let next = next_destroy_at(&history, now).unwrap();
                prop_assert!(next > now && next <= now + SignedDuration::from_hours(1), "it is woken at {next}");
                prop_assert!(destroys_left(&safety, &history, next) > 0, "and may go on then");
            }
            let within = destroyed.iter().filter(|at| clock - **at < 3600).count();
            prop_assert!(within <= limit as usize, "{within} within an hour at {clock}");
        }
    }

    /// Into the trash and out of it: the same guest, with its notes, and started at boot as before.
    #[test]
    fn what_was_put_into_the_trash_comes_back_as_it_was(
        boots in select(vec![None, Some("0"), Some("1")]), running in any::<bool>(), note in "[a-z ]{0,20}",
    ) {
        let options: Vec<(&str, &str)> = boots.map(|value| ("onboot", value)).into_iter().collect();
        let mut world = with_guest(spec("vmid: 404"), &Whose::OursOfALaterVersion.description(&note), &options, running);
        world.seen.recorded.vmid = Some(crate::fixture::vmid(404));
        world.seen.recorded.created = Some(crate::fixture::created(Origin::Template, true));
        let config = |world: &World| guest_of(&world.seen).unwrap().config.current.clone();
        let before = config(&world);
        let bye = farewell(DeletionPolicy::Trash);
        for _ in 0..3 {
            let DeletionPlan::Pending(plan) = plan_delete(&bye, &remains(&world)) else { break };
            prop_assert_eq!(&guard_delete(plan.clone(), &bye, &remains(&world)), &plan);
            plan.steps.iter().for_each(|step| world.apply(&plan, step));
        }
        let trashed = config(&world);
        prop_assert!(trashed["description"].contains("trashUntil=2026-06-08T12:00:00Z"), "{trashed:?}");
        prop_assert!(trashed.get("onboot").is_none_or(|value| value == "0"));
        prop_assert_eq!(&guest_of(&world.seen).unwrap().running, &Fact::Known(false));
        prop_assert!(matches!(plan_delete(&bye, &remains(&world)), DeletionPlan::Done(_)));

        world.seen.recorded = Recorded::default();
        let plan = world.round();
        prop_assert!(matches!(plan.steps.as_slice(), [Step::Mark(_), Step::Finish]), "{:?}", plan.steps);
        prop_assert_eq!(config(&world), before);
    }
}
