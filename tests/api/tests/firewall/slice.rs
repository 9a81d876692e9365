//! From a container and a rule to a guest that filters.

use super::{
    DB, WEB, allow, build, firewall_message, firewall_says, held, is_firewall, option, rule_says, serving, started,
};
use zentoria_api::conditions::FIREWALL_ENFORCED;
use zentoria_api_tests::world::Conditions;

#[tokio::test]
async fn a_new_guest_holds_its_rules_before_its_first_start_and_the_rule_says_so() {
    let (world, _hand) = started(build("slice")).await;
    allow(&world, "db-from-web", "web", "db").await;
    world.apply(&serving(&world, "web", WEB, &[])).await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    let container = firewall_says(&world, "db", "NotProbed").await;
    assert_eq!(container.truth(FIREWALL_ENFORCED), "True", "{}", firewall_message(&container));
    let guest = world.pve.guest(DB).await;
    assert_eq!((option(&guest, "enable"), option(&guest, "policy_in")), ("1".into(), "DROP".into()));
    let rules = held(&guest);
    assert!(rules.iter().any(|rule| rule == "in ACCEPT tcp 5432 <- 10.10.4.2 db-from-web"), "{rules:#?}");
    let rule = rule_says(&world, "db-from-web", "Enforced").await.status.unwrap();
    assert_eq!((rule.enforced.as_deref(), rule.guests, rule.rules), (Some("1/1"), 1, 1));

    let writes = world.pve.writes_to(DB).await;
    let start = writes.iter().position(|request| request.path.ends_with("/status/start")).expect("a start");
    let last = writes.iter().rposition(is_firewall).expect("a firewall");
    assert!(last < start, "{:#?}", writes.iter().map(|request| request.line()).collect::<Vec<_>>());
}
