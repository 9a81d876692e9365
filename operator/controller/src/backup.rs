//! Backups: what BackupRepositories, BackupPolicies and BackupRestores ask for becomes CronJobs, Jobs and ConfigMaps
//! ([`apply`]); what the Jobs leave behind becomes status ([`runs`]). A kind each: [`repository`], [`policy`], [`restore`].
//!
//! Nothing here decides: [`zentoria_core::backup`] does, from what is gathered ([`gather`]). Nothing is kept in memory that
//! would be missed after a restart but pauses between tries.

pub mod apply;
mod drill;
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
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use runs::{Lost, Told};
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use tries::Tries;
use wake::Wakers;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_api::wire::{BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL};
use zentoria_core::backup::jobs::Settings;

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
    /// Jobs whose pods are gone.
    pub lost: Lost,
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
    /// Opens them all.
    pub fn open(client: &Client, health: &Health, tasks: &Tasks, stop: &Shutdown, wakers: &Wakers) -> Self {
        let (owner, both) = (BACKUP_OWNER_LABEL, [BACKUP_OWNER_LABEL, BACKUP_REPOSITORY_LABEL]);
        let (cron_jobs, stream) = labelled(client, health, "cronjobs", owner, wakers.told(&[owner]));
        tasks.spawn("cronjobs", drain(stream, stop.clone(), |_| {}));
        // A repository reads the runs of its policies and restores, too.
        let (jobs, stream) = labelled(client, health, "jobs", owner, wakers.told(&both));
        tasks.spawn("jobs", drain(stream, stop.clone(), |_| {}));
        let (pods, stream) = labelled(client, health, "pods", owner, wakers.told(&[owner]));
        tasks.spawn("pods", drain(stream, stop.clone(), |_| {}));
        let (configs, stream) = labelled(client, health, "configmaps", owner, wakers.told(&[owner]));
        tasks.spawn("configmaps", drain(stream, stop.clone(), |_| {}));
        let repository = BACKUP_REPOSITORY_LABEL;
        let (network_policies, stream) =
            labelled(client, health, "networkpolicies", repository, wakers.told(&[repository]));
        tasks.spawn("networkpolicies", drain(stream, stop.clone(), |_| {}));
        Self { cron_jobs, jobs, pods, configs, network_policies }
    }
}

/// A cache of the objects that carry a label; `seen` hears of the metadata of each that is seen.
fn labelled<K>(
    client: &Client,
    health: &Health,
    gate: &str,
    label: &'static str,
    seen: impl Fn(&ObjectMeta) + Send + 'static,
) -> (Store<K>, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static)
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash,
{
    let config = watcher::Config::default().labels(label);
    watched_with(Api::<K>::all(client.clone()), config, health.gate(gate), move |event| {
        // A list that is made anew tells each of its objects, and none of those that went meanwhile: their owners look
        // again by themselves before long.
        match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object) => {
                seen(object.meta());
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
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
            jobs_gone: Latest::new(jobs.clone()),
            jobs,
            pods,
            configs,
            network_policies,
            applied: Applied::default(),
            settings,
            vzdump: vzdump::Memory::default(),
            told: Told::default(),
            lost: Lost::default(),
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
    backups.jobs_gone.sweep();
    backups.lost.sweep(|uid| jobs.contains(uid));
    backups.tries.sweep(|uid| jobs.contains(uid));
    let policies: HashSet<String> = backups.policies.all().iter().filter_map(|object| object.uid()).collect();
    let containers: HashSet<String> =
        context.containers.latest.all().iter().filter_map(|object| object.uid()).collect();
    backups.vzdump.sweep(|uid| policies.contains(uid), |uid| containers.contains(uid));
    backups.told.sweep(context);
    context.metrics.retain_backups(
        |namespace, name| backups.policies.get(namespace, name).is_some(),
        |namespace, name| backups.repositories.get(namespace, name).is_some(),
    );
}
