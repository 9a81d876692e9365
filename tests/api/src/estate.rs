//! `manifests/zentoria.yaml` and the inventory that it must say the same as.

use crate::workspace;
use serde_json::Value;

/// One row of the inventory: a container of the estate.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name and host name.
    pub name: String,
    /// Its VMID.
    pub vmid: u32,
    /// Its address, without prefix.
    pub ip: String,
    /// Cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Root disk in GiB.
    pub disk_gib: u64,
    /// Whether nesting is asked for.
    pub nesting: bool,
    /// Names of the containers that must be Ready first.
    pub depends_on: Vec<String>,
}

/// The containers that are built now.
///
/// # Panics
/// Where the inventory cannot be read.
#[must_use]
pub fn inventory() -> Vec<Row> {
    let path = workspace().join("tests/fixtures/inventory/zentoria-containers.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let rows = lines.map(|line| head.iter().copied().zip(line.split('\t')).collect());
    rows.filter(|row: &std::collections::BTreeMap<&str, &str>| row["status"] == "build-now")
        .map(|row| Row {
            name: row["name"].to_owned(),
            vmid: row["vmid"].parse().expect("a VMID"),
            ip: row["ip"].to_owned(),
            cores: row["cores"].parse().expect("cores"),
            memory_mib: row["memory_mib"].parse().expect("MiB"),
            disk_gib: row["disk_gib"].parse().expect("GiB"),
            nesting: row["features"].contains("nesting"),
            depends_on: names(row["depends_on"]),
        })
        .collect()
}

fn names(list: &str) -> Vec<String> {
    list.split(',').filter(|name| *name != "-").map(|name| format!("zentoria-{name}")).collect()
}

/// The documents of a manifest, moved to other names: `zentoria` is its namespace, `pve` its ProxmoxCluster. Nothing
/// else of it is changed but a faster poll, so that a test need not wait.
///
/// # Panics
/// Where the manifest cannot be read.
#[must_use]
pub fn documents(path: &str, namespace: &str, cluster: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut all: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    for document in &mut all {
        match document["kind"].as_str() {
            Some("Namespace") => document["metadata"]["name"] = namespace.into(),
            Some("ProxmoxCluster") => {
                document["metadata"]["name"] = cluster.into();
                document["metadata"]["labels"]["zentoria.ai/shard"] = cluster.into();
                document["spec"]["poll"]["interval"] = "1s".into();
                let selector = &mut document["spec"]["access"][0]["namespaceSelector"]["matchLabels"];
                selector["kubernetes.io/metadata.name"] = namespace.into();
            }
            Some("ZentoriaContainer") => {
                document["metadata"]["namespace"] = namespace.into();
                document["spec"]["clusterRef"]["name"] = cluster.into();
            }
            Some("FirewallRule" | "PersistentVolumeClaim" | "ModelPull") => {
                document["metadata"]["namespace"] = namespace.into()
            }
            Some("BackupRepository" | "BackupPolicy") => {
                document["metadata"]["namespace"] = namespace.into();
                document["metadata"]["labels"]["zentoria.ai/shard"] = cluster.into();
            }
            other => panic!("{path}: unexpected {other:?}"),
        }
    }
    all
}
