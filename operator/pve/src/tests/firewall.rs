//! How the firewall's calls look on the wire.

use super::calls::{line, node, texts, vmid};
use super::server::{Server, ok};
use crate::resources::GuestKind;

#[tokio::test]
async fn each_write_of_a_guests_firewall_looks_as_pve_wants_it() {
    let server = Server::start(|_| ok("null")).await;
    let client = server.client();
    let (node, ct) = (node(), vmid(111));
    client.create_firewall_ipset(&node, ct, "zen-0a1b2c3d", "zentoria:shop/db-in").await.unwrap();
    client.add_firewall_ipset_entry(&node, ct, "zen-0a1b2c3d", "10.10.40.0/24").await.unwrap();
    client.remove_firewall_ipset_entry(&node, ct, "zen-0a1b2c3d", "10.10.40.0/24", "d1").await.unwrap();
    client.update_firewall_rule(&node, ct, 2, &texts(&[("enable", "1")]), &["log".to_owned()], "d2").await.unwrap();
    client.update_firewall_rule(&node, ct, 2, &texts(&[("dport", "80,443")]), &[], "d2").await.unwrap();
    client.move_firewall_rule(&node, ct, 0, 3, "d3").await.unwrap();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "POST /nodes/pve1/lxc/111/firewall/ipset comment=zentoria%3Ashop%2Fdb-in&name=zen-0a1b2c3d",
            "POST /nodes/pve1/lxc/111/firewall/ipset/zen-0a1b2c3d cidr=10.10.40.0%2F24",
            "DELETE /nodes/pve1/lxc/111/firewall/ipset/zen-0a1b2c3d/10.10.40.0%2F24 digest=d1",
            "PUT /nodes/pve1/lxc/111/firewall/rules/2 delete=log&digest=d2&enable=1",
            "PUT /nodes/pve1/lxc/111/firewall/rules/2 digest=d2&dport=80%2C443",
            "PUT /nodes/pve1/lxc/111/firewall/rules/0 digest=d3&moveto=3",
        ]
    );
}

#[tokio::test]
async fn the_datacenter_is_read_and_switched_on_by_one_call() {
    let server = Server::start(|seen| match seen.target.as_str() {
        options if options.ends_with("/options") && seen.method == "GET" => ok(r#"{"digest":"d1","enable":0}"#),
        _ if seen.method == "GET" => ok("[]"),
        _ => ok("null"),
    })
    .await;
    let client = server.client();
    let options = client.cluster_firewall_options().await.unwrap();
    assert_eq!((options.digest.as_str(), options.options), ("d1", texts(&[("enable", "0")])));
    client.cluster_firewall_rules().await.unwrap();
    client.cluster_firewall_groups().await.unwrap();
    client.cluster_firewall_group("web").await.unwrap();
    client.cluster_firewall_ipsets().await.unwrap();
    client.cluster_firewall_ipset_entries("observers").await.unwrap();
    client.cluster_firewall_aliases().await.unwrap();
    client.node_firewall_rules(&node()).await.unwrap();
    client.node_firewall_options(&node()).await.unwrap();
    client.firewall_options_of(GuestKind::Qemu, &node(), vmid(105)).await.unwrap();
    client.firewall_options_of(GuestKind::Lxc, &node(), vmid(106)).await.unwrap();
    client.set_cluster_firewall_options(&texts(&[("enable", "1"), ("policy_in", "ACCEPT")]), "d1").await.unwrap();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /cluster/firewall/options",
            "GET /cluster/firewall/rules",
            "GET /cluster/firewall/groups",
            "GET /cluster/firewall/groups/web",
            "GET /cluster/firewall/ipset",
            "GET /cluster/firewall/ipset/observers",
            "GET /cluster/firewall/aliases",
            "GET /nodes/pve1/firewall/rules",
            "GET /nodes/pve1/firewall/options",
            "GET /nodes/pve1/qemu/105/firewall/options",
            "GET /nodes/pve1/lxc/106/firewall/options",
            "PUT /cluster/firewall/options digest=d1&enable=1&policy_in=ACCEPT",
        ]
    );
}
