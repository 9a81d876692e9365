//! What holds for every spec and every guest.

use crate::deletion::remains;
use crate::fixture::{CP, OLD_CP, Whose, guest_mut, guest_of, spec};
use crate::model::{World, digest_of};
use crate::strategies::{guests, open_worlds, specs, worlds};
use crate::wish::unmet;
use proptest::prelude::*;
use proptest::test_runner::Config as Settings;
use std::collections::BTreeMap;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::{Adoption, ChangeClass, DeletionPolicy, Origin, PendingChange, RebootPolicy};
use zentoria_core::Fact;
use zentoria_core::container::delete::{DeletionPlan, Farewell, plan_delete};
use zentoria_core::container::guard::{guard, guard_delete};
use zentoria_core::container::plan::plan;
use zentoria_core::container::seen::GuestFact;
use zentoria_core::container::step::{MarkPurpose, Plan, Step};
use zentoria_types::mark::ControlPlaneId;

/// As many cases as `PROPTEST_CASES` says.
fn settings() -> Settings {
    Settings { failure_persistence: None, ..Settings::default() }
}

/// Plans and applies until nothing is left to do.
fn settle(world: &mut World) -> Plan {
    let mut steps = Vec::new();
    for _ in 0..8 {
        let plan = world.round();
        if plan.steps.is_empty() {
            return plan;
        }
        steps.push(plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    panic!("it never settles: {steps:#?}");
}

fn farewell(policy: DeletionPolicy, final_backup: FinalBackup, destroys_left: u32) -> Farewell {
    Farewell { final_backup, destroys_left, ..crate::deletion::farewell(policy) }
}

fn steps_of(plan: &DeletionPlan) -> &[Step] {
    match plan {
        DeletionPlan::Done(_) => &[],
        DeletionPlan::Pending(plan) => &plan.steps,
    }
}

/// Every byte of the configuration but the description and the tags.
fn rest(world: &World) -> Vec<(String, String)> {
    let config = &guest_of(&world.seen).unwrap().config;
    let rest = config.current.iter().filter(|(key, _)| *key != "description" && *key != "tags");
    rest.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The interfaces of the guest, as they stand.
fn nets(world: &World) -> Vec<(String, String)> {
    let config = &guest_of(&world.seen).unwrap().config;
    let nets = config.current.iter().filter(|(key, _)| key.starts_with("net"));
    nets.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// MAC addresses by the name of the interface.
fn macs(world: &World) -> BTreeMap<String, String> {
    let part = |net: &str, key: &str| {
        net.split(',').find_map(|part| part.strip_prefix(key)).map(str::to_uppercase).unwrap_or_default()
    };
    nets(world).iter().map(|(_, net)| (part(net, "name="), part(net, "hwaddr="))).collect()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_plan_applied_gives_the_wish_and_then_an_empty_plan(mut world in open_worlds()) {
        let last = settle(&mut world);
        prop_assert_eq!(last.verdict.reason.phase(), Phase::Settled, "{:?}", last.verdict);
        prop_assert!(world.is_marked());
        let want = world.want().unwrap();
        let (now, later) = (unmet(&want, &world.seen, false), unmet(&want, &world.seen, true));
        prop_assert!(later.is_empty(), "{:?}", later);
        // Disks and devices are judged by their own properties.
        let of_disks = |field: &str| field.ends_with(".storage") || field.starts_with("mounts[") || field == "devices";
        let reboot = |change: &&PendingChange| change.class == ChangeClass::Reboot;
        let waits = last.pending.iter().filter(reboot).filter(|change| !of_disks(&change.field)).count();
        prop_assert_eq!(now.is_empty(), waits == 0, "{:?} {:?}", now, last.pending);
        if want.reboot_policy == RebootPolicy::Automatic {
            prop_assert!(now.is_empty(), "reboots are allowed, and yet: {:?}", now);
            prop_assert!(!last.pending.iter().any(|change| reboot(&change)), "{:?}", last.pending);
        }
        prop_assert_eq!(world.plan(), world.plan());
    }

    #[test]
    fn a_guest_that_is_taken_back_gets_its_mark_and_nothing_else(mut world in open_worlds(), rebuilt in any::<bool>()) {
        settle(&mut world);
        let origin = world.seen.recorded.created.as_ref().unwrap().origin;
        // Only `IfExists` still tells that a guest was adopted once the status is lost.
        let adopts = world.spec.adoption == Adoption::IfExists;
        prop_assume!(origin != Origin::Adopted || adopts);
        prop_assume!(!adopts || origin == Origin::Adopted || world.spec.tags.is_none());
        world.seen.recorded = Default::default();
        world.seen.cluster.takeover = Some(ControlPlaneId::new(OLD_CP).unwrap());
        if rebuilt {
            let guest = guest_mut(&mut world.seen).unwrap();
            let old = guest.config.description().replace(&format!("cp={CP}"), &format!("cp={OLD_CP}"));
            guest.config.current.insert("description".into(), old);
            guest.config.digest = digest_of(&guest.config);
        }
        let (before, text) = (rest(&world), guest_of(&world.seen).unwrap().config.description().to_owned());
        let was_stopped = guest_of(&world.seen).unwrap().running == Fact::Known(false);
        let back = world.round();
        prop_assert!(matches!(back.steps.as_slice(), [Step::Mark(_), Step::Finish]), "{:?}", back);
        let next = world.plan();
        // A stopped guest may be started again: nothing remembers who stopped it, and nobody did.
        let starts = was_stopped && next.steps == [Step::Start];
        prop_assert!(next.steps.is_empty() || starts, "{:?}", next.steps);
        prop_assert_eq!(rest(&world), before);
        let now = guest_of(&world.seen).unwrap().config.description().to_owned();
        // Blank lines between the text and the mark may go.
        let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(lines(&now), lines(&text.replace(&format!("cp={OLD_CP}"), &format!("cp={CP}"))));
    }

    #[test]
    fn what_we_make_has_no_firewall_left_over_and_what_we_take_over_keeps_its_own(mut world in open_worlds()) {
        let made_before = world.seen.recorded.created.clone();
        settle(&mut world);
        let origin = world.seen.recorded.created.as_ref().unwrap().origin;
        match origin {
            Origin::Template | Origin::Clone | Origin::Image | Origin::Backup
                if made_before.as_ref().is_none_or(|created| created.finished_at.is_none()) => {
                prop_assert!(!world.firewall);
            }
            Origin::Template
            | Origin::Clone
            | Origin::Image
            | Origin::Backup
            | Origin::Adopted
            | Origin::TakenBack => prop_assert!(world.firewall),
        }
    }

    #[test]
    fn nothing_of_another_guest_goes_live_and_no_snapshot_of_it_is_left(mut world in open_worlds()) {
        settle(&mut world);
        let origin = world.seen.recorded.created.as_ref().unwrap().origin;
        let left = world.others.values().filter(|other| other.snapshots != Fact::Known(Vec::new())).count();
        prop_assert_eq!(left, 0);
        let config = &guest_of(&world.seen).unwrap().config.current;
        let text = format!("{config:?}");
        if origin == Origin::Backup {
            prop_assert!(!text.contains("10.10.40.99") && !text.contains("10.20.40.99"), "{}", text);
            let nets = config.keys().filter(|key| key.starts_with("net")).count();
            prop_assert_eq!(nets, world.spec.network.interfaces.len());
        }
        if origin == Origin::Clone && !world.spec.network.interfaces.is_empty() {
            prop_assert!(!text.contains("vmbr9"), "{}", text);
        }
    }

    #[test]
    fn the_plan_of_an_adopted_guest_is_the_mark_alone((_, guest) in guests(), text in crate::strategies::text(), mut spec in specs()) {
        spec.adoption = Adoption::IfExists;
        let mut world = World::new(spec);
        let mut guest = guest;
        guest.config.current.remove("lock");
        guest.config.current.insert("description".into(), Whose::Nobody.description(&text));
        guest.config.digest = digest_of(&guest.config);
        world.seen.guest = GuestFact::Present(Box::new(guest));
        let (before, pending) = (rest(&world), guest_of(&world.seen).unwrap().config.pending.clone());
        let tags_before = guest_of(&world.seen).unwrap().config.current.get("tags").cloned().unwrap_or_default();

        let plan = world.round();
        let [Step::Mark(mark), Step::Finish] = plan.steps.as_slice() else { panic!("{:?}", plan.steps) };
        prop_assert_eq!(mark.purpose, MarkPurpose::Adopt);

        prop_assert_eq!(rest(&world), before);
        let config = &guest_of(&world.seen).unwrap().config;
        prop_assert_eq!(&config.pending, &pending);
        let kept = text.trim_end_matches('\n');
        let separator = if kept.is_empty() { "" } else { "\n" };
        let expected = format!("{kept}{separator}{}\n", Whose::Ours.line().unwrap());
        prop_assert_eq!(config.description(), expected);
        let mut tags: Vec<String> = tags_before.split([';', ' ']).filter(|t| !t.is_empty()).map(str::to_lowercase).collect();
        tags.push("zentoria".into());
        tags.sort();
        tags.dedup();
        prop_assert_eq!(config.current["tags"].split(';').collect::<Vec<_>>(), tags);
    }

    #[test]
    fn an_adopted_guest_of_which_the_spec_names_nothing_is_left_alone((_, guest) in guests(), text in crate::strategies::text()) {
        let mut world = World::new(spec("vmid: 404, adoption: IfExists"));
        let mut guest = guest;
        guest.config.current.remove("lock");
        guest.config.current.insert("description".into(), Whose::Nobody.description(&text));
        guest.config.digest = digest_of(&guest.config);
        world.seen.guest = GuestFact::Present(Box::new(guest));
        world.round();
        let next = world.plan();
        prop_assert!(next.steps.is_empty() && next.pending.is_empty(), "{:?}", next);
        // Taken back after a lost status, it is still left alone.
        world.seen.recorded = Default::default();
        let back = world.round();
        prop_assert!(matches!(back.steps.as_slice(), [Step::Mark(_), Step::Finish]), "{:?}", back);
        let next = world.plan();
        prop_assert!(next.steps.is_empty() && next.pending.is_empty(), "{:?}", next);
    }

    #[test]
    fn interfaces_in_another_order_change_nothing_and_each_keeps_its_mac(
        mut world in open_worlds(), other in crate::strategies::interfaces(),
    ) {
        settle(&mut world);
        let before = macs(&world);
        world.spec.network.interfaces.reverse();
        let again = world.plan();
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
        // Whatever else changes about an interface, its address in the network stays, unless the spec names another.
        world.spec.network.interfaces = other.into_iter().map(|mut interface| {
            interface.bridge.get_or_insert_with(|| "vmbr1".to_owned());
            interface.mac = None;
            interface
        }).collect();
        settle(&mut world);
        for (name, mac) in macs(&world) {
            prop_assert!(before.get(&name).is_none_or(|old| *old == mac), "{name}: {before:?}");
        }
    }

    #[test]
    fn interfaces_that_the_spec_does_not_name_are_a_persons_on_an_adopted_guest(mut world in open_worlds()) {
        prop_assume!(guest_of(&world.seen).is_some() && world.spec.adoption == Adoption::IfExists);
        let named: Vec<String> = world.spec.network.interfaces.iter().map(|interface| interface.name.clone()).collect();
        let created = world.seen.recorded.created.as_ref();
        prop_assume!(created.is_none_or(|created| created.origin != Origin::Template));
        let foreign = |world: &World| {
            let nets = nets(world).into_iter();
            nets.filter(|(_, net)| !named.iter().any(|name| net.contains(&format!("name={name},")))).collect::<Vec<_>>()
        };
        let before = foreign(&world);
        settle(&mut world);
        prop_assert_eq!(foreign(&world), before);
    }

    #[test]
    fn the_guard_refuses_nothing_that_the_planner_makes((_, mut world) in worlds()) {
        world.look();
        let want = world.want().unwrap();
        let made = plan(&want, &world.seen);
        let judged = guard(made.clone(), &want, &world.seen);
        prop_assert!(judged.verdict.reason != ContainerReason::Bug, "{}: {:?}", judged.verdict.message, made.steps);
        prop_assert_eq!(judged, made);
    }

    #[test]
    fn the_guard_refuses_nothing_that_a_deletion_plans(
        (_, world) in worlds(), delete in any::<bool>(), backup in any::<bool>(), left in 0u32..2,
    ) {
        let policy = if delete { DeletionPolicy::Delete } else { DeletionPolicy::Retain };
        let backup = if backup { FinalBackup::Required } else { FinalBackup::None };
        let bye = farewell(policy, backup, left);
        if let DeletionPlan::Pending(made) = plan_delete(&bye, &remains(&world)) {
            prop_assert_eq!(guard_delete(made.clone(), &bye, &remains(&world)), made);
        }
    }

    #[test]
    fn no_plan_destroys_or_reboots_under_default_policies((_, mut world) in worlds(), left in 0u32..9) {
        (world.spec.deletion_policy, world.spec.reboot_policy) = (DeletionPolicy::default(), RebootPolicy::default());
        let plan = plan(&world.want().unwrap(), &world.seen);
        prop_assert!(!plan.steps.iter().any(|step| matches!(step, Step::Destroy { .. } | Step::Reboot)), "{:?}", plan.steps);
        let remains = remains(&world);
        for policy in [DeletionPolicy::Retain, DeletionPolicy::Delete] {
            let plan = plan_delete(&farewell(policy, FinalBackup::default(), left), &remains);
            let gentle = |step: &Step| matches!(step, Step::Mark(mark) if mark.purpose == MarkPurpose::Retain);
            prop_assert!(steps_of(&plan).iter().all(gentle), "{:?}", plan);
        }
    }

    #[test]
    fn nothing_is_stopped_or_destroyed_before_everything_was_checked((whose, world) in worlds(), left in 0u32..3) {
        let plan = plan_delete(&farewell(DeletionPolicy::Delete, FinalBackup::None, left), &remains(&world));
        let steps = steps_of(&plan);
        if steps.is_empty() {
            return Ok(());
        }
        let guest = guest_of(&world.seen).unwrap();
        // A directory of the node is no volume.
        let has = |key: &str| guest.config.current.get(key).is_some_and(|value| !value.starts_with('/'));
        prop_assert!(whose.unwrap().is_ours() && left > 0 && !guest.ha);
        prop_assert!(!has("lock") && !has("mp0") && !has("unused0"));
        prop_assert!(guest.config.current.get("protection").is_none_or(|value| value == "0"));
        let expected = if guest.running == Fact::Known(true) { Step::Shutdown } else { Step::Destroy { replacing: None } };
        prop_assert_eq!(steps, &[expected]);
    }

    #[test]
    fn observe_never_has_steps((_, mut world) in worlds(), by_container in any::<bool>()) {
        if by_container {
            world.spec.mode = Some(zentoria_api::container::ContainerMode::Observe);
        } else {
            world.cluster.mode = Mode::Observe;
        }
        let observed = plan(&world.want().unwrap(), &world.seen);
        prop_assert!(observed.steps.is_empty(), "{:?}", observed.steps);
        // And it shows whatever would be written.
        (world.cluster.mode, world.spec.mode) = (Mode::Enforce, None);
        let enforced = plan(&world.want().unwrap(), &world.seen);
        if enforced.steps.iter().any(|step| step.writes() && *step != Step::ClearFirewall && !matches!(step, Step::WriteFirewall(_))) {
            prop_assert!(observed.pending.len() > enforced.pending.len(), "{:?}", enforced.steps);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_plan((_, world) in worlds()) {
        let first = plan(&world.want().unwrap(), &world.seen);
        let again = plan(&world.want().unwrap().clone(), &world.seen.clone());
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
    }

    #[test]
    fn a_plan_has_one_task_at_most_and_it_is_the_last_step_and_a_mark_the_first((_, world) in worlds()) {
        let plan = plan(&world.want().unwrap(), &world.seen);
        let tasks: Vec<usize> = (0..plan.steps.len()).filter(|index| plan.steps[*index].task().is_some()).collect();
        prop_assert!(tasks.is_empty() || tasks == [plan.steps.len() - 1], "{:?}", plan.steps);
        let marks: Vec<usize> =
            (0..plan.steps.len()).filter(|index| matches!(plan.steps[*index], Step::Mark(_))).collect();
        prop_assert!(marks.is_empty() || marks == [0], "{:?}", plan.steps);
        let configured = plan.steps.iter().filter(|step| matches!(step, Step::Configure(_))).count();
        prop_assert!(configured <= 1);
        for step in &plan.steps {
            if let Step::Configure(configure) = step {
                let data = ["rootfs", "mp0", "unused0", "lock", "description"];
                prop_assert!(configure.delete.iter().all(|key| !data.contains(&key.as_str())));
            }
        }
    }

    #[test]
    fn a_guest_that_is_not_ours_is_never_written_to((whose, mut world) in worlds()) {
        let Some(whose) = whose.filter(|whose| !whose.is_ours()) else { return Ok(()) };
        let before = world.seen.guest.clone();
        let allowed = match whose {
            Whose::Nobody => world.spec.adoption == Adoption::IfExists,
            Whose::OldControlPlane => world.seen.cluster.takeover.is_some(),
            Whose::Ours | Whose::OursRetained | Whose::OursTrashed | Whose::OursOfALaterVersion | Whose::Copy | Whose::OtherObject
            | Whose::OtherEstate | Whose::Unreadable | Whose::TwoMarks => false,
        };
        world.round();
        prop_assert!(allowed || world.seen.guest == before || world.seen.guest == GuestFact::NoVmid);
    }
}
