//! Many policies on one API server. The Jobs are played, as in the tests of the API tier: no node is needed.

use crate::stage::{Scene, Stage};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::CronJob;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use zentoria_api::backup::{BackupPolicy, BackupRepository};
use zentoria_api::conditions::{FRESH, READY};
use zentoria_api_tests::kcm::Kcm;
use zentoria_api_tests::kubernetes::{apply_any, clean_up, put_secret};
use zentoria_api_tests::wait::within;
use zentoria_types::backup_job::{Outcome, Snapshot};

const POLICIES: u32 = 500;
/// Policies that have a run.
const RUNS: u32 = 20;
/// Policies that miss one.
const MISSED: u32 = 10;
/// Their promise, in seconds.
const PROMISE: i64 = 90;
/// Objects that are written at a time.
const APPLIES: usize = 8;
const LIMIT: Duration = Duration::from_secs(300);

/// The figures.
#[derive(Debug, Serialize)]
pub struct Policies {
    /// How many, each with two tiers and a restore test.
    pub policies: u32,
    /// CronJobs that the operator made for them.
    pub cron_jobs: usize,
    /// From the first apply to the last policy whose status speaks of its spec and whose CronJobs are there.
    pub accepted_seconds: f64,
    /// Status writes until then, counted by the API server.
    pub accepted_status_writes: f64,
    /// The most memory that the operator had in RAM, in MiB, with the runs.
    pub peak_mib: f64,
    /// A time in which nothing happened, in seconds.
    pub quiet_seconds: f64,
    /// Status writes in it.
    pub quiet_status_writes: f64,
    /// The operator's processor seconds in a minute of it.
    pub quiet_cpu_seconds_per_minute: f64,
    /// Runs that were played.
    pub runs: u32,
    /// Status writes for each, of policy and repository.
    pub status_writes_per_run: f64,
    /// From the moment that a promise passed to the condition that says so, in seconds, each.
    pub noticed_seconds: Vec<f64>,
}

/// Measures, with the settled operator watched for `window`.
pub async fn measure(stage: &Stage, window: Duration) -> Policies {
    let scene = stage.scene("bench-backup", 1).await;
    let field = Field::new(&scene).await;
    let writes = field.status_writes().await;
    let accepted_seconds = field.accepted().await;
    scene.settle().await;
    let accepted_status_writes = field.status_writes().await - writes;
    let cron_jobs = field.cron_jobs().await;

    let (writes, cpu) = (field.status_writes().await, scene.operator.cpu_seconds());
    // The wait is for time itself: it is what is measured.
    tokio::time::sleep(window).await;
    let quiet_status_writes = field.status_writes().await - writes;
    let quiet_cpu = scene.operator.cpu_seconds() - cpu;

    let writes = field.status_writes().await;
    field.all_run().await;
    scene.settle().await;
    let of_runs = field.status_writes().await - writes;

    let noticed_seconds = field.missed().await;
    let peak_mib = scene.operator.peak_mib();
    let (client, namespace) = (stage.client().clone(), field.namespace.clone());
    scene.end().await;
    clean_up(&client, &namespace, std::slice::from_ref(&namespace)).await;
    Policies {
        policies: POLICIES,
        cron_jobs,
        accepted_seconds,
        accepted_status_writes,
        peak_mib,
        quiet_seconds: window.as_secs_f64(),
        quiet_status_writes,
        quiet_cpu_seconds_per_minute: quiet_cpu * 60.0 / window.as_secs_f64(),
        runs: RUNS,
        status_writes_per_run: of_runs / f64::from(RUNS),
        noticed_seconds,
    }
}

/// A namespace with a repository that is ready.
struct Field {
    client: kube::Client,
    namespace: String,
    kcm: Kcm,
}

impl Field {
    async fn new(scene: &Scene<'_>) -> Self {
        let (client, namespace) = (scene.client().clone(), scene.name().to_owned());
        put_secret(&client, &namespace, "backup", &[("password", "x"), ("accessKeyId", "x"), ("secretAccessKey", "x")])
            .await;
        let kcm = Kcm::of(&client, &namespace).await;
        let field = Self { client, namespace, kcm };
        let spec = json!({
            "backend": {"s3": {"endpoint": "https://s3.test.local:9000", "bucket": "backups"}},
            "passwordSecretRef": {"name": "backup", "key": "password"},
            "credentialsSecretRef": {"name": "backup"},
        });
        field.apply("BackupRepository", "main", spec).await;
        let job = field.kcm.job("br-main-init").await;
        field.kcm.ends(&job, &outcome(None)).await;
        let api: Api<BackupRepository> = field.kcm.api();
        within(LIMIT, "the repository is Ready", || async {
            let status = api.get("main").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
            let ready = status.conditions.iter().any(|c| c.type_ == READY && c.status == "True");
            if ready { Ok(()) } else { Err(format!("{:?}", status.conditions)) }
        })
        .await;
        field
    }

    async fn apply(&self, kind: &str, name: &str, spec: Value) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let object = json!({"apiVersion": "zentoria.ai/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        apply_any(&self.client, &object).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    }

    /// Applies all policies, and waits until they and their CronJobs are there; how long it took, in seconds.
    async fn accepted(&self) -> f64 {
        let started = Instant::now();
        let names = 0..POLICIES;
        stream::iter(names)
            .for_each_concurrent(APPLIES, |number| async move {
                let tiers = [("hourly", "0 * * * *", "7d"), ("daily", "0 2 * * *", "30d")];
                self.apply("BackupPolicy", &name(number), policy(&tiers, &json!({}))).await;
            })
            .await;
        let mut told = BTreeSet::new();
        self.until_each(POLICIES as usize, |policy| {
            let status = policy.status.as_ref()?;
            (status.observed_generation == policy.metadata.generation).then_some(())?;
            told.insert(policy.name_any()).then_some(())
        })
        .await;
        within(LIMIT, "all CronJobs are there", || async {
            let (found, wanted) = (self.cron_jobs().await, 3 * POLICIES as usize);
            if found >= wanted { Ok(()) } else { Err(format!("{found} of {wanted}")) }
        })
        .await;
        started.elapsed().as_secs_f64()
    }

    /// Waits until `pick` has been given so many policies that it wanted.
    async fn until_each<T>(&self, wanted: usize, mut pick: impl FnMut(&BackupPolicy) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        let objects = watcher(self.kcm.api::<BackupPolicy>(), watcher::Config::default()).applied_objects();
        let mut objects = std::pin::pin!(objects);
        let deadline = Instant::now() + LIMIT;
        while found.len() < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = tokio::time::timeout(left, objects.next()).await;
            let object = next.unwrap_or_else(|_| panic!("{} of {wanted} policies after {LIMIT:?}", found.len()));
            found.extend(pick(&object.expect("a watch never ends").expect("the watch works")));
        }
        found
    }

    /// CronJobs of the policies.
    async fn cron_jobs(&self) -> usize {
        let all: Vec<String> = self.kcm.names::<CronJob>().await;
        all.iter().filter(|name| name.starts_with("bp-")).count()
    }

    /// The first tier of some policies has a run, from the Job to its end, and each is seen at work.
    async fn all_run(&self) {
        let mut running = Vec::new();
        for number in 0..RUNS {
            let cron = self.kcm.cron(&format!("bp-{}-hourly", name(number))).await;
            let job = self.kcm.fire(&cron, "1").await;
            let pod = self.kcm.pod(&job).await;
            self.kcm.job_runs(&job).await;
            running.push((job, pod));
        }
        let mut seen = BTreeSet::new();
        self.until_each(RUNS as usize, |policy| {
            let ready = policy.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == READY)?;
            (ready.reason == "Running" && seen.insert(policy.name_any())).then_some(())
        })
        .await;
        for (job, pod) in &running {
            let done = outcome(Some(Timestamp::now().as_second()));
            self.kcm.pod_ends(pod, &done).await;
            self.kcm.job_ends(job, true).await;
        }
        let mut seen = BTreeSet::new();
        self.until_each(RUNS as usize, |policy| {
            policy.status.as_ref()?.last_success.as_ref()?;
            seen.insert(policy.name_any()).then_some(())
        })
        .await;
    }

    /// Some policies have a backup whose promise passes soon, and no other; how late each was told to be late.
    async fn missed(&self) -> Vec<f64> {
        let mut passes = BTreeMap::new();
        let mut told = BTreeSet::new();
        for number in POLICIES..POLICIES + MISSED {
            let promise = json!({"promise": format!("{PROMISE}s")});
            self.apply("BackupPolicy", &name(number), policy(&[("often", "* * * * *", "7d")], &promise)).await;
        }
        for number in POLICIES..POLICIES + MISSED {
            let cron = self.kcm.cron(&format!("bp-{}-often", name(number))).await;
            let job = self.kcm.fire(&cron, "1").await;
            // It is told well before its promise passes.
            let begun = Timestamp::now().as_second() - PROMISE + 15;
            self.kcm.ends(&job, &outcome(Some(begun))).await;
            passes.insert(name(number), (begun + PROMISE) as f64);
        }
        self.until_each(MISSED as usize, |policy| {
            let now = Timestamp::now();
            let passed = passes.get(&policy.name_any())?;
            let conditions = &policy.status.as_ref()?.conditions;
            let late = conditions.iter().any(|condition| condition.type_ == FRESH && condition.reason == "Late");
            (late && told.insert(policy.name_any())).then(|| seconds_since(now, *passed))
        })
        .await
    }

    /// Status writes of backups since the API server was started, by its own count.
    async fn status_writes(&self) -> f64 {
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
        let text = self.client.request_text(request).await.expect("metrics of the API server");
        let ours = |line: &&str| {
            line.starts_with("apiserver_request_total{")
                && line.contains("resource=\"backup")
                && line.contains("subresource=\"status\"")
                && !line.contains("verb=\"GET\"")
        };
        text.lines().filter(ours).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// Seconds from `passed` to `now`.
fn seconds_since(now: Timestamp, passed: f64) -> f64 {
    now.as_millisecond() as f64 / 1000.0 - passed
}

fn name(number: u32) -> String {
    format!("policy-{number}")
}

fn policy(tiers: &[(&str, &str, &str)], more: &Value) -> Value {
    let tiers = tiers.iter().map(|(name, schedule, keep)| json!({"name": name, "schedule": schedule, "keep": keep}));
    let mut spec = json!({
        "source": {"redis": {"server": {"host": "10.10.41.0"}, "passwordSecretRef": {"name": "backup", "key": "password"}}},
        "repositoryRef": {"name": "main"},
        "tiers": tiers.collect::<Vec<Value>>(),
        "verify": {"restoreTest": {"schedule": "0 7 * * 0"}},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

/// What a run leaves behind that succeeded; with a backup that was begun then.
fn outcome(begun: Option<i64>) -> Outcome {
    let id = format!("{:x}", begun.unwrap_or_default());
    let snapshot = |time| Snapshot { id: format!("{id:0<64}"), time, bytes: 1 << 20, added: 4096, files: 1, parts: 2 };
    Outcome {
        repository_id: Some("5eed".repeat(16)),
        started: begun.unwrap_or_else(|| Timestamp::now().as_second()),
        seconds: 3,
        snapshots: Some(1),
        repository_bytes: Some(4096),
        snapshot: begun.map(snapshot),
        ..Outcome::default()
    }
}
