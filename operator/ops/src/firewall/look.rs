//! What the firewall of a guest holds: three calls, and one for each IP set that matters.

use crate::cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_core::firewall::guest::SetName;
use zentoria_core::firewall::seen::{Fields, Seen, SeenRule, SeenSet, our_set};
use zentoria_pve::{Client, FirewallRule, PveError};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// Reads the options, the rules and the IP sets: those of ours and those that a rule of the guest names. Aliases are read
/// only where a rule or an entry of a set names one.
///
/// # Errors
/// The first that a call gives: what is read in part is not compared.
pub async fn look(cluster: &Cluster, node: &NodeName, vmid: Vmid) -> Result<Seen, PveError> {
    let client = cluster.client();
    let options = client.firewall_options(node, vmid).await?;
    let (rules, rules_digest) = rules(client, node, vmid).await?;
    let named: BTreeSet<&str> = rules.iter().flat_map(|rule| ends(&rule.fields)).filter_map(set_of_guest).collect();
    let mut ipsets = BTreeMap::new();
    for set in client.firewall_ipsets(node, vmid).await? {
        let name = SetName(set.name.clone());
        if our_set(&name, set.comment.as_deref()) || named.contains(set.name.as_str()) {
            let entries = client.firewall_ipset_entries(node, vmid, &set.name).await?;
            let entries = entries.into_iter().map(|entry| (entry.cidr, entry.nomatch)).collect();
            ipsets.insert(name, SeenSet { comment: set.comment, entries });
        }
    }
    let entries = ipsets.values().flat_map(|set| set.entries.keys().map(String::as_str));
    let aliased = rules.iter().flat_map(|rule| ends(&rule.fields)).chain(entries).any(is_alias_of_guest);
    let aliases = if aliased { client.firewall_aliases(node, vmid).await? } else { Vec::new() };
    let aliases = aliases.into_iter().map(|alias| (alias.name.to_ascii_lowercase(), alias.cidr)).collect();
    Ok(Seen { options: options.options, options_digest: options.digest, rules, rules_digest, ipsets, aliases })
}

/// The rules and their digest, which is empty where there are none.
pub(super) async fn rules(client: &Client, node: &NodeName, vmid: Vmid) -> Result<(Vec<SeenRule>, String), PveError> {
    let rules = client.firewall_rules(node, vmid).await?;
    let digest = rules.first().map(|rule| rule.digest.clone()).unwrap_or_default();
    let seen = |rule: FirewallRule| SeenRule { pos: rule.pos, fields: rule.fields };
    Ok((rules.into_iter().map(seen).collect(), digest))
}

/// The single entries of both ends of a rule.
fn ends(fields: &Fields) -> impl Iterator<Item = &str> {
    ["source", "dest"].into_iter().filter_map(|end| fields.get(end)).flat_map(|text| text.split(',')).map(str::trim)
}

/// The IP set of the guest that an entry names.
fn set_of_guest(entry: &str) -> Option<&str> {
    let name = entry.strip_prefix('+')?;
    match name.split_once('/') {
        None => Some(name),
        Some(("guest", name)) => Some(name),
        Some(_) => None,
    }
}

/// Whether an entry may name an alias of the guest.
fn is_alias_of_guest(entry: &str) -> bool {
    let is_address = |text: &str| text.split('/').next().is_some_and(|address| address.parse::<IpAddr>().is_ok());
    let is_range = entry.split_once('-').is_some_and(|(from, to)| is_address(from) && is_address(to));
    !(entry.is_empty() || entry.starts_with('+') || entry.starts_with("dc/") || is_address(entry) || is_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_aliases_of_the_guest_are_told_from_addresses_and_those_of_the_datacenter() {
        let table = [
            ("+zen-0a1b2c3d", Some("zen-0a1b2c3d"), false),
            ("+guest/peers", Some("peers"), false),
            ("+dc/observers", None, false),
            ("dc/zproxy", None, false),
            ("guest/gate", None, true),
            ("gate", None, true),
            ("10.10.40.8", None, false),
            ("10.10.40.0/24", None, false),
            ("fd00::/64", None, false),
            ("10.10.40.1-10.10.40.9", None, false),
        ];
        for (entry, set, alias) in table {
            assert_eq!((set_of_guest(entry), is_alias_of_guest(entry)), (set, alias), "{entry}");
        }
    }
}
