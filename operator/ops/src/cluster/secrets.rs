//! What the Secrets of a ProxmoxCluster hold: the operator reads them from its caches, the command line from the API
//! server or from files.

use super::Access;
use k8s_openapi::api::core::v1::Secret;
use std::borrow::Borrow;
use zentoria_api::cluster::{ProxmoxClusterSpec, Tls};
use zentoria_api::conditions::ClusterReason;
use zentoria_api::wire::{CA_KEY, ROOT_PASSWORD_KEY, TOKEN_ID_KEY, TOKEN_SECRET_KEY};
use zentoria_core::cluster::report::Verdict;
use zentoria_types::secret::Secret as Hidden;

/// Names of the Secrets that a cluster refers to, each with its field.
#[must_use]
pub fn references(spec: &ProxmoxClusterSpec) -> Vec<(&'static str, &str)> {
    let mut all = vec![("spec.credentials.tokenSecretRef", spec.credentials.token_secret_ref.name.as_str())];
    all.extend(spec.credentials.root_secret_ref.iter().map(|r| ("spec.credentials.rootSecretRef", r.name.as_str())));
    if let Tls::CaSecretRef(reference) = &spec.tls {
        all.push(("spec.tls.caSecretRef", &reference.name));
    }
    all
}

/// The credentials and the CA of a cluster, from the Secrets that `find` gives by their names in `namespace`.
///
/// # Errors
/// Where a Secret, or a key of one, is missing or holds what cannot be used. No message has a value of a Secret in it.
pub fn access<S: Borrow<Secret>>(
    spec: &ProxmoxClusterSpec,
    namespace: &str,
    find: impl Fn(&str) -> Option<S>,
) -> Result<Access, Verdict> {
    let value = |(field, name): (&str, &str), key: &str| {
        let secret = find(name).ok_or_else(|| not_found(field, name, namespace))?;
        text(secret.borrow(), key).map_err(|what| Verdict {
            reason: ClusterReason::SecretInvalid,
            message: format!("{field}: Secret {name} in namespace {namespace} {what}"),
        })
    };
    let token = ("spec.credentials.tokenSecretRef", spec.credentials.token_secret_ref.name.as_str());
    let root = spec.credentials.root_secret_ref.as_ref().map(|r| ("spec.credentials.rootSecretRef", r.name.as_str()));
    Ok(Access {
        token_id: value(token, TOKEN_ID_KEY)?,
        token_secret: Hidden::new(value(token, TOKEN_SECRET_KEY)?),
        root_password: root.map(|root| value(root, ROOT_PASSWORD_KEY)).transpose()?.map(Hidden::new),
        ca: match &spec.tls {
            Tls::CaSecretRef(reference) => Some(value(("spec.tls.caSecretRef", reference.name.as_str()), CA_KEY)?),
            Tls::CaBundle(_) | Tls::FingerprintSha256(_) => None,
        },
    })
}

/// A Secret that is not there.
#[must_use]
pub fn not_found(field: &str, name: &str, namespace: &str) -> Verdict {
    let message = format!("{field}: there is no Secret {name} in namespace {namespace}");
    Verdict { reason: ClusterReason::SecretNotFound, message }
}

/// A key's value; else what is wrong with it.
fn text(secret: &Secret, key: &str) -> Result<String, String> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    // Manifests may have it in plain text, which the API server turns into data.
    let plain = secret.string_data.as_ref().and_then(|data| data.get(key)).cloned();
    let text = match (plain, bytes) {
        (Some(text), _) => text,
        (None, Some(bytes)) => {
            String::from_utf8(bytes.0.clone()).map_err(|_| format!("has no text in its key {key}"))?
        }
        (None, None) => return Err(format!("has no key {key}")),
    };
    let text = text.trim().to_owned();
    if text.is_empty() { Err(format!("has nothing in its key {key}")) } else { Ok(text) }
}
