//! Manifests from files, without any Kubernetes.

use crate::error::Error;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;

/// The label that every namespace has.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// What a reader of plans and matrices from files should know.
pub const UNCHECKED: &str = "The CRDs' own rules (required fields, patterns) are not checked here; the API server does: \
                             kubectl apply --dry-run=server";

/// The documents, by kind.
#[derive(Default)]
pub struct Documents {
    /// ProxmoxClusters.
    pub clusters: Vec<ProxmoxCluster>,
    /// Containers.
    pub containers: Vec<ZentoriaContainer>,
    /// Firewall rules.
    pub rules: Vec<FirewallRule>,
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Secrets.
    pub secrets: Vec<Secret>,
    /// Kinds of the other documents.
    pub others: BTreeSet<String>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Reads files, directories, and standard input (`-`).
///
/// # Errors
/// Where one cannot be read, or holds no YAML.
pub fn read(names: &[String], namespace: &str) -> Result<Documents, Error> {
    let mut documents = Documents::default();
    for name in names {
        for (file, text) in texts(name)? {
            documents.take(&file, &text)?;
        }
    }
    documents.settle(namespace);
    Ok(documents)
}

/// The texts of a file, of all manifests of a directory, or of standard input.
fn texts(name: &str) -> Result<Vec<(String, String)>, Error> {
    let failed =
        |file: &Path, error: std::io::Error| Error::File { file: file.display().to_string(), why: error.to_string() };
    if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| failed(Path::new("standard input"), error))?;
        return Ok(vec![("standard input".to_owned(), text)]);
    }
    let path = Path::new(name);
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| failed(path, error))?;
        files = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|file| is_manifest(file)).collect();
        files.sort();
        if files.is_empty() {
            let why = "holds no .yaml, .yml or .json file".to_owned();
            return Err(Error::File { file: name.to_owned(), why });
        }
    }
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|error| failed(file, error))?;
        Ok((file.display().to_string(), text))
    };
    files.iter().map(read).collect()
}

fn is_manifest(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    file.is_file() && matches!(extension, Some("yaml" | "yml" | "json"))
}

impl Documents {
    /// The documents of a text.
    ///
    /// # Errors
    /// Where it holds no YAML.
    pub fn take(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let all: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| Error::File { file: file.to_owned(), why: error.to_string() })?;
        for document in all {
            self.document(file, document);
        }
        Ok(())
    }

    fn document(&mut self, file: &str, document: Value) {
        let kind = document["kind"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "ProxmoxCluster" => parse(file, document, &mut self.clusters, &mut self.problems),
            "ZentoriaContainer" => parse(file, document, &mut self.containers, &mut self.problems),
            "FirewallRule" => parse(file, document, &mut self.rules, &mut self.problems),
            "Namespace" => parse(file, document, &mut self.namespaces, &mut self.problems),
            "Secret" => parse(file, document, &mut self.secrets, &mut self.problems),
            "List" => {
                for item in document["items"].as_array().cloned().unwrap_or_default() {
                    self.document(file, item);
                }
            }
            "" if document.is_null() => {}
            "" => self.problems.push(format!("{file}: a document without a kind")),
            other => {
                self.others.insert(other.to_owned());
            }
        }
    }

    /// Gives every object the namespace and the age that an API server would give it, and names those that are there twice.
    pub fn settle(&mut self, namespace: &str) {
        for (age, container) in self.containers.iter_mut().enumerate() {
            dated(&mut container.metadata, namespace, age);
        }
        for (age, rule) in self.rules.iter_mut().enumerate() {
            dated(&mut rule.metadata, namespace, age);
        }
        let mut seen = BTreeSet::new();
        for key in self.containers.iter().map(|container| key(&container.metadata)) {
            if !seen.insert(key.clone()) {
                self.problems.push(format!("{key} is in the files twice"));
            }
        }
        let mut seen = BTreeSet::new();
        for key in self.rules.iter().map(|rule| key(&rule.metadata)) {
            if !seen.insert(key.clone()) {
                self.problems.push(format!("FirewallRule {key} is in the files twice"));
            }
        }
    }

    /// Labels of the namespaces, with the one that the API server gives to all.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let named = self.namespaces.iter().map(|namespace| {
            let ObjectMeta { name, labels, .. } = &namespace.metadata;
            (name.clone().unwrap_or_default(), labels.clone().unwrap_or_default())
        });
        let mut all: BTreeMap<String, BTreeMap<String, String>> = named.collect();
        let containers = self.containers.iter().map(|container| &container.metadata);
        for metadata in containers.chain(self.rules.iter().map(|rule| &rule.metadata)) {
            all.entry(key(metadata).namespace).or_default();
        }
        for (name, labels) in &mut all {
            labels.insert(NAME_LABEL.to_owned(), name.clone());
        }
        all
    }
}

/// The namespace and the name of an object.
#[must_use]
pub fn key(metadata: &ObjectMeta) -> Key {
    Key { namespace: metadata.namespace.clone().unwrap_or_default(), name: metadata.name.clone().unwrap_or_default() }
}

fn parse<K: DeserializeOwned>(file: &str, document: Value, list: &mut Vec<K>, problems: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", text(&document["kind"]), text(&document["metadata"]["name"]));
    match serde_json::from_value(document) {
        Ok(object) => list.push(object),
        Err(error) => problems.push(format!("{file}: {name}: {error}")),
    }
}

/// Two that claim the same are told apart by age: the one that stands first in the files is the older.
fn dated(metadata: &mut ObjectMeta, namespace: &str, age: usize) {
    metadata.namespace.get_or_insert_with(|| namespace.to_owned());
    let second = i64::try_from(age).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    metadata.creation_timestamp.get_or_insert(Time(time));
}
