//! SIGKILL before and after every call of a create, a clone, an adoption and a deletion: afterwards there is one guest,
//! and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::common::VmidField;
use zentoria_api::conditions::{READY, RECONCILING, RUNNING, STALLED};
use zentoria_api::container::{Adoption, DeletionPolicy, Origin, PowerState, TaskAction};
use zentoria_api_tests::World;
use zentoria_api_tests::builders::clone_of;
use zentoria_api_tests::pve::{Guest, OPERATOR, Request};
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::Conditions;

const VMID: u32 = 400;
const SOURCE: u32 = 450;
const NAME: &str = "db";

// ---------------------------------------------------------------- kill points

/// One call of a run: the `at`-th of this method whose path contains `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    method: String,
    path: String,
    at: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if self.at > 1 { write!(f, " #{}", self.at) } else { Ok(()) }
    }
}

/// The calls of a run, each once. How often a task is asked about is a matter of time: its questions count as one.
fn points(requests: &[Request]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let path = if request.is_task_poll() {
            let kind = request.path.split(':').nth(5).expect("the type in a UPID");
            format!(":{kind}:")
        } else {
            request.path.clone()
        };
        let same = |other: &&Request| other.method == request.method && other.path.contains(&path);
        let at = requests[..index].iter().filter(same).count() + 1;
        if !(request.is_task_poll() && at > 1) {
            points.push(Point { method: request.method.clone(), path, at });
        }
    }
    points
}

fn words(points: &[Point]) -> Vec<String> {
    points.iter().map(ToString::to_string).collect()
}

/// What `points` has of calls that write.
fn writes(points: &[Point]) -> Vec<String> {
    points.iter().filter(|point| point.method != "GET").map(ToString::to_string).collect()
}

// ---------------------------------------------------------------- a world for many crashes

/// No operator yet, and one that looks at the cluster only once: every later call is of the container itself, and what
/// a crash left has to be found without a second poll.
async fn world(test: &str) -> World {
    let build = World::builder(test).without_operator().cluster(|spec| {
        spec.poll.interval.0 = "10m".into();
        spec.poll.full_resync.0 = "10m".into();
        spec.access[0].allow.clone_sources = vec![VmidField(SOURCE)];
        spec.safety.final_backup = FinalBackup::None;
        spec.safety.max_destroys_per_hour = 1000;
    });
    build.seed(|seed| seed["containers"] = json!([source()])).start().await
}

/// A guest of somebody: what a clone is made of.
fn source() -> Value {
    json!({
        "vmid": SOURCE, "name": "golden", "node": "pve1", "status": "stopped",
        "config": {
            "arch": "amd64", "ostype": "ubuntu", "cores": 2, "memory": 1024, "swap": 0, "unprivileged": 1,
            "rootfs": format!("local-zfs:subvol-{SOURCE}-disk-0,size=8G"),
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.10.9.9/16,type=veth",
        },
    })
}

fn by_template(world: &World) -> ZentoriaContainer {
    world.container(NAME, VMID)
}

fn by_clone(world: &World) -> ZentoriaContainer {
    let mut container = by_template(world);
    container.spec.source = Some(clone_of(SOURCE));
    container
}

/// PVE as at the start, and no object. The operator must be dead.
async fn anew(world: &World) {
    let api = world.containers();
    if api.get_opt(NAME).await.unwrap().is_some() {
        let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.patch(NAME, &PatchParams::default(), &strip).await.unwrap();
        // It may have gone with its finalizers.
        let _ = api.delete(NAME, &DeleteParams::default()).await;
        world.gone(NAME).await;
    }
    world.pve.ctl.json("POST", "/ctl/reset", Some(&json!({}))).await;
}

async fn arm(world: &World, point: &Point, when: &str) {
    let body = json!({"at": point.at, "when": when, "user": OPERATOR, "method": point.method, "path": point.path});
    world.pve.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
}

/// Starts the operator, kills it at the point, and starts it again.
async fn crash_at(world: &World, point: &Point, when: &str) {
    arm(world, point, when).await;
    world.start_operator().await;
    crash(world, point, when).await;
    world.start_operator().await;
}

async fn crash(world: &World, point: &Point, when: &str) {
    let hit = world.pve.barrier_hit(30).await;
    assert!(hit.is_some(), "the operator never came to {point} ({when})");
    world.kill_operator().await;
    world.pve.release_barrier().await;
}

async fn tasks(world: &World, kind: &str) -> Vec<String> {
    let end = |task: &Value| task["exitstatus"].as_str().unwrap_or("running").to_owned();
    world.pve.tasks().await.iter().filter(|task| task["type"] == kind).map(end).collect()
}

/// The configuration without what is chosen at random.
fn config(guest: &Guest) -> BTreeMap<String, String> {
    let without_mac = |key: &str| {
        let value = guest.option(key);
        let parts: Vec<&str> = value.split(',').filter(|part| !part.starts_with("hwaddr=")).collect();
        parts.join(",")
    };
    guest.config.keys().map(|key| (key.clone(), without_mac(key))).collect()
}

// ---------------------------------------------------------------- create and clone

struct Making {
    container: fn(&World) -> ZentoriaContainer,
    origin: Origin,
    /// Type of the task that makes the guest.
    task: &'static str,
}

const CREATE: Making = Making { container: by_template, origin: Origin::Template, task: "vzcreate" };
const CLONE: Making = Making { container: by_clone, origin: Origin::Clone, task: "vzclone" };

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

        let guests = world.pve.guests().await;
        let vmids: Vec<u32> = guests.iter().map(|guest| guest.vmid).collect();
        assert_eq!(vmids, [VMID, SOURCE], "{about}: one guest of ours, and no other");
        let (guest, source) = (&guests[0], &guests[1]);
        assert_eq!(config(guest), config(clean), "{about}");
        assert_eq!((guest.mark(), source.mark()), (clean.mark(), None), "{about}");
        assert_eq!((&guest.ssh_public_keys, guest.firewall.as_ref()), (&clean.ssh_public_keys, None), "{about}");
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
    async fn every_call(&self, world: &World, when: &str, expected: &[&str]) {
        let (points, clean) = self.clean(world).await;
        assert_eq!(words(&points), expected, "the calls of a run without a crash");
        for point in &points {
            self.crashed(world, point, when, &clean).await;
        }
    }
}

/// Every call from the operator's start until the container is Ready.
const CREATE_CALLS: [&str; 13] = [
    "GET /version",
    "GET /cluster/status",
    "GET /access/permissions",
    "GET /cluster/resources",
    "GET /nodes/pve1/network",
    "x",
    "x",
    "x",
    "x",
    "x",
    "x",
    "x",
    "x",
];

#[tokio::test]
async fn a_crash_before_any_call_of_a_create_leaves_one_guest() {
    let world = world("crash create before").await;
    CREATE.every_call(&world, "before", &CREATE_CALLS).await;
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_create_leaves_one_guest() {
    let world = world("crash create after").await;
    CREATE.every_call(&world, "after", &CREATE_CALLS).await;
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_clone_leaves_one_guest() {
    let world = world("crash clone before").await;
    CLONE.every_call(&world, "before", &CREATE_CALLS).await;
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_clone_leaves_one_guest() {
    let world = world("crash clone after").await;
    CLONE.every_call(&world, "after", &CREATE_CALLS).await;
}
