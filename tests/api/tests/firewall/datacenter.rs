//! The datacenter's firewall: said where it is off, switched on where that is asked for and safe.

use super::{DB, Hand, build, firewall_message, firewall_says, option, serving, started};
use serde_json::{Value, json};
use zentoria_api::firewall::DatacenterFirewall;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::OPERATOR;
use zentoria_api_tests::world::Builder;

fn shown(cluster: &zentoria_api::ProxmoxCluster) -> DatacenterFirewall {
    cluster.status.as_ref().and_then(|status| status.firewall.clone()).unwrap_or_default()
}

/// The operator may write to the datacenter, and there is a guest of somebody else with rules that sleep.
fn managing(test: &str) -> Builder {
    let build = build(test).seed(|seed| {
        seed["grants"].as_array_mut().unwrap().push(json!(["zentoria@pve", "/", "Sys.Audit", "Sys.Modify"]));
        seed["containers"] = json!([{
            "vmid": 450, "name": "router", "node": "pve1", "status": "running",
            "config": {
                "arch": "amd64", "ostype": "ubuntu", "memory": 512, "rootfs": "local-zfs:subvol-450-disk-0,size=8G",
            },
        }]);
        seed["firewall"] = json!({"450": {"rules": [], "options": {"enable": 1}}});
    });
    build.cluster(|spec| spec.firewall.manage_datacenter = true)
}

async fn switching(world: &World) -> Vec<Value> {
    let writes = world.pve.writes().await;
    let ours = |user: Option<&str>| user == Some(OPERATOR);
    let puts = writes.iter().filter(|r| r.path == "/cluster/firewall/options" && ours(r.user.as_deref()));
    puts.map(|request| json!(request.params)).collect()
}

#[tokio::test]
async fn that_it_is_off_is_said_with_the_command_and_its_rules_are_written_all_the_same() {
    let world = build("datacenter off").start().await;
    let hand = Hand::of(&world);
    world.start_operator().await;
    world.apply(&serving(&world, "db", DB, &[("pg", 5432)])).await;
    world.ready("db").await;
    let container = firewall_says(&world, "db", "DatacenterFirewallDisabled").await;
    let message = firewall_message(&container);
    for part in ["pvesh set /cluster/firewall/options --enable 1 --policy_in ACCEPT", "manageDatacenter"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(option(&world.pve.guest(DB).await, "policy_in"), "DROP");
    world.cluster_until("shows the switch", |cluster| shown(cluster).state == "Disabled").await;
    assert_eq!(switching(&world).await, Vec::<Value>::new());

    hand.switch(true).await;
    firewall_says(&world, "db", "NotProbed").await;
    world.cluster_until("shows the switch", |cluster| shown(cluster).state == "Enabled").await;
}

#[tokio::test]
async fn it_is_switched_on_by_one_call_once_everybody_can_read_whom_that_wakes_up() {
    let world = managing("datacenter on").start().await;
    world.start_operator().await;
    let cluster = world.cluster_until("is switched on", |cluster| shown(cluster).state == "Enabled").await;
    assert_eq!(shown(&cluster).dormant, ["450 router"]);
    let puts = switching(&world).await;
    assert_eq!(puts.len(), 1, "{puts:#?}");
    let text = |key: &str| puts[0][key].as_str().map_or_else(|| puts[0][key].to_string(), str::to_owned);
    assert_eq!(["enable", "policy_in", "policy_out"].map(text), ["1", "ACCEPT", "ACCEPT"]);
}

#[tokio::test]
async fn it_stays_off_while_there_are_rules_for_nodes() {
    let world = managing("datacenter held").start().await;
    let rules = json!({"data": [{"pos": 0, "digest": "d", "type": "in", "action": "DROP", "enable": 1}]}).to_string();
    let call = json!(["GET", "/cluster/firewall/rules"]);
    world.pve.fault("answer_with", call, json!({"status": 200, "body": rules, "times": 1000})).await;
    world.start_operator().await;
    let cluster = world.cluster_until("says why not", |cluster| shown(cluster).held.is_some()).await;
    let held = shown(&cluster).held.unwrap();
    assert!(held.contains("rules for nodes (1 of the datacenter)"), "{held}");
    world.polls(4).await;
    assert_eq!(switching(&world).await, Vec::<Value>::new());
    world.pve.clear_faults().await;
    world.cluster_until("is switched on", |cluster| shown(cluster).state == "Enabled").await;
}

#[tokio::test]
async fn a_missing_right_is_named_before_anything_is_tried() {
    let build = build("datacenter right").cluster(|spec| spec.firewall.manage_datacenter = true);
    let (world, _hand) = started(build).await;
    let cluster = world.cluster_says("MissingPermissions").await;
    let missing = cluster.status.unwrap().missing_permissions;
    assert!(missing.iter().any(|line| line == "/: Sys.Modify"), "{missing:?}");
}
