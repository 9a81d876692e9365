//! Whose guest is it: adoption, strangers, copies, duplicates, and a control plane that was rebuilt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{READY, RUNNING, UP_TO_DATE};
use zentoria_api::container::{Adoption, DeletionPolicy, Origin};
use zentoria_api_tests::pve::{Guest, Request};
use zentoria_api_tests::world::Conditions;
use zentoria_api_tests::{World, interface};

/// A guest that somebody made by hand, with options that we do not model.
fn by_hand(vmid: u32) -> Value {
    json!({
        "vmid": vmid, "name": "old-db", "node": "pve1", "status": "running",
        "config": {
            "arch": "amd64", "ostype": "debian", "cores": 3, "memory": 3072, "swap": 0, "unprivileged": 1,
            "rootfs": format!("local-zfs:subvol-{vmid}-disk-0,mountoptions=discard,size=32G"),
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=10.10.7.7/16,gw=10.10.0.1,type=veth",
            "description": "the old database\nask Anna\n", "tags": "prod;anna", "console": 0, "tty": 1,
        },
    })
}

/// A container that names a VMID and nothing else.
fn bare(world: &World, name: &str, vmid: u32) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    container.spec.resources = Default::default();
    container.spec.root_disk = None;
    container.spec.network.interfaces.clear();
    container
}

fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::line).collect()
}

/// The configuration without what adoption may change.
fn the_rest(guest: &Guest) -> BTreeMap<String, Value> {
    let mut config = guest.config.clone();
    config.remove("description");
    config.remove("tags");
    config
}

#[tokio::test]
async fn adoption_is_one_put_with_the_digest_and_changes_nothing_else() {
    let world = World::new("adopt").await;
    world.pve.add_guest(by_hand(420)).await;
    let before = world.pve.guest(420).await;
    let mut container = bare(&world, "old-db", 420);
    container.spec.adoption = Adoption::IfExists;
    let container = world.create(&container).await;
    world.polls(3).await;

    let writes = world.pve.writes().await;
    assert_eq!(lines(&writes), ["PUT /nodes/pve1/lxc/420/config"]);
    let keys: Vec<&String> = writes[0].params.keys().collect();
    assert_eq!(keys, ["description", "digest", "tags"]);
    let after = world.pve.guest(420).await;
    assert_eq!(the_rest(&after), the_rest(&before));
    assert!(after.option("description").starts_with("the old database\nask Anna\n"), "{}", after.option("description"));
    assert_eq!(after.option("tags"), "anna;prod;zentoria");
    assert_eq!((after.starts, &after.status), (before.starts, &before.status));
    let status = container.status.unwrap();
    assert_eq!(status.created.unwrap().origin, Origin::Adopted);
    world.event("old-db", "Created").await;
}

#[tokio::test]
async fn an_adopted_guest_is_managed_in_the_fields_that_the_spec_names_and_in_no_other() {
    let world = World::new("adopted fields").await;
    world.pve.add_guest(by_hand(420)).await;
    let mut container = bare(&world, "old-db", 420);
    container.spec.adoption = Adoption::IfExists;
    container.spec.resources.memory = Some(zentoria_api_tests::size("4Gi"));
    world.create(&container).await;
    let guest = world.guest_until("has 4 GiB", 420, |guest| guest.option("memory") == "4096").await;
    assert_eq!((guest.option("cores"), guest.option("hostname")), ("3".to_owned(), "old-db".to_owned()));
    world.pve.person_sets(420, json!({"cores": 2, "memory": 2048})).await;
    let guest = world.guest_until("has 4 GiB again", 420, |guest| guest.option("memory") == "4096").await;
    assert_eq!(guest.option("cores"), "2", "what the spec does not name is not managed");
}

#[tokio::test]
async fn under_observe_nothing_is_written_although_drift_is_there() {
    let world = World::new("observe").await;
    world.create(&world.container("db", 400)).await;
    world.pve.add_guest(by_hand(420)).await;
    world.patch_cluster(json!({"mode": "Observe"})).await;
    world.cluster_says("Ready").await;
    world.pve.forget_requests().await;

    world.pve.person_sets(400, json!({"memory": 1024})).await;
    let mut adopt = bare(&world, "old-db", 420);
    adopt.spec.adoption = Adoption::IfExists;
    world.apply(&adopt).await;
    world.apply(&world.container("new", 401)).await;
    world.refused("new", "ObserveOnly", &["mode is Observe", "create"]).await;
    world.refused("old-db", "ObserveOnly", &["mode is Observe", "take the guest over"]).await;
    world.until("shows the drift", "db", |container| container.reason(UP_TO_DATE) == "DriftObserved").await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    assert_eq!(world.pve.find(401).await, None);
    assert_eq!(world.pve.guest(400).await.option("memory"), "1024");
    assert_eq!(world.pve.guest(420).await.mark(), None);
}

#[tokio::test]
async fn drift_under_observe_is_shown_as_pending_and_done_when_the_mode_is_enforce() {
    let world = World::new("observe drift").await;
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"mode": "Observe"})).await;
    world.ready("db").await;
    world.settled().await;
    world.pve.forget_requests().await;
    world.pve.person_sets(400, json!({"memory": 1024, "cores": 2})).await;
    let container = world
        .until("shows the drift", "db", |container| {
            container.status.as_ref().is_some_and(|status| status.pending_changes.len() == 2)
        })
        .await;
    let truths = (container.truth(READY), container.truth(UP_TO_DATE), container.reason(UP_TO_DATE));
    assert_eq!(truths, ("True", "False", "DriftObserved"));
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.patch("db", json!({"mode": null})).await;
    world
        .guest_until("is as the spec says", 400, |guest| {
            guest.option("memory") == "512" && guest.option("cores") == "1"
        })
        .await;
}

#[tokio::test]
async fn deletion_under_observe_leaves_the_guest_as_it_is() {
    let world = World::builder("observe delete").cluster(|spec| spec.mode = Mode::Enforce).start().await;
    let mut container = world.container("db", 400);
    container.spec.deletion_policy = DeletionPolicy::Delete;
    world.create(&container).await;
    world.patch_cluster(json!({"mode": "Observe", "safety": {"finalBackup": "None"}})).await;
    world.cluster_says("Ready").await;
    world.pve.forget_requests().await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    assert!(world.pve.guest(400).await.runs());
}

#[tokio::test]
async fn a_vmid_that_a_stranger_has_is_refused_and_the_stranger_is_not_touched() {
    let world = World::new("stranger").await;
    world.pve.add_guest(by_hand(420)).await;
    let before = world.pve.guest(420).await;
    world.apply(&world.container("db", 420)).await;
    world.refused("db", "VmidTaken", &["420"]).await;
    world.polls(2).await;
    assert_eq!(world.pve.guest(420).await, before);
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    // Deleting the object does not touch it either.
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(world.pve.guest(420).await, before);
}

#[tokio::test]
async fn a_container_without_a_vmid_gets_a_free_one_and_keeps_it() {
    let world = World::builder("allocate").cluster(|spec| spec.access[0].vmid_ranges = ranges("400-402")).start().await;
    world.pve.add_guest(by_hand(400)).await;
    let free = |name: &str, address: &str| {
        let mut container = world.container(name, 401);
        container.spec.vmid = None;
        container.spec.network.interfaces = vec![interface(address)];
        container
    };
    for (name, address) in [("a", "10.10.9.1/16"), ("b", "10.10.9.2/16")] {
        world.apply(&free(name, address)).await;
    }
    let mut vmids = Vec::new();
    for name in ["a", "b"] {
        vmids.push(world.ready(name).await.status.unwrap().vmid.unwrap().0);
    }
    vmids.sort_unstable();
    assert_eq!(vmids, [401, 402]);
    world.apply(&free("c", "10.10.9.3/16")).await;
    world.refused("c", "NoFreeVmid", &["400-402"]).await;
}

fn ranges(text: &str) -> Vec<zentoria_api::cluster::VmidRangeField> {
    vec![zentoria_api::cluster::VmidRangeField(text.into())]
}

#[tokio::test]
async fn a_copy_that_a_person_made_of_our_guest_is_shown_and_never_touched() {
    let world = World::new("copy").await;
    let mut container = world.container("db", 400);
    container.spec.power.state = Some(zentoria_api::container::PowerState::Stopped);
    world.create(&container).await;
    world.pve.person("copy", 400, json!({"newid": 450})).await;
    let copy = world.pve.guest(450).await;
    assert_eq!(copy.mark(), world.pve.guest(400).await.mark(), "the copy carries our mark");
    world
        .cluster_until("shows the copy", |cluster| {
            cluster.status.as_ref().is_some_and(|status| status.copies == ["CopyOf 400 at 450"])
        })
        .await;
    world.pve.forget_requests().await;
    world.apply(&world.container("mine", 450)).await;
    world.refused("mine", "CopyOf", &["450", "400"]).await;
    world.polls(2).await;
    assert_eq!(world.pve.guest(450).await, copy);
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    world.ready("db").await;
}

#[tokio::test]
async fn of_two_claims_the_older_wins_and_the_other_comes_when_it_goes() {
    let world = World::new("duplicates").await;
    world.create(&world.container("first", 400)).await;
    let vmid = world.container("same-vmid", 400);
    let mut address = world.container("same-address", 401);
    address.spec.network.interfaces = world.container("x", 400).spec.network.interfaces;
    let mut host = world.container("same-host", 402);
    host.spec.hostname = Some("first".into());
    let mut vmid = vmid;
    vmid.spec.network.interfaces = vec![interface("10.10.9.9/16")];
    let cases = [(vmid, "vmid 400"), (address, "10.10.4.1"), (host, "hostname first")];
    for (container, about) in &cases {
        world.apply(container).await;
        let name = container.metadata.name.as_deref().unwrap();
        let owner = format!("{}/first", world.namespace);
        world.refused(name, "Conflict", &[about, &owner]).await;
    }
    assert_eq!(world.pve.guests().await.len(), 1);
    // The guest of the first one stays (Retain), so its VMID stays taken; address and name are free.
    world.delete("first").await;
    world.gone("first").await;
    for name in ["same-address", "same-host"] {
        world.ready(name).await;
    }
    world.says("same-vmid", "VmidTaken").await;
}

#[tokio::test]
async fn a_rebuilt_control_plane_takes_its_guests_back_only_after_the_takeover_annotation() {
    let mut world = World::fresh("rebuilt").await;
    let names = [("db", 400), ("web", 401), ("mail", 402)];
    for (name, vmid) in names {
        world.create(&world.container(name, vmid)).await;
    }
    let spec = world.get_cluster().await.spec;
    let before = world.pve.guests().await;
    let old = before[0].mark().unwrap();
    let old = old.split("cp=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    world.stop_operator().await;
    world.empty_etcd().await;
    world.pve.forget_requests().await;

    world.apply_cluster(spec).await;
    for (name, vmid) in names {
        world.apply(&world.container(name, vmid)).await;
    }
    world.start_operator().await;
    for (name, _) in names {
        world.refused(name, "ForeignControlPlane", &[&old, "zentoria.ai/takeover"]).await;
    }
    world
        .cluster_until("names the old control plane", |cluster| {
            cluster.status.as_ref().is_some_and(|status| status.foreign_control_planes == [old.clone()])
        })
        .await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new(), "nothing before the annotation");

    world.annotate_cluster("zentoria.ai/takeover", Some(&old)).await;
    for (name, _) in names {
        let container = world.ready(name).await;
        assert_eq!(container.truth(RUNNING), "True");
    }
    world.polls(2).await;
    let writes = world.pve.writes().await;
    let mut puts = lines(&writes);
    puts.sort();
    assert_eq!(puts, names.map(|(_, vmid)| format!("PUT /nodes/pve1/lxc/{vmid}/config")));
    for (before, after) in before.iter().zip(world.pve.guests().await) {
        assert_eq!(the_rest(&after), the_rest(before));
        assert_eq!(after.option("tags"), before.option("tags"));
        assert_ne!(after.mark(), before.mark());
        assert_eq!(after.starts, before.starts, "no guest was started again");
    }
}

#[tokio::test]
async fn adoption_never_forbids_to_take_even_our_own_guest_back() {
    let world = World::new("never").await;
    world.create(&world.container("db", 400)).await;
    world.delete("db").await;
    world.gone("db").await;
    let mut again = world.container("db", 400);
    again.spec.adoption = Adoption::Never;
    world.apply(&again).await;
    world.refused("db", "AdoptionForbidden", &["400"]).await;
    again.spec.adoption = Adoption::IfMarked;
    world.create(&again).await;
}
