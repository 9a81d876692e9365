//! Golden plans: for each case the wish, what was seen, and what comes of it, as text files under `tests/golden/plans`.
//! `UPDATE_GOLDEN=1` writes them anew; the difference is to be read.

mod changes;
mod creation;
mod deletion;
mod drift;
mod forecast;
mod mounts;
mod network;
mod ownership;
#[path = "../../common/golden.rs"]
mod pages;
mod placing;
mod power;
mod refusals;
mod sources;
mod words;

use crate::fixture::{Whose, created, guest_mut, spec, vmid};
use crate::model::{World, digest_of, with_guest};
use std::fmt::Write;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Origin, PowerStatus, RunState};
use zentoria_core::container::step::Plan;

/// One case: a title, the wish as it is written, and the world.
struct Case {
    title: &'static str,
    wish: &'static str,
    world: World,
}

const KIND: &str = "plans";

fn compare(name: &str, page: &str) {
    pages::compare(KIND, name, page);
}

/// Plans every case and compares the page.
fn check(name: &str, cases: Vec<Case>) {
    let mut page = String::new();
    for Case { title, wish, mut world } in cases {
        let plan = world.plan();
        assert_ne!(plan.verdict.reason, ContainerReason::Bug, "{title}: {}", plan.verdict.message);
        writeln!(page, "# {title}\nwish: {wish}\nseen: {}", words::seen(&world)).unwrap();
        page.push_str(&words::plan(&plan));
        page.push('\n');
    }
    compare(name, &page);
}

/// Nothing at the VMID.
fn bare(title: &'static str, wish: &'static str, change: impl FnOnce(&mut World)) -> Case {
    let mut world = World::new(spec(wish));
    change(&mut world);
    Case { title, wish, world }
}

/// A guest of this description, running, that we know nothing of.
fn found(title: &'static str, wish: &'static str, whose: Whose, options: &[(&str, &str)]) -> Case {
    Case { title, wish, world: with_guest(spec(wish), &whose.description("Notes of a person"), options, true) }
}

/// A guest that we made from a template with no defaults, running, as status says.
fn made(title: &'static str, wish: &'static str, options: &[(&str, &str)], change: impl FnOnce(&mut World)) -> Case {
    let usual = [("hostname", "zentoria-db"), ("onboot", "1"), ("tags", "zentoria")];
    let options: Vec<(&str, &str)> = usual.iter().chain(options).copied().collect();
    let mut world = with_guest(spec(wish), &Whose::Ours.description(""), &options, true);
    world.seen.recorded.vmid = Some(vmid(crate::fixture::VMID));
    world.seen.recorded.created = Some(created(Origin::Template, true));
    world.seen.recorded.defaults = Some(Default::default());
    world.seen.recorded.power = Some(PowerStatus { state: RunState::Running, stopped_by: None });
    change(&mut world);
    if let Some(guest) = guest_mut(&mut world.seen) {
        guest.config.digest = digest_of(&guest.config);
    }
    Case { title, wish, world }
}

fn stopped(world: &mut World) {
    guest_mut(&mut world.seen).unwrap().running = zentoria_core::Fact::Known(false);
}

fn stall(reason: &str) -> Option<ContainerReason> {
    ContainerReason::ALL.iter().copied().find(|known| known.as_str() == reason)
}

/// Every reason that a plan, a validation or a deletion can give stands in some golden file.
#[test]
fn every_reason_of_the_core_has_a_golden_case() {
    use ContainerReason as R;
    // Given by the controllers, from outside of what is decided here.
    let elsewhere = [
        R::Pending,
        R::WaitingForSlot,
        R::NoQuorum,
        R::ClusterNotReady,
        R::CrashLoop,
        R::Paused,
        R::ClusterNotFound,
        R::Rejected,
        R::BreakerOpen,
        R::SecretInvalid,
        R::Bug,
        // Said by plans that have no golden case yet.
    ];
    let files = std::fs::read_dir(pages::folder(KIND))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let said: Vec<String> = files.collect();
    let words = said.iter().flat_map(|page| page.lines()).filter_map(|line| line.strip_prefix("says: "));
    let given: Vec<R> = words.filter_map(|line| stall(line.split([' ', ':']).next()?)).collect();
    let missing: Vec<&R> =
        R::ALL.iter().filter(|reason| !given.contains(reason) && !elsewhere.contains(reason)).collect();
    assert!(missing.is_empty(), "no golden case says {missing:?}");
    let wrong: Vec<&R> = elsewhere.iter().filter(|reason| given.contains(reason)).collect();
    assert!(wrong.is_empty(), "said here after all: {wrong:?}");
}

fn page_of(plan: &Plan) -> String {
    words::plan(plan)
}
