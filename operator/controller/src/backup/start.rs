//! Wiring: the watches of backups are opened, then the controllers of the three kinds are started.

use super::{Backups, Wakers, Watches, policy, repository, restore, wake};
use crate::context::{Context, Unheld};
use crate::operator::controller;
use crate::runtime::backoff::BackoffConfig;
use crate::runtime::caches::watched_with;
use crate::runtime::health::Health;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::streams::{a_few_at_once, changed};
use crate::runtime::tasks::Tasks;
use crate::runtime::wakeups::Wakeups;
use futures::StreamExt;
use futures::stream::BoxStream;
use kube::runtime::controller::Controller;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client};
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore};
use zentoria_core::backup::jobs::Settings;

/// What a controller of one kind runs on.
struct Feed<K: kube::Resource<DynamicType = ()> + 'static> {
    store: Store<K>,
    changes: BoxStream<'static, Result<K, watcher::Error>>,
    wakes: BoxStream<'static, ObjectRef<K>>,
}

/// Controllers that are to be spawned once there is a context.
pub struct Controllers {
    repositories: Feed<BackupRepository>,
    policies: Feed<BackupPolicy>,
    restores: Feed<BackupRestore>,
    wakers: Wakers,
}

/// Opens the watches.
pub fn open(
    client: &Client,
    health: &Health,
    tasks: &Tasks,
    stop: &Shutdown,
    jobs_image: &str,
    pauses: BackoffConfig,
) -> (Backups, Controllers) {
    let (wake_repositories, repository_wakes) = Wakeups::new();
    let (wake_policies, policy_wakes) = Wakeups::new();
    let (wake_restores, restore_wakes) = Wakeups::new();
    let wakers = Wakers {
        repositories: wake_repositories.clone(),
        policies: wake_policies.clone(),
        restores: wake_restores.clone(),
    };
    let any = watcher::Config::default;
    let api = Api::<BackupRestore>::all(client.clone());
    let (restores, restore_changes) = watched_with(api, any(), health.gate("backuprestores"), wake::restores(&wakers));
    let api = Api::<BackupPolicy>::all(client.clone());
    let told = wake::policies(&wakers, &restores);
    let (policies, policy_changes) = watched_with(api, any(), health.gate("backuppolicies"), told);
    let api = Api::<BackupRepository>::all(client.clone());
    let told = wake::repositories(&wakers, &policies, &restores);
    let (repositories, repository_changes) = watched_with(api, any(), health.gate("backuprepositories"), told);
    let watches = Watches::open(client, health, tasks, stop, &wakers);
    let backups = Backups::new(
        Unheld::new(repositories.clone(), wake_repositories),
        Unheld::new(policies.clone(), wake_policies),
        Unheld::new(restores.clone(), wake_restores),
        watches,
        Settings { image: jobs_image.to_owned() },
        pauses,
    );
    let controllers = Controllers {
        repositories: Feed {
            store: repositories,
            changes: changed(repository_changes).boxed(),
            wakes: repository_wakes.boxed(),
        },
        policies: Feed { store: policies, changes: changed(policy_changes).boxed(), wakes: policy_wakes.boxed() },
        restores: Feed { store: restores, changes: changed(restore_changes).boxed(), wakes: restore_wakes.boxed() },
        wakers,
    };
    (backups, controllers)
}

impl Controllers {
    /// Whatever is seen of a container is told to the policies and restores that it concerns.
    pub fn concerned(&self) -> impl FnMut(&watcher::Event<ZentoriaContainer>) + Send + 'static + use<> {
        wake::containers(&self.wakers, &self.policies.store, &self.restores.store)
    }

    /// Reconciles until the stop.
    pub fn spawn(self, context: &Arc<Context>, tasks: &Tasks, stop: &Shutdown) {
        let Self { repositories: Feed { store, changes, wakes }, policies, restores, wakers: _ } = self;
        let work = Controller::for_stream(changes, store).with_config(a_few_at_once()).reconcile_on(wakes);
        let context = Arc::clone(context);
        let kind = "BackupRepository";
        let running = controller(work, stop.clone(), Arc::clone(&context), kind, repository::reconcile);
        tasks.spawn("backuprepositories", running);
        let Feed { store, changes, wakes } = policies;
        let work = Controller::for_stream(changes, store).with_config(a_few_at_once()).reconcile_on(wakes);
        let running = controller(work, stop.clone(), Arc::clone(&context), "BackupPolicy", policy::reconcile);
        tasks.spawn("backuppolicies", running);
        let Feed { store, changes, wakes } = restores;
        let work = Controller::for_stream(changes, store).with_config(a_few_at_once()).reconcile_on(wakes);
        let running = controller(work, stop.clone(), context, "BackupRestore", restore::reconcile);
        tasks.spawn("backuprestores", running);
    }
}
