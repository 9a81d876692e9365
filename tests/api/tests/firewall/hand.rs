//! A person at the firewall: calls of the API under another token.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::ADDRESS;
use zentoria_pve::{ApiToken, Client, ClientConfig, Dialer, Limits, Trust};
use zentoria_types::names::NodeName;
use zentoria_types::secret::Secret;
use zentoria_types::vmid::Vmid;

const TOKEN: &str = "person@pve!hand";
const SECRET: &str = "5eed0000-0000-4000-8000-0000000000e1";

/// The person, in the seed of the double.
pub fn seed(seed: &mut Value) {
    seed["users"]["person@pve"] = json!("by-hand");
    seed["tokens"][TOKEN] = json!(SECRET);
    let rights = ["Sys.Audit", "Sys.Modify", "VM.Audit", "VM.Config.Network"];
    let grant: Vec<&str> = ["person@pve", "/"].into_iter().chain(rights).collect();
    seed["grants"].as_array_mut().unwrap().push(json!(grant));
}

/// A person who writes to firewalls.
pub struct Hand {
    client: Client,
    node: NodeName,
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

impl Hand {
    pub fn of(world: &World) -> Self {
        let config = ClientConfig {
            endpoints: vec![format!("https://{ADDRESS}:8006").parse().unwrap()],
            trust: Trust::CaBundle(world.pve.ca.clone()),
            token: ApiToken::new(TOKEN, &Secret::new(SECRET.to_owned())).unwrap(),
            root_password: None,
            dialer: Dialer::from_rows([world.pve.dial_map()]).unwrap(),
            fence: std::sync::Arc::new(|| true),
            observer: None,
            limits: Limits::default(),
        };
        Self { client: Client::new(config).unwrap(), node: "pve1".parse().unwrap() }
    }

    /// Switches the datacenter's firewall on or off.
    pub async fn switch(&self, on: bool) {
        let digest = self.client.cluster_firewall_options().await.unwrap().digest;
        let set = texts(&[("enable", if on { "1" } else { "0" })]);
        self.client.set_cluster_firewall_options(&set, &digest).await.unwrap();
    }

    /// Adds a rule on top.
    pub async fn adds(&self, guest: u32, fields: &[(&str, &str)]) {
        self.client.create_firewall_rule(&self.node, vmid(guest), &texts(fields)).await.unwrap();
    }

    /// Changes the first rule whose owner this is.
    pub async fn changes(&self, guest: u32, owner: &str, set: &[(&str, &str)], delete: &[&str]) {
        let (pos, digest) = self.find(guest, owner).await;
        let delete: Vec<String> = delete.iter().map(|key| (*key).to_owned()).collect();
        self.client.update_firewall_rule(&self.node, vmid(guest), pos, &texts(set), &delete, &digest).await.unwrap();
    }

    /// Moves the first rule whose owner this is.
    pub async fn moves(&self, guest: u32, owner: &str, to: u64) {
        let (pos, digest) = self.find(guest, owner).await;
        self.client.move_firewall_rule(&self.node, vmid(guest), pos, to, &digest).await.unwrap();
    }

    /// Removes the first rule whose owner this is.
    pub async fn removes(&self, guest: u32, owner: &str) {
        let (pos, digest) = self.find(guest, owner).await;
        self.client.delete_firewall_rule(&self.node, vmid(guest), pos, &digest).await.unwrap();
    }

    /// Sets options of a guest.
    pub async fn sets(&self, guest: u32, options: &[(&str, &str)]) {
        let digest = self.client.firewall_options(&self.node, vmid(guest)).await.unwrap().digest;
        let set = texts(options);
        self.client.set_firewall_options(&self.node, vmid(guest), &set, &[], &digest).await.unwrap();
    }

    /// Removes an entry of an IP set.
    pub async fn removes_entry(&self, guest: u32, set: &str, cidr: &str) {
        let entries = self.client.firewall_ipset_entries(&self.node, vmid(guest), set).await.unwrap();
        let digest = entries.iter().find(|entry| entry.cidr == cidr).unwrap().digest.clone().unwrap();
        self.client.remove_firewall_ipset_entry(&self.node, vmid(guest), set, cidr, &digest).await.unwrap();
    }

    async fn find(&self, guest: u32, owner: &str) -> (u64, String) {
        let rules = self.client.firewall_rules(&self.node, vmid(guest)).await.unwrap();
        let found = rules.iter().find(|rule| rule.fields.get("comment").is_some_and(|text| text.contains(owner)));
        let rule = found.unwrap_or_else(|| panic!("guest {guest} has no rule of {owner}: {rules:?}"));
        (rule.pos, rule.digest.clone())
    }
}
