//! What lies around a ModelPull, read from caches; Secrets from the API server, by their names, and kept nowhere.

use crate::context::Context;
use crate::runtime::write::WriteError;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::backup::SecretKey;
use zentoria_api::container::RunState;
use zentoria_api::model::ModelPull;
use zentoria_core::model::surroundings::{ContainerSeen, SecretSeen, Surroundings};
use zentoria_core::model::validate;
use zentoria_core::model::want::{Server, WantModel};
use zentoria_ops::model::Keys;
use zentoria_types::Secret as Hidden;
use zentoria_types::vmid::Vmid;

/// What lies around one ModelPull, and what its Secrets hold.
pub(super) struct Gathered {
    pub around: Surroundings,
    secrets: BTreeMap<String, BTreeMap<String, ByteString>>,
}

pub(super) async fn gather(context: &Context, pull: &ModelPull) -> Result<Gathered, WriteError> {
    let namespace = pull.namespace().unwrap_or_default();
    let mut around = Surroundings { containers: containers(context, &namespace), ..Surroundings::default() };
    around.others = claims(context, pull);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    let mut secrets = BTreeMap::new();
    for name in validate::secrets_of(pull) {
        let seen = match context.writer.read(api.get_opt(&name)).await? {
            None => SecretSeen::Absent,
            Some(secret) => {
                let version =
                    format!("{}/{}", secret.uid().unwrap_or_default(), secret.resource_version().unwrap_or_default());
                let data = secret.data.unwrap_or_default();
                let keys = data.keys().cloned().collect();
                secrets.insert(name.clone(), data);
                SecretSeen::Present { version, keys }
            }
        };
        around.secrets.insert(name, seen);
    }
    Ok(Gathered { around, secrets })
}

impl Gathered {
    /// What the Secrets of a wish hold.
    pub fn keys(&self, want: &WantModel) -> Keys {
        let text = |key: Option<&SecretKey>| {
            let SecretKey { name, key } = key?;
            let ByteString(bytes) = self.secrets.get(name)?.get(key)?;
            Some(String::from_utf8_lossy(bytes).into_owned())
        };
        // A token that was written into a file ends with a newline.
        let token = |key: Option<&SecretKey>| text(key).map(|text| Hidden::new(text.trim()));
        match &want.server {
            Server::Ollama(http) | Server::Speaches(http) => {
                Keys { ca: text(http.ca.as_ref()), token: token(http.token.as_ref()), ssh: None }
            }
            Server::Hub(hub) => {
                Keys { ca: None, token: token(hub.token.as_ref()), ssh: text(Some(&hub.key)).map(Hidden::new) }
            }
        }
    }
}

fn containers(context: &Context, namespace: &str) -> BTreeMap<String, ContainerSeen> {
    let all = context.containers_within(namespace);
    all.iter().map(|container| (container.name_any(), seen(container))).collect()
}

/// What models look at of a container.
pub(super) fn seen(container: &ZentoriaContainer) -> ContainerSeen {
    let status = container.status.clone().unwrap_or_default();
    ContainerSeen {
        addresses: status.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
        running: status.power.as_ref().map(|power| power.state) == Some(RunState::Running),
        services: container.spec.services.clone(),
    }
}

/// What the others want, but those that are going.
fn claims(context: &Context, mine: &ModelPull) -> Vec<zentoria_core::model::conflict::Claim> {
    let all = context.models.resources.all();
    let others = all.into_iter().filter(|other| other.metadata.uid != mine.metadata.uid);
    let mut by_namespace: BTreeMap<String, Surroundings> = BTreeMap::new();
    let mut claims = Vec::new();
    for other in others.filter(|other| other.metadata.deletion_timestamp.is_none()) {
        let namespace = other.namespace().unwrap_or_default();
        let around = by_namespace
            .entry(namespace.clone())
            .or_insert_with(|| Surroundings { containers: containers(context, &namespace), ..Surroundings::default() });
        claims.extend(validate::claim(&other, around));
    }
    claims
}

/// What is free of the root disk of the container that a model goes to. Nobody knows of one with other disks where its
/// models lie, and the client of the hub sees the very disk.
pub(super) fn room(context: &Context, namespace: &str, want: &WantModel) -> Option<u64> {
    let name = want.container.as_ref().filter(|_| match want.server {
        Server::Ollama(_) | Server::Speaches(_) => true,
        Server::Hub(_) => false,
    })?;
    let container = context.containers.latest.get(&ObjectRef::new(name).within(namespace))?;
    let status = container.status.as_ref()?;
    if !container.spec.mounts.is_empty() || !status.mounts.is_empty() {
        return None;
    }
    let vmid = Vmid::new(status.vmid?.0).ok()?;
    let (cluster, _) = context.registry.gate(&container.spec.cluster_ref.name)?;
    cluster.free_on(vmid)
}
