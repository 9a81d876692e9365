//! What a real Proxmox VE held: ten guests and their datacenter.

use serde_json::Value;
use std::collections::BTreeMap;
use zentoria_core::firewall::evaluate::{Datacenter, Guest, Interface, PveFirewall};
use zentoria_core::firewall::seen::Fields;

const SETUP: &str = include_str!("../../../../tests/fixtures/firewall/setup.json");

/// One guest as it was set up.
pub struct Recorded {
    pub name: String,
    pub net0: String,
    pub options: BTreeMap<String, String>,
    /// Rules in the order in which they were sent.
    pub posted: Vec<Fields>,
    /// Rules as PVE listed them then.
    pub listed: Vec<Fields>,
}

pub fn guests() -> Vec<Recorded> {
    let setup: Value = serde_json::from_str(SETUP).expect("setup.json is JSON");
    let of = |(name, guest): (&String, &Value)| Recorded {
        name: name.clone(),
        net0: guest["net0"].as_str().expect("net0").to_owned(),
        options: texts(&guest["options"]),
        posted: rules(&guest["posted"]),
        listed: rules(&guest["listed"]),
    };
    setup["guests"].as_object().expect("guests").iter().map(of).collect()
}

/// All of it, for the evaluator.
pub fn firewall() -> PveFirewall {
    let setup: Value = serde_json::from_str(SETUP).expect("setup.json is JSON");
    let datacenter = &setup["datacenter"];
    let entries = |set: &Value| {
        set.as_array().expect("entries").iter().map(|cidr| (cidr.as_str().expect("cidr").to_owned(), false)).collect()
    };
    PveFirewall {
        datacenter: Some(Datacenter {
            enabled: datacenter["options"]["enable"] == "1",
            aliases: texts(&datacenter["aliases"]),
            ipsets: datacenter["ipsets"]
                .as_object()
                .expect("ipsets")
                .iter()
                .map(|(name, set)| (name.clone(), entries(set)))
                .collect(),
            groups: datacenter["groups"]
                .as_object()
                .expect("groups")
                .iter()
                .map(|(name, group)| (name.clone(), rules(group)))
                .collect(),
        }),
        guests: guests().into_iter().map(guest).collect(),
    }
}

fn guest(recorded: Recorded) -> Guest {
    let property = |key: &str| {
        recorded.net0.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default()
    };
    let address = property("ip").split('/').next().unwrap_or_default();
    Guest {
        interfaces: vec![Interface {
            name: "net0".to_owned(),
            firewall: property("firewall") == "1",
            addresses: vec![address.parse().expect("an address")],
            more: Vec::new(),
        }],
        name: recorded.name.clone(),
        options: recorded.options,
        rules: recorded.listed,
        ..Guest::default()
    }
}

fn rules(list: &Value) -> Vec<Fields> {
    list.as_array().expect("rules").iter().map(texts).collect()
}

fn texts(object: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    object.as_object().expect("an object").iter().map(|(key, value)| (key.clone(), text(value))).collect()
}
