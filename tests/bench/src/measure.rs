//! What is measured of the operator: a creation, a time in which nothing changes, and changes made behind its back.

use crate::calls::Tally;
use crate::estate::{name_of, vmids};
use crate::stage::Scene;
use serde::Serialize;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zentoria_api::conditions::READY;
use zentoria_api_tests::pve::{OPERATOR, Request};
use zentoria_api_tests::wait::within;

/// From apply to all Ready.
#[derive(Clone, Debug, Serialize)]
pub struct Creation {
    /// Until all objects were applied, in seconds.
    pub applied_seconds: f64,
    /// Until all were Ready, in seconds.
    pub wall_seconds: f64,
    /// Its calls.
    pub calls: Tally,
    /// Status writes.
    pub status_writes: f64,
    /// Reconciles.
    pub reconciles: f64,
    /// Processor seconds.
    pub cpu_seconds: f64,
    /// Peak memory in RAM, in MiB.
    pub peak_mib: f64,
}

/// One creation.
pub async fn creation(scene: &Scene<'_>, size: u32) -> Creation {
    let counters = async || {
        let operator = &scene.operator;
        let writes = operator.metric("zentoria_status_writes_total").await;
        (writes, operator.metric("zentoria_reconcile_total").await, operator.cpu_seconds())
    };
    let before = counters().await;
    scene.forget_requests().await;
    let (applied, wall) = scene.create(size).await;
    let calls = scene.tally().await;
    let after = counters().await;
    Creation {
        applied_seconds: applied.as_secs_f64(),
        wall_seconds: wall.as_secs_f64(),
        calls,
        status_writes: after.0 - before.0,
        reconciles: after.1 - before.1,
        cpu_seconds: after.2 - before.2,
        peak_mib: scene.operator.peak_mib(),
    }
}

/// A time in which nothing changes.
#[derive(Clone, Debug, Serialize)]
pub struct Steady {
    /// How long, in seconds.
    pub seconds: f64,
    /// The calls in it.
    pub calls: Tally,
    /// Status writes in it, by the operator's own count.
    pub status_writes: f64,
    /// Objects whose `resourceVersion` changed in it.
    pub objects_changed: usize,
    /// Processor seconds in a minute.
    pub cpu_seconds_per_minute: f64,
    /// Peak memory in RAM since the start, in MiB.
    pub peak_mib: f64,
}

/// Watches a settled operator for `window`.
pub async fn steady(scene: &Scene<'_>, window: Duration) -> Steady {
    scene.settle().await;
    let versions = scene.versions().await;
    let writes = scene.operator.metric("zentoria_status_writes_total").await;
    let cpu = scene.operator.cpu_seconds();
    scene.forget_requests().await;
    // The one wait for time itself: it is what is measured.
    tokio::time::sleep(window).await;
    let calls = scene.tally().await;
    let cpu = scene.operator.cpu_seconds() - cpu;
    let after = scene.versions().await;
    Steady {
        seconds: window.as_secs_f64(),
        calls,
        status_writes: scene.operator.metric("zentoria_status_writes_total").await - writes,
        objects_changed: after.iter().filter(|(name, version)| versions.get(*name) != Some(version)).count(),
        cpu_seconds_per_minute: cpu * 60.0 / window.as_secs_f64(),
        peak_mib: scene.operator.peak_mib(),
    }
}

/// When a change made behind the operator's back was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// What was changed, and what shows that it was seen.
    pub what: &'static str,
    /// Seconds until it was seen.
    pub seconds: f64,
    /// Polls that began in that time, the one that showed it among them.
    pub polls: usize,
}

/// A crash, a person's stop, and memory changed by a person, all at once on different guests.
pub async fn quick_drift(scene: &Scene<'_>, size: u32) -> Vec<Drift> {
    let numbers: Vec<u32> = vmids(size).collect();
    let (crashed, stopped, shrunk) = (numbers[0], numbers[numbers.len() / 2], numbers[numbers.len() - 1]);
    let pve = scene.pve();
    let changed = unix_now();
    pve.person("crash", crashed, json!({})).await;
    pve.person("stop", stopped, json!({})).await;
    pve.person_sets(shrunk, json!({"memory": "1024"})).await;
    let start = format!("/lxc/{crashed}/status/start");
    let config = format!("/lxc/{shrunk}/config");
    let (started, told, corrected) = tokio::join!(
        called(scene, "a crashed guest is started again", "POST", &start, changed),
        said(scene, stopped, "StoppedExternally"),
        called(scene, "memory is set back", "PUT", &config, changed),
    );
    vec![
        drift(scene, "power: crash, restarted", changed, started).await,
        drift(scene, "power: stopped by a person, told", changed, told).await,
        drift(scene, "memory, set back", changed, corrected).await,
    ]
}

/// A description changed by a person, with `round` as the full resync: only the round-robin sees it.
pub async fn slow_drift(scene: &Scene<'_>, size: u32, round: Duration) -> Drift {
    scene.patch_cluster(json!({"poll": {"fullResync": format!("{}s", round.as_secs())}})).await;
    scene.cluster_ready().await;
    scene.settle().await;
    let vmid = vmids(size).nth(size as usize / 3).unwrap_or_default();
    let changed = unix_now();
    scene.pve().person_sets(vmid, json!({"description": "somebody was here"})).await;
    let config = format!("/lxc/{vmid}/");
    let seen = within(round * 3, "a changed description is read", || async {
        let requests = scene.requests().await;
        let read = |r: &&Request| ours(r) && r.time > changed && r.path.contains(&config) && r.method == "GET";
        requests.iter().find(read).map(|r| r.time).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    drift(scene, "description, read", changed, seen).await
}

fn ours(request: &Request) -> bool {
    request.user.as_deref() == Some(OPERATOR)
}

async fn drift(scene: &Scene<'_>, what: &'static str, changed: f64, seen: f64) -> Drift {
    let between = |r: &&Request| ours(r) && r.path == "/cluster/resources" && r.time > changed && r.time <= seen;
    Drift { what, seconds: seen - changed, polls: scene.requests().await.iter().filter(between).count() }
}

/// When a call came in.
async fn called(scene: &Scene<'_>, what: &str, method: &str, path: &str, since: f64) -> f64 {
    within(Duration::from_secs(120), what, || async {
        let requests = scene.requests().await;
        let it = |r: &&Request| ours(r) && r.time > since && r.method == method && r.path.ends_with(path);
        requests.iter().find(it).map(|r| r.time).ok_or_else(|| "not yet".to_owned())
    })
    .await
}

/// When Ready said this.
async fn said(scene: &Scene<'_>, vmid: u32, reason: &str) -> f64 {
    within(Duration::from_secs(120), reason, || async {
        let container = scene.containers().get(&name_of(vmid)).await.map_err(|error| error.to_string())?;
        let conditions = container.status.unwrap_or_default().conditions;
        let ready = conditions.into_iter().find(|condition| condition.type_ == READY);
        let reason_now = ready.map(|condition| condition.reason).unwrap_or_default();
        if reason_now == reason { Ok(unix_now()) } else { Err(reason_now) }
    })
    .await
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs_f64()).unwrap_or_default()
}
