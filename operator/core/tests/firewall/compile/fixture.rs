//! A small estate, written as manifests are.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::container::want::Key;
use zentoria_core::firewall::compile::{Compiled, RuleReport};
use zentoria_core::firewall::guest::{GuestFirewall, Rule, Way};
use zentoria_core::firewall::{compile, estate};

/// The namespace of all that names none.
pub const HERE: &str = "zentoria";
/// The control plane of the small estate.
pub const CONTROL_PLANE: &str = "10.10.0.10";

/// Everything that decides firewalls.
#[derive(Clone)]
pub struct World {
    pub cluster: ProxmoxCluster,
    pub containers: Vec<ZentoriaContainer>,
    pub rules: Vec<FirewallRule>,
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
}

impl std::fmt::Debug for World {
    /// Container by container and rule by rule, as JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = |meta: &ObjectMeta| {
            format!("{}/{}", meta.namespace.as_deref().unwrap_or(""), meta.name.as_deref().unwrap_or(""))
        };
        for one in &self.containers {
            let spec = json!({
                "zone": one.spec.zone, "services": one.spec.services, "firewall": one.spec.firewall,
                "interfaces": one.spec.network.interfaces, "labels": one.metadata.labels,
            });
            writeln!(f, "{}: {spec}", key(&one.metadata))?;
        }
        for one in &self.rules {
            writeln!(f, "{}: {}", key(&one.metadata), json!(one.spec))?;
        }
        writeln!(f, "networks: {:?}", self.cluster.spec.networks)
    }
}

pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch,
    }
}

fn object<T: serde::de::DeserializeOwned>(mut base: Value, patch: &str) -> T {
    if !patch.is_empty() {
        merge(&mut base, yaml(patch));
    }
    serde_json::from_value(base.clone()).unwrap_or_else(|error| panic!("{base}: {error}"))
}

/// `namespace/name`, or a name of [`HERE`].
pub fn key(text: &str) -> Key {
    let (namespace, name) = text.split_once('/').unwrap_or((HERE, text));
    Key { namespace: namespace.into(), name: name.into() }
}

pub fn cluster(patch: &str) -> ProxmoxCluster {
    let base = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "ProxmoxCluster", "metadata": {"name": "pve"},
        "spec": {
            "estateId": "zentoria", "mode": "Enforce", "endpoints": ["https://10.10.0.2:8006"],
            "tls": {"caSecretRef": {"name": "ca"}}, "credentials": {"tokenSecretRef": {"name": "token"}}, "access": [],
            "controlPlaneCIDRs": [CONTROL_PLANE], "networks": ["10.10.0.0/16", "fd00::/8"],
        }
    });
    object(base, patch)
}

/// A container: its addresses, its services (`postgresql:5432 dns:53/UDP`), and what else its object says.
pub fn container(name: &str, addresses: &str, services: &str, patch: &str) -> ZentoriaContainer {
    let key = key(name);
    let mut interface = json!({"name": "eth0"});
    for address in addresses.split_whitespace() {
        let family = if address.contains(':') || address == "auto" { "ipv6" } else { "ipv4" };
        interface[family] = json!({ "address": address });
    }
    let service = |text: &str| {
        let (name, port) = text.split_once(':').unwrap();
        let (port, protocol) = port.split_once('/').unwrap_or((port, "TCP"));
        let (first, last) = port.split_once('-').unwrap_or((port, port));
        let number = |text: &str| text.parse::<u32>().unwrap();
        json!({"name": name, "port": number(first), "endPort": number(last), "protocol": protocol})
    };
    let base = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "ZentoriaContainer",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {
            "clusterRef": {"name": "pve"},
            "network": {"interfaces": [interface]},
            "services": services.split_whitespace().map(service).collect::<Vec<_>>(),
        }
    });
    object(base, patch)
}

/// A rule, its spec written in YAML.
pub fn rule(name: &str, spec: &str) -> FirewallRule {
    let key = key(name);
    let base = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "FirewallRule",
        "metadata": {"name": key.name, "namespace": key.namespace}, "spec": yaml(spec),
    });
    object(base, "")
}

impl World {
    /// Three containers: `web` (zone edge), `api` (zone app), `db` (zone data).
    pub fn small() -> Self {
        Self {
            cluster: cluster(""),
            containers: vec![
                container("web", "10.10.40.1/16", "http:80 https:443", "{spec: {zone: edge}}"),
                container("api", "10.10.40.2/16", "rest:4000 socket:4001", "{spec: {zone: app}}"),
                container("db", "10.10.40.3/16", "postgresql:5432 pgbouncer:6432", "{spec: {zone: data}}"),
            ],
            rules: Vec::new(),
            labels: BTreeMap::new(),
        }
    }

    pub fn with(mut self, container: ZentoriaContainer) -> Self {
        self.containers.push(container);
        self
    }

    pub fn rule(mut self, name: &str, spec: &str) -> Self {
        self.rules.push(rule(name, spec));
        self
    }

    /// A container's object changed.
    pub fn change(mut self, name: &str, patch: &str) -> Self {
        let key = key(name);
        let is = |one: &&mut ZentoriaContainer| {
            one.metadata.name.as_ref() == Some(&key.name) && one.metadata.namespace.as_ref() == Some(&key.namespace)
        };
        let one = self.containers.iter_mut().find(is).unwrap();
        let base = serde_json::to_value(&*one).unwrap();
        *one = object(base, patch);
        self
    }

    pub fn cluster(mut self, patch: &str) -> Self {
        let base = serde_json::to_value(&self.cluster).unwrap();
        self.cluster = object(base, patch);
        self
    }

    pub fn compiled(&self) -> Compiled {
        let labels = |namespace: &str| self.labels.get(namespace).cloned().unwrap_or_default();
        compile(&estate(&self.cluster, &self.containers, &self.rules, &labels))
    }

    /// The firewall of a guest.
    pub fn firewall(&self, name: &str) -> GuestFirewall {
        let wish = &self.compiled().guests[&key(name)].wish;
        wish.clone().unwrap_or_else(|(reason, why)| panic!("{name}: {reason:?}: {why}"))
    }

    /// The rules of a guest, those derived for the control plane left out.
    pub fn rules(&self, name: &str) -> Vec<String> {
        let firewall = self.firewall(name);
        let ours = firewall.rules.iter().filter(|rule| !rule.comment.starts_with("zentoria:derived/"));
        ours.map(|rule| shown(rule, &firewall)).collect()
    }

    pub fn report(&self, name: &str) -> RuleReport {
        self.compiled().rules[&key(name)].clone()
    }

    /// The reason and the message of a rule.
    pub fn refused(&self, name: &str) -> (String, String) {
        match self.report(name).verdict {
            Ok(reason) => (format!("{reason:?}"), String::new()),
            Err((reason, why)) => (format!("{reason:?}"), why),
        }
    }
}

/// A rule in one line: `in ACCEPT tcp 5432 10.10.40.2`; an IP set with what is in it.
pub fn shown(rule: &Rule, firewall: &GuestFirewall) -> String {
    let fields = rule.fields();
    let field = |key: &str| fields.get(key).cloned().unwrap_or_default();
    let end = match rule.way {
        Way::In => field("source"),
        Way::Out => field("dest"),
    };
    let set = firewall.ipsets.iter().find(|(name, _)| end == format!("+{name}"));
    let end = set.map_or(end, |(_, set)| {
        let entries: Vec<String> = set.entries.iter().map(zentoria_core::firewall::guest::plain).collect();
        format!("{{{}}}", entries.join(" "))
    });
    let log = fields.get("log").map(|level| format!("log={level}")).unwrap_or_default();
    let words = [field("type"), field("action"), field("proto"), field("dport"), end, log];
    words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}
