//! Mutants: what the tests would say if a safeguard were gone. Each is the real code over facts that hide what the
//! safeguard looks at.

use crate::deletion::deletion_guard_protects;
use crate::fixture::{CP, OLD_CP, VMID, Whose, guest_mut, guest_of};
use crate::protection::{guard_protects, planner_protects};
use zentoria_api::cluster::FinalBackup;
use zentoria_api::container::{Adoption, DeletionPolicy, MountStatus, Origin, ReclaimPolicy};
use zentoria_core::Fact;
use zentoria_core::container::delete::{Farewell, Remains};
use zentoria_core::container::guard::{guard, guard_delete};
use zentoria_core::container::plan::plan;
use zentoria_core::container::seen::{GuestFact, Seen};
use zentoria_core::container::step::Plan;
use zentoria_core::container::want::Want;

/// The guard, but it sees other facts than there are.
fn guard_over(change: impl Fn(&mut Seen)) -> impl Fn(Plan, &Want, &Seen) -> Plan {
    move |plan, want, seen| {
        let mut seen = seen.clone();
        change(&mut seen);
        guard(plan, want, &seen)
    }
}

fn identity_guard(plan: Plan, _: &Want, _: &Seen) -> Plan {
    plan
}

fn rewrite(seen: &mut Seen, change: impl Fn(&str) -> String) {
    if let Some(guest) = guest_mut(seen) {
        let next = change(guest.config.description());
        guest.config.current.insert("description".into(), next);
    }
}

/// The answer of the ownership check turned round: what is ours looks like nobody's, and the other way.
fn inverted(seen: &mut Seen) {
    rewrite(seen, |description| {
        let text: Vec<&str> = description.lines().filter(|line| !line.starts_with("<!-- zentoria.ai/")).collect();
        let text = text.join("\n");
        let ours = [Whose::Ours, Whose::OursRetained, Whose::OursTrashed, Whose::OursOfALaterVersion];
        let was_ours = ours
            .iter()
            .any(|whose| whose.line().is_some_and(|line| description.lines().eq(text.lines().chain(line.lines()))));
        if was_ours { text } else { Whose::Ours.description(&text) }
    });
}

fn is_found(outcome: Result<(), String>, harm: &str) {
    let found = outcome.expect_err("a mutant lives");
    assert!(found.starts_with(harm), "found {found:?}, and not {harm:?}");
}

fn deletion_over(change: impl Fn(&mut Farewell, &mut Remains)) -> impl Fn(Plan, &Farewell, &Remains) -> Plan {
    move |plan, bye, seen| {
        let (mut bye, mut seen) = (bye.clone(), seen.clone());
        change(&mut bye, &mut seen);
        guard_delete(plan, &bye, &seen)
    }
}

#[test]
fn the_guard_lets_no_plan_harm_anybody() {
    assert_eq!(guard_protects(&guard), Ok(()));
}

#[test]
fn the_guard_of_deletions_lets_no_plan_harm_anybody() {
    assert_eq!(deletion_guard_protects(&guard_delete), Ok(()));
}

#[test]
fn the_planner_harms_nobody_even_without_a_guard() {
    assert_eq!(planner_protects(&plan, &identity_guard), Ok(()));
}

#[test]
fn a_guard_that_lets_everything_through_is_found() {
    assert!(guard_protects(&identity_guard).is_err());
    assert!(deletion_guard_protects(&|plan, _, _| plan).is_err());
}

#[test]
fn a_guard_that_does_not_look_at_locks_is_found() {
    let mutant = guard_over(|seen| {
        if let Some(guest) = guest_mut(seen) {
            guest.config.current.remove("lock");
        }
    });
    is_found(guard_protects(&mutant), "touched a locked guest");
}

#[test]
fn a_guard_that_does_not_compare_the_vmid_of_the_mark_is_found() {
    let mutant = guard_over(|seen| rewrite(seen, |text| text.replace("vmid=405", &format!("vmid={VMID}"))));
    is_found(guard_protects(&mutant), "touched a guest that is not ours (Copy)");
}

#[test]
fn a_guard_that_does_not_compare_the_control_plane_is_found() {
    let mutant = guard_over(|seen| rewrite(seen, |text| text.replace(&format!("cp={OLD_CP}"), &format!("cp={CP}"))));
    is_found(guard_protects(&mutant), "touched a guest that is not ours (OldControlPlane)");
}

#[test]
fn a_guard_that_does_not_compare_the_estate_or_the_name_is_found() {
    let estate = guard_over(|seen| rewrite(seen, |text| text.replace("estate=office", "estate=home")));
    is_found(guard_protects(&estate), "touched a guest that is not ours (OtherEstate)");
    let name = guard_over(|seen| rewrite(seen, |text| text.replace("name=zentoria-web", "name=zentoria-db")));
    is_found(guard_protects(&name), "touched a guest that is not ours (OtherObject)");
}

#[test]
fn a_guard_that_takes_any_mount_for_one_that_the_spec_let_go_is_found() {
    let mutant = guard_over(|seen| {
        let Some(volume) = guest_of(seen).and_then(|guest| guest.config.current.get("mp0")) else { return };
        let volume = volume.split(',').next().unwrap().to_owned();
        let (name, slot) = ("data".to_owned(), "mp0".to_owned());
        seen.recorded.mounts = vec![MountStatus { name, slot, volume, reclaim_policy: ReclaimPolicy::Retain }];
    });
    is_found(guard_protects(&mutant), "a change took the mark or a volume away");
}

#[test]
fn a_guard_that_takes_any_adoption_for_allowed_is_found() {
    let mutant = |plan: Plan, want: &Want, seen: &Seen| {
        let want = Want { adoption: Adoption::IfExists, ..want.clone() };
        guard(plan, &want, seen)
    };
    is_found(guard_protects(&mutant), "touched a guest that is not ours (Nobody)");
}

#[test]
fn a_guard_that_forgets_observe_is_found() {
    let mutant = |plan: Plan, want: &Want, seen: &Seen| {
        let want = Want { mode: zentoria_api::common::Mode::Enforce, ..want.clone() };
        guard(plan, &want, seen)
    };
    is_found(guard_protects(&mutant), "wrote in Observe");
}

#[test]
fn a_guard_that_takes_any_reboot_for_allowed_is_found() {
    let mutant = |plan: Plan, want: &Want, seen: &Seen| {
        let want = Want { reboot_policy: zentoria_api::container::RebootPolicy::Automatic, ..want.clone() };
        guard(plan, &want, seen)
    };
    is_found(guard_protects(&mutant), "rebooted without permission");
}

#[test]
fn a_guard_with_an_inverted_ownership_check_is_found() {
    is_found(guard_protects(&guard_over(inverted)), "touched a guest that is not ours");
}

#[test]
fn a_guard_that_takes_every_guest_for_one_that_we_made_is_found() {
    let mutant = guard_over(|seen| {
        let made = seen.recorded.created.get_or_insert_with(|| crate::fixture::created(Origin::Template, true));
        made.origin = Origin::Template;
    });
    is_found(guard_protects(&mutant), "took an interface from a guest that we did not make");
}

#[test]
fn a_guard_that_always_allows_to_destroy_is_found() {
    let mutant = deletion_over(|bye, _| {
        (bye.policy, bye.final_backup, bye.destroys_left) = (DeletionPolicy::Delete, FinalBackup::None, 1);
    });
    assert!(deletion_guard_protects(&mutant).is_err());
}

#[test]
fn a_guard_of_deletions_that_does_not_look_at_volumes_protection_or_power_is_found() {
    for keys in [&["mp0", "unused0"][..], &["protection"]] {
        let mutant = deletion_over(move |_, seen| {
            if let GuestFact::Present(guest) = &mut seen.guest {
                keys.iter().for_each(|key| drop(guest.config.current.remove(*key)));
            }
        });
        is_found(deletion_guard_protects(&mutant), "destroyed what must be kept");
    }
    let running = deletion_over(|_, seen| {
        if let GuestFact::Present(guest) = &mut seen.guest {
            guest.running = Fact::Known(false);
        }
    });
    assert!(deletion_guard_protects(&running).is_err());
}

#[test]
fn a_guard_of_deletions_that_does_not_look_at_replication_or_the_breaker_is_found() {
    let replication = deletion_over(|_, seen| seen.replicated = Fact::Known(false));
    assert!(deletion_guard_protects(&replication).is_err());
    let breaker = deletion_over(|bye, _| bye.destroys_left = 1);
    assert!(deletion_guard_protects(&breaker).is_err());
}

#[test]
fn a_guard_that_takes_any_backup_for_the_final_one_is_found() {
    let notes = deletion_over(|bye, seen| {
        let right = crate::deletion::proof(bye, VMID);
        if let Some(Fact::Known(list)) = &mut seen.backups {
            list.iter_mut().for_each(|backup| backup.notes.clone_from(&right.notes));
        }
    });
    is_found(deletion_guard_protects(&notes), "destroyed without its final backup");
    let size = deletion_over(|_, seen| {
        if let Some(Fact::Known(list)) = &mut seen.backups {
            list.iter_mut().for_each(|backup| backup.size = 1);
        }
    });
    is_found(deletion_guard_protects(&size), "destroyed without its final backup");
    let none = deletion_over(|bye, _| bye.final_backup = FinalBackup::None);
    is_found(deletion_guard_protects(&none), "destroyed without its final backup");
}

#[test]
fn a_guard_that_believes_an_expiry_without_the_mark_is_found() {
    let mutant = deletion_over(|bye, _| {
        if bye.expiring {
            (bye.policy, bye.expiring) = (DeletionPolicy::Delete, false);
        }
    });
    assert!(deletion_guard_protects(&mutant).is_err());
}

#[test]
fn a_planner_with_an_inverted_ownership_check_is_found_and_the_guard_holds_it_back() {
    let mutant = |want: &Want, seen: &Seen| {
        let mut other = seen.clone();
        inverted(&mut other);
        plan(want, &other)
    };
    is_found(planner_protects(&mutant, &identity_guard), "touched a guest that is not ours");
    assert_eq!(planner_protects(&mutant, &guard), Ok(()));
}

#[test]
fn a_planner_that_does_not_look_at_locks_is_found_and_the_guard_holds_it_back() {
    let mutant = |want: &Want, seen: &Seen| {
        let mut other = seen.clone();
        if let Some(guest) = guest_mut(&mut other) {
            guest.config.current.remove("lock");
        }
        plan(want, &other)
    };
    is_found(planner_protects(&mutant, &identity_guard), "touched a locked guest");
    assert_eq!(planner_protects(&mutant, &guard), Ok(()));
}

#[test]
fn an_inverted_ownership_check_is_inverted() {
    for whose in Whose::ALL {
        let world = crate::model::with_guest(crate::fixture::spec("vmid: 404"), &whose.description("x\ny"), &[], false);
        let mut seen = world.seen;
        inverted(&mut seen);
        let looks = guest_of(&seen).unwrap().config.description().contains("zentoria.ai/v1");
        assert_eq!(looks, !whose.is_ours(), "{whose:?}");
    }
}
