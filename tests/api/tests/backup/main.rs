//! Backups: from the three kinds to CronJobs and Jobs, and from what those leave behind to status, events and figures. The
//! tests play kube-controller-manager and kubelet; what the Jobs do is tested elsewhere, with the real tools.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod disaster;
mod drills;
mod locks;
mod policies;
mod repositories;
mod restores;
mod slice;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::object::HasStatus;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::kcm::Kcm;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::condition;
use zentoria_types::backup_job::{JobError, Outcome, Snapshot};

/// The id that the repositories of these tests get.
const ID: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";

/// A world without ProxmoxCluster, with the Secrets of a repository and of a database.
async fn started(test: &str) -> (World, Kcm) {
    furnished(World::builder(test).without_cluster().start().await).await
}

/// The same with an API server of its own, where the operator serves what our program makes, too: that has no label.
async fn started_alone(test: &str) -> (World, Kcm) {
    furnished(World::builder(test).without_cluster().fresh().start().await).await
}

async fn furnished(world: World) -> (World, Kcm) {
    put_secret(&world.client, &world.namespace, "repository", &[("password", "x")]).await;
    put_secret(&world.client, &world.namespace, "s3", &[("accessKeyId", "x"), ("secretAccessKey", "x")]).await;
    put_secret(&world.client, &world.namespace, "db", &[("password", "x")]).await;
    let kcm = Kcm::of(&world.client, &world.namespace).await;
    (world, kcm)
}

/// Applies an object of backups, as `kubectl apply --server-side` does.
async fn apply(world: &World, kind: &str, name: &str, spec: Value) {
    apply_with(world, kind, name, spec, json!({})).await;
}

/// The same, with annotations.
async fn apply_with(world: &World, kind: &str, name: &str, spec: Value, annotations: Value) {
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": world.namespace, "annotations": annotations,
            "labels": {"zentoria.ai/shard": world.cluster}},
        "spec": spec,
    });
    apply_any(&world.client, &object).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
}

/// A repository in an S3 bucket of its own.
fn repository(name: &str) -> Value {
    json!({
        "backend": {"s3": {"endpoint": "https://s3.test.local:9000", "bucket": format!("{name}-bucket")}},
        "passwordSecretRef": {"name": "repository", "key": "password"},
        "credentialsSecretRef": {"name": "s3"},
    })
}

/// A policy for a PostgreSQL server, with these tiers: `[("hourly", "0 * * * *")]`.
fn policy(repository: &str, tiers: &[(&str, &str)]) -> Value {
    let tiers: Vec<Value> =
        tiers.iter().map(|(name, schedule)| json!({"name": name, "schedule": schedule, "keep": "7d"})).collect();
    json!({
        "source": {"postgres": {
            "server": {"host": "10.10.40.1"}, "user": "backup",
            "passwordSecretRef": {"name": "db", "key": "password"},
        }},
        "repositoryRef": {"name": repository},
        "tiers": tiers,
    })
}

/// A run that succeeded just now.
fn success() -> Outcome {
    Outcome {
        repository_id: Some(ID.into()),
        started: Timestamp::now().as_second(),
        seconds: 3,
        snapshots: Some(1),
        repository_bytes: Some(4096),
        ..Outcome::default()
    }
}

/// A repository that was made just now.
fn empty() -> Outcome {
    Outcome { snapshots: Some(0), ..success() }
}

/// A backup that was made just now; its id begins with `word`, which is hexadecimal.
fn backed_up(word: &str) -> Outcome {
    let id = format!("{word:0<64}");
    let time = Timestamp::now().as_second();
    let snapshot = Snapshot { id, time, bytes: 1_048_576, added: 4096, files: 1, parts: 2 };
    Outcome { snapshot: Some(snapshot), ..success() }
}

/// A run that failed just now.
fn failure(error: JobError, message: &str) -> Outcome {
    Outcome { error: Some(error), message: Some(message.into()), snapshots: None, ..success() }
}

/// Applies a repository and initialises it.
async fn ready_repository(world: &World, kcm: &Kcm, name: &str) {
    apply(world, "BackupRepository", name, repository(name)).await;
    let job = kcm.job(&format!("br-{name}-init")).await;
    kcm.ends(&job, &empty()).await;
    says::<BackupRepository>(world, name, "Ready").await;
}

/// A repository that is ready and a policy whose CronJobs are there.
async fn ready_policy(world: &World, kcm: &Kcm, name: &str, tiers: &[(&str, &str)]) {
    ready_repository(world, kcm, "main").await;
    apply(world, "BackupPolicy", name, policy("main", tiers)).await;
    for (tier, _) in tiers {
        kcm.cron(&format!("bp-{name}-{tier}")).await;
    }
}

/// An object with conditions in its status.
trait Told {
    fn conditions(&self) -> Vec<Condition>;
    fn observed(&self) -> Option<i64>;
}

macro_rules! told {
    ($($kind:ty),+) => {$(
        impl Told for $kind {
            fn conditions(&self) -> Vec<Condition> {
                self.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default()
            }
            fn observed(&self) -> Option<i64> {
                self.status.as_ref().and_then(|status| status.observed_generation)
            }
        }
    )+};
}

told!(BackupRepository, BackupPolicy, BackupRestore);

/// Waits until an object is as `holds` says.
async fn until<K>(world: &World, what: &str, name: &str, holds: impl Fn(&K) -> bool) -> K
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus + Clone + Debug + DeserializeOwned,
    K::Status: Debug,
{
    let api: Api<K> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually(&format!("{} {name}: {what}", K::kind(&())), || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        if holds(&object) { Ok(object) } else { Err(format!("{:#?}", object.status())) }
    })
    .await
}

/// Waits until Ready of an object has this reason, by a status that speaks of its current spec.
async fn says<K>(world: &World, name: &str, reason: &str) -> K
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus + Clone + Debug + DeserializeOwned + Told,
    K::Status: Debug,
{
    until(world, &format!("says {reason}"), name, |object: &K| {
        let ready = condition(&object.conditions(), READY).map(|ready| ready.reason.clone());
        object.observed() == object.meta().generation && ready.as_deref() == Some(reason)
    })
    .await
}

/// The message of Ready.
fn message(object: &impl Told) -> String {
    condition(&object.conditions(), READY).map(|ready| ready.message.clone()).unwrap_or_default()
}

/// Whether a condition is True.
fn holds(object: &impl Told, kind: &str) -> bool {
    condition(&object.conditions(), kind).is_some_and(|condition| condition.status == "True")
}

/// Every object of backups, and of what carries them out, with its resourceVersion.
async fn versions(kcm: &Kcm) -> BTreeMap<String, String> {
    use k8s_openapi::api::batch::v1::{CronJob, Job};
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::api::networking::v1::NetworkPolicy;
    async fn of<K>(kcm: &Kcm, found: &mut BTreeMap<String, String>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = kcm.api();
        for object in api.list(&kube::api::ListParams::default()).await.expect("a list").items {
            let name = format!("{} {}", K::kind(&()), object.name_any());
            found.insert(name, object.resource_version().unwrap_or_default());
        }
    }
    let mut found = BTreeMap::new();
    of::<BackupRepository>(kcm, &mut found).await;
    of::<BackupPolicy>(kcm, &mut found).await;
    of::<BackupRestore>(kcm, &mut found).await;
    of::<CronJob>(kcm, &mut found).await;
    of::<Job>(kcm, &mut found).await;
    of::<ConfigMap>(kcm, &mut found).await;
    of::<NetworkPolicy>(kcm, &mut found).await;
    found
}
