//! kube-controller-manager and kubelet, played by the test: Jobs of CronJobs, pods of Jobs, and how they end.

use crate::wait::eventually;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use zentoria_types::backup_job::{JobSpec, Outcome};

/// What lies in a namespace and can be read.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
}

/// What kube-controller-manager and kubelet do in one namespace.
pub struct Kcm {
    client: Client,
    namespace: String,
    /// When the last Job ended: times of Kubernetes have whole seconds, and no two Jobs of a test end in the same.
    ended: AtomicI64,
}

impl Kcm {
    /// With the service account that pods get.
    pub async fn of(client: &Client, namespace: &str) -> Self {
        let kcm = Self { client: client.clone(), namespace: namespace.to_owned(), ended: AtomicI64::new(0) };
        let account: ServiceAccount =
            serde_json::from_value(json!({"metadata": {"name": "default"}})).expect("a service account");
        let api: Api<ServiceAccount> = kcm.api();
        let _ = api.create(&PostParams::default(), &account).await;
        kcm
    }

    /// Of its namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits for a CronJob.
    pub async fn cron(&self, name: &str) -> CronJob {
        let api: Api<CronJob> = self.api();
        eventually(&format!("the CronJob {name}"), || async { api.get(name).await.map_err(|error| error.to_string()) })
            .await
    }

    /// Waits for a Job.
    pub async fn job(&self, name: &str) -> Job {
        let api: Api<Job> = self.api();
        eventually(&format!("the Job {name}"), || async {
            match api.get(name).await {
                Ok(job) => Ok(job),
                Err(error) => Err(format!("{error}; there are {:?}", self.names::<Job>().await)),
            }
        })
        .await
    }

    /// Waits for a Job whose name begins so.
    pub async fn job_like(&self, beginning: &str) -> Job {
        let api: Api<Job> = self.api();
        eventually(&format!("a Job {beginning}..."), || async {
            let mut jobs = api.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
            let names: Vec<String> = jobs.iter().map(ResourceExt::name_any).collect();
            jobs.retain(|job| job.name_any().starts_with(beginning));
            jobs.pop().ok_or_else(|| format!("{names:?}"))
        })
        .await
    }

    /// The names of all objects of a kind.
    pub async fn names<K: Object>(&self) -> Vec<String> {
        let api: Api<K> = self.api();
        let mut names: Vec<String> =
            api.list(&ListParams::default()).await.expect("a list").items.iter().map(ResourceExt::name_any).collect();
        names.sort();
        names
    }

    /// What a Job or CronJob of this name is told.
    pub async fn told(&self, name: &str) -> JobSpec {
        let api: Api<ConfigMap> = self.api();
        let config = api.get(name).await.unwrap_or_else(|error| panic!("ConfigMap {name}: {error}"));
        let text = config.data.and_then(|mut data| data.remove("job.json")).expect("job.json");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("ConfigMap {name}: {error}: {text}"))
    }

    /// The Job that a CronJob starts at its time.
    pub async fn fire(&self, cron: &CronJob, suffix: &str) -> Job {
        let template = cron.spec.job_template.clone();
        let mut job = Job { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
        job.metadata.name = Some(format!("{}-{suffix}", cron.name_any()));
        job.metadata.owner_references = cron.controller_owner_ref(&()).map(|reference| vec![reference]);
        self.api()
            .create(&PostParams::default(), &job)
            .await
            .unwrap_or_else(|error| panic!("a Job of a CronJob: {error}"))
    }

    /// The pod that a Job starts, at work.
    pub async fn pod(&self, job: &Job) -> Pod {
        let template = job.spec.as_ref().expect("a spec").template.clone();
        let mut pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
        pod.metadata.name = Some(format!("{}-abcde", job.name_any()));
        pod.metadata.owner_references = job.controller_owner_ref(&()).map(|reference| vec![reference]);
        let labels = pod.metadata.labels.get_or_insert_default();
        labels.insert("batch.kubernetes.io/job-name".into(), job.name_any());
        labels.insert("job-name".into(), job.name_any());
        let made: Pod =
            self.api().create(&PostParams::default(), &pod).await.unwrap_or_else(|error| panic!("a pod: {error}"));
        let status = json!({"phase": "Running", "containerStatuses": [self.container(&made, json!({"running": {}}))]});
        self.patch_status::<Pod>(&made.name_any(), status).await
    }

    /// A pod ends and leaves this behind.
    pub async fn pod_ends(&self, pod: &Pod, outcome: &Outcome) {
        let code = i32::from(outcome.error.is_some());
        let now = Timestamp::now().to_string();
        let message = serde_json::to_string(outcome).expect("JSON");
        let state = json!({"terminated": {"exitCode": code, "message": message, "finishedAt": now, "startedAt": now}});
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let status = json!({"phase": phase, "containerStatuses": [self.container(pod, state)]});
        let _: Pod = self.patch_status(&pod.name_any(), status).await;
    }

    fn container(&self, pod: &Pod, state: Value) -> Value {
        let container = &pod.spec.as_ref().expect("a spec").containers[0];
        json!({"name": container.name, "image": container.image, "imageID": "", "ready": false, "restartCount": 0,
            "state": state})
    }

    /// A Job is seen at work.
    pub async fn job_runs(&self, job: &Job) -> Job {
        let status = json!({"active": 1, "startTime": Timestamp::now().to_string()});
        self.patch_status(&job.name_any(), status).await
    }

    /// A Job ends.
    pub async fn job_ends(&self, job: &Job, succeeded: bool) -> Job {
        let stored: Job = self.api().get(&job.name_any()).await.unwrap_or_else(|error| panic!("a Job: {error}"));
        let now = self.next_second().to_string();
        // It never changes once it is set.
        let begun = stored.status.and_then(|status| status.start_time).map_or_else(|| json!(now), |time| json!(time));
        let (first, last) = if succeeded { ("SuccessCriteriaMet", "Complete") } else { ("FailureTarget", "Failed") };
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": "Played", "message": "", "lastTransitionTime": now,
                "lastProbeTime": now})
        };
        let mut status = json!({"active": 0, "startTime": begun, "conditions": [condition(first), condition(last)],
            "uncountedTerminatedPods": {}});
        if succeeded {
            status["completionTime"] = json!(now);
            status["succeeded"] = json!(1);
        } else {
            status["failed"] = json!(1);
        }
        self.patch_status(&job.name_any(), status).await
    }

    fn next_second(&self) -> Timestamp {
        let now = Timestamp::now().as_second();
        let last = self.ended.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
        Timestamp::from_second(now.max(last.expect("always updated") + 1)).expect("a time")
    }

    /// A Job's pod runs, leaves this behind, and the Job ends.
    pub async fn ends(&self, job: &Job, outcome: &Outcome) {
        let pod = self.pod(job).await;
        self.pod_ends(&pod, outcome).await;
        self.job_ends(job, outcome.error.is_none()).await;
    }

    /// Deletes an object at once, as `kubectl delete --force` does.
    pub async fn remove<K: Object>(&self, name: &str) {
        let params = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::background() };
        let api: Api<K> = self.api();
        api.delete(name, &params).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    async fn patch_status<K: Object>(&self, name: &str, status: Value) -> K {
        let api: Api<K> = self.api();
        let patch = Patch::Merge(json!({"status": status}));
        let answer = api.patch_status(name, &PatchParams::default(), &patch).await;
        answer.unwrap_or_else(|error| panic!("status of {name}: {error}"))
    }
}
