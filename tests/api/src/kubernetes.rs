//! The API server: the one of `KUBECONFIG` that all tests share, or one of a test's own.

use crate::operator::variable;
use crate::wait::{eventually, when};
use crate::workspace;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ModelPull, ProxmoxCluster, ZentoriaContainer};

/// Who the tests are in managed fields.
pub const FIELD_MANAGER: &str = "api-tests";

/// The CRDs' file names under `crds/`.
const CRDS: [&str; 7] = [
    "backuppolicies",
    "backuprepositories",
    "backuprestores",
    "firewallrules",
    "modelpulls",
    "proxmoxclusters",
    "zentoriacontainers",
];

/// The kubeconfig of the API server that all tests share.
///
/// # Panics
/// Where `KUBECONFIG` is not set, with how to run the tests.
#[must_use]
pub fn shared_kubeconfig() -> PathBuf {
    variable("KUBECONFIG")
}

/// A client of its own for a kubeconfig.
///
/// # Panics
/// Where the kubeconfig cannot be used.
pub async fn connect(kubeconfig: &Path) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.expect("a kubeconfig");
    Client::try_from(config).expect("a client of the API server")
}

/// Applies the CRDs and waits until they are served. Any number of tests may do so at once.
///
/// # Panics
/// Where they are refused.
pub async fn install_crds(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for name in CRDS {
        let text = std::fs::read_to_string(workspace().join(format!("crds/{name}.yaml"))).expect("a CRD");
        let crd: Value = serde_saphyr::from_str(&text).expect("a CRD is YAML");
        let full_name = format!("{name}.zentoria.ai");
        let params = PatchParams::apply(FIELD_MANAGER).force();
        eventually(&format!("CRD {full_name} is applied and served"), || async {
            let applied = api.patch(&full_name, &params, &Patch::Apply(&crd)).await.map_err(|e| e.to_string())?;
            let conditions = applied.status.and_then(|status| status.conditions).unwrap_or_default();
            when(conditions, |list| list.iter().any(|c| c.type_ == "Established" && c.status == "True")).map(|_| ())
        })
        .await;
    }
}

/// Creates a namespace, if it is not there.
///
/// # Panics
/// Where it is refused.
pub async fn ensure_namespace(client: &Client, name: &str) {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let api: Api<Namespace> = Api::all(client.clone());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &params, &Patch::Apply(&body)).await.unwrap_or_else(|error| panic!("namespace {name}: {error}"));
}

/// Writes a Secret; what it held before is replaced.
///
/// # Panics
/// Where it is refused.
pub async fn put_secret(client: &Client, namespace: &str, name: &str, data: &[(&str, &str)]) {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
    let secret: Secret = serde_json::from_value(body).expect("a Secret");
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    // Not every error means that there was one.
    let _ = api.delete(name, &DeleteParams::default()).await;
    api.create(&PostParams::default(), &secret).await.unwrap_or_else(|error| panic!("Secret {name}: {error}"));
}

/// Any object of any kind, by its `apiVersion` and `kind`, as `kubectl apply --server-side` writes it.
///
/// # Errors
/// With what the API server says.
pub async fn apply_any(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let params = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    any(client, object).patch(name, &params, &Patch::Apply(object)).await
}

/// Creates an object, or updates the one of its name, as `kubectl apply` does: not server-side, and strict.
///
/// # Errors
/// With what the API server says.
pub async fn create_or_update(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let api = any(client, object);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let (method, path, body) = match api.get_opt(name).await? {
        None => ("POST", api.resource_url().to_owned(), object.clone()),
        Some(stored) => {
            let mut body = object.clone();
            body["metadata"]["resourceVersion"] = json!(stored.metadata.resource_version);
            ("PUT", format!("{}/{name}", api.resource_url()), body)
        }
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{path}?fieldValidation=Strict"))
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .expect("a request");
    client.request(request).await
}

/// The API of an object's kind and namespace.
///
/// # Panics
/// For a kind that no manifest of ours has.
#[must_use]
pub fn any(client: &Client, object: &Value) -> Api<DynamicObject> {
    let (version, kind) = (object["apiVersion"].as_str(), object["kind"].as_str());
    let (group, plural) = match (version, kind) {
        (Some("zentoria.ai/v1alpha1"), Some("ProxmoxCluster")) => ("zentoria.ai", "proxmoxclusters"),
        (Some("zentoria.ai/v1alpha1"), Some("ZentoriaContainer")) => ("zentoria.ai", "zentoriacontainers"),
        (Some("zentoria.ai/v1alpha1"), Some("FirewallRule")) => ("zentoria.ai", "firewallrules"),
        (Some("zentoria.ai/v1alpha1"), Some("BackupRepository")) => ("zentoria.ai", "backuprepositories"),
        (Some("zentoria.ai/v1alpha1"), Some("BackupPolicy")) => ("zentoria.ai", "backuppolicies"),
        (Some("zentoria.ai/v1alpha1"), Some("BackupRestore")) => ("zentoria.ai", "backuprestores"),
        (Some("zentoria.ai/v1alpha1"), Some("ModelPull")) => ("zentoria.ai", "modelpulls"),
        (Some("v1"), Some("PersistentVolumeClaim")) => ("", "persistentvolumeclaims"),
        (Some("v1"), Some("Namespace")) => ("", "namespaces"),
        other => panic!("unexpected {other:?}"),
    };
    let version = version.and_then(|version| version.rsplit('/').next()).unwrap_or_default();
    let gvk = GroupVersionKind::gvk(group, version, kind.unwrap_or_default());
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Removes what a test left: its objects (their finalizers are stripped, for the operator is gone) and its namespaces.
pub async fn clean_up(client: &Client, cluster: &str, namespaces: &[String]) {
    let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let (now, patch) = (DeleteParams::default(), PatchParams::default());
    // A failure leaves rubbish on an API server that ends with the tests: nothing to fail for.
    for namespace in namespaces {
        let containers: Api<ZentoriaContainer> = Api::namespaced(client.clone(), namespace);
        for container in containers.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            let name = container.metadata.name.unwrap_or_default();
            let _ = containers.delete(&name, &now).await;
            let _ = containers.patch(&name, &patch, &strip).await;
        }
        let models: Api<ModelPull> = Api::namespaced(client.clone(), namespace);
        for model in models.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            let name = model.metadata.name.unwrap_or_default();
            let _ = models.delete(&name, &now).await;
            let _ = models.patch(&name, &patch, &strip).await;
        }
        let all = ListParams::default();
        let _ = Api::<FirewallRule>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<BackupRestore>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<BackupPolicy>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<BackupRepository>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<CronJob>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<Job>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<Pod>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<ConfigMap>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<Secret>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<Event>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
        let _ = Api::<Lease>::namespaced(client.clone(), namespace).delete_collection(&now, &all).await;
    }
    let clusters: Api<ProxmoxCluster> = Api::all(client.clone());
    let _ = clusters.delete(cluster, &now).await;
    let _ = clusters.patch(cluster, &patch, &strip).await;
    for namespace in namespaces {
        remove_namespace(client, namespace).await;
    }
}

/// Without a controller manager nobody finalizes a namespace but we.
async fn remove_namespace(client: &Client, name: &str) {
    let api: Api<Namespace> = Api::all(client.clone());
    let _ = api.delete(name, &DeleteParams::default()).await;
    if let Ok(mut namespace) = api.get(name).await {
        namespace.spec = None;
        let _ = api.replace_subresource("finalize", name, &PostParams::default(), &namespace).await;
    }
}

/// A control plane of one test's own, with a state directory of its own.
pub struct ControlPlane {
    state: PathBuf,
}

impl ControlPlane {
    /// Starts one in `dir`.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(dir: &Path) -> Self {
        let control_plane = Self { state: dir.join("control-plane") };
        control_plane.run(&["up", "api"]);
        control_plane
    }

    /// Its kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// Ends it, and starts another one with an empty etcd.
    pub fn empty(&self) {
        self.run(&["down"]);
        self.run(&["up", "api"]);
    }

    fn run(&self, arguments: &[&str]) {
        let script = variable("ZENTORIA_CLUSTER_SH");
        let mut command = Command::new(script);
        command.args(arguments).env("ZENTORIA_CLUSTER_STATE", &self.state).env_remove("KUBECONFIG");
        // A test that needs an API server to itself cannot use the one that exists.
        command.env("ZENTORIA_USE_EXISTING_CLUSTER", "false");
        let output = command.output().expect("cluster.sh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cluster.sh {}: {said}", arguments.join(" "));
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let mut command = Command::new(variable("ZENTORIA_CLUSTER_SH"));
        let _ = command.arg("down").env("ZENTORIA_CLUSTER_STATE", &self.state).output();
    }
}
