//! `kubectl zentoria`: what a person says to the operator, and what it tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use kube::ResourceExt;
use serde_json::{Value, json};
use zentoria_api::conditions::READY;
use zentoria_api::container::ZentoriaContainer;
use zentoria_api_tests::cli::alone;
use zentoria_api_tests::estate::documents;
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::{OPERATOR, Pve, Request, TOKEN_SECRET};
use zentoria_api_tests::world::Conditions;
use zentoria_api_tests::{World, eventually, size};

const MANIFEST: &str = "manifests/zentoria.yaml";

fn annotation(container: &ZentoriaContainer, key: &str) -> Option<String> {
    container.annotations().get(key).cloned()
}

async fn nothing_is_written(pve: &Pve) {
    let writes: Vec<String> = pve.writes().await.iter().map(Request::line).collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[tokio::test]
async fn a_change_is_approved_by_its_digest_and_by_nothing_else() {
    let world = World::new("cli approve").await;
    world.create(&world.container("db", 400)).await;
    world.kubectl_zentoria(&["approve", "zc/db"]).await.with(0).has("nothing is pending");

    world.patch("db", json!({"timezone": "Europe/Amsterdam"})).await;
    let changed = world
        .until("shows the change", "db", |c| c.status.as_ref().is_some_and(|s| !s.pending_changes.is_empty()))
        .await;
    let digest = changed.status.unwrap().pending_changes[0].digest.clone();
    let listed = world.kubectl_zentoria(&["approve", "db"]).await.with(0);
    listed.has(&format!("{digest} Reboot open timezone (unset) -> Europe/Amsterdam"));
    listed.has(&format!("kubectl zentoria approve zc/db {digest}"));

    let stale = world.kubectl_zentoria(&["approve", "zc/db", "0123456789ab"]).await.with(1);
    stale.has("0123456789ab names no change of zc/db that is pending now");
    stale.has(&format!("{digest} (timezone)"));
    assert_eq!(annotation(&world.get("db").await, "zentoria.ai/approve"), None);

    world.annotate("db", "zentoria.ai/approve", Some("ffffffffffff")).await;
    let approved = world.kubectl_zentoria(&["approve", "zc/db", &digest]).await.with(0);
    approved.has("approved");
    approved.has("Next: the guest is taken down for it at once");
    let now = annotation(&world.get("db").await, "zentoria.ai/approve");
    assert_eq!(now.as_ref(), Some(&digest), "the stale one is dropped");
    eventually("the guest is rebooted for it", || async {
        let starts = world.pve.guest(400).await.starts;
        if starts == 2 { Ok(()) } else { Err(format!("{starts} starts")) }
    })
    .await;
    world
        .until("shows no change any more", "db", |c| c.status.as_ref().is_some_and(|s| s.pending_changes.is_empty()))
        .await;
    world.kubectl_zentoria(&["approve", "zc/db", &digest]).await.with(1).has("names no change of zc/db");
    world.kubectl_zentoria(&["approve", "zc/gone", "--all"]).await.with(1).has("there is no zc/gone in namespace");
}

#[tokio::test]
async fn a_paused_container_is_left_alone_until_it_is_resumed() {
    let world = World::new("cli pause").await;
    world.create(&world.container("db", 400)).await;
    world.create(&world.container("web", 401)).await;
    world.kubectl_zentoria(&["pause", "zc/db"]).await.with(0).has("zc/db paused: the operator looks away from it");
    world.kubectl_zentoria(&["pause", "db"]).await.with(0).has("zc/db is paused already");
    world.says("db", "Running").await;
    world.paused("db").await;
    world.pve.forget_requests().await;
    for vmid in [400, 401] {
        world.pve.person_sets(vmid, json!({"memory": 2048})).await;
    }
    eventually("the one beside it is set right", || async {
        let memory = world.pve.guest(401).await.option("memory");
        if memory == "512" { Ok(()) } else { Err(memory) }
    })
    .await;
    world.polls(3).await;
    assert_eq!(world.pve.guest(400).await.option("memory"), "2048", "paused is left alone");
    world.kubectl_zentoria(&["status"]).await.with(0).has("db: paused (kubectl zentoria resume zc/db");
    world.plan(&[]).await.with(0).has("is paused: the operator looks away");

    let both = world.kubectl_zentoria(&["resume", "--all"]).await.with(0);
    both.has("zc/db resumed");
    both.has("zc/web was not paused");
    eventually("the resumed one is set right", || async {
        let memory = world.pve.guest(400).await.option("memory");
        if memory == "512" { Ok(()) } else { Err(memory) }
    })
    .await;
    let cluster = format!("pxc/{}", world.cluster);
    world.kubectl_zentoria(&["pause", &cluster]).await.with(0).has("from all containers that refer to it");
    world.kubectl_zentoria(&["resume", &cluster, "zc/gone"]).await.with(1).has("there is no zc/gone");
}

#[tokio::test]
async fn the_estate_is_on_one_screen() {
    let world = World::builder("cli status").without_cluster().start().await;
    for document in documents(MANIFEST, &world.namespace, &world.cluster) {
        apply_any(&world.client, &document).await.unwrap();
    }
    eventually("17 containers are Ready", || async {
        let ready = world.all().await.iter().filter(|c| c.truth(READY) == "True").count();
        if ready == 17 { Ok(()) } else { Err(format!("{ready}")) }
    })
    .await;
    let lost = world.container("zentoria-lost", 490);
    let mut waiting = world.container("zentoria-waiting", 491);
    waiting.spec.depends_on = vec![zentoria_api_tests::builders::after("zentoria-lost")];
    let mut refused = lost.clone();
    refused.spec.network.interfaces[0].ipv4.as_mut().unwrap().address = "192.168.1.5/24".into();
    world.apply(&refused).await;
    world.apply(&waiting).await;
    world.refused("zentoria-lost", "AccessDenied", &[]).await;
    world.says("zentoria-waiting", "WaitingFor").await;
    // The poll counts a guest once it has read its mark.
    let counted = |cluster: &zentoria_api::ProxmoxCluster| {
        let guests = cluster.status.as_ref().and_then(|status| status.guests.as_ref());
        guests.is_some_and(|guests| guests.managed == 17)
    };
    world.cluster_until("counts 17 managed guests", counted).await;
    let said = world.kubectl_zentoria(&["status"]).await.with(0);
    println!("{}", said.out);
    said.has(&format!("NAMESPACE {} 17 of 19 ready", world.namespace));
    said.has("nodes 1/1 online, quorum SingleNode, mode Enforce");
    said.has("guests: 17 managed");
    said.has("zentoria-waiting: waits for zentoria-lost (AccessDenied)");
    said.has("zentoria-lost: AccessDenied: spec.network.interfaces[0] address 192.168.1.5/24 is not allowed");
    assert!(said.out.lines().all(|line| line.chars().count() <= 100 || line.contains("kubectl")), "{}", said.out);
}

#[tokio::test]
async fn a_plan_says_by_its_exit_code_whether_something_would_change() {
    let world = World::builder("cli plan").without_operator().start().await;
    world.apply(&world.container("db", 400)).await;
    let mut web = world.container("web", 401);
    web.spec.depends_on = vec![zentoria_api_tests::builders::after("db")];
    world.apply(&web).await;
    let new = world.plan(&[]).await.with(2);
    new.has("POST /nodes/pve1/lxc vmid=400 ostemplate=");
    new.has("POST /nodes/pve1/lxc/401/status/start");
    new.has("wave 2, after db");
    assert!(!new.out.contains(TOKEN_SECRET), "{}", new.out);
    nothing_is_written(&world.pve).await;

    world.start_operator().await;
    world.ready("db").await;
    world.ready("web").await;
    world.plan(&[]).await.with(0).has("Nothing would change (2 containers).");

    world.stop_operator().await;
    world.pve.forget_requests().await;
    world.patch("db", json!({"resources": {"memory": "1Gi"}, "timezone": "Europe/Amsterdam"})).await;
    let change = world.plan(&[]).await.with(2);
    change.has("resources.memory 512 -> 1024");
    change.has("PUT /nodes/pve1/lxc/400/config memory=1024 timezone=Europe/Amsterdam");
    let document: Value = serde_json::from_str(&world.plan(&["-o", "json"]).await.with(2).out).unwrap();
    assert_eq!(document["containers"][0]["changes"][1]["downtime"], "reboot", "{document:#}");

    let mut bad = world.container("wiki", 402);
    bad.spec.network.interfaces[0].ipv4.as_mut().unwrap().address = "192.168.1.5/24".into();
    world.apply(&bad).await;
    let wrong = world.plan(&[]).await.with(1);
    wrong.has("wiki: REFUSED AccessDenied");
    wrong.has("PUT /nodes/pve1/lxc/400/config");
    nothing_is_written(&world.pve).await;
}

#[tokio::test]
async fn what_was_planned_is_what_the_operator_does() {
    let world = World::builder("cli forecast").without_operator().start().await;
    let mut db = world.container("db", 400);
    db.spec.resources.memory = Some(size("1Gi"));
    world.apply(&db).await;
    let document: Value = serde_json::from_str(&world.plan(&["-o", "json"]).await.with(2).out).unwrap();
    let changes = document["containers"][0]["changes"].as_array().unwrap().clone();
    let told: Vec<String> = changes
        .iter()
        .filter_map(|change| change["call"].as_str())
        .map(|call| call.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    world.start_operator().await;
    world.ready("db").await;
    let done: Vec<String> = world.pve.writes().await.iter().map(Request::line).collect();
    assert_eq!(told, done);
}

/// The estate's manifest with the Secrets of this double.
fn manifests(pve: &Pve) -> String {
    let mut all = documents(MANIFEST, "zentoria", "pve");
    let secret = |name: &str, data: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "zentoria-system"},
               "stringData": data})
    };
    all.push(secret("pve-token", json!({"tokenId": OPERATOR, "secret": TOKEN_SECRET})));
    all.push(secret("pve-ca", json!({"ca.crt": pve.ca})));
    all.iter().map(|document| format!("---\n{document}\n")).collect()
}

#[tokio::test]
async fn new_containers_are_planned_as_if_those_before_them_were_made() {
    let node = || json!({"maxmem": 64_u64 << 30});
    let world = World::builder("cli spread")
        .seed(move |seed| seed["nodes"] = json!({"pve1": node(), "pve2": node(), "pve3": node()}))
        .without_operator()
        .start()
        .await;
    for number in 0..6 {
        world.apply(&world.container(&format!("c{number}"), 400 + number)).await;
    }
    let plan = world.plan(&[]).await.with(2);
    plan.has("6 to make");
    for node in ["pve1", "pve2", "pve3"] {
        assert_eq!(plan.out.matches(&format!("POST /nodes/{node}/lxc vmid=")).count(), 2, "{}", plan.out);
    }
    nothing_is_written(&world.pve).await;
}

#[tokio::test]
async fn files_are_planned_without_any_kubernetes() {
    let dir = tempfile::tempdir().unwrap();
    let pve = Pve::start(&zentoria_api_tests::pve::seed(), dir.path()).await;
    let manifests_dir = dir.path().join("manifests");
    std::fs::create_dir(&manifests_dir).unwrap();
    std::fs::write(manifests_dir.join("estate.yaml"), manifests(&pve)).unwrap();
    let (path, dial_map) = (manifests_dir.display().to_string(), pve.dial_map());
    let plan = alone(&["plan", "-f", &path, "--dial-map", &dial_map]).await.with(2);
    assert_eq!(plan.out.matches("POST /nodes/pve1/lxc vmid=").count(), 17, "{}", plan.out);
    plan.has("The CRDs' own rules");
    plan.has("17 to make");
    assert!(!plan.out.contains(TOKEN_SECRET), "{}", plan.out);
    std::fs::write(manifests_dir.join("bad.yaml"), "kind: ZentoriaContainer\nmetadata: {name: x}\nspec: {vmid: 1}\n")
        .unwrap();
    let wrong = alone(&["plan", "-f", &path, "--dial-map", &dial_map]).await.with(1);
    wrong.has("bad.yaml: ZentoriaContainer x: missing field");
    wrong.has("17 to make");
    nothing_is_written(&pve).await;
    alone(&["status"]).await.with(1).has("no way to a Kubernetes API server");
}

#[tokio::test]
async fn guests_that_carry_the_mark_are_planned_as_taken_back() {
    let world = World::new("cli files").await;
    let db = world.container("db", 400);
    world.create(&db).await;
    world.stop_operator().await;
    world.pve.forget_requests().await;
    let mut cluster = json!({"kind": "ProxmoxCluster", "metadata": {"name": world.cluster}});
    cluster["spec"] = serde_json::to_value(world.get_cluster().await.spec).unwrap();
    let secret = json!({"kind": "Secret", "metadata": {"name": "pve-token"},
                        "stringData": {"tokenId": OPERATOR, "secret": TOKEN_SECRET}});
    let ca = json!({"kind": "Secret", "metadata": {"name": "pve-ca"}, "stringData": {"ca.crt": world.pve.ca}});
    let mut container = serde_json::to_value(&db).unwrap();
    let file = world.dir().join("estate.yaml");
    let write = |container: &Value| {
        let all = [&cluster, &secret, &ca, container].map(|document| format!("---\n{document}\n")).concat();
        std::fs::write(&file, all).unwrap();
    };
    write(&container);
    let (path, dial_map) = (file.display().to_string(), world.pve.dial_map());
    alone(&["plan", "-f", &path, "--dial-map", &dial_map]).await.with(0).has("Nothing would change");
    container["spec"]["resources"]["memory"] = "2Gi".into();
    write(&container);
    let plan = alone(&["plan", "-f", &path, "--dial-map", &dial_map]).await.with(2);
    plan.has("PUT /nodes/pve1/lxc/400/config memory=2048");
    let other = alone(&["plan", "-f", &path, "--dial-map", &dial_map, "--control-plane", "feedbeef"]).await.with(1);
    other.has("ForeignControlPlane");
    nothing_is_written(&world.pve).await;
}

#[tokio::test]
async fn a_lost_control_planes_guests_are_taken_over_by_its_name() {
    let world = World::builder("cli takeover").without_operator().start().await;
    let mark = format!("<!-- zentoria.ai/v1 cp=deadbeef estate=test name=db ns={} vmid=400 -->", world.namespace);
    let config = json!({"hostname": "db", "memory": 512, "cores": 1, "unprivileged": 1, "description": mark,
                        "rootfs": "local-zfs:subvol-400-disk-0,size=8G",
                        "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:04:00,ip=10.10.4.1/16,type=veth"});
    world.pve.add_guest(json!({"vmid": 400, "node": "pve1", "status": "running", "config": config})).await;
    world.apply(&world.container("db", 400)).await;
    world.start_operator().await;
    world.says("db", "ForeignControlPlane").await;
    let cluster = world.cluster.clone();
    eventually("the ProxmoxCluster names the old one", || async {
        let status = world.get_cluster().await.status.unwrap_or_default();
        if status.foreign_control_planes == ["deadbeef"] { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    let shown = world.kubectl_zentoria(&["takeover", &cluster]).await.with(0);
    shown.has("guests carry the mark of control plane deadbeef; 1 containers wait for it");
    shown.has(&format!("kubectl zentoria takeover {cluster} deadbeef"));
    world.kubectl_zentoria(&["takeover", &cluster, "feedbeef"]).await.with(1).has("deadbeef");
    world.kubectl_zentoria(&["takeover", &cluster, "deadbeef"]).await.with(0).has("are taken over");
    world.ready("db").await;
    assert!(!world.pve.guest(400).await.mark().unwrap().contains("deadbeef"));
}
