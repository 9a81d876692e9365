//! Replicas: one writes at a time, whatever happens to it; the probes, a clean end, and that no secret gets out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zentoria_api::cluster::FeatureName;
use zentoria_api::container::Features;
use zentoria_api_tests::World;
use zentoria_api_tests::http::Http;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::operator::{Launch, Operator};
use zentoria_api_tests::proxy::{Proxy, server_of};
use zentoria_api_tests::pve::{ADDRESS, OPERATOR, Pve, TOKEN_SECRET};
use zentoria_api_tests::wait::{eventually, when, within};

/// One replica, its way to the API server and its way to Proxmox VE: what passes there tells what it does.
struct Replica {
    operator: Operator,
    kubernetes: Proxy,
    pve: Proxy,
}

impl Replica {
    async fn start(world: &World, name: &str, flags: &[&str]) -> Self {
        let shared = world.launch.kubeconfig.clone();
        let kubernetes = Proxy::start(&server_of(&std::fs::read_to_string(&shared).unwrap())).await;
        let pve = Proxy::start(&format!("127.0.0.1:{}", world.pve.port)).await;
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push("--leader-elect=true".to_owned());
        let launch = Launch {
            kubeconfig: kubernetes.kubeconfig(&shared, world.dir()),
            dial_map: vec![format!("{ADDRESS}:8006=127.0.0.1:{}", pve.address().port())],
            flags,
            ..world.launch.clone()
        };
        Self { operator: world.another_operator(name, &launch), kubernetes, pve }
    }

    fn leads(&self) -> bool {
        self.pve.used().is_some()
    }

    /// Waits until it asks Proxmox VE, which only a leader does; returns when it did so first.
    async fn until_it_leads(&self, what: &str) -> SystemTime {
        eventually(what, || async { self.pve.used().map(|(first, _)| first).ok_or_else(|| "it does not".to_owned()) })
            .await
    }

    async fn until_it_stands_by(&mut self) {
        eventually("the second replica waits for the Lease", || {
            let log = self.operator.log();
            async move { when(log, |log| log.contains("waits for the Lease")).map(|_| ()) }
        })
        .await;
    }
}

/// A quarter of the defaults.
const QUICK: [&str; 6] = ["--lease-duration", "4s", "--renew-deadline", "2500ms", "--retry-period", "500ms"];

async fn world(test: &str) -> World {
    World::builder(test).without_operator().start().await
}

/// Writes by the operator: when, in Unix seconds.
async fn writes_at(pve: &Pve) -> Vec<f64> {
    pve.writes().await.iter().filter(|request| request.user.as_deref() == Some(OPERATOR)).map(|r| r.time).collect()
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A person who never lets the guests be: there is always something to write.
fn meddle(pve: &Pve) -> tokio::task::JoinHandle<()> {
    let ctl = pve.ctl.clone();
    tokio::spawn(async move {
        for round in 0u64.. {
            for vmid in 400..404 {
                let edit = json!({"act": "edit", "vmid": vmid, "config": {"memory": 600 + round % 100}});
                let _ = ctl.send("POST", "/ctl/person", Some(&edit)).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

async fn four_containers(world: &World) {
    for vmid in 400..404 {
        world.apply(&world.container(&format!("c{vmid}"), vmid)).await;
    }
    for vmid in 400..404 {
        world.ready(&format!("c{vmid}")).await;
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_has_stopped_before_another_begins() {
    let world = world("cut off").await;
    let mut first = Replica::start(&world, "first", &QUICK).await;
    first.until_it_leads("the first replica leads").await;
    four_containers(&world).await;
    let mut second = Replica::start(&world, "second", &QUICK).await;
    second.until_it_stands_by().await;
    let meddling = meddle(&world.pve);
    let before = writes_at(&world.pve).await.len();
    eventually("the leader is busy", || async {
        when(writes_at(&world.pve).await.len(), |now| *now > before + 8).map(|_| ())
    })
    .await;
    assert!(!second.leads(), "one at a time");

    first.kubernetes.cut();
    let cut = unix(SystemTime::now());
    let began = unix(second.until_it_leads("the second replica leads").await);
    eventually("the second replica writes", || async {
        when(writes_at(&world.pve).await, |all| all.iter().any(|at| *at > began)).map(|_| ())
    })
    .await;
    let (_, last) = first.pve.used().unwrap();
    assert!(unix(last) < began, "the first still spoke {} s after the second began", unix(last) - began);
    let writes = writes_at(&world.pve).await;
    let late: Vec<f64> = writes.into_iter().filter(|at| *at > cut + 2.6 && *at < began).map(|at| at - cut).collect();
    assert_eq!(late, Vec::<f64>::new(), "no write after the renew deadline, in seconds after the cut");
    assert!(began - cut < 15.0, "{} s", began - cut);
    within(Duration::from_secs(10), "the first replica ends", || {
        let ended = first.operator.has_ended();
        async move { when(ended, |ended| *ended).map(|_| ()) }
    })
    .await;
    meddling.abort();
    for vmid in 400..404 {
        world.guest_until("is as the spec says", vmid, |guest| guest.option("memory") == "512").await;
        assert_eq!(world.pve.guest(vmid).await.starts, 1);
    }
    assert!(second.operator.stop().await);
}

#[tokio::test]
async fn a_leader_that_is_stopped_hands_over_at_once() {
    let world = world("hand over").await;
    // Who waited for such a Lease to run out would be late on any machine.
    let long = ["--lease-duration", "80s", "--renew-deadline", "60s", "--retry-period", "2s"];
    let mut first = Replica::start(&world, "first", &long).await;
    first.until_it_leads("the first replica leads").await;
    four_containers(&world).await;
    let mut second = Replica::start(&world, "second", &long).await;
    second.until_it_stands_by().await;
    let meddling = meddle(&world.pve);
    let asked = SystemTime::now();
    assert!(first.operator.stop().await, "it ends well");
    let ended = asked.elapsed().unwrap();
    let began = second.until_it_leads("the second replica leads").await;
    let (_, last) = first.pve.used().unwrap();
    meddling.abort();
    assert!(last < began, "one at a time");
    assert!(ended < Duration::from_secs(2), "it took {ended:?} to end");
    let took = began.duration_since(asked).unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}: an eighth of a Lease that was not given up");
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_when_its_lease_has_run_out() {
    let world = world("killed").await;
    let mut first = Replica::start(&world, "first", &[]).await;
    first.until_it_leads("the first replica leads").await;
    world.create(&world.container("c400", 400)).await;
    let mut second = Replica::start(&world, "second", &[]).await;
    second.until_it_stands_by().await;
    let killed = SystemTime::now();
    first.operator.kill();
    let began = second.until_it_leads("the second replica leads").await;
    let took = began.duration_since(killed).unwrap();
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(15), "{took:?}");
    world.create(&world.container("c401", 401)).await;
}

#[tokio::test]
async fn probes_and_metrics_answer_and_a_replica_that_waits_is_ready_too() {
    let world = world("probes").await;
    let mut first = Replica::start(&world, "first", &[]).await;
    first.until_it_leads("the first replica leads").await;
    world.create(&world.container("db", 400)).await;
    let mut second = Replica::start(&world, "second", &[]).await;
    second.until_it_stands_by().await;
    for (operator, leads) in [(&mut first.operator, "1"), (&mut second.operator, "0")] {
        let http = Http::new(&operator.http().await);
        for page in ["/healthz", "/readyz"] {
            let (status, text) = http.send("GET", page, None).await.unwrap();
            assert_eq!(status, 200, "{page}: {text}");
        }
        let (status, metrics) = http.send("GET", "/metrics", None).await.unwrap();
        assert_eq!(status, 200);
        let leader = metrics.lines().find(|line| line.starts_with("zentoria_leader"));
        assert!(leader.is_some_and(|line| line.ends_with(leads)), "{leader:?}");
        assert_eq!(http.send("GET", "/else", None).await.unwrap().0, 404);
    }
    let (_, metrics) = Http::new(&first.operator.http().await).send("GET", "/metrics", None).await.unwrap();
    for name in ["zentoria_pve_requests", "zentoria_reconcile", "zentoria_status_writes", "zentoria_build_info"] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    assert!(first.operator.stop().await && second.operator.stop().await, "both end well");
}

/// Everything that anybody may read of a run.
async fn everything_said(world: &World) -> String {
    let mut said = vec![world.log(), world.page("/metrics").await.1];
    said.extend(world.all().await.iter().map(|container| serde_json::to_string(container).unwrap()));
    said.push(serde_json::to_string(&world.get_cluster().await).unwrap());
    let events: Api<Event> = Api::all(world.client.clone());
    let events = events.list(&ListParams::default()).await.unwrap().items;
    let ours = events.iter().filter(|event| serde_json::to_string(event).unwrap().contains(&world.cluster));
    said.extend(ours.map(|event| serde_json::to_string(event).unwrap()));
    said.join("\n")
}

#[tokio::test]
async fn no_secret_is_in_any_log_status_event_or_metric() {
    // Not the one of root@pam.
    const ROOT: &str = "hunter2-of-root-pam";
    let build = World::builder("secrets").flags(&["--log-filter", "debug"]);
    let world = build.cluster(|spec| spec.access[0].allow.features.push(FeatureName::Keyctl)).start().await;
    put_secret(&world.client, &world.system, "pve-root", &[("password", ROOT)]).await;
    world.patch_cluster(json!({"credentials": {"rootSecretRef": {"name": "pve-root"}}})).await;
    let mut container = world.container("db", 400);
    container.spec.features = Some(Features { nesting: Some(true), keyctl: Some(true), ..Features::default() });
    world.apply(&container).await;
    // What goes wrong is told at more length: this password is refused, and another one taken without a restart.
    world.says("db", "NeedsRootCredential").await;
    put_secret(&world.client, &world.system, "pve-root", &[("password", "secret")]).await;
    world.ready("db").await;
    for answer in [json!({"status": 500, "reason": "broken"}), json!({"body": "<html>"})] {
        world.pve.fault("answer_with", json!(["PUT", "/nodes/pve1/lxc/400/config"]), answer).await;
        world.pve.person_sets(400, json!({"memory": 2048})).await;
        world.guest_until("has its memory again", 400, |guest| guest.option("memory") == "512").await;
    }
    world.pve.fault("revoke_token", json!([OPERATOR]), json!({})).await;
    world.cluster_says("Unauthenticated").await;
    let wrong = "0badc0de-0000-4000-8000-000000000bad";
    world.put_token(OPERATOR, wrong).await;
    let refused = async || world.pve.requests().await.iter().filter(|request| request.status == Some(401)).count();
    let before = refused().await;
    eventually("the wrong secret is refused", || async { when(refused().await, |now| *now > before + 2).map(|_| ()) })
        .await;
    world.pve.fault("restore_token", json!([OPERATOR]), json!({})).await;
    world.put_token(OPERATOR, TOKEN_SECRET).await;
    world.cluster_says("Ready").await;

    let key: Secret = world.secrets().get("zentoria-ssh").await.unwrap();
    let said = everything_said(&world).await;
    assert!(said.len() > 10_000 && said.contains("db"), "there is something to look through");
    let mut secrets = vec![ROOT.to_owned(), TOKEN_SECRET.to_owned(), wrong.to_owned()];
    for (name, value) in key.data.unwrap() {
        let text = String::from_utf8(value.0).unwrap();
        if text.contains("PRIVATE KEY") {
            secrets.extend(text.lines().filter(|line| !line.contains("-----")).map(str::to_owned));
        } else {
            assert!(text.starts_with("ssh-"), "{name}");
        }
    }
    assert!(secrets.len() > 5, "the private key is among them");
    for secret in secrets {
        assert!(!said.contains(&secret), "a secret was told: {}", near(&said, &secret));
    }
}

/// Where it was told.
fn near(said: &str, secret: &str) -> String {
    let line = said.lines().find(|line| line.contains(secret)).unwrap_or_default();
    line.replace(secret, "<SECRET>").chars().take(600).collect()
}
