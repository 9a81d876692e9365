//! Which Secrets and claims an object names: what the controller looks for before it has it checked.

use std::collections::BTreeSet;
use zentoria_api::backup::{Backend, BackupPolicy, BackupRepository, BackupRestore, Into, SecretKey, Source, Ssh};
use zentoria_api::wire::SSH_SECRET_NAME;

/// Names of the Secrets that a policy names; those of its repository not among them.
#[must_use]
pub fn of_policy(policy: &BackupPolicy) -> BTreeSet<String> {
    let key = |key: &SecretKey| key.name.clone();
    let ssh = |ssh: &Ssh| ssh.key_secret_ref.as_ref().map_or_else(|| SSH_SECRET_NAME.to_owned(), key);
    let mut names = BTreeSet::new();
    match &policy.spec.source {
        Source::Postgres(source) => {
            names.insert(key(&source.password_secret_ref));
            names.extend(source.ca_secret_ref.as_ref().map(key));
        }
        Source::Redis(source) => names.extend(source.password_secret_ref.as_ref().map(key)),
        Source::Qdrant(source) => {
            names.extend(source.api_key_secret_ref.iter().chain(&source.ca_secret_ref).map(key));
        }
        Source::Vault(source) => {
            names.insert(key(&source.token_secret_ref));
            names.extend(source.ca_secret_ref.as_ref().map(key));
        }
        Source::S3(source) => {
            names.insert(source.credentials_secret_ref.name.clone());
            names.extend(source.ca_secret_ref.as_ref().map(key));
        }
        Source::Files(source) => {
            names.insert(ssh(&source.ssh));
        }
        Source::Command(source) => {
            names.insert(ssh(&source.ssh));
        }
        Source::Vzdump(_) => {}
    }
    names
}

/// Names of the Secrets that a repository names.
#[must_use]
pub fn of_repository(repository: &BackupRepository) -> BTreeSet<String> {
    let spec = &repository.spec;
    let mut names = BTreeSet::from([spec.password_secret_ref.name.clone()]);
    names.extend(spec.credentials_secret_ref.as_ref().map(|secret| secret.name.clone()));
    names.extend(spec.ca_secret_ref.as_ref().map(|key| key.name.clone()));
    names
}

/// The claim that a repository lies in.
#[must_use]
pub fn claim_of_repository(repository: &BackupRepository) -> Option<&str> {
    match &repository.spec.backend {
        Backend::Pvc(pvc) => Some(&pvc.claim_name),
        Backend::Rest(_) | Backend::S3(_) => None,
    }
}

/// The claim that a restore goes to.
#[must_use]
pub fn claim_of_restore(restore: &BackupRestore) -> Option<&str> {
    match &restore.spec.into {
        Into::Directory(directory) => Some(&directory.claim_name),
        Into::Scratch(_) | Into::Source(_) => None,
    }
}
