//! Backups: what BackupRepositories, BackupPolicies and BackupRestores ask for becomes CronJobs, Jobs and ConfigMaps
//! ([`apply`]); what the Jobs leave behind becomes status ([`runs`]). A kind each: [`repository`], [`policy`], [`restore`].
//!
//! Nothing here decides: [`zentoria_core::backup`] does, from what is gathered ([`gather`]). Nothing is kept in memory that
//! would be missed after a restart but pauses between tries.

pub mod apply;
mod gather;
mod locks;
mod objects;
mod policy;
mod report;
mod repository;
mod restore;
mod runs;
mod start;
mod tries;
mod vzdump;
mod wake;

pub use start::{Controllers, open};

use crate::context::{Context, Unheld};
use crate::runtime::backoff::{Backoff, BackoffConfig};
use crate::runtime::caches::watched_with;
use crate::runtime::health::Health;
use crate::runtime::latest::Latest;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::streams::drain;
use crate::runtime::tasks::Tasks;
use apply::Applied;
use futures::Stream;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use runs::Told;
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use tries::Tries;
use wake::Wakers;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::wire::{BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL};
use zentoria_core::backup::jobs::Settings;
use zentoria_core::backup::want::OwnerKind;

/// What the reconciles of backups share.
pub struct Backups {
    /// Where backups lie.
    pub repositories: Unheld<BackupRepository>,
    /// What is backed up.
    pub policies: Unheld<BackupPolicy>,
    /// What is brought back.
    pub restores: Unheld<BackupRestore>,
    /// The CronJobs of the three, by our label.
    pub cron_jobs: Store<CronJob>,
    /// Their Jobs.
    pub jobs: Store<Job>,
    /// The pods of those.
    pub pods: Store<Pod>,
    /// What the Jobs are told.
    pub configs: Store<ConfigMap>,
    /// Who may connect to their pods: nobody.
    pub network_policies: Store<NetworkPolicy>,
    /// What was applied.
    pub applied: Applied,
    /// What all Jobs have in common.
    pub settings: Settings,
    /// Jobs that we deleted and that the cache may still show.
    pub jobs_gone: Latest<Job>,
    /// What is remembered of policies of vzdump.
    pub vzdump: vzdump::Memory,
    /// Ended Jobs that were counted and told.
    pub told: Told,
    /// When Jobs that failed are tried again.
    pub tries: Tries,
    /// Pauses between tries of one object, by its kind, namespace and name.
    pub pauses: Backoff<(&'static str, String, String)>,
}

/// The watches of what our Jobs are made of.
pub struct Watches {
    /// CronJobs.
    pub cron_jobs: Store<CronJob>,
    /// Jobs.
    pub jobs: Store<Job>,
    /// Pods.
    pub pods: Store<Pod>,
    /// ConfigMaps.
    pub configs: Store<ConfigMap>,
    /// NetworkPolicies.
    pub network_policies: Store<NetworkPolicy>,
}

impl Watches {
    /// Opens them all; `owned` hears of the namespace and the owner's label of whatever is seen.
    pub fn open(
        client: &Client,
        health: &Health,
        tasks: &Tasks,
        stop: &Shutdown,
        owned: &(impl Fn(&str, &str) + Clone + Send + 'static),
    ) -> Self {
        let (cron_jobs, stream) = ours(client, health, "cronjobs", owned.clone());
        tasks.spawn("cronjobs", drain(stream, stop.clone(), |_| {}));
        let (jobs, stream) = ours(client, health, "jobs", owned.clone());
        tasks.spawn("jobs", drain(stream, stop.clone(), |_| {}));
        let (pods, stream) = ours(client, health, "pods", owned.clone());
        tasks.spawn("pods", drain(stream, stop.clone(), |_| {}));
        let (configs, stream) = ours(client, health, "configmaps", owned.clone());
        tasks.spawn("configmaps", drain(stream, stop.clone(), |_| {}));
        let owned = owned.clone();
        let of_repository = move |namespace: &str, name: &str| {
            owned(namespace, &format!("{}.{name}", OwnerKind::Repository.word()));
        };
        let (network_policies, stream) =
            labelled(client, health, "networkpolicies", BACKUP_REPOSITORY_LABEL, of_repository);
        tasks.spawn("networkpolicies", drain(stream, stop.clone(), |_| {}));
        Self { cron_jobs, jobs, pods, configs, network_policies }
    }
}

/// A cache of the objects that carry the label of their owner.
fn ours<K>(
    client: &Client,
    health: &Health,
    gate: &str,
    owned: impl Fn(&str, &str) + Send + 'static,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash,
{
    labelled(client, health, gate, BACKUP_OWNER_LABEL, owned)
}

/// A cache of the objects that carry a label; `seen` hears of the namespace and the label's value.
fn labelled<K>(
    client: &Client,
    health: &Health,
    gate: &str,
    label: &'static str,
    seen: impl Fn(&str, &str) + Send + 'static,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash,
{
    let config = watcher::Config::default().labels(label);
    watched_with(Api::<K>::all(client.clone()), config, health.gate(gate), move |event| {
        // A list that is made anew tells each of its objects, and none of those that went meanwhile: their owners look
        // again by themselves before long.
        let (watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object)) =
            event
        else {
            return;
        };
        if let Some(value) = object.labels().get(label) {
            seen(&object.namespace().unwrap_or_default(), value);
        }
    })
}

impl Backups {
    /// Nothing seen, nothing applied.
    #[must_use]
    pub fn new(
        repositories: Unheld<BackupRepository>,
        policies: Unheld<BackupPolicy>,
        restores: Unheld<BackupRestore>,
        watches: Watches,
        settings: Settings,
        pauses: BackoffConfig,
    ) -> Self {
        let Watches { cron_jobs, jobs, pods, configs, network_policies } = watches;
        Self {
            repositories,
            policies,
            restores,
            cron_jobs,
            jobs,
            pods,
            configs,
            network_policies,
            applied: Applied::default(),
            settings,
            jobs_gone: Latest::new(),
            vzdump: vzdump::Memory::default(),
            told: Told::default(),
            tries: Tries::default(),
            pauses: Backoff::new(pauses),
        }
    }
}

/// Memory and figures of what is gone are given back.
pub fn sweep(context: &Context) {
    let backups = &context.backups;
    backups.repositories.sweep();
    backups.policies.sweep();
    backups.restores.sweep();
    let mut live: HashSet<String> = backups.cron_jobs.state().iter().filter_map(|object| object.uid()).collect();
    live.extend(backups.configs.state().iter().filter_map(|object| object.uid()));
    live.extend(backups.network_policies.state().iter().filter_map(|object| object.uid()));
    backups.applied.sweep(|uid| live.contains(uid));
    let jobs: HashSet<String> = backups.jobs.state().iter().filter_map(|object| object.uid()).collect();
    backups.jobs_gone.sweep(|uid| jobs.contains(uid));
    backups.tries.sweep(|uid| jobs.contains(uid));
    let policies: HashSet<String> = backups.policies.all().iter().filter_map(|object| object.uid()).collect();
    let containers: HashSet<String> =
        context.containers.store.state().iter().filter_map(|object| object.uid()).collect();
    backups.vzdump.sweep(|uid| policies.contains(uid), |uid| containers.contains(uid));
    backups.told.sweep(context);
    context.metrics.retain_backups(
        |namespace, name| backups.policies.get(namespace, name).is_some(),
        |namespace, name| backups.repositories.get(namespace, name).is_some(),
    );
}
