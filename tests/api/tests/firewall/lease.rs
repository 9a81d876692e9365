//! A peer that gets its address by itself.

use super::{DB, WEB, allow, build, firewall_says, held, rule_says, serving, started};
use serde_json::json;

#[tokio::test]
async fn a_peer_without_a_static_address_is_let_in_once_its_guest_reports_one() {
    let (world, _hand) = started(build("lease")).await;
    allow(&world, "db-from-web", "web", "db").await;
    let mut web = serving(&world, "web", WEB, &[]);
    web.spec.network.interfaces[0].ipv4.as_mut().unwrap().address = "dhcp".into();
    world.apply(&web).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("web").await;
    world.ready("db").await;
    firewall_says(&world, "db", "NotProbed").await;
    let rule = rule_says(&world, "db-from-web", "Unresolved").await;
    assert!(rule.status.unwrap().unresolved.iter().any(|text| text.contains("web")));
    let lets_web_in = |rules: &[String]| rules.iter().any(|rule| rule.ends_with("db-from-web"));
    assert!(!lets_web_in(&held(&world.pve.guest(DB).await)));

    world.pve.person("lease", WEB, json!({"interface": "eth0", "inet": "10.10.9.7/16"})).await;
    let shown = world
        .until("shows its lease", "web", |container| {
            container.status.as_ref().is_some_and(|status| status.addresses == ["10.10.9.7"])
        })
        .await;
    assert_eq!(shown.status.unwrap().addresses, ["10.10.9.7"]);
    rule_says(&world, "db-from-web", "Enforced").await;
    let rules = held(&world.pve.guest(DB).await);
    assert!(rules.iter().any(|rule| rule == "in ACCEPT tcp 5432 <- 10.10.9.7 db-from-web"), "{rules:#?}");
}
