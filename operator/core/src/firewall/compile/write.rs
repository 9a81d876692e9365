//! What is asked of one guest, as rules and IP sets of PVE.

use super::book::{Book, Standing};
use super::entry::{Entry, Owner};
use crate::digest::of_parts;
use crate::firewall::guest::{Ends, GuestFirewall, Ipset, MOST_IN_LIST, Options, Rule, Service, SetName, Way};
use crate::firewall::nets::Nets;
use crate::firewall::ports::has_ports;
use crate::firewall::words;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The firewall of a guest, and who asked for which of its rules.
pub(super) struct Written<'a> {
    /// What it holds.
    pub(super) firewall: GuestFirewall,
    /// Who asked for each rule, in their order.
    pub(super) owners: Vec<BTreeSet<Owner<'a>>>,
}

/// Most bytes of a guest's firewall file: half of what the cluster's file system takes, so that rules that people made
/// find room too.
const MOST_BYTES: usize = 512 * 1024;

/// More than a rule with fifteen addresses of IPv6 and fifteen ports takes. Far below the limit nothing is counted.
const MOST_BYTES_OF_A_RULE: usize = 1200;

/// Writes what stands.
pub(super) fn write<'a>(options: Options, book: &Book<'a>) -> Written<'a> {
    let firewall = GuestFirewall { options, ipsets: BTreeMap::new(), rules: Vec::new() };
    let mut written = Written { firewall, owners: Vec::new() };
    for Standing { entry, protocol, owners } in &book.standing {
        let Some(entry) = book.entries.get(*entry) else { continue };
        let lists = match entry.services.get(protocol) {
            Some(ports) if has_ports(*protocol) => {
                ports.lists().into_iter().map(|list| Service::Ports(*protocol, list)).collect()
            }
            _ => vec![Service::Protocol(*protocol)],
        };
        let peer = written.ends(entry);
        for service in lists {
            let mut rule = Rule {
                way: entry.way,
                action: entry.action,
                service,
                peer: peer.clone(),
                log: entry.log,
                comment: String::new(),
            };
            rule.comment = comment(&rule, entry.owner, owners.len());
            written.firewall.rules.push(rule);
            written.owners.push(owners.clone());
        }
    }
    written
}

impl Written<'_> {
    /// The other end of an entry: as a list where it is short, else as an IP set, which may hold both families.
    fn ends(&mut self, entry: &Entry<'_>) -> Ends {
        let Nets::These(list) = &entry.nets else { return Ends::Any };
        let nets = list.nets();
        let v4 = nets.iter().filter(|net| matches!(net, IpNet::V4(_))).count();
        if nets.len() <= MOST_IN_LIST && (v4 == 0 || v4 == nets.len()) {
            return Ends::Addresses(nets);
        }
        let set = Ipset { comment: format!("zentoria:{}", entry.owner), entries: nets };
        let free = |name: &SetName| self.firewall.ipsets.get(name).is_none_or(|other| *other == set);
        // Eight digits may meet by chance; the second then has others.
        let mut names = (0..u32::MAX).map(|attempt| set_name(entry, attempt));
        let name = names.find(free).unwrap_or_else(|| set_name(entry, u32::MAX));
        self.firewall.ipsets.insert(name.clone(), set);
        Ends::Set(name)
    }

    /// About how many bytes the guest's firewall file takes, where that is too much.
    pub(super) fn too_large(&self) -> Option<usize> {
        let GuestFirewall { options: _, ipsets, rules } = &self.firewall;
        let sets = ipsets.iter().map(|(name, set)| name.0.len() + set.comment.len() + 16 + set.entries.len() * 44);
        let sets: usize = sets.sum();
        if sets + rules.len() * MOST_BYTES_OF_A_RULE <= MOST_BYTES {
            return None;
        }
        let rules = rules.iter().flat_map(Rule::fields).map(|(key, value)| key.len() + value.len() + 3);
        let bytes = sets + rules.sum::<usize>();
        (bytes > MOST_BYTES).then_some(bytes)
    }
}

/// Named by what it is for, so that one who joins is one entry more and no other set.
fn set_name(entry: &Entry<'_>, attempt: u32) -> SetName {
    let (services, attempt) = (words::services(&entry.services), attempt.to_string());
    let hash = of_parts(["set", way_word(entry.way), &entry.owner.to_string(), &services, &attempt]);
    SetName(format!("zen-{}", eight(&hash)))
}

/// Who owns a rule, what it says in eight digits, and how many others it serves as well.
fn comment(rule: &Rule, owner: Owner<'_>, owners: usize) -> String {
    let mut fields = rule.fields();
    fields.remove("comment");
    let parts: Vec<String> = fields.into_iter().flat_map(|(key, value)| [key, value]).collect();
    let hash = of_parts(parts.iter().map(String::as_str));
    let more = if owners > 1 { format!("+{}", owners - 1) } else { String::new() };
    format!("zentoria:{owner}#{}{more}", eight(&hash))
}

fn eight(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

const fn way_word(way: Way) -> &'static str {
    match way {
        Way::In => "in",
        Way::Out => "out",
    }
}
