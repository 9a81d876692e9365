//! The metrics of the operator, in the OpenMetrics text format.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

mod backups;
mod families;
mod models;
mod process;

use families::{
    AnswerLabels, CallLabels, ClassLabels, Count, KindLabels, Level, NodeLabels, ResultLabels, Seconds, StateLabels,
    Timing,
};

pub use backups::{DrillFigures, PolicyFigures, RepositoryFigures, TierFigures};
pub use models::ModelFigures;

/// What the build says about itself.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// The version of the crate.
    pub version: &'static str,
    /// The commit, or `unknown`.
    pub revision: &'static str,
}

/// How a reconcile ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// Without an error.
    Success,
    /// With an error.
    Error,
}

impl ReconcileResult {
    const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
        }
    }
}

/// One request to PVE, as it is counted. `path` is a template (`/nodes/{node}/lxc/{vmid}/config`), never a real path.
#[derive(Clone, Copy, Debug)]
pub struct PveRequest<'a> {
    /// The ProxmoxCluster's name.
    pub cluster: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The path template.
    pub path: &'a str,
    /// The HTTP status, or a word for an answer that never came (`timeout`, `transport`).
    pub status: &'a str,
    /// From sending to the last byte of the answer.
    pub took: Duration,
}

/// All metrics. Cheap to clone; every method may be called from anywhere.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    reconciles: Count<ResultLabels>,
    reconcile_seconds: Timing<KindLabels>,
    reconcile_errors: Count<ClassLabels>,
    pve_requests: Count<AnswerLabels>,
    pve_seconds: Timing<CallLabels>,
    status_writes: Count<KindLabels>,
    containers: Level<StateLabels>,
    leader: Gauge,
    queue_depth: Level<KindLabels>,
    tasks: Level<NodeLabels>,
    backups: backups::BackupMetrics,
    models: models::ModelMetrics,
    /// Which gauges of which cluster exist, so that they can be removed.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    states: BTreeSet<StateLabels>,
    nodes: BTreeSet<NodeLabels>,
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new(build: BuildInfo) -> Self {
        let mut inner = Inner {
            registry: Registry::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(Seconds),
            reconcile_errors: Family::default(),
            pve_requests: Family::default(),
            pve_seconds: Family::new_with_constructor(Seconds),
            status_writes: Family::default(),
            containers: Family::default(),
            leader: Gauge::default(),
            queue_depth: Family::default(),
            tasks: Family::default(),
            backups: backups::BackupMetrics::default(),
            models: models::ModelMetrics::default(),
            known: Mutex::default(),
        };
        inner.register(build);
        Self(Arc::new(inner))
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, kind: &str, result: ReconcileResult, took: Duration) {
        let labels = ResultLabels { kind: kind.to_owned(), result: result.label().to_owned() };
        self.0.reconciles.get_or_create(&labels).inc();
        self.0.reconcile_seconds.get_or_create(&KindLabels { kind: kind.to_owned() }).observe(took.as_secs_f64());
    }

    /// Counts a reconcile error by its class.
    pub fn reconcile_error(&self, kind: &str, class: &str) {
        self.0.reconcile_errors.get_or_create(&ClassLabels { kind: kind.to_owned(), class: class.to_owned() }).inc();
    }

    /// Counts a request to PVE.
    pub fn pve_request(&self, request: PveRequest<'_>) {
        let PveRequest { cluster, method, path, status, took } = request;
        let call = CallLabels { cluster: cluster.to_owned(), method: method.to_owned(), path: path.to_owned() };
        self.0.pve_seconds.get_or_create(&call).observe(took.as_secs_f64());
        let CallLabels { cluster, method, path } = call;
        let answer = AnswerLabels { cluster, method, path, status: status.to_owned() };
        self.0.pve_requests.get_or_create(&answer).inc();
    }

    /// Counts a status that was written.
    pub fn status_written(&self, kind: &str) {
        self.0.status_writes.get_or_create(&KindLabels { kind: kind.to_owned() }).inc();
    }

    /// Sets the number of containers of a cluster by state; states that are not named fall to zero.
    pub fn set_containers(&self, cluster: &str, by_state: &BTreeMap<&str, i64>) {
        let mut known = self.known();
        for labels in known.states.iter().filter(|labels| labels.cluster == cluster) {
            self.0.containers.get_or_create(labels).set(0);
        }
        for (state, count) in by_state {
            let labels = StateLabels { cluster: cluster.to_owned(), state: (*state).to_owned() };
            self.0.containers.get_or_create(&labels).set(*count);
            known.states.insert(labels);
        }
    }

    /// Whether this process leads.
    pub fn set_leader(&self, leading: bool) {
        self.0.leader.set(i64::from(leading));
    }

    /// How many objects of a kind wait for a reconcile.
    pub fn set_queue_depth(&self, kind: &str, depth: usize) {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        self.0.queue_depth.get_or_create(&KindLabels { kind: kind.to_owned() }).set(depth);
    }

    /// How many PVE tasks run on a node at our request.
    pub fn set_tasks_in_flight(&self, cluster: &str, node: &str, tasks: usize) {
        let labels = NodeLabels { cluster: cluster.to_owned(), node: node.to_owned() };
        self.0.tasks.get_or_create(&labels).set(i64::try_from(tasks).unwrap_or(i64::MAX));
        self.known().nodes.insert(labels);
    }

    /// Removes the gauges of a cluster that is gone.
    pub fn forget_cluster(&self, cluster: &str) {
        let mut known = self.known();
        known.states.retain(|labels| labels.cluster != cluster || !self.0.containers.remove(labels));
        known.nodes.retain(|labels| labels.cluster != cluster || !self.0.tasks.remove(labels));
    }

    /// Shows what is known of a BackupPolicy.
    pub fn set_backup_policy(&self, namespace: &str, policy: &str, figures: &PolicyFigures) {
        self.0.backups.set_policy(namespace, policy, figures);
    }

    /// Shows what is known of a BackupRepository.
    pub fn set_backup_repository(&self, namespace: &str, repository: &str, figures: &RepositoryFigures) {
        self.0.backups.set_repository(namespace, repository, figures);
    }

    /// Shows what is known of a model.
    pub fn set_model(&self, namespace: &str, name: &str, figures: ModelFigures) {
        self.0.models.set(namespace, name, figures);
    }

    /// A pull of a model ended: with so many bytes, or (`None`) it failed.
    pub fn model_pulled(&self, engine: &str, bytes: Option<u64>, took: Duration) {
        self.0.models.pulled(engine, bytes, took);
    }

    /// Removes the figures of models that are gone.
    pub fn retain_models(&self, is_there: impl Fn(&str, &str) -> bool) {
        self.0.models.retain(is_there);
    }

    /// Counts a run of a Job of backups that has ended; `owner` is `policy/NAME` and its like.
    pub fn count_backup_run(&self, namespace: &str, owner: &str, operation: &str, succeeded: bool) {
        self.0.backups.count_run(namespace, owner, operation, succeeded);
    }

    /// Removes the figures of policies and repositories (asked by namespace and name) that are gone.
    pub fn retain_backups(
        &self,
        policy_is_there: impl Fn(&str, &str) -> bool,
        repository_is_there: impl Fn(&str, &str) -> bool,
    ) {
        self.0.backups.retain(policy_is_there, repository_is_there);
    }

    /// The text for `/metrics`.
    ///
    /// # Errors
    /// When a metric cannot be formatted.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Inner {
    /// Counters get their suffix `_total` from the format.
    fn register(&mut self, build: BuildInfo) {
        let Self { registry, reconciles, reconcile_seconds, reconcile_errors, .. } = self;
        let info = vec![("version", build.version), ("revision", build.revision)];
        registry.register("zentoria_build", "The build of the operator", Info::new(info));
        registry.register("zentoria_reconcile", "Reconciles by result", reconciles.clone());
        registry.register("zentoria_reconcile_duration_seconds", "Duration of a reconcile", reconcile_seconds.clone());
        registry.register("zentoria_reconcile_errors", "Reconcile errors by class", reconcile_errors.clone());
        registry.register(
            "zentoria_pve_requests",
            "Requests to PVE by path template and status",
            self.pve_requests.clone(),
        );
        registry.register(
            "zentoria_pve_request_duration_seconds",
            "Duration of a request to PVE",
            self.pve_seconds.clone(),
        );
        registry.register("zentoria_status_writes", "Status writes", self.status_writes.clone());
        registry.register("zentoria_containers", "Containers by state", self.containers.clone());
        registry.register("zentoria_leader", "1 while this replica leads", self.leader.clone());
        registry.register("zentoria_queue_depth", "Objects that wait for a reconcile", self.queue_depth.clone());
        registry.register("zentoria_tasks_in_flight", "PVE tasks that run at our request", self.tasks.clone());
        self.backups.register(registry);
        self.models.register(registry);
        registry.register_collector(Box::new(process::ProcessCollector));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(BuildInfo { version: "1.2.3", revision: "abc" })
    }

    #[track_caller]
    fn assert_line(text: &str, line: &str) {
        assert!(text.lines().any(|other| other == line), "{line}\nis missing in\n{text}");
    }

    #[test]
    fn every_metric_has_the_name_and_the_labels_that_dashboards_rely_on() {
        let metrics = metrics();
        metrics.reconciled("ZentoriaContainer", ReconcileResult::Success, Duration::from_millis(20));
        metrics.reconciled("ZentoriaContainer", ReconcileResult::Error, Duration::from_millis(20));
        metrics.reconcile_error("ZentoriaContainer", "transient");
        let path = "/nodes/{node}/lxc";
        let took = Duration::from_millis(200);
        metrics.pve_request(PveRequest { cluster: "pve", method: "POST", path, status: "200", took });
        metrics.status_written("ProxmoxCluster");
        metrics.set_containers("pve", &BTreeMap::from([("Running", 17)]));
        metrics.set_leader(true);
        metrics.set_queue_depth("ZentoriaContainer", 3);
        metrics.set_tasks_in_flight("pve", "pve1", 4);
        let text = metrics.encode().unwrap();
        for line in [
            "zentoria_reconcile_total{kind=\"ZentoriaContainer\",result=\"success\"} 1",
            "zentoria_reconcile_total{kind=\"ZentoriaContainer\",result=\"error\"} 1",
            "zentoria_reconcile_duration_seconds_count{kind=\"ZentoriaContainer\"} 2",
            "zentoria_reconcile_errors_total{kind=\"ZentoriaContainer\",class=\"transient\"} 1",
            "zentoria_pve_requests_total{cluster=\"pve\",method=\"POST\",path=\"/nodes/{node}/lxc\",status=\"200\"} 1",
            "zentoria_pve_request_duration_seconds_count{cluster=\"pve\",method=\"POST\",path=\"/nodes/{node}/lxc\"} 1",
            "zentoria_status_writes_total{kind=\"ProxmoxCluster\"} 1",
            "zentoria_containers{cluster=\"pve\",state=\"Running\"} 17",
            "zentoria_leader 1",
            "zentoria_queue_depth{kind=\"ZentoriaContainer\"} 3",
            "zentoria_tasks_in_flight{cluster=\"pve\",node=\"pve1\"} 4",
            "zentoria_build_info{version=\"1.2.3\",revision=\"abc\"} 1",
        ] {
            assert_line(&text, line);
        }
    }

    #[test]
    fn memory_and_processor_time_of_the_process_are_shown() {
        let text = metrics().encode().unwrap();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 1024.0 * 1024.0);
        assert!(value("process_cpu_seconds_total ") >= 0.0);
    }

    #[test]
    fn a_state_without_containers_falls_to_zero_and_a_cluster_that_is_gone_disappears() {
        let metrics = metrics();
        metrics.set_containers("pve", &BTreeMap::from([("Running", 17)]));
        metrics.set_containers("other", &BTreeMap::from([("Running", 1)]));
        metrics.set_containers("pve", &BTreeMap::from([("Stopped", 2)]));
        metrics.set_tasks_in_flight("pve", "pve1", 1);
        let text = metrics.encode().unwrap();
        assert_line(&text, "zentoria_containers{cluster=\"pve\",state=\"Running\"} 0");
        assert_line(&text, "zentoria_containers{cluster=\"pve\",state=\"Stopped\"} 2");
        metrics.forget_cluster("pve");
        let text = metrics.encode().unwrap();
        assert!(!text.contains("cluster=\"pve\""), "{text}");
        assert_line(&text, "zentoria_containers{cluster=\"other\",state=\"Running\"} 1");
    }
}
