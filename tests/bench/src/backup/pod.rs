//! How long a pod of the Jobs takes to start: what a scheduled run waits for before anything of ours begins.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use zentoria_api_tests::kubernetes;
use zentoria_api_tests::wait::within;

const NAMESPACE: &str = "bench-pods";
const PODS: usize = 5;

/// Starts Jobs with the image and the volumes of those of backups, one after the other, and puts into the figures of `out`
/// how long each took from its creation to the first instruction of its container.
///
/// # Panics
/// Where the cluster runs no pods, or has no image of the Jobs.
pub async fn pod_start(out: &Path) -> Vec<f64> {
    let client = kubernetes::connect(&kubernetes::shared_kubeconfig()).await;
    kubernetes::ensure_namespace(&client, NAMESPACE).await;
    kubernetes::put_secret(&client, NAMESPACE, "repository", &[("password", "x")]).await;
    let mut seconds = Vec::new();
    for number in 0..PODS {
        seconds.push(one(&client, &format!("start-{number}")).await);
    }
    let text = std::fs::read_to_string(out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let mut figures: Value = serde_json::from_str(&text).expect("figures are JSON");
    figures["pod_start_seconds"] = json!(seconds);
    super::super::write(out, &figures);
    seconds
}

async fn one(client: &Client, name: &str) -> f64 {
    let jobs: Api<Job> = Api::namespaced(client.clone(), NAMESPACE);
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let started = jiff::Timestamp::now();
    let job: Job = serde_json::from_value(job(name)).expect("a Job");
    within(Duration::from_secs(60), "the Job is created", || async {
        jobs.create(&PostParams::default(), &job).await.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    let began = within(Duration::from_secs(180), "the pod has said when it began", || async {
        let found = pods.list(&ListParams::default().labels(&format!("job-name={name}"))).await;
        let found = found.map_err(|error| error.to_string())?.items.pop().ok_or("no pod")?;
        let status = found.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let ended = containers.into_iter().find_map(|container| container.state?.terminated);
        ended.and_then(|ended| ended.message).ok_or_else(|| format!("{:?}", status.phase))
    })
    .await;
    let began: f64 = began.trim().parse().expect("a time");
    began - started.as_nanosecond() as f64 / 1e9
}

fn job(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "job", "image": "localhost/zentoria-jobs:1", "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", "date +%s.%N >/dev/termination-log"],
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "secrets", "mountPath": "/etc/zentoria/secrets", "readOnly": true},
                    {"name": "scratch", "mountPath": "/scratch"},
                ],
            }],
            "volumes": [
                {"name": "secrets", "projected": {"defaultMode": 0o400, "sources": [{"secret": {"name": "repository"}}]}},
                {"name": "scratch", "emptyDir": {}},
            ],
        }}},
    })
}
