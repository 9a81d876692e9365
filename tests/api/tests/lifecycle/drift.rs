//! Drift: what was changed behind the operator's back is set right, in every field that the spec names.

use super::lines;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::UP_TO_DATE;
use zentoria_api::container::{Dns, Features, Nameserver, Startup, Tag};
use zentoria_api_tests::pve::Guest;
use zentoria_api_tests::world::Conditions;
use zentoria_api_tests::{World, size};

/// A container that names every field that can be changed.
fn full(world: &World) -> ZentoriaContainer {
    let mut container = world.container("db", 400);
    let spec = &mut container.spec;
    spec.hostname = Some("db.shop.lan".into());
    spec.description = Some("the database".into());
    spec.tags = Some(vec![Tag("prod".into()), Tag("shop".into())]);
    spec.resources.cores = Some(2);
    spec.resources.cpu_limit = Some(1.5);
    spec.resources.cpu_units = Some(200);
    spec.resources.memory = Some(size("1Gi"));
    spec.resources.swap = Some(size("256Mi"));
    spec.protection = Some(false);
    spec.startup =
        Some(Startup { on_boot: Some(true), order: Some(3), up_delay_seconds: Some(5), down_delay_seconds: Some(60) });
    spec.features = Some(Features { nesting: Some(true), ..Features::default() });
    spec.timezone = Some("Europe/Amsterdam".into());
    spec.network.dns =
        Some(Dns { nameservers: vec![Nameserver("10.10.0.53".into())], search_domain: Some("shop.lan".into()) });
    spec.network.interfaces[0].mac = Some("BC:24:11:00:00:01".into());
    container
}

/// The options that hold at once, as somebody else would set them.
fn hot() -> Vec<(&'static str, Value)> {
    vec![
        ("cores", json!(4)),
        ("cpulimit", json!(3)),
        ("cpuunits", json!(50)),
        ("memory", json!(2048)),
        ("swap", json!(0)),
        ("hostname", json!("other")),
        ("tags", json!("zentoria;mine")),
        ("onboot", json!(0)),
        ("startup", json!("order=9,up=1")),
        ("protection", json!(1)),
        ("net0", json!("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,ip=10.10.9.9/16,firewall=0,type=veth")),
    ]
}

#[tokio::test]
async fn every_field_that_holds_at_once_is_set_right_by_one_put() {
    let world = World::new("hot drift").await;
    world.create(&full(&world)).await;
    let made = world.pve.guest(400).await;
    world.pve.forget_requests().await;
    let drift: Value = hot().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    world.pve.person_sets(400, drift).await;
    let drifted = world.pve.guest(400).await;
    for (key, _) in hot() {
        assert_ne!(drifted.option(key), made.option(key), "{key} was not changed by the person");
    }
    settled(&world, &made).await;
    assert_eq!(lines(&world.pve.writes().await), ["PUT /nodes/pve1/lxc/400/config"]);
    world.event("db", "Configured").await;
}

/// An option's value without the order of its parts, which Proxmox VE does not keep.
fn parts(guest: &Guest, key: &str) -> BTreeSet<String> {
    guest.option(key).split([',', ';']).map(str::to_owned).collect()
}

/// Waits until the guest is again as it was made.
async fn settled(world: &World, made: &Guest) {
    let differs = |guest: &Guest| {
        let keys: BTreeSet<&String> = guest.config.keys().chain(made.config.keys()).collect();
        keys.into_iter().filter(|key| parts(guest, key) != parts(made, key)).cloned().collect::<Vec<_>>()
    };
    zentoria_api_tests::eventually("guest 400 is as it was made", || async {
        let guest = world.pve.guest(400).await;
        let differs = differs(&guest);
        if differs.is_empty() && guest.pending.is_empty() {
            return Ok(());
        }
        Err(format!("differs in {differs:?}, pending {:?}", guest.pending))
    })
    .await;
    world.ready("db").await;
}

#[tokio::test]
async fn each_field_alone_is_set_right_too() {
    let world = World::new("single drift").await;
    world.create(&full(&world)).await;
    let made = world.pve.guest(400).await;
    for (key, value) in hot() {
        world.pve.forget_requests().await;
        world.pve.person_sets(400, json!({key: value})).await;
        settled(&world, &made).await;
        let writes = world.pve.writes().await;
        assert_eq!(lines(&writes), ["PUT /nodes/pve1/lxc/400/config"], "{key}");
        let mut keys: Vec<_> = writes[0].params.keys().map(String::as_str).collect();
        keys.retain(|name| *name != "digest");
        assert_eq!(keys, [key], "only what differs is written");
    }
}

#[tokio::test]
async fn a_text_that_a_person_wrote_into_the_notes_is_set_right_and_the_mark_stays() {
    let world = World::new("notes").await;
    world.create(&full(&world)).await;
    let made = world.pve.guest(400).await;
    let mark = made.mark().unwrap();
    world.pve.person_sets(400, json!({"description": format!("something else\n{mark}\n")})).await;
    settled(&world, &made).await;
}

#[tokio::test]
async fn a_guest_whose_mark_a_person_removed_is_not_touched_any_more() {
    let world = World::new("mark removed").await;
    world.create(&full(&world)).await;
    world.pve.forget_requests().await;
    world.pve.person_sets(400, json!({"description": "mine now", "memory": 2048})).await;
    world.refused("db", "VmidTaken", &["400"]).await;
    world.polls(2).await;
    assert_eq!(lines(&world.pve.writes().await), Vec::<String>::new());
    assert_eq!(world.pve.guest(400).await.option("memory"), "2048");
}

#[tokio::test]
async fn a_change_that_waits_for_a_reboot_is_taken_back_before_it_holds() {
    let world = World::new("pending drift").await;
    world.create(&full(&world)).await;
    let made = world.pve.guest(400).await;
    world.pve.forget_requests().await;
    let drift =
        json!({"nameserver": "9.9.9.9", "searchdomain": "other.lan", "timezone": "host", "features": "nesting=0"});
    world.pve.person_sets(400, drift).await;
    assert_eq!(world.pve.guest(400).await.pending.len(), 4);
    settled(&world, &made).await;
    assert_eq!(lines(&world.pve.writes().await), ["PUT /nodes/pve1/lxc/400/config"]);
    assert_eq!(world.pve.guest(400).await.starts, 1, "it was not rebooted");
    world.until("is up to date", "db", |container| container.truth(UP_TO_DATE) == "True").await;
}
