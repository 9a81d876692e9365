//! The firewall of the datacenter and of its nodes: what guests' firewalls rest on. Reading takes `Sys.Audit` on `/` (on
//! the node for a node's), writing `Sys.Modify` on `/`.

use std::collections::BTreeMap;

use http::Method;
use zentoria_types::{NodeName, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::firewall::{FirewallAlias, FirewallIpset, FirewallIpsetEntry, FirewallOptions, FirewallRule};
use crate::lenient::Row;
use crate::path::segment;
use crate::resources::GuestKind;

const CLUSTER: &str = "/cluster/firewall";

/// A security group: rules under a name, which rules of type `group` take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallGroup {
    /// Its name.
    pub name: String,
    /// Its comment.
    pub comment: Option<String>,
}

impl Client {
    /// The datacenter's options. Without `enable=1` no rule of any guest has effect.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without `Sys.Audit` on `/`.
    pub async fn cluster_firewall_options(&self) -> Result<FirewallOptions, PveError> {
        self.options_at(&format!("{CLUSTER}/options")).await
    }

    /// Sets options of the datacenter, when they still have this digest.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when they changed; [`PveError::Forbidden`] without `Sys.Modify` on `/`.
    pub async fn set_cluster_firewall_options(
        &self,
        set: &BTreeMap<String, String>,
        digest: &str,
    ) -> Result<(), PveError> {
        let mut form: Vec<(&str, &str)> = set.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        form.push(("digest", digest));
        self.write(Method::PUT, &format!("{CLUSTER}/options"), &form).await
    }

    /// The datacenter's rules: those of every node.
    ///
    /// # Errors
    /// [`PveError::Payload`] when a rule has no position.
    pub async fn cluster_firewall_rules(&self) -> Result<Vec<FirewallRule>, PveError> {
        self.rules_at(&format!("{CLUSTER}/rules")).await
    }

    /// The security groups.
    ///
    /// # Errors
    /// [`PveError::Payload`] when a group has no name.
    pub async fn cluster_firewall_groups(&self) -> Result<Vec<FirewallGroup>, PveError> {
        let path = format!("{CLUSTER}/groups");
        let rows: Vec<Row> = self.get(&path).await?;
        rows.iter().map(|row| FirewallGroup::from_row(Call { method: "GET", path: &path }, row)).collect()
    }

    /// The rules of a security group.
    ///
    /// # Errors
    /// [`PveError::Unexpected`] when there is no such group.
    pub async fn cluster_firewall_group(&self, name: &str) -> Result<Vec<FirewallRule>, PveError> {
        self.rules_at(&format!("{CLUSTER}/groups/{}", segment(name))).await
    }

    /// The datacenter's IP sets.
    ///
    /// # Errors
    /// [`PveError::Payload`] when a set has no name.
    pub async fn cluster_firewall_ipsets(&self) -> Result<Vec<FirewallIpset>, PveError> {
        let path = format!("{CLUSTER}/ipset");
        let rows: Vec<Row> = self.get(&path).await?;
        rows.iter().map(|row| FirewallIpset::from_row(Call { method: "GET", path: &path }, row)).collect()
    }

    /// The entries of an IP set of the datacenter.
    ///
    /// # Errors
    /// [`PveError::Payload`] when an entry has no address.
    pub async fn cluster_firewall_ipset_entries(&self, name: &str) -> Result<Vec<FirewallIpsetEntry>, PveError> {
        let path = format!("{CLUSTER}/ipset/{}", segment(name));
        let rows: Vec<Row> = self.get(&path).await?;
        rows.iter().map(|row| FirewallIpsetEntry::from_row(Call { method: "GET", path: &path }, row)).collect()
    }

    /// The datacenter's aliases.
    ///
    /// # Errors
    /// [`PveError::Payload`] when an alias has no name.
    pub async fn cluster_firewall_aliases(&self) -> Result<Vec<FirewallAlias>, PveError> {
        let path = format!("{CLUSTER}/aliases");
        let rows: Vec<Row> = self.get(&path).await?;
        rows.iter().map(|row| FirewallAlias::from_row(Call { method: "GET", path: &path }, row)).collect()
    }

    /// A node's own rules.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without `Sys.Audit` on the node.
    pub async fn node_firewall_rules(&self, node: &NodeName) -> Result<Vec<FirewallRule>, PveError> {
        self.rules_at(&format!("/nodes/{node}/firewall/rules")).await
    }

    /// A node's own options. `enable` is 1 where nothing is written.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without `Sys.Audit` on the node.
    pub async fn node_firewall_options(&self, node: &NodeName) -> Result<FirewallOptions, PveError> {
        self.options_at(&format!("/nodes/{node}/firewall/options")).await
    }

    /// The options of the firewall of any guest, container or virtual machine.
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without `VM.Audit` on the guest.
    pub async fn firewall_options_of(
        &self,
        kind: GuestKind,
        node: &NodeName,
        vmid: Vmid,
    ) -> Result<FirewallOptions, PveError> {
        let word = match kind {
            GuestKind::Lxc => "lxc",
            GuestKind::Qemu => "qemu",
        };
        self.options_at(&format!("/nodes/{node}/{word}/{vmid}/firewall/options")).await
    }

    pub(super) async fn options_at(&self, path: &str) -> Result<FirewallOptions, PveError> {
        let row: Row = self.get(path).await?;
        FirewallOptions::from_row(Call { method: "GET", path }, &row)
    }

    pub(super) async fn rules_at(&self, path: &str) -> Result<Vec<FirewallRule>, PveError> {
        let rows: Vec<Row> = self.get(path).await?;
        rows.iter().map(|row| FirewallRule::from_row(Call { method: "GET", path }, row)).collect()
    }
}

impl FirewallGroup {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let name = row.word("group").ok_or_else(|| payload(call, "a security group without a name", b""))?;
        Ok(Self { name, comment: row.word("comment") })
    }
}
