//! Rules, sets and options for people.

use super::options;
use super::sets::managed;
use super::working::{Role, Working};
use crate::firewall::evaluate::net;
use crate::firewall::guest::{GuestFirewall, plain};
use crate::firewall::seen::{Fields, MARK, Seen, content, enabled, sets};
use zentoria_api::firewall::ForeignRules;

/// Addresses that are written out; of more, their number is said.
const MOST_SHOWN: usize = 4;

/// What differs, first what is missing or otherwise, in the order of the wish, then what is too much.
pub fn differences(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules, work: &Working) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, fields) in work.wish.iter().enumerate() {
        let text = || rule(fields, &|name| entries_wished(want, name));
        match work.items.iter().find(|item| item.role == Role::Wish(index)) {
            None => lines.push(format!("+ {}", text())),
            Some(item) if !enabled(&item.fields) => lines.push(format!("~ {}: enable 0 -> 1", text())),
            Some(item) if item.fields != *fields => {
                lines.push(format!("~ {}: {}", text(), changed(&item.fields, fields)));
            }
            Some(_) if !work.kept.contains(&index) => lines.push(format!("~ {}: stands out of order", text())),
            Some(_) => {}
        }
    }
    set_lines(want, seen, foreign, &mut lines);
    for (key, value) in options::differing(&want.options, seen) {
        let before = seen.options.get(&key).map_or("(not set)", String::as_str);
        lines.push(format!("~ {key} {before} -> {value}"));
    }
    let old = work.items.iter().filter(|item| item.role == Role::Old);
    lines.extend(old.map(|item| format!("- {}", rule(&item.fields, &|name| entries_seen(seen, name)))));
    if !work.in_force {
        lines.push("~ enable 0 -> 1".to_owned());
    }
    lines
}

fn set_lines(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules, lines: &mut Vec<String>) {
    for (name, set) in &want.ipsets {
        let there = seen.ipsets.get(name);
        if there.is_some_and(|there| !managed(name, there, foreign)) {
            continue;
        }
        let who = owner(&set.comment);
        if there.is_none() {
            lines.push(format!("+ set {name}{who}"));
        }
        let mut left = set.entries.clone();
        let mut surplus = Vec::new();
        for (text, nomatch) in there.iter().flat_map(|there| &there.entries) {
            if *nomatch || !net(text).is_some_and(|net| left.remove(&net)) {
                let not = if *nomatch { "!" } else { "" };
                surplus.push(format!("- {not}{text} in set {name}{who}"));
            }
        }
        lines.extend(left.iter().map(|net| format!("+ {} in set {name}{who}", plain(net))));
        lines.extend(surplus);
    }
    let kept = |name: &str| seen.rules.iter().any(|rule| !rule.ours() && sets(&rule.fields).any(|set| set == name));
    for (name, there) in &seen.ipsets {
        let surplus = managed(name, there, foreign) && !want.ipsets.contains_key(name);
        if surplus && (foreign == ForeignRules::Remove || !kept(&name.0)) {
            lines.push(format!("- set {name}{}", owner(there.comment.as_deref().unwrap_or_default())));
        }
    }
}

/// Which fields differ, the comment by its name alone.
fn changed(there: &Fields, wished: &Fields) -> String {
    let keys: std::collections::BTreeSet<&String> = there.keys().chain(wished.keys()).collect();
    let differing = keys.into_iter().filter(|key| there.get(*key) != wished.get(*key));
    let text = |fields: &Fields, key: &String| fields.get(key).cloned().unwrap_or_else(|| "(not set)".to_owned());
    differing.map(|key| format!("{key} {} -> {}", text(there, key), text(wished, key))).collect::<Vec<_>>().join(", ")
}

fn entries_wished(want: &GuestFirewall, name: &str) -> Option<Vec<String>> {
    let set = want.ipsets.iter().find(|(known, _)| known.0 == name)?.1;
    Some(set.entries.iter().map(plain).collect())
}

fn entries_seen(seen: &Seen, name: &str) -> Option<Vec<String>> {
    let set = seen.ipsets.iter().find(|(known, _)| known.0 == name)?.1;
    Some(set.entries.iter().map(|(text, nomatch)| format!("{}{text}", if *nomatch { "!" } else { "" })).collect())
}

/// A rule: `in ACCEPT tcp 5432 from 10.10.40.1 (zentoria/backend-to-db)`. The comment of somebody else stands in quotes.
pub fn rule(fields: &Fields, entries: &dyn Fn(&str) -> Option<Vec<String>>) -> String {
    let fields = content(fields);
    let field = |key: &str| fields.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let mut words: Vec<String> = Vec::new();
    let kind = field("type").unwrap_or("?");
    words.push(kind.to_owned());
    words.extend(field("action").map(str::to_owned));
    words.extend(field("macro").map(str::to_owned));
    words.extend(field("proto").map(str::to_owned));
    words.extend(field("dport").or(field("icmp-type")).map(str::to_owned));
    words.extend(field("sport").map(|ports| format!("from port {ports}")));
    let ends = [("source", "from", "in"), ("dest", "to", "out")];
    for (key, word, own) in ends {
        match field(key) {
            Some(end) => words.push(format!("{word} {}", peer(end, entries))),
            None if kind == own => words.push(format!("{word} anywhere")),
            None => {}
        }
    }
    words.extend(field("iface").map(|iface| format!("at {iface}")));
    if !enabled(&fields) {
        words.push("[switched off]".to_owned());
    }
    let comment = match field("comment") {
        Some(comment) if comment.starts_with(MARK) => owner(comment),
        Some(comment) => format!(" \"{comment}\""),
        None => String::new(),
    };
    format!("{}{comment}", words.join(" "))
}

/// One end of a rule, a set of the guest by what it holds.
fn peer(end: &str, entries: &dyn Fn(&str) -> Option<Vec<String>>) -> String {
    let name = end.strip_prefix('+').map(|name| name.strip_prefix("guest/").unwrap_or(name));
    match name.and_then(entries) {
        Some(held) if held.len() <= MOST_SHOWN && !held.is_empty() => held.join(", "),
        Some(held) => format!("{} addresses of {end}", held.len()),
        None => end.replace(',', ", "),
    }
}

/// Whose something of ours is: ` (zentoria/backend-to-db)`.
fn owner(comment: &str) -> String {
    let Some(text) = comment.strip_prefix(MARK) else { return String::new() };
    let (who, rest) = text.split_once('#').unwrap_or((text, ""));
    match rest.split_once('+') {
        Some((_, more)) => format!(" ({who} and {more} more)"),
        None => format!(" ({who})"),
    }
}
