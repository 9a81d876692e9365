//! Firewalls of guests: what the matrix writes, what drift is corrected or shown, and what never happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod cli;
mod crash;
mod datacenter;
mod drift;
mod hand;
mod lease;
mod lockout;
mod matrix;
mod moved;
mod observe;
mod ours;
mod slice;
mod touched;

use hand::Hand;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{FIREWALL_ENFORCED, READY};
use zentoria_api::firewall::FirewallRule;
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::apply_any;
use zentoria_api_tests::pve::{Guest, Request};
use zentoria_api_tests::wait::{eventually, when};
use zentoria_api_tests::world::{Builder, Conditions, condition};

const DB: u32 = 400;
const WEB: u32 = 401;

/// A world whose control plane is known; the datacenter's firewall is on once [`started`] returns.
fn build(test: &str) -> Builder {
    World::builder(test).without_operator().seed(hand::seed).cluster(|spec| {
        spec.control_plane_cidrs = vec!["10.10.99.0/24".into()];
        spec.networks = vec!["10.10.0.0/16".into()];
    })
}

/// The world, with the datacenter's firewall on and an operator that runs.
async fn started(builder: Builder) -> (World, Hand) {
    let world = builder.start().await;
    let hand = Hand::of(&world);
    hand.switch(true).await;
    world.start_operator().await;
    (world, hand)
}

/// A container with services: `[("pg", 5432)]`.
fn serving(world: &World, name: &str, vmid: u32, services: &[(&str, u32)]) -> ZentoriaContainer {
    let mut container = world.container(name, vmid);
    let services: Vec<Value> = services.iter().map(|(name, port)| json!({"name": name, "port": port})).collect();
    container.spec.services = serde_json::from_value(json!(services)).unwrap();
    container
}

fn rules(world: &World) -> Api<FirewallRule> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// Applies a rule, as `kubectl apply --server-side` does.
async fn apply_rule(world: &World, name: &str, spec: Value) {
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "FirewallRule",
        "metadata": {"name": name, "namespace": world.namespace}, "spec": spec,
    });
    apply_any(&world.client, &object).await.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// `from` may reach `to` at its services.
async fn allow(world: &World, name: &str, from: &str, to: &str) {
    apply_rule(world, name, json!({"from": [{"container": from}], "to": [{"container": to}]})).await;
}

async fn remove_rule(world: &World, name: &str) {
    rules(world).delete(name, &DeleteParams::default()).await.unwrap();
}

/// Waits until a rule says this, by a status that speaks of its current spec.
async fn rule_says(world: &World, name: &str, reason: &str) -> FirewallRule {
    eventually(&format!("rule {name} says {reason}"), || async {
        let rule = rules(world).get(name).await.map_err(|error| error.to_string())?;
        let status = rule.status.clone().unwrap_or_default();
        let said = condition(&status.conditions, READY).map(|condition| condition.reason.clone());
        let current = status.observed_generation == rule.metadata.generation;
        if current && said.as_deref() == Some(reason) { Ok(rule) } else { Err(format!("{status:#?}")) }
    })
    .await
}

/// Waits until FirewallEnforced of a container has this reason.
async fn firewall_says(world: &World, name: &str, reason: &str) -> ZentoriaContainer {
    world
        .until(&format!("FirewallEnforced says {reason}"), name, |container| {
            container.reason(FIREWALL_ENFORCED) == reason
        })
        .await
}

/// The message of FirewallEnforced.
fn firewall_message(container: &ZentoriaContainer) -> String {
    condition(container.conditions(), FIREWALL_ENFORCED).map(|c| c.message.clone()).unwrap_or_default()
}

/// The rules of a guest as the double holds them: `in ACCEPT tcp 5432 <- 10.10.4.2`, with their owners.
fn held(guest: &Guest) -> Vec<String> {
    let text = |rule: &Value, key: &str| rule[key].as_str().map_or_else(|| rule[key].to_string(), str::to_owned);
    let rules = guest.firewall.as_ref().and_then(|file| file["rules"].as_array().cloned()).unwrap_or_default();
    let part = |rule: &Value, key: &str, before: &str| {
        if rule[key].is_null() { String::new() } else { format!(" {before}{}", text(rule, key)) }
    };
    let line = |rule: &Value| {
        let owner = text(rule, "comment");
        let owner = owner.split('#').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let off = if text(rule, "enable") == "0" { " (off)" } else { "" };
        format!(
            "{} {}{}{}{}{}{off} {owner}",
            text(rule, "type"),
            text(rule, "action"),
            part(rule, "proto", ""),
            part(rule, "dport", ""),
            part(rule, "source", "<- "),
            part(rule, "dest", "-> "),
        )
    };
    rules.iter().map(line).collect()
}

/// An option of a guest's firewall; empty where it is not written.
fn option(guest: &Guest, key: &str) -> String {
    let value = guest.firewall.as_ref().map(|file| file["options"][key].clone()).unwrap_or_default();
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// The entries of a guest's IP sets, by set.
fn sets(guest: &Guest) -> BTreeMap<String, Vec<String>> {
    let file = guest.firewall.clone().unwrap_or_default();
    let sets = file["ipset"].as_object().cloned().unwrap_or_default();
    let cidrs = |entries: &Value| -> Vec<String> {
        let rows: Vec<Value> = match entries {
            Value::Array(rows) => rows.clone(),
            Value::Object(map) => map["entries"].as_array().cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut cidrs: Vec<String> =
            rows.iter().map(|row| row["cidr"].as_str().unwrap_or_default().to_owned()).collect();
        cidrs.sort_unstable();
        cidrs
    };
    sets.iter().map(|(name, entries)| (name.clone(), cidrs(entries))).collect()
}

/// Whether a call is about a guest's firewall.
fn is_firewall(request: &Request) -> bool {
    request.path.contains("/firewall/")
}

/// Waits until so many full rounds over all guests are over: each guest's options were read so many times more.
async fn rounds(world: &World, vmid: u32, count: usize) {
    let path = format!("/lxc/{vmid}/firewall/options");
    let read = async || {
        let requests = world.pve.requests().await;
        requests.iter().filter(|r| r.method == "GET" && r.path.ends_with(&path) && r.status.is_some()).count()
    };
    let before = read().await;
    eventually(&format!("{count} more looks at the firewall of guest {vmid}"), || async {
        when(read().await, |now| *now >= before + count).map(|_| ())
    })
    .await;
}
