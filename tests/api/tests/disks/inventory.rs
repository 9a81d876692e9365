//! What the operator does not model is shown and stays as it is.

use super::furnished;
use serde_json::{Value, json};

#[tokio::test]
async fn raw_lines_of_lxc_survive_a_change_to_the_byte_and_are_shown_without_secrets() {
    let world = furnished("raw").start().await;
    world.create(&world.container("db", 400)).await;
    let raw = json!([
        ["lxc.apparmor.profile", "unconfined"],
        ["lxc.cgroup2.devices.allow", "c 226:* rwm"],
        ["lxc.environment", "TOKEN=swordfish"],
    ]);
    let edit = json!({"config": {"lxc": raw, "debug": 1, "hookscript": "local:snippets/theirs.sh"}});
    world.pve.person("edit", 400, edit).await;
    let lines = [
        "debug=1",
        "hookscript=local:snippets/theirs.sh",
        "lxc.apparmor.profile=unconfined",
        "lxc.cgroup2.devices.allow=c 226:* rwm",
        "lxc.environment (1 variable)",
    ];
    let shown = world
        .until("shows what it does not model", "db", |container| {
            container.status.as_ref().is_some_and(|status| status.unmodelled == lines)
        })
        .await;
    assert!(!serde_json::to_string(&shown).unwrap().contains("swordfish"));
    let before = world.pve.guest(400).await.config;
    world.patch("db", json!({"resources": {"memory": "1Gi"}})).await;
    world.guest_until("has more memory", 400, |guest| guest.option("memory") == "1024").await;
    world.ready("db").await;
    let mut after = world.pve.guest(400).await.config;
    after.insert("memory".into(), before["memory"].clone());
    assert_eq!(Value::from_iter(after), Value::from_iter(before));
}
