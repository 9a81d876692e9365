//! Who is at the other end.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One end of a flow: exactly one of the fields, but `namespaceSelector`, which goes with `selector`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "[has(self.container), has(self.selector), has(self.zone), has(self.host), has(self.cidr), has(self.any), has(self.external), has(self.all)].filter(x, x).size() == 1", "message": "a peer is exactly one of container, selector, zone, host, cidr, any, external and all"},
    {"rule": "!has(self.namespaceSelector) || has(self.selector)", "message": "namespaceSelector needs selector; an empty one, selector: {}, means every container there"},
    {"rule": "!has(self.cidr) || isCIDR(self.cidr) || isIP(self.cidr)", "message": "cidr is an address or a network, such as 10.10.40.0/24"},
    {"rule": "!has(self.cidr) || !isCIDR(self.cidr) || cidr(self.cidr).masked() == cidr(self.cidr)", "message": "cidr has bits set behind its prefix: write the network's own address"},
    {"rule": "!has(self.cidr) || !isCIDR(self.cidr) || cidr(self.cidr).prefixLength() > 0", "message": "cidr with prefix 0 is every address: write any"}
]))]
pub struct Peer {
    /// Name of a ZentoriaContainer of this namespace. Without a static address it is the one that the guest reports, once
    /// there is one; a guest reports what it likes, so give static addresses to those whom others open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Containers of this namespace by their labels; with `namespaceSelector`, of those namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Namespaces by their labels, for `selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Containers of this namespace whose `zone` this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub zone: Option<String>,
    /// Name of an outsider of the ProxmoxCluster (`spec.hosts`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub host: Option<String>,
    /// An address or a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 43))]
    pub cidr: Option<String>,
    /// Every address: `any: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<EveryPeer>,
    /// Every address outside the estate's own networks (`spec.networks` of the ProxmoxCluster): `external: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<EveryPeer>,
    /// Every container of this namespace on the same ProxmoxCluster: `all: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<EveryPeer>,
}

/// Nothing more to say: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EveryPeer {}
