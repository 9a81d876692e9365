//! `kubectl zentoria restore` and `recovery-kit`: what they make, and what they refuse.

use super::{apply, weekly};
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use zentoria_api::backup::{BackupRepository, BackupRestore, Into};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::wait::eventually;

/// Key of age, whose private half nobody has.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

#[tokio::test]
async fn a_restore_over_the_source_is_named_twice_and_any_other_is_not() {
    let world = World::builder("verbs restore").without_cluster().start().await;
    apply(&world, "db", json!({"mode": "Observe"}), weekly(), json!({})).await;
    let restores: Api<BackupRestore> = Api::namespaced(world.client.clone(), &world.namespace);
    world.kubectl_zentoria(&["restore", "db", "--into", "source"]).await.with(1).has("add --confirm db");
    let other = ["restore", "db", "--into", "source", "--confirm", "web"];
    world.kubectl_zentoria(&other).await.with(1).has("nothing was begun");
    world.kubectl_zentoria(&["restore", "gone", "--into", "scratch"]).await.with(1).has("there is no bp/gone");
    assert!(restores.list(&ListParams::default()).await.unwrap().items.is_empty());
    let args = ["restore", "bp/db", "--into", "source", "--confirm", "db", "--without-backup", "--name", "back"];
    world.kubectl_zentoria(&args).await.with(0).has("kubectl get brs back -w");
    let made = restores.get("back").await.unwrap();
    assert_eq!(made.spec.confirm.as_deref(), Some("db"));
    assert!(matches!(made.spec.into, Into::Source(source) if source.without_backup));
    let args = ["restore", "db", "--into", "rescue/may", "--time", "2026-05-01T06:00:00+02:00", "--only", "app"];
    world.kubectl_zentoria(&args).await.with(0).has("made");
    let all = restores.list(&ListParams::default()).await.unwrap().items;
    let other = all.iter().find(|restore| restore.metadata.name.as_deref() != Some("back")).unwrap();
    let time = other.spec.snapshot.time.as_ref().map(|time| time.0.to_string());
    assert_eq!((time.as_deref(), other.spec.only.clone()), (Some("2026-05-01T04:00:00Z"), vec!["app".to_owned()]));
}

#[tokio::test]
async fn a_recovery_kit_is_whole_encrypted_and_noted() {
    // Alone: the ProxmoxClusters of other tests have their Secrets elsewhere.
    let world = World::fresh("verbs kit").await;
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupRepository",
        "metadata": {"name": "main", "namespace": world.namespace, "labels": {"zentoria.ai/shard": world.cluster}},
        "spec": {"backend": {"rest": {"url": "https://backup.test.local/main/"}},
            "passwordSecretRef": {"name": "repository", "key": "password"}},
    });
    apply_any(&world.client, &object).await.unwrap();
    let file = world.dir().join("kit.age");
    let path = file.to_str().unwrap();
    let args = ["recovery-kit", "-o", path, "--recipient", RECIPIENT, "--operator-namespace", &world.system];
    world.kubectl_zentoria(&args).await.with(1).has("there is no Secret repository");
    assert!(!file.exists(), "half a kit is none");
    put_secret(&world.client, &world.namespace, "repository", &[("password", "correct-horse-battery")]).await;
    world.kubectl_zentoria(&args).await.with(0).has("Keep it away from this cluster");
    let kit = std::fs::read(&file).unwrap();
    assert!(kit.starts_with(b"age-encryption.org/v1"));
    assert!(!kit.windows(13).any(|part| part == b"correct-horse"));
    world.kubectl_zentoria(&args).await.with(1).has("is not overwritten");
    let repositories: Api<BackupRepository> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually("status says when it was taken", || async {
        let repository = repositories.get("main").await.map_err(|error| error.to_string())?;
        let taken = repository.status.as_ref().and_then(|status| status.recovery_kit.clone());
        taken.ok_or_else(|| format!("{:?}", repository.metadata.annotations))
    })
    .await;
}
