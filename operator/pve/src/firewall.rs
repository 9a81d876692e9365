//! The firewall file of one guest. PVE keeps it by VMID, so it may be there before the guest is.

mod change;
mod datacenter;

pub use datacenter::FirewallGroup;

use std::collections::BTreeMap;

use proxmox_api::nodes::node::lxc::vmid::firewall::aliases::name::DeleteParams as AliasDelete;
use proxmox_api::nodes::node::lxc::vmid::firewall::ipset::name::DeleteParams as IpsetDelete;
use proxmox_api::nodes::node::lxc::vmid::firewall::options::PutParams as OptionsParams;
use proxmox_api::nodes::node::lxc::vmid::firewall::rules::pos::DeleteParams as RuleDelete;
use serde_json::Value;
use zentoria_types::{NodeName, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::{self, Row};
use crate::lxc::guest_path;
use crate::path::segment;
use crate::wire::invalid;

/// More rules than a guest's file can sensibly have; the clearing stops there instead of running for ever.
const MOST_RULES: usize = 1000;

/// What an option is when nothing is written: having it written so changes nothing.
const OPTION_DEFAULTS: &[(&str, &str)] = &[
    ("enable", "0"),
    ("dhcp", "0"),
    ("ipfilter", "0"),
    ("macfilter", "1"),
    ("ndp", "0"),
    ("radv", "0"),
    ("policy_in", "DROP"),
    ("policy_out", "ACCEPT"),
    ("log_level_in", "nolog"),
    ("log_level_out", "nolog"),
];

/// The options of a guest's firewall that are written; all as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallOptions {
    /// SHA-1 of the firewall file.
    pub digest: String,
    /// `enable`, `policy_in`, `macfilter`, ...
    pub options: BTreeMap<String, String>,
}

/// One rule of a guest's firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallRule {
    /// Its position, from 0; it changes with every write.
    pub pos: u64,
    /// SHA-1 of the firewall file.
    pub digest: String,
    /// `type`, `action`, `enable`, `proto`, `dport`, `source`, `comment`, ... as texts.
    pub fields: BTreeMap<String, String>,
}

/// One IP set of a guest's firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallIpset {
    /// Its name.
    pub name: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// One entry of an IP set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallIpsetEntry {
    /// An address, a network or the name of an alias.
    pub cidr: String,
    /// Whether it is an exception.
    pub nomatch: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// Digest of the set's entries.
    pub digest: Option<String>,
}

/// One alias of a guest's firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallAlias {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub cidr: String,
    /// SHA-1 of the firewall file.
    pub digest: String,
}

impl Client {
    /// The written options. For a VMID without a file PVE gives none, and the digest of nothing.
    ///
    /// # Errors
    /// [`PveError`]; that there is no such guest is not an error to PVE.
    pub async fn firewall_options(&self, node: &NodeName, vmid: Vmid) -> Result<FirewallOptions, PveError> {
        self.options_at(&guest_path(node, vmid, "/firewall/options")).await
    }

    /// Sets and removes options, when the file still has this digest.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the file changed; [`PveError::Rejected`] for a wrong value.
    pub async fn set_firewall_options(
        &self,
        node: &NodeName,
        vmid: Vmid,
        set: &BTreeMap<String, String>,
        delete: &[String],
        digest: &str,
    ) -> Result<(), PveError> {
        let params = OptionsParams {
            delete: (!delete.is_empty()).then(|| delete.join(",")),
            digest: Some(digest.to_owned().try_into().map_err(|why| invalid("digest", why))?),
            additional_properties: set.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect(),
            ..Default::default()
        };
        self.guest(node, vmid)?.firewall().options().put(params).await
    }

    /// The rules, in their order.
    ///
    /// # Errors
    /// [`PveError::Payload`] when a rule has no position: an unread rule is not to be taken for none.
    pub async fn firewall_rules(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<FirewallRule>, PveError> {
        self.rules_at(&guest_path(node, vmid, "/firewall/rules")).await
    }

    /// Adds a rule **on top** (PVE ignores a position here), disabled unless `enable` is `1`.
    ///
    /// # Errors
    /// [`PveError::Rejected`] for a wrong field.
    pub async fn create_firewall_rule(
        &self,
        node: &NodeName,
        vmid: Vmid,
        fields: &BTreeMap<String, String>,
    ) -> Result<(), PveError> {
        let path = guest_path(node, vmid, "/firewall/rules");
        let form: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.write(http::Method::POST, &path, &form).await
    }

    /// Removes the rule at a position, when the file still has this digest.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the file changed.
    pub async fn delete_firewall_rule(
        &self,
        node: &NodeName,
        vmid: Vmid,
        pos: u64,
        digest: &str,
    ) -> Result<(), PveError> {
        let digest = Some(digest.to_owned().try_into().map_err(|why| invalid("digest", why))?);
        let params = RuleDelete { digest, ..Default::default() };
        self.guest(node, vmid)?.firewall().rules().pos(&pos.to_string()).delete(params).await
    }

    /// The IP sets.
    ///
    /// # Errors
    /// [`PveError::Payload`] when a set has no name.
    pub async fn firewall_ipsets(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<FirewallIpset>, PveError> {
        let path = guest_path(node, vmid, "/firewall/ipset");
        let rows: Vec<Row> = self.get(&path).await?;
        let call = Call { method: "GET", path: &path };
        rows.iter().map(|row| FirewallIpset::from_row(call, row)).collect()
    }

    /// The entries of an IP set.
    ///
    /// # Errors
    /// [`PveError::Payload`] when an entry has no address.
    pub async fn firewall_ipset_entries(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &str,
    ) -> Result<Vec<FirewallIpsetEntry>, PveError> {
        let path = guest_path(node, vmid, &format!("/firewall/ipset/{}", segment(name)));
        let rows: Vec<Row> = self.get(&path).await?;
        let call = Call { method: "GET", path: &path };
        rows.iter().map(|row| FirewallIpsetEntry::from_row(call, row)).collect()
    }

    /// Removes an IP set with its entries.
    ///
    /// # Errors
    /// [`PveError::Unexpected`] when there is no such set.
    pub async fn delete_firewall_ipset(&self, node: &NodeName, vmid: Vmid, name: &str) -> Result<(), PveError> {
        let params = IpsetDelete { force: Some(true), ..Default::default() };
        self.guest(node, vmid)?.firewall().ipset().name(&segment(name)).delete(params).await
    }

    /// The aliases.
    ///
    /// # Errors
    /// [`PveError::Payload`] when an alias has no name.
    pub async fn firewall_aliases(&self, node: &NodeName, vmid: Vmid) -> Result<Vec<FirewallAlias>, PveError> {
        let path = guest_path(node, vmid, "/firewall/aliases");
        let rows: Vec<Row> = self.get(&path).await?;
        let call = Call { method: "GET", path: &path };
        rows.iter().map(|row| FirewallAlias::from_row(call, row)).collect()
    }

    /// Removes an alias, also one that rules still use, when the file still has this digest.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the file changed.
    pub async fn delete_firewall_alias(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &str,
        digest: &str,
    ) -> Result<(), PveError> {
        let digest = Some(digest.to_owned().try_into().map_err(|why| invalid("digest", why))?);
        let params = AliasDelete { digest, ..Default::default() };
        self.guest(node, vmid)?.firewall().aliases().name(&segment(name)).delete(params).await
    }

    /// Removes whatever firewall configuration a VMID has, and says how many things (rules, sets, aliases, options)
    /// that were. It reads first and writes nothing when there is nothing.
    ///
    /// # Errors
    /// The first that a call gives; what is removed by then stays removed.
    pub async fn clear_guest_firewall(&self, node: &NodeName, vmid: Vmid) -> Result<usize, PveError> {
        // Rules go first, for they may use sets and aliases.
        let mut removed = self.clear_rules(node, vmid).await?;
        for set in self.firewall_ipsets(node, vmid).await? {
            self.delete_firewall_ipset(node, vmid, &set.name).await?;
            removed += 1;
        }
        // Each removal changes the digest of the file.
        let mut left = self.firewall_aliases(node, vmid).await?;
        while let Some(alias) = left.first() {
            self.delete_firewall_alias(node, vmid, &alias.name, &alias.digest).await?;
            removed += 1;
            if left.len() == 1 || removed >= MOST_RULES {
                break;
            }
            left = self.firewall_aliases(node, vmid).await?;
        }
        let FirewallOptions { digest, options } = self.firewall_options(node, vmid).await?;
        let written: Vec<String> = options
            .iter()
            .filter(|(key, value)| !OPTION_DEFAULTS.contains(&(key.as_str(), value.as_str())))
            .map(|(key, _)| key.clone())
            .collect();
        if !written.is_empty() {
            self.set_firewall_options(node, vmid, &BTreeMap::new(), &written, &digest).await?;
        }
        Ok(removed + written.len())
    }

    async fn clear_rules(&self, node: &NodeName, vmid: Vmid) -> Result<usize, PveError> {
        let mut removed = 0;
        let mut rules = self.firewall_rules(node, vmid).await?;
        while let Some(rule) = rules.last() {
            self.delete_firewall_rule(node, vmid, rule.pos, &rule.digest).await?;
            removed += 1;
            if rules.len() == 1 || removed >= MOST_RULES {
                break;
            }
            rules = self.firewall_rules(node, vmid).await?;
        }
        Ok(removed)
    }
}

impl FirewallOptions {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let mut options = texts(row);
        let digest = options.remove("digest").ok_or_else(|| payload(call, "no digest", b""))?;
        Ok(Self { digest, options })
    }
}

impl FirewallRule {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let missing = |what: &str| payload(call, format!("a rule without {what}"), b"");
        let mut fields = texts(row);
        fields.remove("pos");
        let digest = fields.remove("digest").ok_or_else(|| missing("a digest"))?;
        Ok(Self { pos: row.unsigned("pos").ok_or_else(|| missing("a position"))?, digest, fields })
    }
}

impl FirewallIpset {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let name = row.word("name").ok_or_else(|| payload(call, "an IP set without a name", b""))?;
        Ok(Self { name, comment: row.word("comment") })
    }
}

impl FirewallIpsetEntry {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let cidr = row.word("cidr").ok_or_else(|| payload(call, "an entry without an address", b""))?;
        let (comment, digest) = (row.word("comment"), row.word("digest"));
        Ok(Self { cidr, nomatch: row.flag("nomatch").unwrap_or(false), comment, digest })
    }
}

impl FirewallAlias {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let part = |key: &str| row.word(key).ok_or_else(|| payload(call, format!("an alias without {key}"), b""));
        Ok(Self { name: part("name")?, cidr: part("cidr")?, digest: part("digest")? })
    }
}

fn texts(row: &Row) -> BTreeMap<String, String> {
    row.0.iter().filter_map(|(key, value)| Some((key.clone(), lenient::text(value)?))).collect()
}
