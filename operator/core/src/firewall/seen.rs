//! What the firewall of a guest holds, as Proxmox VE gave it: every value as text, nothing interpreted.

use super::guest::{GuestFirewall, Ipset, Rule, SetName, plain};
use std::collections::BTreeMap;

/// How the comment of everything of ours begins.
pub const MARK: &str = "zentoria:";

/// The fields of one rule as texts: `type`, `action`, `enable`, `proto`, `dport`, `source`, `comment`, ... What PVE tells
/// beside them (`pos`, `digest`, `ipversion`, `errors`) may be there and is left out where rules are compared ([`content`]).
pub type Fields = BTreeMap<String, String>;

/// One guest's firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The options that are written, without `digest`. What is not written has PVE's default.
    pub options: BTreeMap<String, String>,
    /// PVE's digest of the options. It has one for each section, not one for the file.
    pub options_digest: String,
    /// The rules in their order.
    pub rules: Vec<SeenRule>,
    /// PVE's digest of the rules; empty where there are none.
    pub rules_digest: String,
    /// The IP sets that were read: those of ours by name, and those that a rule of this guest names.
    pub ipsets: BTreeMap<SetName, SeenSet>,
    /// Aliases of the guest: name in lower case, and the address.
    pub aliases: BTreeMap<String, String>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenRule {
    /// Its position, from 0. It changes with every write, so nothing is remembered by it.
    pub pos: u64,
    /// Its fields.
    pub fields: Fields,
}

/// One IP set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenSet {
    /// Its comment.
    pub comment: Option<String>,
    /// Its entries as PVE writes them (an address, a network, the name of an alias), and whether each is an exception
    /// (`nomatch`).
    pub entries: BTreeMap<String, bool>,
}

impl Seen {
    /// A guest that holds exactly this, and is switched on.
    #[must_use]
    pub fn holding(firewall: &GuestFirewall) -> Self {
        let rule = |(pos, rule): (u64, &Rule)| SeenRule { pos, fields: rule.fields() };
        let set = |set: &Ipset| SeenSet {
            comment: Some(set.comment.clone()),
            entries: set.entries.iter().map(|net| (plain(net), false)).collect(),
        };
        let mut options = firewall.options.fields();
        options.insert("enable".to_owned(), "1".to_owned());
        Self {
            options,
            rules: (0..).zip(&firewall.rules).map(rule).collect(),
            ipsets: firewall.ipsets.iter().map(|(name, held)| (name.clone(), set(held))).collect(),
            ..Self::default()
        }
    }
}

impl SeenRule {
    /// Whether the rule is ours: its comment begins with [`MARK`].
    #[must_use]
    pub fn ours(&self) -> bool {
        ours(&self.fields)
    }
}

/// Whether a rule with these fields is ours.
#[must_use]
pub fn ours(fields: &Fields) -> bool {
    fields.get("comment").is_some_and(|comment| comment.starts_with(MARK))
}

/// What PVE tells with a rule and does not keep in it.
const TOLD: &[&str] = &["digest", "errors", "ipversion", "pos"];

/// The fields that make a rule what it is.
#[must_use]
pub fn content(fields: &Fields) -> Fields {
    let kept = fields.iter().filter(|(key, _)| !TOLD.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether a rule is switched on.
#[must_use]
pub fn enabled(fields: &Fields) -> bool {
    fields.get("enable").is_some_and(|text| text != "0")
}

/// The IP set of the guest that a rule names, without the forms that can only mean one of the datacenter.
pub fn sets(fields: &Fields) -> impl Iterator<Item = &str> {
    let name = |key| {
        let text = fields.get(key)?.strip_prefix('+')?;
        let text = text.strip_prefix("guest/").unwrap_or(text);
        (!text.contains('/')).then_some(text)
    };
    ["source", "dest"].into_iter().filter_map(name)
}

/// Whether a set is ours: named `zen-<8 hex>`, or `ipfilter-net<N>` with our comment.
#[must_use]
pub fn our_set(name: &SetName, comment: Option<&str>) -> bool {
    let hex = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    name.0.strip_prefix("zen-").is_some_and(hex)
        || (name.0.starts_with("ipfilter-net") && comment.is_some_and(|comment| comment.starts_with(MARK)))
}
