//! Objects as a user writes them, and a namespace around them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use zentoria_api::backup::{
    BackupPolicy, BackupPolicySpec, BackupRepository, BackupRepositorySpec, BackupRepositoryStatus, BackupRestore,
    BackupRestoreSpec,
};
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};
use zentoria_api::container::Dependency;
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::surroundings::{ContainerSeen, SecretSeen, Surroundings};
use zentoria_core::backup::validate;
use zentoria_core::backup::want::{WantPolicy, WantRepository, WantRestore};
use zentoria_types::backup_job::{JobError, Outcome, Snapshot};

pub const ID: &str = "5f7f1d2f0c3b7e4e8d9a61c2b0a9f8e7d6c5b4a39281706f5e4d3c2b1a009988";
pub const NAMESPACE: &str = "zentoria";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn metadata(name: &str, created: &str) -> ObjectMeta {
    ObjectMeta {
        creation_timestamp: Some(Time(at(created))),
        generation: Some(1),
        name: Some(name.into()),
        namespace: Some(NAMESPACE.into()),
        uid: Some(format!("00000000-0000-4000-8000-{:0>12}", name.len())),
        ..ObjectMeta::default()
    }
}

pub fn policy(name: &str, yaml: &str) -> BackupPolicy {
    let spec: BackupPolicySpec = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    BackupPolicy { metadata: metadata(name, "2026-01-10T00:00:00Z"), spec, status: None }
}

pub fn repository(name: &str, yaml: &str) -> BackupRepository {
    let spec: BackupRepositorySpec = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    BackupRepository { metadata: metadata(name, "2026-01-05T00:00:00Z"), spec, status: None }
}

/// A repository that was initialised.
pub fn known(mut repository: BackupRepository) -> BackupRepository {
    repository.status =
        Some(BackupRepositoryStatus { repository_id: Some(ID.into()), ..BackupRepositoryStatus::default() });
    repository
}

pub fn restore(yaml: &str) -> BackupRestore {
    let spec: BackupRestoreSpec = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    BackupRestore { metadata: metadata("friday", "2026-02-01T00:00:00Z"), spec, status: None }
}

pub const POSTGRES: &str = "
source:
  postgres:
    server: {containerRef: {name: zentoria-db}}
    user: backup
    passwordSecretRef: {name: db, key: password}
repositoryRef: {name: main}
tiers:
- {name: hourly, schedule: '0 * * * *', keep: 7d}
- {name: daily, schedule: '0 2 * * *', keep: 30d}
- {name: weekly, schedule: '0 3 * * 0', keep: 12w}
timeZone: Europe/Amsterdam
verify:
  restoreTest: {schedule: '0 7 * * 0'}
";

pub const S3: &str = "
backend: {s3: {endpoint: 'https://backup.zentoria.local:9000/', bucket: backups, prefix: main}}
passwordSecretRef: {name: restic, key: password}
credentialsSecretRef: {name: s3}
caSecretRef: {name: ca, key: ca.crt}
";

pub const PVC: &str = "
backend: {pvc: {claimName: offsite, path: zentoria}}
passwordSecretRef: {name: restic, key: password}
";

fn container(address: &str, depends_on: &[&str]) -> ContainerSeen {
    let dependency = |name: &&str| -> Dependency { serde_saphyr::from_str(&format!("name: {name}")).unwrap() };
    ContainerSeen {
        addresses: vec![address.parse().unwrap()],
        running: true,
        labels: BTreeMap::from([("tier".into(), "data".into())]),
        depends_on: depends_on.iter().map(dependency).collect(),
        cluster: "pve".into(),
        vmid: Some(101),
    }
}

pub fn keys(keys: &[&str]) -> SecretSeen {
    SecretSeen::Keys(keys.iter().map(|key| (*key).to_owned()).collect())
}

/// A namespace with containers, two repositories that are initialised, and the Secrets that these need.
pub fn around() -> Surroundings {
    let containers = [
        ("zentoria-db", container("10.0.1.20", &[])),
        ("zentoria-redis", container("10.0.1.21", &[])),
        ("zentoria-files", container("10.0.1.22", &["zentoria-db"])),
        ("zentoria-n8n", container("fd00::23", &["zentoria-files", "zentoria-redis"])),
    ];
    let secrets = [
        ("db", keys(&["password"])),
        ("restic", keys(&["password"])),
        ("s3", keys(&["accessKeyId", "secretAccessKey"])),
        ("ca", keys(&["ca.crt"])),
        ("zentoria-ssh", keys(&["ssh-privatekey", "ssh-publickey"])),
    ];
    let repositories = [("main", known(repository("main", S3))), ("offsite", known(repository("offsite", PVC)))];
    Surroundings {
        containers: containers.map(|(name, seen)| (name.to_owned(), seen)).into(),
        repositories: repositories.map(|(name, object)| (name.to_owned(), object.into())).into(),
        secrets: secrets.map(|(name, seen)| (name.to_owned(), seen)).into(),
        claims: BTreeMap::from([("offsite".into(), true)]),
        ..Surroundings::default()
    }
}

/// A repository of them, to be changed.
pub fn repository_mut<'a>(around: &'a mut Surroundings, name: &str) -> &'a mut BackupRepository {
    Arc::make_mut(around.repositories.get_mut(name).unwrap())
}

/// With these policies in the namespace.
pub fn around_policies(policies: &[(&str, &str)]) -> Surroundings {
    let mut around = around();
    around.policies = policies.iter().map(|(name, yaml)| ((*name).to_owned(), policy(name, yaml).into())).collect();
    around
}

pub fn want_policy(name: &str, yaml: &str) -> WantPolicy {
    let (reason, message) = match validate::policy(&policy(name, yaml), &around()) {
        Ok(want) => return want,
        Err(refused) => refused,
    };
    panic!("{reason}: {message}");
}

pub fn policy_refusal(yaml: &str, around: &Surroundings) -> (PolicyReason, String) {
    validate::policy(&policy("db", yaml), around).expect_err("refused")
}

pub fn want_repository(name: &str, around: &Surroundings) -> Result<WantRepository, (RepositoryReason, String)> {
    validate::repository(&around.repositories[name], around)
}

pub fn want_restore(yaml: &str, around: &Surroundings) -> Result<WantRestore, (RestoreReason, String)> {
    validate::restore(&restore(yaml), around)
}

/// A run that has not ended.
pub fn running(job: &str, operation: Operation, created: &str) -> Run {
    Run { job: job.into(), operation, created: at(created), state: RunState::Running, stuck: None }
}

/// A run that has.
pub fn ended(job: &str, operation: Operation, when: &str, ending: Ending) -> Run {
    let when = at(when);
    let created = when.checked_sub(jiff::SignedDuration::from_secs(30)).unwrap();
    Run { job: job.into(), operation, created, state: RunState::Ended { at: when, ending }, stuck: None }
}

pub fn failed(error: JobError, message: &str) -> Ending {
    let message = Some(message.to_owned());
    Ending::Told(Box::new(Outcome { error: Some(error), message, ..Outcome::default() }))
}

pub fn succeeded() -> Ending {
    Ending::Told(Box::default())
}

/// A backup that was begun then.
pub fn backed_up(id: &str, time: &str) -> Ending {
    let time = at(time).as_second();
    let snapshot = Snapshot { id: id.into(), time, bytes: 1000, added: 10, files: 3, parts: 4 };
    Ending::Told(Box::new(Outcome { snapshot: Some(snapshot), started: time, seconds: 12, ..Outcome::default() }))
}
