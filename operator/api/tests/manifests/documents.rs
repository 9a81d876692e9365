//! Reads YAML as the cluster does (YAML, then JSON, then the type) and strictly: an unknown field is a failure.

use serde_json::Value;
use std::path::{Path, PathBuf};
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::{FirewallRule, ModelPull, ProxmoxCluster, ZentoriaContainer};

/// One document of a manifest.
pub enum Document {
    Cluster(Box<ProxmoxCluster>),
    Container(Box<ZentoriaContainer>),
    Rule(Box<FirewallRule>),
    Repository(Box<BackupRepository>),
    Policy(Box<BackupPolicy>),
    Restore(Box<BackupRestore>),
    Model(Box<ModelPull>),
    /// A Namespace, Secret or claim: of Kubernetes itself.
    Namespace,
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every document of a file, from the root of the workspace.
pub fn read(path: &str) -> Vec<Document> {
    let text = std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let values: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    values.into_iter().map(|value| document(value).unwrap_or_else(|error| panic!("{path}: {error}"))).collect()
}

pub fn containers(path: &str) -> Vec<ZentoriaContainer> {
    let of_container = |document| match document {
        Document::Container(container) => Some(*container),
        Document::Cluster(_)
        | Document::Rule(_)
        | Document::Repository(_)
        | Document::Policy(_)
        | Document::Restore(_)
        | Document::Model(_)
        | Document::Namespace => None,
    };
    read(path).into_iter().filter_map(of_container).collect()
}

pub fn rules(path: &str) -> Vec<FirewallRule> {
    let of_rule = |document| match document {
        Document::Rule(rule) => Some(*rule),
        Document::Cluster(_)
        | Document::Container(_)
        | Document::Repository(_)
        | Document::Policy(_)
        | Document::Restore(_)
        | Document::Model(_)
        | Document::Namespace => None,
    };
    read(path).into_iter().filter_map(of_rule).collect()
}

pub fn document(value: Value) -> Result<Document, String> {
    match (value["apiVersion"].as_str(), value["kind"].as_str()) {
        (Some("zentoria.ai/v1alpha1"), Some("ProxmoxCluster")) => strict(&value).map(Document::Cluster),
        (Some("zentoria.ai/v1alpha1"), Some("ZentoriaContainer")) => strict(&value).map(Document::Container),
        (Some("zentoria.ai/v1alpha1"), Some("FirewallRule")) => strict(&value).map(Document::Rule),
        (Some("zentoria.ai/v1alpha1"), Some("BackupRepository")) => strict(&value).map(Document::Repository),
        (Some("zentoria.ai/v1alpha1"), Some("BackupPolicy")) => strict(&value).map(Document::Policy),
        (Some("zentoria.ai/v1alpha1"), Some("BackupRestore")) => strict(&value).map(Document::Restore),
        (Some("zentoria.ai/v1alpha1"), Some("ModelPull")) => strict(&value).map(Document::Model),
        (Some("v1"), Some("Namespace" | "PersistentVolumeClaim")) => Ok(Document::Namespace),
        other => Err(format!("unexpected {other:?}")),
    }
}

/// Parses, writes, and parses again. Whatever the first text says must be in what is written.
fn strict<T>(value: &Value) -> Result<Box<T>, String>
where
    T: serde::de::DeserializeOwned + serde::Serialize + PartialEq,
{
    let parsed: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(&parsed).map_err(|error| error.to_string())?;
    let mut lost = Vec::new();
    missing("", value, &written, &mut lost);
    if !lost.is_empty() {
        return Err(format!("unknown field or changed value: {}", lost.join(", ")));
    }
    let again: T = serde_json::from_value(written).map_err(|error| error.to_string())?;
    if again != parsed {
        return Err("does not round trip".into());
    }
    Ok(Box::new(parsed))
}

fn missing(path: &str, said: &Value, written: &Value, lost: &mut Vec<String>) {
    match (said, written) {
        (Value::Object(said), Value::Object(written)) => {
            for (key, value) in said {
                missing(&format!("{path}.{key}"), value, written.get(key).unwrap_or(&Value::Null), lost);
            }
        }
        (Value::Array(said), Value::Array(written)) if said.len() == written.len() => {
            for (index, (said, written)) in said.iter().zip(written).enumerate() {
                missing(&format!("{path}[{index}]"), said, written, lost);
            }
        }
        _ if said == written => {}
        _ => lost.push(path.to_owned()),
    }
}

#[test]
fn an_unknown_field_is_a_failure() {
    let value = serde_json::json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "ZentoriaContainer", "metadata": {"name": "a"},
        "spec": {"clusterRef": {"name": "pve"}, "resources": {"cores": 2, "ram": "4Gi"}}
    });
    let Err(message) = document(value) else { panic!("accepted") };
    assert_eq!(message, "unknown field or changed value: .spec.resources.ram");
}
