//! How a guest comes to be: from a template, by clone, with the namespace's SSH key.

use super::lines;
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use zentoria_api::common::{LocalRef, VmidField};
use zentoria_api::container::{CloneSource, Origin, PowerState, Provision, Source};
use zentoria_api_tests::builders::clone_of;
use zentoria_api_tests::kubernetes::put_secret;
use zentoria_api_tests::{World, workspace};

#[tokio::test]
async fn a_guest_is_created_with_its_mark_and_started_once() {
    let world = World::new("create").await;
    let mut container = world.container("db", 400);
    container.spec.description = Some("the database\nof the shop".into());
    let container = world.create(&container).await;
    let guest = world.pve.guest(400).await;
    assert!(guest.option("description").starts_with("the database\nof the shop\n"), "{}", guest.option("description"));
    assert!(guest.mark().is_some());
    assert_eq!((guest.starts, guest.runs()), (1, true));
    let writes = world.pve.writes().await;
    assert_eq!(lines(&writes), ["POST /nodes/pve1/lxc", "POST /nodes/pve1/lxc/400/status/start"]);
    assert!(writes[0].param("description").unwrap().contains("zentoria.ai/v1"), "the mark is in the call itself");
    assert_eq!(writes[0].param("start"), None);
    let status = container.status.unwrap();
    assert_eq!((status.vmid, status.node.as_deref()), (Some(VmidField(400)), Some("pve1")));
    let created = status.created.unwrap();
    assert_eq!(created.origin, Origin::Template);
    assert!(created.finished_at.is_some() && status.task.is_none());
    world.event("db", "Created").await;
    world.event("db", "Started").await;
}

#[tokio::test]
async fn leftover_firewall_rules_of_a_vmid_are_gone_before_the_first_start() {
    let rule = json!({"type": "in", "action": "ACCEPT", "enable": 1, "proto": "tcp", "dport": "22"});
    let world = World::builder("leftover firewall")
        .seed(move |seed| seed["firewall"] = json!({"400": {"rules": [rule], "options": {"enable": 1}}}))
        .start()
        .await;
    world.create(&world.container("db", 400)).await;
    let guest = world.pve.guest(400).await;
    assert!(!guest.is_filtered(), "{:?}", guest.firewall);
    let order = lines(&world.pve.writes().await);
    let start = order.iter().position(|line| line.ends_with("/status/start")).unwrap();
    let cleared = order.iter().position(|line| line.contains("/firewall/")).unwrap();
    assert!(cleared < start, "{order:#?}");
}

/// A stopped guest to clone from, which is not of ours.
fn golden(vmid: u32) -> Value {
    json!({
        "vmid": vmid, "name": "golden", "node": "pve1", "status": "stopped",
        "config": {
            "cores": 4, "memory": 4096, "unprivileged": 1, "rootfs": format!("local-zfs:subvol-{vmid}-disk-0,size=8G"),
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=10.10.9.9/16,gw=10.10.0.1,type=veth",
            "description": "the golden image\n", "hostname": "golden",
        },
        "firewall": {"rules": [{"type": "in", "action": "ACCEPT", "enable": 1}], "options": {"enable": 1}},
    })
}

#[tokio::test]
async fn a_clone_gets_its_own_address_mac_and_firewall_before_its_first_start() {
    let world =
        World::builder("clone").cluster(|spec| spec.access[0].allow.clone_sources = vec![VmidField(450)]).start().await;
    world.pve.add_guest(golden(450)).await;
    let source = world.pve.guest(450).await;
    let mut container = world.container("shop", 400);
    container.spec.source = Some(clone_of(450));
    container.spec.description = Some("a shop".into());
    let container = world.create(&container).await;

    let guest = world.pve.guest(400).await;
    assert_ne!(guest.part("net0", "hwaddr"), source.part("net0", "hwaddr"));
    assert_eq!(guest.part("net0", "ip").as_deref(), Some("10.10.4.1/16"));
    assert_eq!((guest.option("hostname"), guest.option("cores")), ("shop".to_owned(), "1".to_owned()));
    assert!(guest.option("description").starts_with("a shop\n"), "{}", guest.option("description"));
    assert!(!guest.is_filtered(), "{:?}", guest.firewall);
    assert_eq!((guest.starts, guest.runs()), (1, true));
    let writes = world.pve.writes().await;
    let order = lines(&writes);
    assert_eq!(order[0], "POST /nodes/pve1/lxc/450/clone");
    assert!(writes[0].param("description").unwrap().contains("zentoria.ai/v1"), "the mark is in the call itself");
    assert_eq!(order.last().unwrap(), "POST /nodes/pve1/lxc/400/status/start");
    assert_eq!(order.iter().filter(|line| line.ends_with("/status/start")).count(), 1);
    assert_eq!(world.pve.guest(450).await, source, "the source is as it was");
    assert_eq!(container.status.unwrap().created.unwrap().origin, Origin::Clone);
}

#[tokio::test]
async fn a_container_of_the_namespace_is_cloned_by_its_name() {
    let world = World::new("clone by name").await;
    let mut base = world.container("base", 400);
    base.spec.power.state = Some(PowerState::Stopped);
    let mut copy = world.container("copy", 401);
    copy.spec.source =
        Some(Source::Clone(CloneSource { vmid: None, container: Some("base".into()), full: true, snapshot: None }));
    world.apply(&copy).await;
    world.says("copy", "WaitingFor").await;
    world.create(&base).await;
    world.ready("copy").await;
    let (base, copy) = (world.pve.guest(400).await, world.pve.guest(401).await);
    assert_ne!(base.mark(), copy.mark());
    assert_ne!(base.part("net0", "hwaddr"), copy.part("net0", "hwaddr"));
    assert_eq!((base.starts, copy.starts), (0, 1));
}

#[tokio::test]
async fn a_key_pair_is_made_for_the_namespace_and_every_guest_gets_its_public_part() {
    let world = World::new("ssh key").await;
    world.create(&world.container("a", 400)).await;
    world.create(&world.container("b", 401)).await;
    let data = world.secrets().get("zentoria-ssh").await.unwrap().data.unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    assert!(text("ssh-privatekey").contains("PRIVATE KEY"));
    let public = text("ssh-publickey");
    let key = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    assert!(key.starts_with("ssh-ed25519 "), "{key}");
    for vmid in [400, 401] {
        let keys = world.pve.guest(vmid).await.ssh_public_keys.unwrap();
        assert!(keys.contains(&key), "{keys}");
    }
    let private = text("ssh-privatekey");
    let body = private.lines().nth(1).unwrap();
    assert!(!world.log().contains(body), "the private key is in the log");
}

#[tokio::test]
async fn the_users_own_key_is_used_and_an_unusable_one_is_said() {
    let world = World::builder("own ssh key")
        .cluster(|spec| spec.defaults.ssh_keys = vec!["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ anna".into()])
        .start()
        .await;
    let mut container = world.container("db", 400);
    container.spec.provision = Some(Provision { ssh_key_secret_ref: Some(LocalRef { name: "mine".into() }) });
    put_secret(&world.client, &world.namespace, "mine", &[("ssh-privatekey", "not a key")]).await;
    world.apply(&container).await;
    let refused = world.refused("db", "SecretInvalid", &["mine"]).await;
    assert!(!serde_json::to_string(&refused).unwrap().contains("not a key"), "a secret is in the status");

    let testdata = workspace().join("operator/controller/src/runtime/ssh_key/testdata");
    let read = |name: &str| std::fs::read_to_string(testdata.join(name)).unwrap();
    let (private, public) = (read("ecdsa"), read("ecdsa.pub"));
    put_secret(&world.client, &world.namespace, "mine", &[("ssh-privatekey", &private)]).await;
    world.ready("db").await;
    let keys = world.pve.guest(400).await.ssh_public_keys.unwrap();
    let key = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    assert!(keys.contains(&key), "{keys}");
    assert!(keys.contains("anna"), "the cluster's keys are added: {keys}");
    let stored = world.secrets().get("mine").await.unwrap().data.unwrap();
    assert_eq!(stored.get("ssh-publickey"), None::<&ByteString>, "the user's Secret is not written");
    assert!(world.secrets().get_opt("zentoria-ssh").await.unwrap().is_none());
}
