//! `manifests/zentoria.yaml` against the inventory, row by row.

use crate::documents::{Document, containers, read, workspace};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::{Mode, Size};
use zentoria_api::container::PowerState;

const ESTATE: &str = "manifests/zentoria.yaml";
const RESERVE: &str = "manifests/zentoria-reserve.yaml";

/// One row of the inventory: column by name.
type Row = BTreeMap<String, String>;

fn inventory(status: &str) -> Vec<Row> {
    let path = workspace().join("tests/fixtures/inventory/zentoria-containers.tsv");
    let text = std::fs::read_to_string(path).expect("the inventory");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let columns = lines.next().expect("a header");
    let rows = lines.map(|cells| columns.iter().cloned().zip(cells).collect::<Row>());
    rows.filter(|row| row["status"] == status).collect()
}

/// Names in a column of dependencies. ALL is every other container that is built.
fn names(row: &Row, column: &str) -> BTreeSet<String> {
    match row[column].as_str() {
        "-" => BTreeSet::new(),
        "ALL" => {
            inventory("build-now").iter().map(|other| other["name"].clone()).filter(|n| *n != row["name"]).collect()
        }
        list => list.split(',').map(|name| format!("zentoria-{name}")).collect(),
    }
}

fn dependencies(container: &ZentoriaContainer, soft: bool) -> BTreeSet<String> {
    container.spec.depends_on.iter().filter(|d| d.soft == soft).map(|d| d.name.clone()).collect()
}

fn mib(size: &Size) -> u64 {
    let (number, factor) = match size.0.strip_suffix("Gi") {
        Some(number) => (number, 1024),
        None => (size.0.strip_suffix("Mi").expect("Mi or Gi"), 1),
    };
    number.parse::<u64>().expect("a number") * factor
}

fn disk_mib(container: &ZentoriaContainer) -> u64 {
    mib(&container.spec.root_disk.as_ref().expect("a root disk").size)
}

fn name(container: &ZentoriaContainer) -> String {
    container.metadata.name.clone().expect("a name")
}

fn address(container: &ZentoriaContainer) -> String {
    let [interface] = container.spec.network.interfaces.as_slice() else { panic!("one interface") };
    interface.ipv4.as_ref().expect("an IPv4 address").address.clone()
}

/// What a row of the inventory must have become.
fn check_identity(container: &ZentoriaContainer, row: &Row) {
    let name = name(container);
    assert_eq!(name, row["name"]);
    assert_eq!(container.metadata.namespace.as_deref(), Some("zentoria"), "{name}");
    assert_eq!(container.spec.cluster_ref.name, "pve", "{name}");
    assert_eq!(container.spec.hostname, None, "{name}: its name is its host name");
    assert_eq!(container.spec.vmid.expect("a VMID").0.to_string(), row["vmid"], "{name}");
    assert_eq!(address(container), format!("{}/16", row["ip"]), "{name}");
    let description = match row["technology"].as_str() {
        "-" => row["role"].clone(),
        technology => format!("{} ({technology})", row["role"]),
    };
    assert_eq!(container.spec.description.as_deref(), Some(description.as_str()), "{name}");
}

#[test]
fn every_container_is_as_its_row_in_the_inventory_and_in_the_order_of_the_plan() {
    let rows = inventory("build-now");
    let containers = containers(ESTATE);
    assert_eq!(containers.len(), rows.len());
    for (container, row) in containers.iter().zip(&rows) {
        check_identity(container, row);
        let name = name(container);
        assert_eq!(container.spec.resources.cores.expect("cores").to_string(), row["cores"], "{name}");
        assert_eq!(
            mib(container.spec.resources.memory.as_ref().expect("memory")).to_string(),
            row["memory_mib"],
            "{name}"
        );
        assert_eq!((disk_mib(container) / 1024).to_string(), row["disk_gib"], "{name}");
        assert_eq!(dependencies(container, false), names(row, "depends_on"), "{name}");
        assert_eq!(dependencies(container, true), names(row, "soft_depends_on"), "{name}");
    }
    let order: Vec<u32> = rows.iter().map(|row| row["plan_order"].parse().expect("a number")).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn the_estate_adds_up_to_17_containers_52_cores_152_gib_of_memory_and_2170_gib_of_disk() {
    let containers = containers(ESTATE);
    let memory = |c: &ZentoriaContainer| mib(c.spec.resources.memory.as_ref().expect("memory"));
    assert_eq!(containers.len(), 17);
    assert_eq!(containers.iter().filter_map(|c| c.spec.resources.cores).sum::<u32>(), 52);
    assert_eq!(containers.iter().map(memory).sum::<u64>(), 152 * 1024);
    assert_eq!(containers.iter().map(disk_mib).sum::<u64>(), 2170 * 1024);
}

#[test]
fn features_are_nesting_where_the_inventory_says_so_and_nothing_else() {
    let documents = read(ESTATE);
    let Some(Document::Cluster(cluster)) = documents.iter().find(|d| matches!(d, Document::Cluster(_))) else {
        panic!("a cluster")
    };
    let default = cluster.spec.defaults.features.clone().expect("default features");
    for (container, row) in containers(ESTATE).iter().zip(inventory("build-now")) {
        let own = container.spec.features.clone().unwrap_or_default();
        let nesting = own.nesting.or(default.nesting).unwrap_or(false);
        assert_eq!(nesting, row["features"] == "nesting", "{}", row["name"]);
        for features in [&own, &default] {
            assert_eq!((features.keyctl, features.fuse, features.mknod, &features.mount), (None, None, None, &None));
        }
    }
}

#[test]
fn no_hard_dependency_waits_for_itself() {
    let containers = containers(ESTATE);
    let all: BTreeSet<String> = containers.iter().map(name).collect();
    let mut done = BTreeSet::new();
    while done.len() < containers.len() {
        let ready: Vec<String> = containers
            .iter()
            .filter(|c| !done.contains(&name(c)) && dependencies(c, false).is_subset(&done))
            .map(name)
            .collect();
        assert!(!ready.is_empty(), "a cycle among {:?}", all.difference(&done));
        done.extend(ready);
    }
    for container in &containers {
        let named: BTreeSet<_> = container.spec.depends_on.iter().map(|d| d.name.clone()).collect();
        assert!(named.is_subset(&all), "{} depends on what is not there", name(container));
    }
}

#[test]
fn the_namespace_comes_first_and_the_cluster_lets_it_do_just_what_it_needs() {
    let documents = read(ESTATE);
    assert!(matches!(documents.first(), Some(Document::Namespace)));
    let Some(Document::Cluster(cluster)) = documents.get(1) else { panic!("the cluster comes second") };
    let spec = &cluster.spec;
    assert_eq!((spec.estate_id.as_str(), spec.mode), ("zentoria", Mode::Enforce));
    let [access] = spec.access.as_slice() else { panic!("one entry of access") };
    let labels = access.namespace_selector.match_labels.clone().expect("labels");
    assert_eq!(labels.get("kubernetes.io/metadata.name").map(String::as_str), Some("zentoria"));
    assert_eq!((access.vmid_ranges[0].0.as_str(), access.cidrs[0].as_str()), ("400-499", "10.10.0.0/16"));
    assert!(!access.allow.privileged && access.allow.clone_sources.is_empty());
    assert!(spec.credentials.root_secret_ref.is_none(), "the estate needs no root password");
}

#[test]
fn the_reserve_is_stopped_and_takes_nothing_of_the_estate() {
    let rows = inventory("reserve");
    let reserve = containers(RESERVE);
    assert_eq!((reserve.len(), rows.len()), (6, 6));
    let taken: BTreeSet<String> = containers(ESTATE).iter().map(address).collect();
    for (container, row) in reserve.iter().zip(&rows) {
        check_identity(container, row);
        assert_eq!(container.spec.power.state, Some(PowerState::Stopped), "{}", row["name"]);
        assert!(!taken.contains(&address(container)), "{}", row["name"]);
    }
    let vmids: BTreeSet<u32> =
        reserve.iter().chain(&containers(ESTATE)).filter_map(|c| c.spec.vmid.map(|vmid| vmid.0)).collect();
    assert_eq!(vmids.len(), 23);
}
