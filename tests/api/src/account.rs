//! The operator's own rights: its ServiceAccount with exactly what `manifests/install` grants, so that every test says
//! what is missing there.

use crate::kubernetes::FIELD_MANAGER;
use crate::wait::within;
use crate::workspace;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

/// Its ServiceAccount, roles and bindings, as `manifests/install` names them.
const NAME: &str = "zentoria-operator";
/// Its namespace there.
const INSTALLED_IN: &str = "zentoria-system";
/// Longer than any test, in seconds.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// Gives the ServiceAccount of the namespace `system`, which is made, what `manifests/install` grants, and writes a
/// kubeconfig with a token of it to `file`: that of `original` with another user. It holds once the API server grants it.
///
/// # Panics
/// Where the manifests are not what is expected, or the API server refuses them.
pub async fn write_kubeconfig(client: &Client, system: &str, original: &Path, file: &Path) {
    for object in installed(system) {
        match object["kind"].as_str().unwrap_or_default() {
            "ServiceAccount" => put_in::<ServiceAccount>(client, system, &object).await,
            "Role" => put_in::<Role>(client, system, &object).await,
            "RoleBinding" => put_in::<RoleBinding>(client, system, &object).await,
            "ClusterRole" => put::<ClusterRole>(client, &object).await,
            "ClusterRoleBinding" => put::<ClusterRoleBinding>(client, &object).await,
            other => panic!("manifests/install/rbac.yaml: unexpected {other}"),
        }
    }
    until_granted(client, system, Some(system), "leases", "coordination.k8s.io").await;
    until_granted(client, system, None, "zentoriacontainers", "zentoria.ai").await;
    let token = token(client, system).await;
    let text = std::fs::read_to_string(original).expect("a kubeconfig");
    let mut config: Value = serde_saphyr::from_str(&text).expect("a kubeconfig is YAML");
    let user = config["contexts"][0]["context"]["user"].clone();
    config["users"] = json!([{"name": user, "user": {"token": token}}]);
    std::fs::write(file, config.to_string()).expect("a kubeconfig of our own");
}

/// Takes the cluster-wide rights away again; the others go with the namespace.
pub async fn remove(client: &Client, system: &str) {
    // A failure leaves rubbish on an API server that ends with the tests.
    let _ = Api::<ClusterRoleBinding>::all(client.clone()).delete(system, &DeleteParams::default()).await;
}

/// The objects for a namespace of another name: what is cluster-wide and speaks of the namespace gets its name.
fn installed(system: &str) -> Vec<Value> {
    let mut objects = Vec::new();
    for name in ["serviceaccount.yaml", "rbac.yaml"] {
        let path = workspace().join("manifests/install").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let read: Vec<Value> = serde_saphyr::from_multiple(&text).expect("manifests are YAML");
        objects.extend(read);
    }
    for object in &mut objects {
        if object["metadata"]["namespace"] == INSTALLED_IN {
            object["metadata"]["namespace"] = json!(system);
        }
        for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            assert_eq!(subject["namespace"], INSTALLED_IN, "a subject of rbac.yaml");
            subject["namespace"] = json!(system);
        }
        if object["kind"] == "ClusterRoleBinding" {
            object["metadata"]["name"] = json!(system);
        }
    }
    objects
}

async fn put<K>(client: &Client, object: &Value)
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
{
    apply(&Api::<K>::all(client.clone()), object).await;
}

async fn put_in<K>(client: &Client, namespace: &str, object: &Value)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
{
    apply(&Api::<K>::namespaced(client.clone(), namespace), object).await;
}

async fn apply<K: Clone + DeserializeOwned + Debug>(api: &Api<K>, object: &Value) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &params, &Patch::Apply(object)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The API server's authorizer learns of roles and bindings a moment after they are stored.
async fn until_granted(client: &Client, system: &str, namespace: Option<&str>, resource: &str, group: &str) {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{system}:{NAME}")),
            resource_attributes: Some(ResourceAttributes {
                namespace: namespace.map(ToOwned::to_owned),
                verb: Some("list".to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    within(Duration::from_secs(60), &format!("the operator's account may list {resource}"), || async {
        let answer = api.create(&PostParams::default(), &review).await.map_err(|error| error.to_string())?;
        let status = answer.status.unwrap_or_default();
        if status.allowed { Ok(()) } else { Err(status.reason.unwrap_or_default()) }
    })
    .await;
}

async fn token(client: &Client, system: &str) -> String {
    let request = TokenRequest {
        spec: Some(TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() }),
        ..Default::default()
    };
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), system);
    let answer = api.create_token_request(NAME, &PostParams::default(), &request).await.expect("a token");
    answer.status.and_then(|status| status.token).expect("a token in the answer")
}
