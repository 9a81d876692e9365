//! Models: from a ModelPull to a model on its server, and what is said on the way. The servers are doubles that speak as
//! Ollama does and can be held, broken and counted; how the clients deal with real ones is tested beside them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod double;
mod faults;
mod lifecycle;
mod real;
mod replicas;
mod whisper;

use double::Double;
use kube::Api;
use serde_json::{Value, json};
use zentoria_api::conditions::READY;
use zentoria_api::model::{ModelPhase, ModelPull};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::wait::eventually;
use zentoria_api_tests::world::condition;

/// A world without ProxmoxCluster, whose operator reaches a double.
async fn started(test: &str) -> (World, Double) {
    let double = Double::start().await;
    let world = World::builder(test).without_cluster().flags(&flags(&double)).start().await;
    (world, double)
}

/// The flags that lead to a double, and have it looked at often.
fn flags(double: &Double) -> [&'static str; 4] {
    // The names of a test's flags live as long as the test's process.
    let row = format!("{}=127.0.0.1:{}", double.authority(), double.port);
    ["--dial-map", Box::leak(row.into_boxed_str()), "--model-poll", "500ms"]
}

/// Applies a ModelPull, as `kubectl apply --server-side` does.
async fn apply(world: &World, name: &str, spec: Value) {
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "ModelPull",
        "metadata": {"name": name, "namespace": world.namespace, "labels": {"zentoria.ai/shard": world.cluster}},
        "spec": spec,
    });
    apply_any(&world.client, &object).await.unwrap_or_else(|error| panic!("ModelPull {name}: {error}"));
}

/// A model of a double.
fn ollama(double: &Double, model: &str) -> Value {
    json!({"url": double.url(), "ollama": {"model": model}})
}

fn pulls(world: &World) -> Api<ModelPull> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// Waits until a ModelPull is as `holds` says.
async fn until(world: &World, what: &str, name: &str, holds: impl Fn(&ModelPull) -> bool) -> ModelPull {
    let api = pulls(world);
    eventually(&format!("ModelPull {name}: {what}"), || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        if holds(&object) { Ok(object) } else { Err(format!("{:#?}", object.status)) }
    })
    .await
}

/// Waits until Ready has this reason, by a status that speaks of the current spec.
async fn says(world: &World, name: &str, reason: &str) -> ModelPull {
    until(world, &format!("says {reason}"), name, |pull| {
        let status = pull.status.clone().unwrap_or_default();
        let ready = condition(&status.conditions, READY).map(|ready| ready.reason.clone());
        status.observed_generation == pull.metadata.generation && ready.as_deref() == Some(reason)
    })
    .await
}

fn phase(pull: &ModelPull) -> ModelPhase {
    pull.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// The message of Ready.
fn message(pull: &ModelPull) -> String {
    let conditions = pull.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    condition(&conditions, READY).map(|ready| ready.message.clone()).unwrap_or_default()
}
