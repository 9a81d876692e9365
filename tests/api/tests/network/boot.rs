//! The order in which guests start with their node, while nobody of ours is there yet.

use super::{all_ready, apply_estate, lines, with};
use serde_json::json;
use std::collections::BTreeMap;
use zentoria_api_tests::World;
use zentoria_api_tests::builders::after;
use zentoria_api_tests::estate::inventory;

/// The waves of the estate, by `dependsOn` of its manifest.
const WAVES: [(u32, &[&str]); 7] = [
    (1, &["vault", "waf"]),
    (2, &["db", "files", "redis"]),
    (3, &["auth", "embeddings"]),
    (4, &["ai", "backend", "ocr"]),
    (5, &["frontend", "n8n", "voice"]),
    (6, &["docs"]),
    (7, &["backup", "logs", "proxy"]),
];

#[tokio::test]
async fn after_a_power_cut_the_estate_comes_back_in_the_order_of_its_waves() {
    let world = World::builder("boot order").without_cluster().start().await;
    apply_estate(&world).await;
    all_ready(&world, 17).await;
    world.polls(2).await;
    let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in inventory() {
        let guest = world.pve.guest(row.vmid).await;
        found.insert(row.name, (guest.option("onboot"), guest.option("startup")));
    }
    let expected = WAVES.iter().flat_map(|(wave, names)| {
        names.iter().map(move |name| (format!("zentoria-{name}"), ("1".to_owned(), format!("order={wave}"))))
    });
    assert_eq!(found, expected.collect());
    // A second apply, and a restart of the operator, change nothing.
    world.pve.forget_requests().await;
    apply_estate(&world).await;
    world.restart_operator().await;
    world.polls(3).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_dependency_that_comes_or_goes_moves_those_behind_it_and_nobody_else() {
    let world = World::new("waves move").await;
    let on = |name: &str, vmid, names: &[&str]| {
        let mut container = world.container(name, vmid);
        container.spec.depends_on = names.iter().map(|name| after(name)).collect();
        container
    };
    for (name, vmid, names) in [("a", 400, &[][..]), ("b", 401, &["a"]), ("c", 402, &["b"]), ("x", 403, &[])] {
        world.create(&on(name, vmid, names)).await;
    }
    let order = |vmid, wave: u32| {
        let world = &world;
        async move {
            let startup = format!("order={wave}");
            world
                .guest_until(&format!("starts in wave {wave}"), vmid, |guest| guest.option("startup") == startup)
                .await;
        }
    };
    for (vmid, wave) in [(400, 1), (401, 2), (402, 3), (403, 1)] {
        order(vmid, wave).await;
    }
    world.pve.forget_requests().await;
    world.patch("a", json!({"dependsOn": [{"name": "x"}]})).await;
    for (vmid, wave) in [(400, 2), (401, 3), (402, 4), (403, 1)] {
        order(vmid, wave).await;
    }
    world.polls(2).await;
    let mut written = lines(&world.pve.writes().await);
    written.sort();
    assert_eq!(written, [400, 401, 402].map(|vmid| format!("PUT /nodes/pve1/lxc/{vmid}/config")));
    // Who goes is nobody's dependency any more.
    world.delete("x").await;
    world.gone("x").await;
    for (vmid, wave) in [(400, 1), (401, 2), (402, 3)] {
        order(vmid, wave).await;
    }
    assert_eq!(world.pve.guest(402).await.starts, 1);
}

#[tokio::test]
async fn a_guest_that_is_to_be_off_does_not_start_with_its_node_and_the_spec_has_the_last_word() {
    let world = World::new("onboot").await;
    let mut named = with(&world, "named", 401, json!([{"name": "eth0"}]));
    named.spec.startup = serde_json::from_value(json!({"order": 9, "upDelaySeconds": 5})).unwrap();
    world.create(&named).await;
    let guest = world.pve.guest(401).await;
    assert_eq!((guest.option("onboot").as_str(), guest.part("startup", "order").as_deref()), ("1", Some("9")));
    world.create(&world.container("db", 400)).await;
    world.patch("db", json!({"power": {"state": "Stopped"}})).await;
    world.guest_until("is off for good", 400, |guest| !guest.runs() && guest.option("onboot") == "0").await;
    world.patch("db", json!({"power": {"state": "Running"}, "startup": {"onBoot": false}})).await;
    let guest = world.guest_until("runs", 400, |guest| guest.runs()).await;
    assert_eq!(guest.option("onboot"), "0");
}
