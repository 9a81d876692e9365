//! Bad input: a clear condition and an Event, nothing lost, and the rest goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use zentoria_api::cluster::FeatureName;
use zentoria_api::common::VmidField;
use zentoria_api::conditions::{AUTHORIZED, REACHABLE, READY, STALLED};
use zentoria_api::container::{Features, Source, TemplateSource};
use zentoria_api_tests::builders::{after, clone_of};
use zentoria_api_tests::kubernetes::{
    any, apply_any, clean_up, connect, create_or_update, ensure_namespace, install_crds, put_secret, shared_kubeconfig,
};
use zentoria_api_tests::pve::{OPERATOR, TOKEN_SECRET};
use zentoria_api_tests::world::Conditions;
use zentoria_api_tests::{World, interface, size, workspace};

// ---------------------------------------------------------------- what the API server refuses

#[tokio::test]
async fn every_bad_manifest_is_refused_with_the_message_that_it_names() {
    let client = connect(&shared_kubeconfig()).await;
    install_crds(&client).await;
    let namespace = format!("bad-manifests-{}", std::process::id());
    ensure_namespace(&client, &namespace).await;
    let mut cases = 0;
    for entry in std::fs::read_dir(workspace().join("tests/fixtures/bad")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let case = path.file_stem().unwrap().to_string_lossy().into_owned();
            refused(&client, &namespace, &case, &text).await;
            cases += 1;
        }
    }
    assert!(cases >= 40, "{cases}");
    clean_up(&client, "bad", &[namespace]).await;
}

/// Applies what stands before the last document, and expects the last one to be refused.
async fn refused(client: &kube::Client, namespace: &str, case: &str, text: &str) {
    let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).unwrap().trim();
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    for document in &mut documents {
        // Cases run beside other tests: in a namespace of their own, and no operator serves their clusters.
        match document["kind"].as_str() {
            Some("ProxmoxCluster") => document["metadata"]["name"] = format!("bad-{case}").into(),
            _ => document["metadata"]["namespace"] = namespace.into(),
        }
    }
    let (last, first) = documents.split_last().unwrap();
    for document in first {
        create_or_update(client, document).await.unwrap_or_else(|error| panic!("{case}: {error}"));
        if document["status"].is_object() {
            let patch = Patch::Merge(json!({"status": document["status"]}));
            let name = document["metadata"]["name"].as_str().unwrap();
            let answer = any(client, document).patch_status(name, &PatchParams::default(), &patch).await;
            answer.unwrap_or_else(|error| panic!("{case}: {error}"));
        }
    }
    let answer = create_or_update(client, last).await;
    for document in first {
        let name = document["metadata"]["name"].as_str().unwrap();
        any(client, document).delete(name, &DeleteParams::default()).await.unwrap();
    }
    match answer {
        Ok(_) => {
            let name = last["metadata"]["name"].as_str().unwrap();
            any(client, last).delete(name, &DeleteParams::default()).await.unwrap();
            panic!("{case} was accepted");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains(expected), "{case}: {expected:?} is not in {said:?}");
        }
    }
}

// ---------------------------------------------------------------- what the operator refuses, by container

#[tokio::test]
async fn a_spec_that_asks_for_too_much_is_refused_and_the_rest_goes_on() {
    let world = World::new("too much").await;
    let mut outside = world.container("outside", 500);
    outside.spec.network.interfaces = vec![interface("10.10.9.9/16")];
    let mut address = world.container("address", 401);
    address.spec.network.interfaces = vec![interface("192.168.7.7/24")];
    let mut storage = world.container("storage", 402);
    storage.spec.root_disk.as_mut().unwrap().storage = Some("ceph".into());
    let mut bridge = world.container("bridge", 403);
    bridge.spec.network.interfaces[0].bridge = Some("vmbr9".into());
    let mut clone = world.container("clone", 404);
    clone.spec.source = Some(clone_of(499));
    let mut feature = world.container("feature", 405);
    feature.spec.features = Some(Features { keyctl: Some(true), ..Features::default() });
    let mut privileged = world.container("privileged", 406);
    privileged.spec.unprivileged = Some(false);
    let cases = [
        (outside, ["spec.vmid 500", "400-499"]),
        (address, ["192.168.7.7/24", "10.10.0.0/16"]),
        (storage, ["rootDisk.storage ceph", "local-zfs"]),
        (bridge, ["bridge vmbr9", "vmbr0"]),
        (clone, ["clone.vmid 499", "cloneSources"]),
        (feature, ["features.keyctl", "allow.features"]),
        (privileged, ["unprivileged: false", "allow.privileged"]),
    ];
    for (container, _) in &cases {
        world.apply(container).await;
    }
    world.create(&world.container("good", 410)).await;
    for (container, message) in &cases {
        world.refused(container.metadata.name.as_deref().unwrap(), "AccessDenied", message).await;
    }
    let vmids: Vec<u32> = world.pve.guests().await.iter().map(|guest| guest.vmid).collect();
    assert_eq!(vmids, [410], "nothing else was made");
}

#[tokio::test]
async fn a_namespace_that_no_access_selects_is_refused_until_it_is_let_in() {
    let world = World::builder("no access").cluster(|spec| spec.access.clear()).start().await;
    world.apply(&world.container("db", 400)).await;
    world.refused("db", "AccessDenied", &["access", &world.namespace]).await;
    let access = serde_json::to_value(zentoria_api_tests::builders::cluster_spec(&world.namespace).access).unwrap();
    world.patch_cluster(json!({"access": access})).await;
    world.ready("db").await;
}

#[tokio::test]
async fn what_does_not_exist_on_the_node_is_named_and_the_rest_goes_on() {
    let build = World::builder("not there").cluster(|spec| {
        let allow = &mut spec.access[0].allow;
        allow.storages.push("ceph".into());
        allow.bridges.push("vmbr9".into());
        allow.clone_sources = vec![VmidField(499)];
    });
    // The rights are there, the things are not.
    let world = build
        .seed(|seed| {
            let grants = seed["grants"].as_array_mut().unwrap();
            grants.push(json!(["zentoria@pve", "/storage", "Datastore.AllocateSpace", "Datastore.Audit"]));
        })
        .start()
        .await;
    let mut template = world.container("template", 401);
    template.spec.source = Some(Source::Template(TemplateSource {
        volume: Some("local:vztmpl/none.tar.zst".into()),
        ..TemplateSource::default()
    }));
    let mut storage = world.container("storage", 402);
    storage.spec.root_disk.as_mut().unwrap().storage = Some("ceph".into());
    let mut bridge = world.container("bridge", 403);
    bridge.spec.network.interfaces[0].bridge = Some("vmbr9".into());
    let mut clone = world.container("clone", 404);
    clone.spec.source = Some(clone_of(499));
    let mut node = world.container("node", 405);
    node.spec.placement.node = Some("pve7".into());
    let cases = [
        (template, ["local:vztmpl/none.tar.zst", "pveam download"]),
        (storage, ["storage ceph", "pve1"]),
        (bridge, ["bridge vmbr9", "vmbr0"]),
        (clone, ["499", "does not exist"]),
        (node, ["placement.node pve7", "pve1"]),
    ];
    for (container, _) in &cases {
        world.apply(container).await;
    }
    world.create(&world.container("good", 410)).await;
    for (container, message) in &cases {
        world.refused(container.metadata.name.as_deref().unwrap(), "NotFound", message).await;
    }
    let vmids: Vec<u32> = world.pve.guests().await.iter().map(|guest| guest.vmid).collect();
    assert_eq!(vmids, [410], "nothing else was made");
}

#[tokio::test]
async fn an_address_that_cannot_work_is_refused_and_a_corrected_one_is_taken() {
    let world = World::new("bad address").await;
    let mut gateway = world.container("gateway", 401);
    gateway.spec.network.interfaces = vec![interface("10.10.0.1/16")];
    world.apply(&gateway).await;
    world.refused("gateway", "InvalidSpec", &["ipv4.address", "10.10.0.1 is the gateway's address"]).await;
    let mut elsewhere = world.container("elsewhere", 402);
    elsewhere.spec.network.interfaces[0].ipv4.as_mut().unwrap().gateway = Some("10.99.0.1".into());
    world.apply(&elsewhere).await;
    world.refused("elsewhere", "InvalidSpec", &["ipv4.gateway", "10.99.0.1", "10.10.0.0/16"]).await;
    elsewhere.spec.network.interfaces[0].ipv4.as_mut().unwrap().gateway = None;
    world.create(&elsewhere).await;
}

#[tokio::test]
async fn dependencies_that_are_missing_or_circular_are_named() {
    let world = World::new("dependencies").await;
    let on = |name: &str, vmid: u32, names: &[&str]| {
        let mut container = world.container(name, vmid);
        container.spec.depends_on = names.iter().map(|name| after(name)).collect();
        container
    };
    for container in [on("a", 401, &["b"]), on("b", 402, &["c"]), on("c", 403, &["a"]), on("lonely", 404, &["ghost"])] {
        world.apply(&container).await;
    }
    world.refused("a", "DependencyCycle", &["a -> b -> c -> a", "soft"]).await;
    world.refused("b", "DependencyCycle", &["b -> c -> a -> b"]).await;
    world.refused("lonely", "DependencyMissing", &["dependsOn names ghost"]).await;
    world.create(&world.container("good", 410)).await;
    assert_eq!(world.pve.guests().await.len(), 1);
    // What was missing comes, and the cycle is cut.
    world.apply(&world.container("ghost", 405)).await;
    world.apply(&on("c", 403, &[])).await;
    for name in ["lonely", "a", "b", "c"] {
        world.ready(name).await;
    }
}

#[tokio::test]
async fn a_feature_that_only_root_may_set_needs_the_root_credential() {
    let world =
        World::builder("root").cluster(|spec| spec.access[0].allow.features.push(FeatureName::Keyctl)).start().await;
    let mut container = world.container("docker", 400);
    container.spec.features = Some(Features { nesting: Some(true), keyctl: Some(true), ..Features::default() });
    world.apply(&container).await;
    world.refused("docker", "NeedsRootCredential", &["credentials.rootSecretRef"]).await;
    assert!(world.pve.guests().await.is_empty());
    put_secret(&world.client, &world.system, "pve-root", &[("password", "secret")]).await;
    world.patch_cluster(json!({"credentials": {"rootSecretRef": {"name": "pve-root"}}})).await;
    world.ready("docker").await;
    let guest = world.pve.guest(400).await;
    assert_eq!(guest.part("features", "keyctl").as_deref(), Some("1"));
    let users: Vec<_> = world.pve.writes().await.into_iter().map(|r| (r.line(), r.user.unwrap_or_default())).collect();
    let start = ("POST /nodes/pve1/lxc/400/status/start".to_owned(), OPERATOR.to_owned());
    assert!(users.contains(&start), "the password is used where it must be, and the token elsewhere: {users:?}");
}

#[tokio::test]
async fn a_container_of_an_unknown_cluster_says_so_until_the_cluster_comes() {
    // An operator that serves every cluster: it needs an API server of its own.
    let world = World::builder("unknown cluster").fresh().start().await;
    let mut container = world.container("db", 400);
    container.spec.cluster_ref.name = "nowhere".into();
    world.apply(&container).await;
    world.refused("db", "ClusterNotFound", &["nowhere"]).await;
    let mut cluster = zentoria_api::ProxmoxCluster::new("nowhere", world.get_cluster().await.spec);
    cluster.spec.estate_id = "nowhere".into();
    apply_any(&world.client, &with_types(&cluster)).await.unwrap();
    world.ready("db").await;
}

fn with_types(cluster: &zentoria_api::ProxmoxCluster) -> Value {
    serde_json::to_value(cluster).unwrap()
}

// ---------------------------------------------------------------- what the operator refuses, by cluster

#[tokio::test]
async fn a_token_secret_that_is_missing_or_incomplete_is_named_and_its_repair_is_noticed() {
    let world =
        World::builder("secret").cluster(|spec| spec.credentials.token_secret_ref.name = "other".into()).start().await;
    world.apply(&world.container("db", 400)).await;
    let cluster = world.cluster_says("SecretNotFound").await;
    assert_eq!(cluster.truth(STALLED), "True");
    assert!(cluster.message().contains("other") && cluster.message().contains(&world.system), "{}", cluster.message());
    world.says("db", "ClusterNotReady").await;

    put_secret(&world.client, &world.system, "other", &[("tokenId", OPERATOR)]).await;
    let cluster = world.cluster_says("SecretInvalid").await;
    assert!(cluster.message().contains("secret"), "{}", cluster.message());

    put_secret(&world.client, &world.system, "other", &[("tokenId", OPERATOR), ("secret", TOKEN_SECRET)]).await;
    world.ready("db").await;
    assert_eq!(world.get_cluster().await.truth(READY), "True");
}

#[tokio::test]
async fn a_token_that_is_refused_is_said_once_and_a_rotated_one_is_taken_without_a_restart() {
    let world = World::new("token").await;
    world.create(&world.container("db", 400)).await;
    world.put_token(OPERATOR, "00000000-0000-4000-8000-000000000000").await;
    let cluster = world.cluster_says("Unauthenticated").await;
    assert_eq!((cluster.truth(STALLED), cluster.truth(AUTHORIZED)), ("True", "False"));
    let leaked = [TOKEN_SECRET, "00000000-0000-4000-8000-000000000000"].iter().any(|s| world.log().contains(s));
    assert!(!leaked, "a secret is in the log");
    world.put_token(OPERATOR, TOKEN_SECRET).await;
    world.cluster_says("Ready").await;
    world.patch("db", json!({"resources": {"memory": "1Gi"}})).await;
    world.guest_until("has 1 GiB", 400, |guest| guest.option("memory") == "1024").await;
}

#[tokio::test]
async fn a_missing_privilege_is_named_with_its_path_and_holds_creations_alone() {
    let world = World::new("privilege").await;
    world.create(&world.container("before", 400)).await;
    let revoke = json!(["zentoria@pve", "VM.Allocate"]);
    world.pve.fault("revoke_privilege", revoke, json!({"path": "/vms"})).await;
    let cluster = world.cluster_says("MissingPermissions").await;
    assert_eq!(cluster.status.as_ref().unwrap().missing_permissions, ["/vms: VM.Allocate"]);
    world.apply(&world.container("after", 401)).await;
    let container = world
        .until("is held", "after", |container| {
            ["PermissionDenied", "ClusterNotReady"].contains(&container.reason(READY))
        })
        .await;
    assert!(container.message().contains("VM.Allocate"), "{}", container.message());
    assert_eq!(world.pve.find(401).await, None);
    world.pve.fault("restore_access", json!([]), json!({})).await;
    world.ready("after").await;
    world.cluster_says("Ready").await;
}

#[tokio::test]
async fn another_certificate_is_not_trusted_until_the_ca_is_changed() {
    let world = World::new("certificate").await;
    world.create(&world.container("db", 400)).await;
    let new = world.pve.fault("replace_certificate", json!(["new"]), json!({})).await;
    let cluster = world.cluster_says("CertificateChanged").await;
    assert_eq!((cluster.truth(STALLED), cluster.truth(REACHABLE)), ("True", "False"));
    let ca = new["ca"].as_str().or_else(|| new[1].as_str()).map(str::to_owned);
    let ca = match ca {
        Some(ca) => ca,
        None => world.pve.ctl.json("GET", "/ctl/tls", None).await["ca"].as_str().unwrap().to_owned(),
    };
    put_secret(&world.client, &world.system, "pve-ca", &[("ca.crt", &ca)]).await;
    world.cluster_says("Ready").await;
    world.ready("db").await;
}

#[tokio::test]
async fn a_pinned_fingerprint_is_taken_in_place_of_a_ca_and_a_wrong_one_is_refused() {
    let world = World::builder("fingerprint").without_cluster().start().await;
    let mut spec = zentoria_api_tests::builders::cluster_spec(&world.namespace);
    let wrong = ["00"; 32].join(":");
    spec.tls = zentoria_api::cluster::Tls::FingerprintSha256(wrong);
    world.apply_cluster(spec.clone()).await;
    let cluster = world.cluster_says("CertificateChanged").await;
    assert!(cluster.message().contains(&world.pve.fingerprint), "the right one is shown: {}", cluster.message());
    spec.tls = zentoria_api::cluster::Tls::FingerprintSha256(world.pve.fingerprint.clone());
    world.apply_cluster(spec).await;
    world.cluster_says("Ready").await;
}

#[tokio::test]
async fn nonsense_from_the_server_changes_nothing_and_passes() {
    let world = World::new("nonsense").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    let html = json!({"status": 200, "body": "<html>sign in</html>", "content_type": "text/html", "times": 3});
    let null = json!({"status": 200, "body": "{\"data\":null}", "times": 3});
    let cut = json!({"status": 200, "body": "{\"data\":[{\"vmid\":4", "times": 3, "truncate": 9});
    for answer in [html, null, cut] {
        world.pve.fault("answer_with", json!(["GET", "/cluster/resources"]), answer.clone()).await;
        world.cluster_until(&format!("notices {answer}"), |cluster| cluster.reason(READY) != "Ready").await;
        world.cluster_says("Ready").await;
        assert_eq!(world.ready("db").await.status.unwrap().vmid, Some(VmidField(400)));
    }
    assert!(world.pve.writes().await.is_empty());
    assert!(world.pve.guest(400).await.runs());
}

#[tokio::test]
async fn a_size_that_proxmox_cannot_count_is_refused_with_the_field() {
    let world = World::new("sizes").await;
    let mut memory = world.container("memory", 400);
    memory.spec.resources.memory = Some(size("20000Ki"));
    world.apply(&memory).await;
    world.refused("memory", "InvalidSpec", &["spec.resources.memory", "20000Ki", "MiB"]).await;
    let mut disk = world.container("disk", 401);
    disk.spec.root_disk.as_mut().unwrap().size = size("8500Mi");
    world.apply(&disk).await;
    world.refused("disk", "InvalidSpec", &["spec.rootDisk.size", "8500Mi", "GiB"]).await;
    assert!(world.pve.guests().await.is_empty());
}
