//! Two ProxmoxClusters served by one operator: other versions, the same VMIDs and addresses, and one that goes away.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{REACHABLE, READY};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::pve::{ADDRESS, Guest, Pve, Request, seed};
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::{Conditions, condition};

/// The second ProxmoxCluster.
const OLD: &str = "old";

/// An operator that serves all clusters of its API server: the world's own of version 9.2.11, and `old` of version 8.4.1.
struct Both {
    world: World,
    old: Pve,
}

async fn both(test: &str) -> Both {
    let mut world =
        World::builder(test).fresh().seed(|seed| seed["version"] = json!("9.2.11")).without_operator().start().await;
    let dir = world.dir().join(OLD);
    std::fs::create_dir(&dir).unwrap();
    let mut seed = seed();
    seed["version"] = json!("8.4.1");
    let old = Pve::start(&seed, &dir).await;
    world.launch.dial_map.push(format!("{ADDRESS}:8007=127.0.0.1:{}", old.port));
    put_secret(&world.client, &world.system, "old-ca", &[("ca.crt", &old.ca)]).await;
    let mut spec = serde_json::to_value(world.get_cluster().await.spec).unwrap();
    spec["estateId"] = json!("second");
    spec["endpoints"] = json!([format!("https://{ADDRESS}:8007")]);
    spec["tls"] = json!({"caSecretRef": {"name": "old-ca"}});
    let cluster = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "ProxmoxCluster", "metadata": {"name": OLD}, "spec": spec,
    });
    apply_any(&world.client, &cluster).await.unwrap();
    world.start_operator().await;
    Both { world, old }
}

impl Both {
    /// A container on the second cluster.
    fn on_old(&self, name: &str, vmid: u32) -> ZentoriaContainer {
        let mut container = self.world.container(name, vmid);
        container.spec.cluster_ref.name = OLD.into();
        container
    }

    async fn old_cluster_says(&self, reason: &str) {
        eventually(&format!("ProxmoxCluster {OLD} says {reason}"), || async {
            let cluster = self.world.clusters().get(OLD).await.map_err(|error| error.to_string())?;
            when(cluster.reason(READY).to_owned(), |said| said == reason).map(|_| ())
        })
        .await;
    }
}

fn ready_of(container: &ZentoriaContainer) -> Option<Condition> {
    condition(container.conditions(), READY).cloned()
}

/// All guests, by VMID.
async fn guests_of(pve: &Pve) -> Vec<Guest> {
    let mut guests = pve.guests().await;
    guests.sort_by_key(|guest| guest.vmid);
    guests
}

fn vmids(guests: &[Guest]) -> Vec<u32> {
    guests.iter().map(|guest| guest.vmid).collect()
}

fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::line).collect()
}

#[tokio::test]
async fn two_clusters_of_two_versions_have_the_same_vmids_addresses_and_host_names() {
    let both = both("two clusters").await;
    let world = &both.world;
    for (name, vmid) in [("db", 400), ("web", 401), ("mail", 402)] {
        let mut there = both.on_old(&format!("old-{name}"), vmid);
        there.spec.hostname = Some(name.to_owned());
        world.apply(&there).await;
        world.apply(&world.container(name, vmid)).await;
    }
    for name in ["db", "web", "mail", "old-db", "old-web", "old-mail"] {
        world.ready(name).await;
    }
    let (new, old) = (guests_of(&world.pve).await, guests_of(&both.old).await);
    assert_eq!((vmids(&new), vmids(&old)), (vec![400, 401, 402], vec![400, 401, 402]));
    for (new, old) in new.iter().zip(&old) {
        assert_eq!(new.option("hostname"), old.option("hostname"));
        assert_eq!(new.part("net0", "ip"), old.part("net0", "ip"));
        assert!(new.runs() && old.runs() && new.starts == 1 && old.starts == 1);
        assert!(new.mark().unwrap().contains("estate=test"), "{new:?}");
        assert!(old.mark().unwrap().contains("estate=second"), "{old:?}");
    }
    let versions = (world.get_cluster().await.status.unwrap().version, {
        world.clusters().get(OLD).await.unwrap().status.unwrap().version
    });
    assert_eq!(versions, (Some("9.2.11".to_owned()), Some("8.4.1".to_owned())));

    // What one of them can, the other cannot.
    let managed = json!([{"name": "eth0", "ipv4": {"address": "10.10.4.11/16"}, "hostManaged": true}]);
    let managed = |mut container: ZentoriaContainer| {
        container.spec.network.interfaces = serde_json::from_value(managed.clone()).unwrap();
        container
    };
    world.apply(&managed(both.on_old("old-managed", 410))).await;
    world.create(&managed(world.container("managed", 410))).await;
    world.refused("old-managed", "NotSupported", &["network.interfaces[0].hostManaged", "9.1"]).await;
    assert_eq!(both.old.find(410).await, None);

    // A guest that goes here, stays there.
    world.patch_cluster(json!({"safety": {"finalBackup": "None"}})).await;
    world.patch("db", json!({"deletionPolicy": "Delete"})).await;
    world.ready("db").await;
    world.delete("db").await;
    world.gone("db").await;
    assert_eq!(world.pve.find(400).await, None);
    assert!(both.old.guest(400).await.runs());
    world.ready("old-db").await;
}

#[tokio::test]
async fn one_cluster_that_goes_away_does_not_disturb_the_other() {
    let both = both("one away").await;
    let world = &both.world;
    world.apply(&both.on_old("old-db", 400)).await;
    world.create(&world.container("db", 400)).await;
    world.ready("old-db").await;
    let before = ready_of(&world.get("db").await);
    world.pve.forget_requests().await;
    both.old.fault("go_down", json!([]), json!({})).await;
    both.old_cluster_says("Unreachable").await;
    world.apply(&both.on_old("old-web", 401)).await;

    // The other is looked at and written to as before.
    world.create(&world.container("web", 401)).await;
    world.patch("db", json!({"resources": {"memory": "1Gi"}})).await;
    world.guest_until("has more memory", 400, |guest| guest.option("memory") == "1024").await;
    world.pve.person_sets(400, json!({"cores": 2})).await;
    world.guest_until("has one core again", 400, |guest| guest.option("cores") == "1").await;
    world.polls(3).await;
    let cluster = world.get_cluster().await;
    assert_eq!((cluster.truth(READY), cluster.truth(REACHABLE)), ("True", "True"));
    let since = |ready: &Option<Condition>| {
        ready.as_ref().map(|ready| (ready.status.clone(), ready.last_transition_time.clone()))
    };
    assert_eq!(since(&ready_of(&world.get("db").await)), since(&before), "it was Ready all the time");
    let puts: Vec<Value> = world
        .pve
        .writes_to(400)
        .await
        .iter()
        .filter(|call| call.user.as_deref() != Some("root@pam"))
        .map(|c| json!(c.line()))
        .collect();
    assert_eq!(puts, ["PUT /nodes/pve1/lxc/400/config"; 2], "one for the memory, one for the core");

    // It comes back, and what waited is done.
    let waiting = world.says("old-web", "ClusterNotReady").await;
    assert!(waiting.message().contains(OLD), "{}", waiting.message());
    both.old.forget_requests().await;
    both.old.fault("listen", json!([]), json!({})).await;
    both.old_cluster_says("Ready").await;
    for name in ["old-db", "old-web"] {
        world.ready(name).await;
    }
    assert_eq!(vmids(&guests_of(&both.old).await), [400, 401]);
    assert_eq!(both.old.guest(400).await.starts, 1);
    assert_eq!(lines(&both.old.writes_to(400).await), Vec::<String>::new());
}
