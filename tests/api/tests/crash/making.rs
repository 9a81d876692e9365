//! Crashes around every call of a create and of a clone.

use super::calls::{CLONE_CALLS, CLONE_WRITES, CREATE_CALLS, CREATE_WRITES};
use super::points::{Point, points, writes};
use super::{NAME, SOURCE, VMID, anew, by_clone, by_template, config, crash_at, has_no_firewall, tasks, world};
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::VmidField;
use zentoria_api::conditions::{READY, RECONCILING, RUNNING, STALLED};
use zentoria_api::container::Origin;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Guest;
use zentoria_api_tests::world::Conditions;

pub struct Making {
    pub container: fn(&World) -> ZentoriaContainer,
    pub origin: Origin,
    /// Type of the task that makes the guest.
    pub task: &'static str,
}

pub const CREATE: Making = Making { container: by_template, origin: Origin::Template, task: "vzcreate" };
pub const CLONE: Making = Making { container: by_clone, origin: Origin::Clone, task: "vzclone" };

impl Making {
    /// A run without a crash: its calls, and the guest that it makes.
    async fn clean(&self, world: &World) -> (Vec<Point>, Guest) {
        world.apply(&(self.container)(world)).await;
        world.start_operator().await;
        world.ready(NAME).await;
        world.stop_operator().await;
        (points(&world.pve.requests().await), world.pve.guest(VMID).await)
    }

    /// A run with a crash at this point.
    async fn crashed(&self, world: &World, point: &Point, when: &str, clean: &Guest) {
        anew(world).await;
        world.apply(&(self.container)(world)).await;
        crash_at(world, point, when).await;
        let container = world.ready(NAME).await;
        world.stop_operator().await;
        let about = format!("{when} {point}");

        let mut guests = world.pve.guests().await;
        guests.sort_by_key(|guest| guest.vmid);
        let vmids: Vec<u32> = guests.iter().map(|guest| guest.vmid).collect();
        assert_eq!(vmids, [VMID, SOURCE], "{about}: one guest of ours, and no other");
        let (guest, source) = (&guests[0], &guests[1]);
        assert_eq!(config(guest), config(clean), "{about}");
        assert_eq!((guest.mark(), source.mark()), (clean.mark(), None), "{about}");
        assert_eq!(guest.ssh_public_keys, clean.ssh_public_keys, "{about}");
        assert!(has_no_firewall(guest), "{about}: {:?}", guest.firewall);
        assert_eq!((guest.runs(), &guest.lock, guest.starts), (true, &None, 1), "{about}: started once");
        assert_eq!((guest.pending.len(), &source.lock), (0, &None), "{about}");
        assert_eq!(tasks(world, self.task).await, ["OK"], "{about}: made once");
        assert_eq!(tasks(world, "vzstart").await, ["OK"], "{about}: started once");
        assert_eq!(tasks(world, "vzdestroy").await, Vec::<String>::new(), "{about}");
        self.status(&container, &about);
    }

    fn status(&self, container: &ZentoriaContainer, about: &str) {
        let truths = [READY, RECONCILING, STALLED, RUNNING].map(|kind| container.truth(kind));
        assert_eq!(truths, ["True", "False", "False", "True"], "{about}");
        let status = container.status.as_ref().unwrap();
        assert_eq!((status.vmid, status.node.as_deref(), &status.task), (Some(VmidField(VMID)), Some("pve1"), &None));
        let created = status.created.as_ref().unwrap();
        assert!(created.origin == self.origin && created.finished_at.is_some(), "{about}: {created:?}");
    }

    /// A crash at every call, one after another.
    async fn every_call(&self, world: &World, when: &str, calls: &[&str], writing: &[&str]) {
        let (points, clean) = self.clean(world).await;
        assert_eq!(writes(&points), writing, "the writes of a run without a crash");
        assert_eq!(sorted(&points), sorted_words(calls), "the calls of a run without a crash");
        for point in &points {
            self.crashed(world, point, when, &clean).await;
        }
    }
}

fn sorted(points: &[Point]) -> Vec<String> {
    let mut words: Vec<String> = points.iter().map(ToString::to_string).collect();
    words.sort();
    words
}

fn sorted_words(words: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    words.sort();
    words
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_create_leaves_one_guest() {
    let world = world("crash create before").await;
    CREATE.every_call(&world, "before", &CREATE_CALLS, &CREATE_WRITES).await;
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_create_leaves_one_guest() {
    let world = world("crash create after").await;
    CREATE.every_call(&world, "after", &CREATE_CALLS, &CREATE_WRITES).await;
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_clone_leaves_one_guest() {
    let world = world("crash clone before").await;
    CLONE.every_call(&world, "before", &CLONE_CALLS, &CLONE_WRITES).await;
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_clone_leaves_one_guest() {
    let world = world("crash clone after").await;
    CLONE.every_call(&world, "after", &CLONE_CALLS, &CLONE_WRITES).await;
}
