//! What was seen and done.

use super::guest::FirewallMode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the operator made of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallRuleStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whom it comes from, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whom it opens, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// At which ports, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<String>,
    /// How many guests hold rules for it.
    #[serde(default)]
    pub guests: u32,
    /// How many rules of Proxmox VE it takes, over all guests.
    #[serde(default)]
    pub rules: u32,
    /// On how many of these guests it is in force: `17/17`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<String>,
    /// Peers that have no address yet, or do not exist. Nothing is opened for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<String>,
    /// What else a person should know: conflicts with other rules, rules that hide it, ports that nobody declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// One word or phrase for people: the reason of Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, Accepted, Enforced.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The firewall of one guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestFirewallStatus {
    /// What is done with it.
    pub mode: FirewallMode,
    /// Rules of ours that it holds.
    #[serde(default)]
    pub rules: u32,
    /// IP sets of ours that it holds.
    #[serde(default)]
    pub ipsets: u32,
    /// What differs from the manifests and was not written: `+` is missing, `-` is too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Rules that people made, as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_rules: Vec<String>,
    /// The port that answered before the guest began to filter, and answered a new connection afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// A port is being tried after the guest began to filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<FirewallProbe>,
    /// What was taken back because nothing answered any more: a digest of the rules, the spec and the annotations then. It
    /// is not tried again before one of them changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// A port that answered before a guest began to filter, and must answer a new connection after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallProbe {
    /// Address and port.
    pub target: String,
    /// When the guest began to filter.
    pub since: Time,
    /// The options `enable` and `policy_in` before, as far as they were written: what is gone back to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, String>,
}

/// The firewall of the datacenter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatacenterFirewall {
    /// `Enabled`, `Disabled`, or `Unknown` where it may not be read.
    pub state: String,
    /// Why it is not switched on though `manageDatacenter` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Guests that are not ours and whose own rules would wake up, or woke up, with it: `105 router`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dormant: Vec<String>,
    /// What a person should know of `controlPlaneCIDRs`, `networks` and `hosts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
