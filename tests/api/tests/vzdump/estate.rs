//! The backups of the estates as the manifests have them: every policy is accepted, whatever it still waits for. Those that
//! rest until somebody has put the key of their server in are woken for it.

use super::{message, policies, ready};
use kube::api::ListParams;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api_tests::World;
use zentoria_api_tests::estate::documents;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::pve::ADDRESS;
use zentoria_api_tests::wait::eventually;

/// The Secrets that a document names, with the keys that it names or that go without saying.
fn secrets(value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(secret)) = (name.ends_with("SecretRef"), field["name"].as_str()) {
                    let usual = ["accessKeyId", "secretAccessKey", "username", "password"].map(Some);
                    let keys = if field["key"].is_string() { vec![field["key"].as_str()] } else { usual.to_vec() };
                    found.entry(secret.to_owned()).or_default().extend(keys.into_iter().flatten().map(str::to_owned));
                }
                secrets(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Applies the manifests, and waits until all of so many policies are accepted.
async fn accepted(test: &str, manifests: &[&str], count: usize) -> World {
    let builder = World::builder(test).without_cluster();
    let with_storages = builder.seed(|seed| {
        for storage in ["nas", "backup"] {
            seed["storages"][storage] =
                json!({"type": "dir", "path": format!("/mnt/{storage}"), "content": "backup", "total": 1_u64 << 40});
        }
    });
    let world = with_storages.start().await;
    let mut named = BTreeMap::new();
    let mut all: Vec<Value> = Vec::new();
    for manifest in manifests {
        all.extend(documents(manifest, &world.namespace, &world.cluster));
    }
    all.iter().for_each(|document| secrets(document, &mut named));
    // Policies over SSH log in by the key of the namespace, which comes with a container that it is put into.
    named.insert("zentoria-ssh".to_owned(), BTreeSet::from(["ssh-privatekey".to_owned()]));
    for (name, keys) in &named {
        let data: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
        put_secret(&world.client, &world.namespace, name, &data).await;
    }
    for mut document in all {
        let spec = &mut document["spec"];
        if spec["suspend"] == true {
            spec["suspend"] = false.into();
        }
        if spec["endpoints"].is_array() {
            // The double stands for the Proxmox VE of each.
            spec["endpoints"] = json!([format!("https://{ADDRESS}:8006")]);
            spec["tls"] = json!({"caSecretRef": {"name": "pve-ca"}});
            spec["credentials"] = json!({"tokenSecretRef": {"name": "pve-token"}});
        }
        if spec["adoption"] == "IfExists" {
            let name = document["metadata"]["name"].clone();
            let guest = json!({"vmid": document["spec"]["vmid"], "name": name, "node": "pve1", "status": "running"});
            world.pve.add_guest(guest).await;
        }
        apply_any(&world.client, &document).await.unwrap_or_else(|error| panic!("{manifests:?}: {error}"));
    }
    let wrong = ["InvalidSpec", "SecretNotFound", "NotFound", "NotAllowed", "MatchesNothing", "PveError", "Paused"];
    eventually("every policy was looked at and is accepted", || async {
        let all = policies(&world).list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        let mut lines = Vec::new();
        for policy in &all {
            let name = policy.metadata.name.clone().unwrap_or_default();
            match ready(policy).map(|one| one.reason) {
                None => lines.push(format!("{name}: nothing yet")),
                Some(reason) if wrong.contains(&reason.as_str()) => {
                    lines.push(format!("{name}: {reason}: {}", message(policy)))
                }
                Some(_) => {}
            }
        }
        if lines.is_empty() && all.len() == count {
            Ok(())
        } else {
            Err(format!("{}: {}", all.len(), lines.join("\n")))
        }
    })
    .await;
    world
}

#[tokio::test]
async fn the_backups_of_the_whole_estate_are_accepted() {
    let manifests = ["manifests/zentoria.yaml", "manifests/zentoria-backups.yaml"];
    let world = accepted("vzdump estate", &manifests, 26).await;
    let by_pve = policies(&world).get("lxc-containers").await.unwrap();
    assert_eq!(by_pve.status.and_then(|status| status.target).as_deref(), Some("storage local"));
}

#[tokio::test]
async fn the_backups_of_the_other_estates_are_accepted() {
    let world = accepted("vzdump aiqso", &["manifests/estates/aiqso.yaml"], 3).await;
    let by_pve = policies(&world).get("lxc-snapshots").await.unwrap();
    assert_eq!(by_pve.status.and_then(|status| status.target).as_deref(), Some("storage nas"));
    accepted("vzdump enterprise", &["manifests/estates/enterprise.yaml"], 40).await;
}
