//! The Secrets of a ProxmoxCluster, from the watch cache of the operator's namespace.

use crate::context::Context;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::sync::Arc;
use zentoria_api::cluster::{ProxmoxClusterSpec, Tls};
use zentoria_api::conditions::ClusterReason;
use zentoria_api::wire::{CA_KEY, ROOT_PASSWORD_KEY, TOKEN_ID_KEY, TOKEN_SECRET_KEY};
use zentoria_core::cluster::report::Verdict;
use zentoria_ops::cluster::Access;
use zentoria_types::secret::Secret as Hidden;

/// Names of the Secrets that a cluster refers to, with the field.
fn references(spec: &ProxmoxClusterSpec) -> Vec<(&'static str, &str)> {
    let mut all = vec![("spec.credentials.tokenSecretRef", spec.credentials.token_secret_ref.name.as_str())];
    all.extend(spec.credentials.root_secret_ref.iter().map(|r| ("spec.credentials.rootSecretRef", r.name.as_str())));
    if let Tls::CaSecretRef(reference) = &spec.tls {
        all.push(("spec.tls.caSecretRef", &reference.name));
    }
    all
}

/// Whether the cluster refers to this Secret.
#[must_use]
pub fn refers_to(spec: &ProxmoxClusterSpec, secret: &str) -> bool {
    references(spec).iter().any(|(_, name)| *name == secret)
}

/// What the Secrets hold, and a text that changes when they do.
pub(super) fn read(context: &Context, spec: &ProxmoxClusterSpec) -> Result<(Access, String), Verdict> {
    let mut versions = String::new();
    for (field, name) in references(spec) {
        let secret = find(context, field, name)?;
        versions +=
            &format!("{name}={}/{} ", secret.uid().unwrap_or_default(), secret.resource_version().unwrap_or_default());
    }
    let token = ("spec.credentials.tokenSecretRef", spec.credentials.token_secret_ref.name.as_str());
    let root = spec.credentials.root_secret_ref.as_ref().map(|r| ("spec.credentials.rootSecretRef", r.name.as_str()));
    let access = Access {
        token_id: value(context, token, TOKEN_ID_KEY)?,
        token_secret: Hidden::new(value(context, token, TOKEN_SECRET_KEY)?),
        root_password: root.map(|root| value(context, root, ROOT_PASSWORD_KEY)).transpose()?.map(Hidden::new),
        ca: match &spec.tls {
            Tls::CaSecretRef(reference) => {
                Some(value(context, ("spec.tls.caSecretRef", reference.name.as_str()), CA_KEY)?)
            }
            Tls::CaBundle(_) | Tls::FingerprintSha256(_) => None,
        },
    };
    Ok((access, versions))
}

fn find(context: &Context, field: &str, name: &str) -> Result<Arc<Secret>, Verdict> {
    context.secrets.get(&ObjectRef::new(name).within(&context.namespace)).ok_or_else(|| Verdict {
        reason: ClusterReason::SecretNotFound,
        message: format!("{field}: there is no Secret {name} in namespace {}", context.namespace),
    })
}

fn value(context: &Context, (field, name): (&str, &str), key: &str) -> Result<String, Verdict> {
    let secret = find(context, field, name)?;
    let invalid = |what: &str| Verdict {
        reason: ClusterReason::SecretInvalid,
        message: format!("{field}: Secret {name} in namespace {} {what}", context.namespace),
    };
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let bytes = bytes.ok_or_else(|| invalid(&format!("has no key {key}")))?;
    let text = String::from_utf8(bytes.0.clone()).map_err(|_| invalid(&format!("has no text in its key {key}")))?;
    let text = text.trim().to_owned();
    if text.is_empty() { Err(invalid(&format!("has nothing in its key {key}"))) } else { Ok(text) }
}
