//! The wish: one row of the matrix, or several that belong together.

use super::peer::Peer;
use super::status::FirewallRuleStatus;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may reach which containers of this namespace at which ports; or, with `direction: Egress`, what they may reach.
/// Connections that are open already, and answers, always pass.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "FirewallRule",
    plural = "firewallrules",
    shortname = "fwr",
    category = "zentoria",
    namespaced,
    status = "FirewallRuleStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"From","type":"string","jsonPath":".status.from"}"#,
    printcolumn = r#"{"name":"To","type":"string","jsonPath":".status.to"}"#,
    printcolumn = r#"{"name":"Ports","type":"string","jsonPath":".status.ports"}"#,
    printcolumn = r#"{"name":"Action","type":"string","jsonPath":".spec.action"}"#,
    printcolumn = r#"{"name":"Guests","type":"integer","jsonPath":".status.guests"}"#,
    printcolumn = r#"{"name":"Enforced","type":"string","jsonPath":".status.enforced"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Priority","type":"integer","priority":1,"jsonPath":".spec.priority"}"#,
    printcolumn = r#"{"name":"Description","type":"string","priority":1,"jsonPath":".spec.description"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.direction == 'Egress' || self.to.all(p, has(p.container) || has(p.zone) || has(p.all) || has(p.selector) && !has(p.namespaceSelector))", "message": "to names the containers of this namespace that the rule opens: container, selector, zone or all"},
    {"rule": "self.direction != 'Egress' || self.from.all(p, has(p.container) || has(p.zone) || has(p.all) || has(p.selector) && !has(p.namespaceSelector))", "message": "from of an Egress rule names containers of this namespace: container, selector, zone or all"},
    {"rule": "self.direction != 'Egress' || self.ports.all(p, !has(p.service)) || self.to.all(p, has(p.container) || has(p.selector) || has(p.zone) || has(p.all))", "message": "a service's name needs containers in to: addresses declare no services"},
    {"rule": "size(self.ports) > 0 || self.direction != 'Egress' || self.to.all(p, has(p.container) || has(p.selector) || has(p.zone) || has(p.all))", "message": "an Egress rule to addresses names its ports"}
]))]
pub struct FirewallRuleSpec {
    /// Which way: `Ingress` opens containers of this namespace, `Egress` lets them out.
    #[serde(default)]
    pub direction: Direction,

    /// Whom it comes from. With `Egress`: which containers of this namespace.
    #[schemars(length(min = 1, max = 64))]
    pub from: Vec<Peer>,

    /// Which containers of this namespace it opens. With `Egress`: what they may reach.
    #[schemars(length(min = 1, max = 64))]
    pub to: Vec<Peer>,

    /// At which ports. None: the services that the target declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub ports: Vec<Port>,

    /// What happens to what matches.
    #[serde(default)]
    pub action: Action,

    /// Lower comes first, and the first match decides. At a tie Drop comes before Reject, and Reject before Allow.
    #[serde(default = "middle")]
    #[schemars(range(min = 0, max = 1000))]
    pub priority: u32,

    /// Writes what matches into the node's firewall log, at this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogLevel>,

    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// True: the operator looks away from this rule: what is written for it stays as it is, and nothing is added.
    #[serde(default)]
    pub suspend: bool,
}

fn middle() -> u32 {
    500
}

/// Which way a rule is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// Into containers of this namespace.
    #[default]
    Ingress,
    /// Out of containers of this namespace. Only needed where their `firewall.outbound` is not `Accept`.
    Egress,
}

/// What happens to what matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// It passes.
    #[default]
    Allow,
    /// It is refused with an answer.
    Reject,
    /// It is dropped without a word.
    Drop,
}

/// A port, a range of ports, a service by its name, or a protocol without ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.port) || !has(self.service)", "message": "either port or service, not both"},
    {"rule": "has(self.port) || has(self.service) || (has(self.protocol) && self.protocol in ['ICMP', 'ICMPv6'])", "message": "name a port, a service, or protocol ICMP or ICMPv6"},
    {"rule": "!has(self.endPort) || has(self.port)", "message": "endPort needs port"},
    {"rule": "!has(self.endPort) || !has(self.port) || self.endPort >= self.port", "message": "endPort is lower than port"},
    {"rule": "!has(self.service) || !has(self.protocol)", "message": "the service says its protocol"},
    {"rule": "!has(self.protocol) || !(self.protocol in ['ICMP', 'ICMPv6']) || (!has(self.port) && !has(self.service))", "message": "ICMP and ICMPv6 have no ports"}
]))]
pub struct Port {
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u32>,
    /// Last port of the range that begins at `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub end_port: Option<u32>,
    /// Name of a service that the target declares (`spec.services`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub service: Option<String>,
    /// Protocol. Default TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// A protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// TCP.
    #[default]
    TCP,
    /// UDP.
    UDP,
    /// SCTP.
    SCTP,
    /// ICMP, for IPv4. It has no ports.
    ICMP,
    /// ICMPv6. It has no ports.
    ICMPv6,
}

/// A level of the node's firewall log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing is written.
    Nolog,
    /// Emergency.
    Emerg,
    /// Alert.
    Alert,
    /// Critical.
    Crit,
    /// Error.
    Err,
    /// Warning.
    Warning,
    /// Notice.
    Notice,
    /// Information.
    Info,
    /// Debug.
    Debug,
}
