//! Who looks again when something around it changes.

use super::gather;
use crate::runtime::wakeups::Wakeups;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use std::collections::HashMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore, RestorePhase, Source};
use zentoria_api::wire::{BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL};
use zentoria_core::backup::surroundings::ContainerSeen;
use zentoria_core::backup::want::OwnerKind;

/// Wakes the three kinds.
#[derive(Clone)]
pub struct Wakers {
    /// BackupRepositories.
    pub repositories: Wakeups<BackupRepository>,
    /// BackupPolicies.
    pub policies: Wakeups<BackupPolicy>,
    /// BackupRestores.
    pub restores: Wakeups<BackupRestore>,
}

impl Wakers {
    /// Wakes whom these labels of an object name: its owner, the repository that it touches.
    pub fn told(&self, labels: &[&'static str]) -> impl Fn(&ObjectMeta) + Send + use<> {
        let (wakers, labels) = (self.clone(), labels.to_vec());
        move |object| {
            let namespace = object.namespace.as_deref().unwrap_or_default();
            let value = |label: &str| object.labels.as_ref()?.get(label);
            for label in &labels {
                let Some(value) = value(label) else { continue };
                let named = if *label == BACKUP_REPOSITORY_LABEL {
                    Some((OwnerKind::Repository, value.as_str()))
                } else {
                    owner(value)
                };
                match named {
                    Some((OwnerKind::Repository, name)) => {
                        wakers.repositories.wake(ObjectRef::new(name).within(namespace))
                    }
                    Some((OwnerKind::Policy, name)) => wakers.policies.wake(ObjectRef::new(name).within(namespace)),
                    Some((OwnerKind::Restore, name)) => wakers.restores.wake(ObjectRef::new(name).within(namespace)),
                    None => {}
                }
            }
        }
    }
}

/// The owner that the label `zentoria.ai/backup-owner` names: `policy.NAME`.
fn owner(label: &str) -> Option<(OwnerKind, &str)> {
    let (word, name) = label.split_once('.')?;
    let kinds = [OwnerKind::Policy, OwnerKind::Repository, OwnerKind::Restore];
    kinds.into_iter().find(|kind| kind.word() == word).map(|kind| (kind, name))
}

/// A restore that is a drill is told to its repository.
pub fn restores(wakers: &Wakers) -> impl FnMut(&watcher::Event<BackupRestore>) + Send + 'static + use<> {
    let told = wakers.told(&[BACKUP_OWNER_LABEL]);
    move |event| {
        if let Some(restore) = object_of(event) {
            told(&restore.metadata);
        }
    }
}

/// A policy that changes is told to its repository, which keeps by its tiers and reads its failures, and to the restores
/// that wait.
pub fn policies(
    wakers: &Wakers,
    restores: &Store<BackupRestore>,
) -> impl FnMut(&watcher::Event<BackupPolicy>) + Send + 'static + use<> {
    let (wakers, restores) = (wakers.clone(), restores.clone());
    move |event| {
        let Some(policy) = object_of(event) else { return };
        let namespace = policy.namespace().unwrap_or_default();
        if let Some(repository) = &policy.spec.repository_ref {
            wakers.repositories.wake(ObjectRef::new(&repository.name).within(&namespace));
        }
        wake_restores(&wakers, &restores, &namespace);
    }
}

/// A repository that changes is told to its policies, and to the restores that wait.
pub fn repositories(
    wakers: &Wakers,
    policies: &Store<BackupPolicy>,
    restores: &Store<BackupRestore>,
) -> impl FnMut(&watcher::Event<BackupRepository>) + Send + 'static + use<> {
    let (wakers, policies, restores) = (wakers.clone(), policies.clone(), restores.clone());
    move |event| {
        let Some(repository) = object_of(event) else { return };
        let namespace = repository.namespace().unwrap_or_default();
        for policy in policies.state() {
            let named = policy.spec.repository_ref.as_ref().is_some_and(|named| named.name == repository.name_any());
            if named && policy.namespace().as_deref() == Some(&namespace) {
                wakers.policies.wake(ObjectRef::from_obj(policy.as_ref()));
            }
        }
        wake_restores(&wakers, &restores, &namespace);
    }
}

/// A container whose address, power or labels change is told to the policies that name or match it.
pub fn containers(
    wakers: &Wakers,
    policies: &Store<BackupPolicy>,
    restores: &Store<BackupRestore>,
) -> impl FnMut(&watcher::Event<ZentoriaContainer>) + Send + 'static + use<> {
    let (wakers, policies, restores) = (wakers.clone(), policies.clone(), restores.clone());
    let mut known: HashMap<String, ContainerSeen> = HashMap::new();
    move |event| {
        let Some(container) = object_of(event) else { return };
        let uid = container.uid().unwrap_or_default();
        let changed = match event {
            watcher::Event::Delete(_) => {
                known.remove(&uid);
                true
            }
            watcher::Event::Apply(_)
            | watcher::Event::InitApply(_)
            | watcher::Event::Init
            | watcher::Event::InitDone => {
                let now = gather::seen(container);
                known.insert(uid, now.clone()).as_ref() != Some(&now)
            }
        };
        if !changed {
            return;
        }
        let namespace = container.namespace().unwrap_or_default();
        for policy in policies.state() {
            if policy.namespace().as_deref() == Some(&namespace) && concerns(&policy.spec.source, &container.name_any())
            {
                wakers.policies.wake(ObjectRef::from_obj(policy.as_ref()));
            }
        }
        wake_restores(&wakers, &restores, &namespace);
    }
}

/// Whether a source may be in this container.
fn concerns(source: &Source, container: &str) -> bool {
    let endpoint = match source {
        Source::Postgres(source) => &source.server,
        Source::Redis(source) => &source.server,
        Source::Qdrant(source) => &source.server,
        Source::Vault(source) => &source.server,
        Source::S3(source) => &source.server,
        Source::Files(source) => &source.server,
        Source::Command(source) => &source.server,
        // Its labels may match now or have matched before.
        Source::Vzdump(_) => return true,
    };
    endpoint.container_ref.as_ref().is_some_and(|named| named.name == container)
}

fn wake_restores(wakers: &Wakers, restores: &Store<BackupRestore>, namespace: &str) {
    for restore in restores.state() {
        let phase = restore.status.as_ref().map(|status| status.phase).unwrap_or_default();
        let ended = matches!(phase, RestorePhase::Succeeded | RestorePhase::Failed);
        if !ended && restore.namespace().as_deref() == Some(namespace) {
            wakers.restores.wake(ObjectRef::from_obj(restore.as_ref()));
        }
    }
}

fn object_of<K>(event: &watcher::Event<K>) -> Option<&K> {
    match event {
        watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object) => {
            Some(object)
        }
        watcher::Event::Init | watcher::Event::InitDone => None,
    }
}
