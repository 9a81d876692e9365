//! The harness itself: what the other tests rest on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use serde_json::json;
use std::time::Duration;
use zentoria_api_tests::proxy::{Proxy, server_of};
use zentoria_api_tests::{World, kubernetes};

#[tokio::test]
async fn a_world_without_an_operator_leaves_nothing_behind() {
    let world = World::builder("leaves nothing").without_operator().start().await;
    world.apply(&world.container("db", 400)).await;
    world.pve.add_guest(json!({"vmid": 450, "name": "stranger", "node": "pve1", "status": "stopped"})).await;
    assert_eq!(world.pve.guest(450).await.status, "stopped");
    assert_eq!(world.pve.find(451).await, None);
    world.pve.person("start", 450, json!({})).await;
    assert!(world.pve.guest(450).await.runs());
    assert_eq!(world.pve.requests().await.len(), 0, "what a person does is not in the journal of API calls");

    let (client, namespace, cluster) = (world.client.clone(), world.namespace.clone(), world.cluster.clone());
    drop(world);
    assert!(Api::<zentoria_api::ProxmoxCluster>::all(client.clone()).get_opt(&cluster).await.unwrap().is_none());
    assert!(Api::<Namespace>::all(client.clone()).get_opt(&namespace).await.unwrap().is_none());
}

#[tokio::test]
async fn a_proxy_that_is_cut_lets_nothing_pass_until_it_is_healed() {
    let kubeconfig = kubernetes::shared_kubeconfig();
    let target = server_of(&std::fs::read_to_string(&kubeconfig).unwrap());
    let proxy = Proxy::start(&target).await;
    let dir = tempfile::tempdir().unwrap();
    let client = kubernetes::connect(&proxy.kubeconfig(&kubeconfig, dir.path())).await;
    client.apiserver_version().await.expect("the way is open");
    proxy.cut();
    let answer = tokio::time::timeout(Duration::from_millis(300), client.apiserver_version()).await;
    assert!(answer.is_err(), "{answer:?}");
    proxy.heal();
    client.apiserver_version().await.expect("the way is open again");
}

#[tokio::test]
async fn an_emptied_etcd_is_another_control_plane() {
    let mut world = World::builder("emptied").fresh().without_operator().start().await;
    let uid = async |world: &World| {
        let api: Api<Namespace> = Api::all(world.client.clone());
        api.get("kube-system").await.expect("kube-system").metadata.uid
    };
    let before = uid(&world).await;
    world.apply(&world.container("db", 400)).await;
    world.empty_etcd().await;
    assert_ne!(before, uid(&world).await);
    assert_eq!(world.all().await.len(), 0);
}
