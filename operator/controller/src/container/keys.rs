//! The public SSH keys of a new guest: the namespace's own, then the cluster's. Proxmox VE takes them at creation alone.

use crate::context::Context;
use crate::runtime::ssh_key::{self, SshKeyError};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::ZentoriaContainerStatus;
use zentoria_api::wire::SSH_SECRET_NAME;
use zentoria_core::container::step::Verdict;
use zentoria_core::container::want::Want;

/// How long a public key is remembered: five hundred guests that are made at once share one Secret.
const FRESH: Duration = Duration::from_secs(10);

/// Public keys by namespace and name of their Secret.
#[derive(Default)]
pub struct PublicKeys(Mutex<HashMap<(String, String), (Instant, String)>>);

impl PublicKeys {
    fn get(&self, key: &(String, String)) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, line)| line.clone())
    }

    fn keep(&self, key: (String, String), line: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < FRESH);
        known.insert(key, (Instant::now(), line));
    }
}

/// The public keys for a new guest; none for a guest that is there already, or where nothing is made.
pub(super) async fn public_keys(
    context: &Context,
    object: &ZentoriaContainer,
    want: &Want,
    status: &ZentoriaContainerStatus,
) -> Result<Vec<String>, Verdict> {
    let gone = status.power.is_none();
    if want.mode == Mode::Observe || want.source.is_none() || (status.created.is_some() && !gone) {
        return Ok(Vec::new());
    }
    let namespace = &want.identity.key.namespace;
    let named = object.spec.provision.as_ref().and_then(|provision| provision.ssh_key_secret_ref.as_ref());
    let name = named.map_or(SSH_SECRET_NAME, |secret| secret.name.as_str());
    let key = (namespace.clone(), name.to_owned());
    let line = match context.public_keys.get(&key) {
        Some(line) => line,
        None => {
            let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
            let read = match named {
                Some(secret) => ssh_key::read(&api, &context.writer, &secret.name).await,
                None => ssh_key::get_or_create(&api, &context.writer, namespace, SSH_SECRET_NAME).await,
            };
            let line = read.map_err(|error| unusable(namespace, name, &error))?.line;
            context.public_keys.keep(key, line.clone());
            line
        }
    };
    Ok(std::iter::once(line).chain(want.ssh_keys.iter().cloned()).collect())
}

fn unusable(namespace: &str, name: &str, error: &SshKeyError) -> Verdict {
    let message = format!("Secret {namespace}/{name} with the SSH key cannot be used: {error}");
    Verdict::about(ContainerReason::SecretInvalid, name, message)
}
