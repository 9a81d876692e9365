//! `manifests/zentoria-backups.yaml` against the plan, row by row.

use crate::documents::{Document, containers, read, workspace};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::backup::{BackupPolicy, BackupRepository, Endpoint, Source, VzdumpMode};

const BACKUPS: &str = "manifests/zentoria-backups.yaml";
const ROWS: &str = "tests/fixtures/zentoria/backups.tsv";

type Row = BTreeMap<String, String>;

/// A table of which row of a plan became what.
pub fn rows_of(table: &str) -> Vec<Row> {
    let path = workspace().join(table);
    let text = std::fs::read_to_string(path).expect("the table");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let columns = lines.next().expect("a header");
    lines.map(|cells| columns.iter().cloned().zip(cells).collect()).collect()
}

fn rows() -> Vec<Row> {
    rows_of(ROWS)
}

fn policies() -> BTreeMap<String, BackupPolicy> {
    policies_of(BACKUPS)
}

fn repositories() -> BTreeMap<String, BackupRepository> {
    repositories_of(BACKUPS)
}

/// The policies of a manifest, by name.
pub fn policies_of(manifest: &str) -> BTreeMap<String, BackupPolicy> {
    let of_policy = |document| match document {
        Document::Policy(policy) => Some((policy.metadata.name.clone().expect("a name"), *policy)),
        _ => None,
    };
    read(manifest).into_iter().filter_map(of_policy).collect()
}

/// The repositories of a manifest, by name.
pub fn repositories_of(manifest: &str) -> BTreeMap<String, BackupRepository> {
    let of_repository = |document| match document {
        Document::Repository(repository) => Some((repository.metadata.name.clone().expect("a name"), *repository)),
        _ => None,
    };
    read(manifest).into_iter().filter_map(of_repository).collect()
}

fn container(server: &Endpoint) -> String {
    let container = server.container_ref.as_ref().map(|container| container.name.clone());
    container.or_else(|| server.host.clone()).expect("a container or a host")
}

/// The word of a source, and its container or host.
pub fn source(policy: &BackupPolicy) -> (&'static str, String) {
    match &policy.spec.source {
        Source::Postgres(source) => ("postgres", container(&source.server)),
        Source::Redis(source) => ("redis", container(&source.server)),
        Source::Qdrant(source) => ("qdrant", container(&source.server)),
        Source::Vault(source) => ("vault", container(&source.server)),
        Source::S3(source) => ("s3", container(&source.server)),
        Source::Files(source) => ("files", container(&source.server)),
        Source::Command(source) => ("command", container(&source.server)),
        Source::Vzdump(_) => ("vzdump", "-".to_owned()),
    }
}

#[test]
fn every_row_of_the_plan_is_in_the_manifest_and_nothing_else_is() {
    let policies = policies();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for row in rows().into_iter().filter(|row| row["becomes"] == "policy") {
        let name = &row["policy"];
        let policy = policies.get(name).unwrap_or_else(|| panic!("there is no policy {name}"));
        let tier = policy.spec.tiers.iter().find(|tier| tier.name == row["tier"]);
        let tier = tier.unwrap_or_else(|| panic!("{name} has no tier {}", row["tier"]));
        assert_eq!(
            (tier.schedule.as_str(), tier.keep.0.as_str()),
            (row["schedule"].as_str(), row["keep"].as_str()),
            "{name}"
        );
        let (kind, container) = source(policy);
        assert_eq!((kind, &container), (row["source"].as_str(), &row["container"]), "{name}");
        let repository = policy.spec.repository_ref.as_ref().map_or("-", |repository| repository.name.as_str());
        assert_eq!(repository, row["repository"], "{name}");
        assert_eq!(tier.only_if_changed, row["tier"] == "on-change", "{name}");
        assert_eq!(policy.spec.time_zone.as_deref(), Some("Europe/Amsterdam"), "{name}");
        seen.insert((name.clone(), tier.name.clone()));
    }
    let all = policies
        .iter()
        .flat_map(|(name, policy)| policy.spec.tiers.iter().map(|tier| (name.clone(), tier.name.clone())));
    assert_eq!(seen, all.collect());
}

#[test]
fn everything_that_the_manifest_names_exists_and_every_container_has_its_configuration_saved() {
    let estate: BTreeSet<String> =
        containers("manifests/zentoria.yaml").iter().filter_map(|container| container.metadata.name.clone()).collect();
    let repositories = repositories();
    let policies = policies();
    for (name, policy) in &policies {
        let (_, container) = source(policy);
        assert!(container == "-" || estate.contains(&container), "{name}: {container}");
        let to = policy.spec.repository_ref.as_ref();
        assert!(to.is_none_or(|to| repositories.contains_key(&to.name)), "{name}");
    }
    for repository in repositories.values() {
        assert!(repository.spec.copies.iter().all(|copy| repositories.contains_key(&copy.to.name)));
    }
    let saved: BTreeSet<String> =
        policies.iter().filter(|(name, _)| name.starts_with("config-")).map(|(_, policy)| source(policy).1).collect();
    assert_eq!(saved, estate);
}

#[test]
fn verification_is_scheduled_as_the_plan_has_it() {
    let schedule = |row: &str| rows().into_iter().find(|it| it["row"] == row).expect("a row")["schedule"].clone();
    for (name, repository) in repositories() {
        assert_eq!(repository.spec.check.schedule, schedule("integrity-check"), "{name}");
    }
    for (name, policy) in policies() {
        let test = policy.spec.verify.and_then(|verify| verify.restore_test).map(|test| test.schedule);
        let by_pve = matches!(policy.spec.source, Source::Vzdump(_));
        assert_eq!(test, (!by_pve).then(|| schedule("restore-test")), "{name}");
    }
}

#[test]
fn the_object_store_is_never_backed_up_into_itself_nor_the_backups_by_vzdump() {
    let repositories = repositories();
    let (policies, into) = (policies(), |name: &str| repositories[name].spec.backend.clone());
    let minio = policies["minio"].spec.repository_ref.clone().expect("a repository").name;
    assert!(!matches!(into(&minio), zentoria_api::backup::Backend::S3(_)));
    for copy in &repositories[&minio].spec.copies {
        assert!(!matches!(into(&copy.to.name), zentoria_api::backup::Backend::S3(_)), "not by a copy either");
    }
    let Source::Vzdump(vzdump) = &policies["lxc-containers"].spec.source else { panic!("vzdump") };
    assert_eq!(vzdump.mode, VzdumpMode::Operator);
    for container in containers("manifests/zentoria.yaml") {
        let name = container.metadata.name.clone().expect("a name");
        let labels = container.metadata.labels.clone().unwrap_or_default();
        assert_eq!(labels.get("vzdump").map(String::as_str) == Some("no"), name == "zentoria-backup", "{name}");
    }
}

#[test]
fn what_needs_the_key_of_a_server_rests_until_it_has_one() {
    for (name, policy) in policies() {
        let ssh = match &policy.spec.source {
            Source::Files(source) => Some(&source.ssh),
            Source::Command(source) => Some(&source.ssh),
            _ => None,
        };
        assert_eq!(policy.spec.suspend, ssh.is_some(), "{name}");
        assert!(ssh.is_none_or(|ssh| ssh.known_hosts[0].contains("PUT-THE-KEY-OF-THE-SERVER-HERE")), "{name}");
    }
}

#[test]
fn every_alert_is_about_a_figure_that_there_is_and_is_explained() {
    let text =
        |path: &str| std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let alerts = text("manifests/alerts/backup.yaml");
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&alerts).expect("YAML");
    let figures = text("operator/controller/src/runtime/metrics/backups.rs");
    let docs = text("docs/backup.md");
    let rules = documents[0]["spec"]["groups"][0]["rules"].as_array().expect("rules").clone();
    assert!(rules.len() >= 6);
    for rule in rules {
        let (name, expr) = (rule["alert"].as_str().expect("a name"), rule["expr"].as_str().expect("an expression"));
        assert!(docs.contains(&format!("| `{name}` |")), "{name} is not explained");
        let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let named: Vec<&str> = words.filter(|word| word.starts_with("zentoria_")).collect();
        assert!(!named.is_empty(), "{name}");
        for metric in named {
            let metric = metric.strip_suffix("_total").unwrap_or(metric);
            assert!(figures.contains(&format!("\"{metric}\"")), "{name}: there is no figure {metric}");
        }
    }
}
