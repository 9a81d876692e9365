//! The SSH key of a namespace: the user's own, or one that is generated once into a Secret.
//!
//! Only the public part leaves this module as text; the private part stays in the Secret.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey, rand_core::OsRng};

use super::write::{FIELD_MANAGER, WriteError, Writer};

/// The Secret's key of the private part, as the type `kubernetes.io/ssh-auth` wants it.
pub const PRIVATE_KEY: &str = "ssh-privatekey";
/// The Secret's key of the public part.
pub const PUBLIC_KEY: &str = "ssh-publickey";

/// A Secret that gives no usable key. No variant shows what the Secret holds.
#[derive(Debug, thiserror::Error)]
pub enum SshKeyError {
    /// The Secret does not exist.
    #[error("Secret {secret}: it does not exist")]
    NoSecret {
        /// `namespace/name`.
        secret: String,
    },
    /// Neither of the two keys is there.
    #[error("Secret {secret}: it has neither {PRIVATE_KEY} nor {PUBLIC_KEY}")]
    NoKey {
        /// `namespace/name`.
        secret: String,
    },
    /// The private part is no OpenSSH key.
    #[error("Secret {secret}: {PRIVATE_KEY} is not a private key in OpenSSH format ({cause})")]
    BadPrivateKey {
        /// `namespace/name`.
        secret: String,
        /// The parser's words, which quote nothing.
        cause: ssh_key::Error,
    },
    /// The private part asks for a passphrase that nobody can type.
    #[error("Secret {secret}: {PRIVATE_KEY} is protected by a passphrase; store it without one")]
    Passphrase {
        /// `namespace/name`.
        secret: String,
    },
    /// The public part is no line of an `authorized_keys` file.
    #[error("Secret {secret}: {PUBLIC_KEY} is not one public key in OpenSSH format")]
    BadPublicKey {
        /// `namespace/name`.
        secret: String,
    },
    /// The two parts do not belong together.
    #[error("Secret {secret}: {PUBLIC_KEY} does not belong to {PRIVATE_KEY}")]
    Mismatch {
        /// `namespace/name`.
        secret: String,
    },
    /// A key could not be generated.
    #[error("a key could not be generated ({0})")]
    Generate(ssh_key::Error),
    /// The API server.
    #[error("the Secret of the SSH key could not be read or written")]
    Api(#[from] WriteError),
}

/// The public part of a namespace's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicLine {
    /// `ssh-ed25519 AAAA... comment`, without a line end.
    pub line: String,
    /// `resourceVersion` of the Secret, so that a rotated key is noticed.
    pub secret_version: String,
}

/// A fresh key pair. `Debug` shows the public part only.
pub struct KeyPair(PrivateKey);

impl KeyPair {
    /// An Ed25519 pair with the comment `zentoria-<namespace>`.
    ///
    /// # Errors
    /// [`SshKeyError::Generate`] when the system gives no randomness.
    pub fn generate(namespace: &str) -> Result<Self, SshKeyError> {
        let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(SshKeyError::Generate)?;
        key.set_comment(format!("zentoria-{namespace}"));
        Ok(Self(key))
    }

    /// The Secret that holds the pair, of type `kubernetes.io/ssh-auth`.
    ///
    /// # Errors
    /// [`SshKeyError::Generate`] when the pair cannot be encoded.
    pub fn to_secret(&self, namespace: &str, name: &str) -> Result<Secret, SshKeyError> {
        let private = self.0.to_openssh(LineEnding::LF).map_err(SshKeyError::Generate)?;
        let public = self.0.public_key().to_openssh().map_err(SshKeyError::Generate)?;
        Ok(Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                labels: Some(BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned())])),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/ssh-auth".to_owned()),
            data: Some(BTreeMap::from([
                (PRIVATE_KEY.to_owned(), ByteString(private.as_bytes().to_vec())),
                (PUBLIC_KEY.to_owned(), ByteString(format!("{public}\n").into_bytes())),
            ])),
            ..Secret::default()
        })
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.0.public_key().to_openssh().ok()).finish()
    }
}

/// The public line of a Secret: its `ssh-publickey`, or what belongs to its `ssh-privatekey`.
///
/// # Errors
/// What is wrong with the Secret.
pub fn public_line(secret: &Secret) -> Result<PublicLine, SshKeyError> {
    let name = || format!("{}/{}", secret.namespace().unwrap_or_default(), secret.name_any());
    let part = |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
    let derived = part(PRIVATE_KEY).map(|bytes| public_of(bytes, &name)).transpose()?;
    let stored = part(PUBLIC_KEY).map(|bytes| parse_public(bytes, &name)).transpose()?;
    let key = match (stored, derived) {
        (Some(stored), Some(derived)) if stored.key_data() != derived.key_data() => {
            return Err(SshKeyError::Mismatch { secret: name() });
        }
        (Some(stored), _) => stored,
        (None, Some(derived)) => derived,
        (None, None) => return Err(SshKeyError::NoKey { secret: name() }),
    };
    let line = key.to_openssh().map_err(|_| SshKeyError::BadPublicKey { secret: name() })?;
    Ok(PublicLine { line, secret_version: secret.resource_version().unwrap_or_default() })
}

fn public_of(bytes: &[u8], name: &impl Fn() -> String) -> Result<PublicKey, SshKeyError> {
    let key = PrivateKey::from_openssh(bytes).map_err(|cause| SshKeyError::BadPrivateKey { secret: name(), cause })?;
    if key.is_encrypted() {
        return Err(SshKeyError::Passphrase { secret: name() });
    }
    Ok(key.public_key().clone())
}

fn parse_public(bytes: &[u8], name: &impl Fn() -> String) -> Result<PublicKey, SshKeyError> {
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    let key = text.and_then(|text| PublicKey::from_openssh(text).ok());
    key.ok_or_else(|| SshKeyError::BadPublicKey { secret: name() })
}

/// The public line of a Secret that the user names.
///
/// # Errors
/// [`SshKeyError::NoSecret`] and what is wrong with the Secret.
pub async fn read(api: &Api<Secret>, writer: &Writer, name: &str) -> Result<PublicLine, SshKeyError> {
    match writer.read(api.get_opt(name)).await? {
        Some(secret) => public_line(&secret),
        None => Err(SshKeyError::NoSecret { secret: format!("{}/{name}", api.namespace().unwrap_or_default()) }),
    }
}

/// The public line of the namespace's generated key. It is generated when the Secret does not exist; a Secret that
/// exists is never changed, and of two replicas that generate at the same time the first one's key counts for both.
///
/// # Errors
/// What is wrong with the Secret, or the API server.
pub async fn get_or_create(
    api: &Api<Secret>,
    writer: &Writer,
    namespace: &str,
    name: &str,
) -> Result<PublicLine, SshKeyError> {
    if let Some(secret) = writer.read(api.get_opt(name)).await? {
        return public_line(&secret);
    }
    let secret = KeyPair::generate(namespace)?.to_secret(namespace, name)?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match writer.send(api.create(&params, &secret)).await {
        Ok(secret) => {
            tracing::info!(secret = format!("{namespace}/{name}"), "generated the SSH key of the namespace");
            public_line(&secret)
        }
        Err(WriteError::AlreadyExists) => read(api, writer, name).await,
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
