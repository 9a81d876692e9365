//! `manifests/zentoria.yaml` as it is: the whole estate, on an API server and a Proxmox VE.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use std::collections::BTreeMap;
use zentoria_api::conditions::{READY, UP_TO_DATE};
use zentoria_api_tests::World;
use zentoria_api_tests::estate::{Row, documents, inventory};
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::{Guest, Request};
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::Conditions;

const MANIFEST: &str = "manifests/zentoria.yaml";
const RESERVE: &str = "manifests/zentoria-reserve.yaml";

/// A world without a ProxmoxCluster of its own: the manifest brings it.
async fn world(test: &str) -> World {
    World::builder(test).without_cluster().start().await
}

async fn apply(world: &World, manifest: &str) {
    for document in documents(manifest, &world.namespace, &world.cluster) {
        apply_any(&world.client, &document).await.unwrap_or_else(|error| panic!("{manifest}: {error}"));
    }
}

async fn all_ready(world: &World, count: usize) {
    eventually(&format!("{count} containers are Ready"), || async {
        let all = world.all().await;
        let told = |c: &zentoria_api::ZentoriaContainer| {
            let name = c.metadata.name.clone().unwrap_or_default();
            format!("{name}: {} {}", c.reason(READY), c.message())
        };
        let waiting: Vec<String> = all.iter().filter(|c| c.truth(READY) != "True").map(told).collect();
        if all.len() == count && waiting.is_empty() { Ok(()) } else { Err(waiting.join("\n")) }
    })
    .await;
}

#[tokio::test]
async fn the_whole_estate_is_created_in_the_order_that_its_dependencies_ask_for() {
    let world = world("estate order").await;
    for mut document in documents(MANIFEST, &world.namespace, &world.cluster) {
        // As it is without a word about it: the calls are counted here, and a fast poll asks more.
        if document["kind"] == "ProxmoxCluster" {
            document["spec"]["poll"]["interval"] = "10s".into();
        }
        apply_any(&world.client, &document).await.unwrap();
    }
    let rows = inventory();
    assert_eq!(rows.len(), 17);
    all_ready(&world, rows.len()).await;

    let requests = world.pve.requests().await;
    let created = |vmid: u32| only(&requests, |r| r.line() == "POST /nodes/pve1/lxc" && r.param("vmid") == word(vmid));
    let started = |vmid: u32| only(&requests, |r| r.line() == format!("POST /nodes/pve1/lxc/{vmid}/status/start"));
    let vmids: BTreeMap<&str, u32> = rows.iter().map(|row| (row.name.as_str(), row.vmid)).collect();
    for row in &rows {
        for dependency in &row.depends_on {
            let first = started(vmids[dependency.as_str()]);
            assert!(first < created(row.vmid), "{} was created before {dependency} was started", row.name);
        }
    }
    let calls: BTreeMap<&str, Vec<String>> =
        rows.iter().map(|row| (row.name.as_str(), calls_about(&requests, row.vmid))).collect();
    let too_many: BTreeMap<_, _> = calls.iter().filter(|(_, calls)| calls.len() > 5).collect();
    assert!(too_many.is_empty(), "more than 5 calls: {too_many:#?}");
    // The poll of the cluster serves all guests, and its calls grow with the time, not with the guests.
    let poll = [
        "/version",
        "/cluster/status",
        "/cluster/resources",
        "/access/permissions",
        "/cluster/replication",
        "/cluster/sdn/vnets",
        "/cluster/ha/rules",
        "/nodes/pve1/version",
        "/nodes/pve1/query-oci-repo-tags",
    ];
    let polls = |request: &Request| request.is_task_poll() || poll.contains(&request.path.as_str());
    let all = requests.iter().filter(|request| !polls(request) && !is_firewall(request)).count();
    assert!(all <= 5 * rows.len(), "{all} calls that are neither polls of tasks nor of the cluster");
}

/// The number of the one call that fits.
fn only(requests: &[Request], fits: impl Fn(&Request) -> bool) -> u64 {
    let found: Vec<&Request> = requests.iter().filter(|request| fits(request)).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].n
}

fn word(vmid: u32) -> Option<String> {
    Some(vmid.to_string())
}

/// The calls about one guest, without polls of its tasks.
fn calls_about(requests: &[Request], vmid: u32) -> Vec<String> {
    let about = |request: &&Request| {
        let path = format!("{}/", request.path);
        path.contains(&format!("/lxc/{vmid}/")) || request.param("vmid") == word(vmid)
    };
    let counts = |request: &&Request| !request.is_task_poll() && !is_firewall(request);
    requests.iter().filter(about).filter(counts).map(Request::line).collect()
}

/// Calls of firewalls grow with the rules; tests of their own count them.
fn is_firewall(request: &Request) -> bool {
    request.path.contains("/firewall/")
}

#[tokio::test]
async fn every_guest_of_the_estate_is_as_the_inventory_says() {
    let world = world("estate rows").await;
    apply(&world, MANIFEST).await;
    let rows = inventory();
    all_ready(&world, rows.len()).await;
    // What their firewalls lack is written when all are known.
    world.settled().await;
    assert_eq!(world.pve.guests().await.len(), rows.len(), "not a guest more");
    let cp = control_plane_id(&world).await;
    for row in &rows {
        let guest = world.pve.guest(row.vmid).await;
        same(row, &guest);
        let mark = format!(
            "<!-- zentoria.ai/v1 cp={cp} estate=zentoria name={} ns={} vmid={} -->",
            row.name, world.namespace, row.vmid
        );
        assert_eq!(guest.mark(), Some(mark));
        assert!(guest.runs(), "{}", row.name);
        assert_eq!(guest.starts, 1, "{}", row.name);
        let firewall = guest.firewall.clone().unwrap_or_default();
        assert_eq!(firewall["options"]["policy_in"], "DROP", "{}", row.name);
        assert!(firewall["rules"].as_array().is_some_and(|rules| rules.len() >= 2), "{}: {firewall:#}", row.name);
        let shown = world.get(&row.name).await.status.unwrap();
        assert_eq!((shown.node.as_deref(), shown.addresses), (Some("pve1"), vec![row.ip.clone()]), "{}", row.name);
    }
}

async fn control_plane_id(world: &World) -> String {
    let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(world.client.clone());
    let uid = api.get("kube-system").await.unwrap().metadata.uid.unwrap();
    uid.chars().take(8).collect()
}

/// What differs between a row and a guest is a failure.
fn same(row: &Row, guest: &Guest) {
    let seen = |key: &str| guest.option(key);
    let wished = [
        ("hostname", row.name.clone()),
        ("cores", row.cores.to_string()),
        ("memory", row.memory_mib.to_string()),
        ("unprivileged", "1".to_owned()),
        ("nameserver", "10.10.0.1".to_owned()),
        ("searchdomain", "zentoria.local".to_owned()),
        ("timezone", "Europe/Amsterdam".to_owned()),
        ("tags", "zentoria".to_owned()),
    ];
    for (key, value) in wished {
        assert_eq!(seen(key), value, "{key} of {}", row.name);
    }
    let net = ["name", "bridge", "ip", "gw", "firewall"].map(|key| guest.part("net0", key).unwrap_or_default());
    let address = format!("{}/16", row.ip);
    assert_eq!(net, ["eth0", "vmbr0", &address, "10.10.0.1", "1"], "net0 of {}", row.name);
    assert!(seen("rootfs").starts_with("local-zfs:"), "{}", seen("rootfs"));
    assert_eq!(guest.part("rootfs", "size"), Some(format!("{}G", row.disk_gib)), "disk of {}", row.name);
    assert_eq!(guest.part("features", "nesting").as_deref() == Some("1"), row.nesting, "nesting of {}", row.name);
    assert!(guest.pending.is_empty(), "{:?}", guest.pending);
}

#[tokio::test]
async fn the_same_manifest_applied_again_changes_nothing() {
    let world = world("estate quiet").await;
    apply(&world, MANIFEST).await;
    all_ready(&world, 17).await;
    let before = world.settled().await;
    let written = world.metric("zentoria_status_writes_total", "").await;
    world.pve.forget_requests().await;

    apply(&world, MANIFEST).await;
    world.polls(4).await;

    assert_eq!(world.pve.writes().await.iter().map(Request::line).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(world.versions().await, before, "nothing of ours was written to the API server");
    assert!((world.metric("zentoria_status_writes_total", "").await - written).abs() < f64::EPSILON);
    for container in world.all().await {
        assert_eq!(container.truth(UP_TO_DATE), "True");
    }
}

#[tokio::test]
async fn the_reserve_is_made_and_left_stopped() {
    let world = world("reserve").await;
    let cluster = documents(MANIFEST, &world.namespace, &world.cluster);
    let cluster = cluster.iter().find(|document| document["kind"] == "ProxmoxCluster").unwrap();
    apply_any(&world.client, cluster).await.unwrap();
    apply(&world, RESERVE).await;
    all_ready(&world, 6).await;
    for guest in world.pve.guests().await {
        assert_eq!((guest.status.as_str(), guest.starts), ("stopped", 0), "{}", guest.vmid);
    }
}

#[tokio::test]
async fn an_emptied_control_plane_is_given_the_same_files_and_takes_all_seventeen_back() {
    let mut world = World::builder("estate rebuilt").without_cluster().fresh().start().await;
    apply(&world, MANIFEST).await;
    all_ready(&world, 17).await;
    let before = world.pve.guests().await;
    let mark = before[0].mark().unwrap();
    let old = mark.split("cp=").nth(1).unwrap().split(' ').next().unwrap().to_owned();

    // What their firewalls still lack would be written afterwards.
    world.settled().await;
    world.stop_operator().await;
    world.empty_etcd().await;
    world.pve.forget_requests().await;
    apply(&world, MANIFEST).await;
    world.start_operator().await;
    eventually("all 17 are held, for their marks are another control plane's", || async {
        let all = world.all().await;
        let held = all.iter().filter(|c| c.reason(READY) == "ForeignControlPlane").count();
        if held == 17 { Ok(()) } else { Err(format!("{held} of {}", all.len())) }
    })
    .await;
    assert_eq!(world.pve.writes().await.iter().map(Request::line).collect::<Vec<_>>(), Vec::<String>::new());

    world.annotate_cluster("zentoria.ai/takeover", Some(&old)).await;
    all_ready(&world, 17).await;
    let mut written: Vec<String> = world.pve.writes().await.iter().map(Request::line).collect();
    written.sort();
    let mut expected: Vec<String> =
        inventory().iter().map(|row| format!("PUT /nodes/pve1/lxc/{}/config", row.vmid)).collect();
    expected.sort();
    assert_eq!(written, expected, "one PUT for each guest, and nothing else");
    for (before, after) in before.iter().zip(world.pve.guests().await) {
        assert_ne!(after.mark(), before.mark());
        assert_eq!(after.option("net0"), before.option("net0"));
        assert_eq!(after.starts, before.starts, "no guest was started again");
    }
}
