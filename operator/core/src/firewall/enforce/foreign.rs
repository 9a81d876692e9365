//! What people put beside ours: shown, and judged by whether it opens more.

use super::sets::managed;
use super::words;
use super::working::{Role, Working};
use crate::firewall::evaluate::{self, Guest, Interface, IpsetConfig, Packet, Verdict};
use crate::firewall::guest::{GuestFirewall, Way, plain};
use crate::firewall::seen::{Fields, Seen, enabled};
use std::collections::BTreeMap;
use zentoria_api::firewall::ForeignRules;

mod points;

/// Packets that are looked at for one foreign rule; one that opens more is nearly always seen at the first.
const MOST_POINTS: usize = 4000;

/// A rule that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The rule for people: `in ACCEPT tcp 22 from 10.0.0.5 "by hand"`.
    pub text: String,
    /// What it opens that the matrix does not, or why that cannot be said.
    pub widens: Option<String>,
}

/// The foreign rules that stay, and foreign filters of addresses that stand where one of ours should.
pub fn judge(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules, work: &Working) -> Vec<Foreign> {
    let entries = |name: &str| {
        let (_, set) = seen.ipsets.iter().find(|(known, _)| known.0 == name)?;
        Some(set.entries.keys().cloned().collect())
    };
    let of = |(at, item): (usize, &super::working::Item)| Foreign {
        text: words::rule(&item.fields, &entries),
        widens: widens(want, seen, work, at, &item.fields),
    };
    let rules = work.items.iter().enumerate().filter(|(_, item)| item.role == Role::Foreign).map(of);
    rules.chain(filters(want, seen, foreign)).collect()
}

/// Filters of addresses that are not ours. A guest may send from what they hold.
fn filters(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Vec<Foreign> {
    let theirs =
        seen.ipsets.iter().filter(|(name, set)| name.0.starts_with("ipfilter-net") && !managed(name, set, foreign));
    let of = |(name, set): (&crate::firewall::guest::SetName, &crate::firewall::seen::SeenSet)| {
        let wished = want.ipsets.get(name);
        let more: Vec<&str> = set
            .entries
            .iter()
            .filter(|(text, nomatch)| {
                let known = evaluate::net(text)
                    .is_some_and(|net| wished.is_some_and(|set| set.entries.iter().any(|entry| entry.contains(&net))));
                !**nomatch && !known
            })
            .map(|(text, _)| text.as_str())
            .collect();
        let wider = want.options.ipfilter && !more.is_empty();
        Foreign {
            text: format!("set {name} with {} entries", set.entries.len()),
            widens: wider.then(|| format!("the guest may send from {}", more.join(", "))),
        }
    };
    theirs.map(of).collect()
}

/// What one foreign rule lets through that ours alone do not.
fn widens(want: &GuestFirewall, seen: &Seen, work: &Working, at: usize, fields: &Fields) -> Option<String> {
    if !enabled(fields) {
        return None;
    }
    let text = |key: &str| fields.get(key).map_or("", String::as_str);
    let way = match (text("type"), text("action")) {
        ("group", group) => return Some(format!("what the security group {group} opens is not known here")),
        ("in", "ACCEPT") => Way::In,
        ("out", "ACCEPT") => Way::Out,
        _ => return None,
    };
    let (alone, with, index) = sides(want, seen, work, at);
    let interface = Interface {
        name: fields.get("iface").cloned().unwrap_or_else(|| "net0".to_owned()),
        firewall: true,
        ..Interface::default()
    };
    // ipfilter is not what is judged here: which packets it lets out depends on the guest's own addresses.
    for (number, packet) in points::of(fields, way, &with, &alone).enumerate() {
        if number >= MOST_POINTS {
            return Some("it matches too much to be judged".to_owned());
        }
        let ours = evaluate::decide(None, &alone, &interface, way, &packet).verdict;
        if ours.accepts() {
            continue;
        }
        let both = evaluate::decide(None, &with, &interface, way, &packet);
        if both.rule != Some(index) {
            continue;
        }
        match both.verdict {
            Verdict::Accept(_) => return Some(format!("opens {}", named(&packet, way))),
            Verdict::Unknown(why) => return Some(format!("what it opens is not known here: {why}")),
            Verdict::Drop(_) | Verdict::Reject(_) => {}
        }
    }
    None
}

/// The firewall of ours alone, and with this one foreign rule in its place; and where that is.
fn sides(want: &GuestFirewall, seen: &Seen, work: &Working, at: usize) -> (Guest, Guest, usize) {
    let mut options = want.options.fields();
    options.insert("enable".to_owned(), "1".to_owned());
    options.insert("ipfilter".to_owned(), "0".to_owned());
    let mut ipsets: BTreeMap<String, IpsetConfig> = seen
        .ipsets
        .iter()
        .filter(|(name, _)| !name.0.starts_with("ipfilter-"))
        .map(|(name, set)| (name.0.clone(), set.entries.clone()))
        .collect();
    let wished = want.ipsets.iter().filter(|(name, _)| !name.0.starts_with("ipfilter-"));
    ipsets.extend(
        wished.map(|(name, set)| (name.0.clone(), set.entries.iter().map(|net| (plain(net), false)).collect())),
    );
    let ours = |item: &super::working::Item| matches!(item.role, Role::Wish(_));
    let alone: Vec<Fields> = work.items.iter().filter(|item| ours(item)).map(|item| item.fields.clone()).collect();
    let index = work.items.iter().take(at).filter(|item| ours(item)).count();
    let mut rules = alone.clone();
    rules.extend(work.items.get(at).map(|item| item.fields.clone()));
    if let Some(tail) = rules.get_mut(index..) {
        tail.rotate_right(1);
    }
    let guest = |rules| Guest {
        name: "the guest".to_owned(),
        interfaces: Vec::new(),
        options: options.clone(),
        rules,
        ipsets: ipsets.clone(),
        aliases: seen.aliases.clone(),
    };
    (guest(alone), guest(rules), index)
}

/// A packet for people: `tcp 22 from 10.0.0.5`.
fn named(packet: &Packet, way: Way) -> String {
    let port = packet.dport.map(|port| format!(" {port}")).unwrap_or_default();
    let kind = packet.icmp_type.as_ref().map(|kind| format!(" {kind}")).unwrap_or_default();
    let from_port = packet.sport.map(|port| format!(" from port {port}")).unwrap_or_default();
    match way {
        Way::In => format!("{}{port}{kind}{from_port} from {}", packet.proto, packet.source),
        Way::Out => format!("{}{port}{kind}{from_port} to {}", packet.proto, packet.dest),
    }
}
