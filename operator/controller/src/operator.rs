//! Wiring: caches, controllers, leader election, health, in the order in which they start and stop.

use crate::backup;
use crate::cluster::MaintenanceWindows;
use crate::cluster::{self, refers_to, registry::Registry};
use crate::container::{self, PublicKeys};
use crate::context::{Context, Kind, Unheld};
use crate::estate::waves::Waves;
use crate::firewall::{self, Firewalls};
use crate::model;
use crate::options::Options;
use crate::outside::outside;
use crate::runtime::backoff::{Backoff, BackoffConfig};
use crate::runtime::caches::{watched, watched_with};
use crate::runtime::events::{self, Reporter};
use crate::runtime::finalizer::Finalizer;
use crate::runtime::health::{Health, watch_event_loop};
use crate::runtime::http::Server;
use crate::runtime::latest::Latest;
use crate::runtime::leader::{ElectionConfig, Ended, Fence, Leader, LeaderState, identity};
use crate::runtime::metrics::{BuildInfo, Metrics, ReconcileResult};
use crate::runtime::shutdown::{self, Shutdown};
use crate::runtime::status::StatusWriter;
use crate::runtime::streams::{a_few_at_once, chain, changed, drain};
use crate::runtime::tasks::Tasks;
use crate::runtime::turns::Turns;
use crate::runtime::wakeups::Wakeups;
use crate::runtime::write::{WriteError, Writer};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};
use zentoria_api::firewall::FirewallRule;
use zentoria_api::wire::{CLUSTER_FINALIZER, CONTAINER_FINALIZER, CONTROLLER_NAME};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_ops::cluster::dialer;
use zentoria_types::mark::ControlPlaneId;

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// It cannot start.
    #[error("cannot start: {0}")]
    Start(String),
    /// The Lease was lost; another replica writes now.
    #[error("the Lease was lost: {0}")]
    LeaseLost(String),
    /// Something that must run has ended.
    #[error("{0}")]
    Failed(String),
}

fn start(what: &str) -> impl Fn(&dyn std::fmt::Display) -> OperatorError + '_ {
    move |error| OperatorError::Start(format!("{what}: {error}"))
}

/// How long a clean stop may take.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs until it is told to stop.
///
/// # Errors
/// Where it cannot start, loses the Lease, or a part of it ends that must not.
pub async fn run(options: Options) -> Result<(), OperatorError> {
    let health = Health::new();
    let metrics = Metrics::new(build());
    let (probes_stop, probes) = shutdown::pair();
    let http = Server::bind(options.http_address, health.clone(), metrics.clone())
        .await
        .map_err(|error| start("--http-address")(&error))?;
    info!(http_address = %http.address(), "serving /healthz, /readyz and /metrics");
    let probe_tasks = Tasks::new(probes.clone(), health.clone());
    probe_tasks.spawn("http", http.run(probes.clone()));
    probe_tasks.spawn("event loop", watch_event_loop(health.clone(), probes.clone()));

    let result = lead(&options, &health, &metrics).await;
    probes_stop.request();
    probe_tasks.join(Duration::from_secs(2)).await;
    result
}

/// Waits for the Lease, then works until a signal, a loss or a failure.
async fn lead(options: &Options, health: &Health, metrics: &Metrics) -> Result<(), OperatorError> {
    let client = Client::try_default().await.map_err(|error| start("Kubernetes client")(&error))?;
    let (trigger, stop) = shutdown::pair();
    let signals = shutdown::on_signals(trigger.clone(), &stop).map_err(|error| start("signals")(&error))?;
    tokio::spawn(signals);

    if !options.leader_elect {
        return work(options, client, Fence::always(), health, metrics, stop).await;
    }
    let config = ElectionConfig {
        lease_duration: options.lease_duration,
        renew_deadline: options.renew_deadline,
        retry_period: options.retry_period,
        ..ElectionConfig::new(&options.namespace, &options.lease_name, identity(&hostname()))
    };
    let (leader, fence, mut state) =
        Leader::new(client.clone(), config).map_err(|error| start("leader election")(&error))?;
    let (lease_stop, lease) = shutdown::pair();
    let mut election = tokio::spawn(leader.run(lease));
    health.set_standby(true);
    info!("waits for the Lease");
    tokio::select! {
        led = state.wait_for(|state| *state == LeaderState::Leading) => {
            led.map_err(|error| start("leader election")(&error))?;
        }
        () = stop.requested() => {
            lease_stop.request();
            ended(election.await)?;
            return Ok(());
        }
        lost = &mut election => return ended(lost),
    }
    health.set_standby(false);
    metrics.set_leader(true);
    info!("leads");
    let (work_trigger, work_stop) = shutdown::pair();
    let mut working = Box::pin(work(options, client, fence, health, metrics, work_stop));
    let result = tokio::select! {
        result = &mut working => result,
        () = stop.requested() => {
            work_trigger.request();
            working.await
        }
        // No grace: whoever has lost the Lease must not write. The process ends.
        lost = &mut election => return ended(lost).and(Err(OperatorError::LeaseLost("it was given up".into()))),
    };
    lease_stop.request();
    metrics.set_leader(false);
    if let Err(error) = ended(election.await) {
        warn!(%error, "the Lease was not released");
    }
    result
}

fn ended(end: Result<Ended, tokio::task::JoinError>) -> Result<(), OperatorError> {
    match end {
        Ok(Ended::Stopped) => Ok(()),
        Ok(Ended::Lost(reason)) => Err(OperatorError::LeaseLost(reason.to_string())),
        Err(error) => Err(OperatorError::Failed(format!("leader election: {error}"))),
    }
}

/// Caches and controllers.
async fn work(
    options: &Options,
    client: Client,
    fence: Fence,
    health: &Health,
    metrics: &Metrics,
    stop: Shutdown,
) -> Result<(), OperatorError> {
    let control_plane = control_plane(&client).await?;
    info!(%control_plane, "serves this control plane");
    let dialer = dialer(&options.dial_map).map_err(|error| start("--dial-map")(&error))?;
    let tasks = Tasks::new(stop.clone(), health.clone());
    let reporter = Reporter { controller: CONTROLLER_NAME.to_owned(), instance: hostname() };
    let (sink, publisher) = events::channel(client.clone(), reporter);
    tokio::spawn(publisher.run());

    let any = watcher::Config::default;
    let api = Api::<ZentoriaContainer>::all(client.clone());
    let (wake_firewalls, firewall_wakes) = Wakeups::new();
    let backoff = BackoffConfig { base: options.backoff_base, max: options.backoff_max, ..BackoffConfig::default() };
    let firewalls = Arc::new(Firewalls::new(wake_firewalls, backoff));
    let (backups, backup_controllers) = backup::open(&client, health, &tasks, &stop, &options.jobs_image, backoff);
    let writer = Writer::new(fence.clone());
    let (models, model_controller) = model::open(&client, health, &writer, options.model_poll, backoff);
    let mut touched = firewall::touching(&firewalls);
    let mut concerned = backup_controllers.concerned();
    let mut served = model_controller.concerned();
    let (containers, container_stream) = watched_with(api, any(), health.gate("containers"), move |event| {
        touched(event);
        concerned(event);
        served(event);
    });
    let (clusters, cluster_stream) = watched_with(
        Api::<ProxmoxCluster>::all(client.clone()),
        any(),
        health.gate("clusters"),
        firewall::touching(&firewalls),
    );
    let (namespaces, namespace_stream) = watched_with(
        Api::<Namespace>::all(client.clone()),
        any(),
        health.gate("namespaces"),
        firewall::touching(&firewalls),
    );
    let (rules, rule_stream) = watched_with(
        Api::<FirewallRule>::all(client.clone()),
        any(),
        health.gate("rules"),
        firewall::touching(&firewalls),
    );
    let secrets_api = Api::<Secret>::namespaced(client.clone(), &options.namespace);
    let (secrets, secret_stream) = watched(secrets_api, any(), health.gate("secrets"));

    let (wake_containers, container_wakes) = Wakeups::new();
    let (wake_clusters, cluster_wakes) = Wakeups::new();
    let (wake_rules, rule_wakes) = Wakeups::new();
    let context = Arc::new(Context {
        namespace: options.namespace.clone(),
        control_plane,
        selector: options.cluster_selector.clone(),
        containers: kind(containers.clone(), wake_containers, backoff, CONTAINER_FINALIZER, &writer),
        clusters: kind(clusters.clone(), wake_clusters, backoff, CLUSTER_FINALIZER, &writer),
        rules: Unheld::new(rules.clone(), wake_rules),
        firewalls: Arc::clone(&firewalls),
        backups,
        models,
        turns: Turns::default(),
        namespaces,
        secrets,
        registry: Registry::default(),
        status: StatusWriter::new(writer.clone(), metrics.clone()),
        writer,
        events: sink,
        metrics: metrics.clone(),
        public_keys: PublicKeys::default(),
        windows: MaintenanceWindows::default(),
        waves: Waves::default(),
        outside: outside(dialer, fence, metrics.clone()),
        health: health.clone(),
        client,
    });

    // What a cluster or a container rests on: who is concerned is woken.
    let woken = Arc::clone(&context);
    tasks.spawn("secrets", drain(secret_stream, stop.clone(), move |secret: &Secret| woken_by_secret(&woken, secret)));
    let woken = Arc::clone(&context);
    let told = move |namespace: &Namespace| woken.wake_containers_in(&namespace.name_any());
    tasks.spawn("namespaces", drain(namespace_stream, stop.clone(), told));
    tasks.spawn(
        "clusters",
        controller(
            Controller::for_stream(changed(cluster_stream), clusters).reconcile_on(cluster_wakes),
            stop.clone(),
            Arc::clone(&context),
            "ProxmoxCluster",
            cluster::reconcile,
        ),
    );
    tasks.spawn(
        "containers",
        controller(
            Controller::for_stream(changed(container_stream), containers).reconcile_on(container_wakes),
            stop.clone(),
            Arc::clone(&context),
            "ZentoriaContainer",
            container::reconcile,
        ),
    );
    tasks.spawn(
        "rules",
        controller(
            Controller::for_stream(changed(rule_stream), rules).with_config(a_few_at_once()).reconcile_on(rule_wakes),
            stop.clone(),
            Arc::clone(&context),
            "FirewallRule",
            firewall::reconcile,
        ),
    );
    backup_controllers.spawn(&context, &tasks, &stop);
    model_controller.spawn(&context, &tasks, &stop);
    firewall::spawn(&context, &tasks, &stop, firewall_wakes);
    tasks.spawn("housekeeping", housekeeping(Arc::clone(&context), stop.clone()));

    tokio::select! {
        failure = tasks.failed() => {
            error!(%failure, "a part of the operator has ended");
            Err(OperatorError::Failed(failure.to_string()))
        }
        () = stop.requested() => {
            info!("stops");
            for late in tasks.join(DRAIN).await {
                warn!(task = late, "did not stop in time");
            }
            Ok(())
        }
    }
}

fn kind<K>(
    store: Store<K>,
    wake: Wakeups<K>,
    backoff: BackoffConfig,
    finalizer: &'static str,
    writer: &Writer,
) -> Kind<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let finalizer = Finalizer::new(finalizer, writer.clone());
    Kind { latest: Latest::new(store), backoff: Backoff::new(backoff), wake, finalizer }
}

/// One kind's controller: kube's queue (an object is never reconciled twice at once), our pauses.
pub(crate) async fn controller<K, R>(
    controller: Controller<K>,
    stop: Shutdown,
    context: Arc<Context>,
    kind: &'static str,
    reconcile: fn(Arc<K>, Arc<Context>) -> R,
) where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    R: Future<Output = Result<Action, WriteError>> + Send + 'static,
{
    let timed = move |object: Arc<K>, context: Arc<Context>| async move {
        // What a cache lacks that is not filled yet proves nothing: neither that a cluster is gone, nor that nobody uses it.
        context.health.gates_are_open().await;
        let started = Instant::now();
        let result = reconcile(object, Arc::clone(&context)).await;
        let counted = if result.is_ok() { ReconcileResult::Success } else { ReconcileResult::Error };
        context.metrics.reconciled(kind, counted, started.elapsed());
        result
    };
    let failed = move |object: Arc<K>, error: &WriteError, context: Arc<Context>| {
        let name = object.meta().name.clone().unwrap_or_default();
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        context.metrics.reconcile_error(kind, if error.is_retryable() { "transient" } else { "refused" });
        match error {
            WriteError::Conflict => Action::requeue(Duration::from_millis(100)),
            WriteError::Fenced => Action::await_change(),
            other => {
                warn!(kind, namespace, name, error = %chain(other), "the API server could not be written to");
                Action::requeue(Duration::from_secs(5))
            }
        }
    };
    controller
        .graceful_shutdown_on(stop.requested())
        .run(timed, failed, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

fn woken_by_secret(context: &Context, secret: &Secret) {
    for cluster in context.clusters.latest.all() {
        if refers_to(&cluster.spec, &secret.name_any()) {
            context.clusters.wake.wake(ObjectRef::from_obj(cluster.as_ref()));
        }
    }
}

/// Figures for people, and memory given back.
async fn housekeeping(context: Arc<Context>, stop: Shutdown) {
    loop {
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(Duration::from_secs(15)) => {}
        }
        context.containers.latest.sweep();
        context.clusters.latest.sweep();
        context.rules.sweep();
        backup::sweep(&context);
        model::sweep(&context);
        for cluster in context.clusters.latest.all() {
            let mut by_state = std::collections::BTreeMap::new();
            for container in context.containers_on(&cluster.name_any()) {
                let ready = container.status.as_ref().is_some_and(|status| {
                    zentoria_core::conditions::is_true(&status.conditions, zentoria_api::conditions::READY)
                });
                *by_state.entry(if ready { "ready" } else { "not_ready" }).or_insert(0) += 1;
            }
            context.metrics.set_containers(&cluster.name_any(), &by_state);
        }
        context.metrics.set_queue_depth("ZentoriaContainer", context.containers.wake.depth());
    }
}

/// The first 8 characters of the uid of kube-system: they name this control plane in the guests' marks.
async fn control_plane(client: &Client) -> Result<ControlPlaneId, OperatorError> {
    let api = Api::<Namespace>::all(client.clone());
    let namespace = api.get("kube-system").await.map_err(|error| start("namespace kube-system")(&chain(&error)))?;
    let uid = namespace.uid().unwrap_or_default();
    let short: String = uid.chars().take(8).collect();
    ControlPlaneId::new(short).map_err(|error| start("uid of namespace kube-system")(&error))
}

fn build() -> BuildInfo {
    BuildInfo { version: env!("CARGO_PKG_VERSION"), revision: option_env!("ZENTORIA_REVISION").unwrap_or("unknown") }
}

fn hostname() -> String {
    std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME")).unwrap_or_else(|_| "zentoria-operator".to_owned())
}
