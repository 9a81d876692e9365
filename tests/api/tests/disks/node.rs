//! What reaches into the node: directories and devices, by the root credential alone, and only what is granted.

use super::{furnished, with_mounts, with_root};
use serde_json::json;
use zentoria_api::container::Device;
use zentoria_api_tests::pve::OPERATOR;

fn device(path: &str) -> Device {
    serde_json::from_value(json!({"path": path, "gid": 104, "mode": "0660"})).unwrap()
}

#[tokio::test]
async fn a_directory_and_a_device_are_set_by_root_and_everything_else_by_the_token() {
    let world = furnished("by root").start().await;
    let mounts = json!([
        {"name": "data", "path": "/data", "volume": {"size": "2Gi"}},
        {"name": "media", "path": "/media", "bind": {"path": "/srv/data/media"}, "readOnly": true},
    ]);
    let mut container = with_mounts(&world, "media", 400, &mounts);
    container.spec.devices = Some(vec![device("/dev/dri/renderD128")]);
    world.apply(&container).await;
    world.refused("media", "NeedsRootCredential", &["spec.mounts[media].bind", "credentials.rootSecretRef"]).await;
    assert!(world.pve.find(400).await.is_none());
    with_root(&world).await;
    world.ready("media").await;
    let guest = world.pve.guest(400).await;
    assert_eq!(guest.option("mp1").split(',').next(), Some("/srv/data/media"));
    assert_eq!(guest.part("mp1", "ro").as_deref(), Some("1"));
    assert!(
        guest.option("dev0").starts_with("/dev/dri/renderD128") && guest.part("dev0", "gid").as_deref() == Some("104")
    );

    // One more device is one more call of root; memory is the token's.
    let by = async |user: &str| {
        let writes = world.pve.writes_to(400).await;
        let lines = writes.into_iter().filter(|call| call.user.as_deref() == Some(user)).map(|call| call.line());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(by("root@pam").await, ["POST /nodes/pve1/lxc"]);
    world.pve.forget_requests().await;
    world
        .patch(
            "media",
            json!({"devices": [{"path": "/dev/kfd"}, {"path": "/dev/dri/renderD128", "gid": 104, "mode": "0660"}]}),
        )
        .await;
    world.guest_until("has both devices", 400, |guest| guest.option("dev1") == "/dev/kfd").await;
    world.patch("media", json!({"resources": {"memory": "1Gi"}})).await;
    world.guest_until("has more memory", 400, |guest| guest.option("memory") == "1024").await;
    assert_eq!(by("root@pam").await, ["PUT /nodes/pve1/lxc/400/config"]);
    assert_eq!(by(OPERATOR).await, ["PUT /nodes/pve1/lxc/400/config"]);
}

#[tokio::test]
async fn what_the_namespace_is_not_granted_of_the_node_makes_no_call() {
    let world = furnished("not granted").start().await;
    with_root(&world).await;
    let bind = |path: &str| json!([{"name": "x", "path": "/x", "bind": {"path": path}}]);
    let mut disk = world.container("disk", 402);
    disk.spec.devices = Some(vec![device("/dev/sda")]);
    let mut script = world.container("script", 403);
    script.spec.hookscript = Some("local:snippets/hook.pl".into());
    let cases = [
        (with_mounts(&world, "etc", 400, &bind("/etc")), ["mounts[x].bind.path /etc", "/srv/data"]),
        (with_mounts(&world, "beside", 401, &bind("/srv/database")), ["/srv/database", "allow.bindPaths"]),
        (disk, ["devices /dev/sda", "/dev/dri/*"]),
        (script, ["hookscript local:snippets/hook.pl", "allow.hookscripts"]),
    ];
    for (container, _) in &cases {
        world.apply(container).await;
    }
    world.create(&world.container("good", 410)).await;
    for (container, message) in &cases {
        world.refused(container.metadata.name.as_deref().unwrap(), "AccessDenied", message).await;
    }
    let vmids: Vec<u32> = world.pve.guests().await.iter().map(|guest| guest.vmid).collect();
    assert_eq!(vmids, [410]);
    for vmid in 400..404 {
        assert!(world.pve.writes_to(vmid).await.is_empty());
    }
}

#[tokio::test]
async fn two_containers_share_a_device() {
    let world = furnished("shared device").start().await;
    with_root(&world).await;
    for (name, vmid) in [("ollama", 400), ("whisper", 401)] {
        let mut container = world.container(name, vmid);
        container.spec.devices = Some(vec![device("/dev/dri/renderD128")]);
        world.create(&container).await;
        assert!(world.pve.guest(vmid).await.option("dev0").starts_with("/dev/dri/renderD128"));
    }
}

#[tokio::test]
async fn a_device_that_the_node_lacks_is_named_and_the_rest_goes_on() {
    let world = furnished("no device").start().await;
    with_root(&world).await;
    world.pve.set(json!({"missing_devices": ["/dev/kfd"]})).await;
    // A new guest is made with it and does not start; an existing one is refused the change.
    let mut new = world.container("new", 400);
    new.spec.devices = Some(vec![device("/dev/kfd")]);
    world.apply(&new).await;
    let good = world.container("good", 410);
    world.create(&good).await;
    world.refused("new", "NotFound", &["spec.devices", "/dev/kfd does not exist on node pve1", "driver"]).await;
    world.patch("good", json!({"devices": [{"path": "/dev/kfd"}]})).await;
    world.refused("good", "NotFound", &["/dev/kfd does not exist on node pve1"]).await;
    assert!(world.pve.guest(410).await.runs());
    world.patch("good", json!({"devices": null})).await;
    world.ready("good").await;
}
