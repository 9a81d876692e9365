//! Who the addresses in a guest's rules are, and which firewall a packet meets.

use ipnet::IpNet;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::{FirewallRule, ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::evaluate::Packet;
use zentoria_core::firewall::flows::{End, Names, flows, service_told};
use zentoria_core::firewall::guest::Way;
use zentoria_core::firewall::reach::{Judged, interfaces, judge, somebody_outside};
use zentoria_core::firewall::{Estate, compile, estate};

fn object<T: serde::de::DeserializeOwned>(kind: &str, name: &str, spec: Value) -> T {
    let metadata = json!({"name": name, "namespace": "one"});
    let object = json!({"apiVersion": "zentoria.ai/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn container(name: &str, spec: Value) -> ZentoriaContainer {
    let mut all = json!({"clusterRef": {"name": "pve"}});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object("ZentoriaContainer", name, all)
}

/// Two containers, one of them with a second interface that passes by the firewall.
fn containers() -> Vec<ZentoriaContainer> {
    let interface = |name: &str, address: &str| json!({"name": name, "ipv4": {"address": address}});
    let mut by = interface("eth1", "10.1.0.12/16");
    by["firewall"] = false.into();
    vec![
        container("a", json!({"network": {"interfaces": [interface("eth0", "10.0.0.11/16")]}})),
        container("b", json!({"network": {"interfaces": [interface("eth0", "10.0.0.12/16"), by]}})),
    ]
}

fn sample() -> Estate {
    let cluster: ProxmoxCluster = object(
        "ProxmoxCluster",
        "pve",
        json!({
            "estateId": "home", "mode": "Enforce", "endpoints": ["https://10.0.0.2:8006"], "tls": {"fingerprintSha256": "AA"},
            "credentials": {"tokenSecretRef": {"name": "t"}}, "controlPlaneCIDRs": ["10.0.0.9"], "networks": ["10.0.0.0/8"],
            "hosts": [{"name": "nas", "addresses": ["10.9.0.1", "10.9.0.2"]}, {"name": "far", "addresses": ["203.0.113.1"]}],
        }),
    );
    let rule: FirewallRule = object(
        "FirewallRule",
        "a-b",
        json!({"from": [{"container": "a"}, {"external": {}}], "to": [{"container": "b"}], "ports": [{"port": 80, "endPort": 81}]}),
    );
    estate(&cluster, &containers(), [&rule], &|_| BTreeMap::new())
}

fn nets(texts: &[&str]) -> BTreeSet<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn addresses_have_the_names_of_those_who_have_them() {
    let estate = sample();
    let names = Names::new(&estate);
    let told = |texts: &[&str]| names.of(&nets(texts)).iter().map(|end| end.told("one")).collect::<Vec<_>>();
    assert_eq!(told(&["10.0.0.11/32", "10.0.0.9/32"]), ["control plane", "a"]);
    assert_eq!(told(&["10.9.0.1/32", "10.9.0.2/32"]), ["host nas"]);
    assert_eq!(told(&["10.9.0.1/32"]), ["10.9.0.1"], "a part of a host is not the host");
    assert_eq!(
        told(&["10.9.0.1/32", "10.9.0.0/30"]),
        ["host nas", "10.9.0.0/30"],
        "the rest of it lies in the network"
    );
    let outside: BTreeSet<IpNet> = estate.external.clone().unwrap().into_iter().collect();
    assert_eq!(names.of(&outside), [End::External]);
    let v4 = outside.iter().filter(|net| matches!(net, IpNet::V4(_))).copied().collect();
    assert_eq!(names.of(&v4), [End::External], "one family is enough");
    let less = outside.iter().skip(1).filter(|net| matches!(net, IpNet::V4(_))).copied().collect();
    assert!(!names.of(&less).contains(&End::External));
    let key = Key { namespace: "one".into(), name: "a".into() };
    assert_eq!(End::Container(key).told("two"), "one/a");
}

#[test]
fn the_rules_of_a_guest_say_who_and_why() {
    let estate = sample();
    let compiled = compile(&estate);
    let key = Key { namespace: "one".into(), name: "b".into() };
    let flows = flows(&Names::new(&estate), &compiled.guests[&key]);
    let own = flows.iter().find(|flow| flow.owners.contains("one/a-b")).unwrap();
    assert_eq!((own.way, service_told(&own.service).as_str()), (Way::In, "80-81/tcp"));
    let a = Key { namespace: "one".into(), name: "a".into() };
    let peers: BTreeSet<End> =
        flows.iter().filter(|f| f.owners.contains("one/a-b")).flat_map(|f| f.peers.clone()).collect();
    assert_eq!(peers, BTreeSet::from([End::External, End::Container(a)]));
    assert!(flows.iter().any(|flow| flow.peers == [End::ControlPlane]));
}

#[test]
fn a_packet_meets_the_firewall_of_the_interface_that_has_its_address() {
    let estate = sample();
    let compiled = compile(&estate);
    let key = Key { namespace: "one".into(), name: "b".into() };
    let passes = |source: &str, dest: &str, port: u16| {
        let packet = Packet::tcp(source.parse().unwrap(), dest.parse().unwrap(), port);
        let interfaces = interfaces(&containers()[1], &estate.containers[&key].addresses);
        judge(&compiled.guests[&key], interfaces, Way::In, &packet)
    };
    assert_eq!(passes("10.0.0.11", "10.0.0.12", 80).passes(), Some(true));
    assert_eq!(passes("10.0.0.11", "10.0.0.12", 82).passes(), Some(false));
    assert_eq!(passes("10.0.0.99", "10.1.0.12", 82).passes(), Some(true), "its other interface does not filter");
    assert!(matches!(passes("10.0.0.11", "10.0.0.13", 80), Judged::NotKnown(_)), "an address that it does not have");
}

#[test]
fn somebody_outside_is_nobody_that_is_known() {
    let estate = sample();
    assert_eq!(somebody_outside(&estate, false).unwrap().to_string(), "198.51.100.1", "203.0.113.1 is a host");
    assert_eq!(somebody_outside(&estate, true).unwrap().to_string(), "2001:db8::1");
}
