//! The firewall of one guest as Proxmox VE keeps it: what a real one does, in memory.

use std::collections::BTreeMap;
use zentoria_core::digest::of_parts;
use zentoria_core::firewall::enforce::Step;
use zentoria_core::firewall::evaluate::{Guest, Interface};
use zentoria_core::firewall::guest::SetName;
use zentoria_core::firewall::seen::{Fields, Seen, SeenRule, SeenSet};

/// Fields that a rule has; PVE refuses others.
const KNOWN: &[&str] = &[
    "action",
    "type",
    "enable",
    "proto",
    "dport",
    "sport",
    "source",
    "dest",
    "iface",
    "macro",
    "log",
    "comment",
    "icmp-type",
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pve {
    pub options: BTreeMap<String, String>,
    pub rules: Vec<Fields>,
    pub ipsets: BTreeMap<String, SeenSet>,
}

/// What PVE answers where it refuses.
pub type Answer = Result<(), String>;

impl Pve {
    pub fn digest(&self) -> String {
        of_parts([format!("{:?}", self.rules).as_str()])
    }

    /// `POST rules`: on top, whatever `pos` says; `digest` is not looked at; off, unless `enable` says otherwise.
    pub fn post_rule(&mut self, params: &Fields) -> Answer {
        let mut fields = params.clone();
        fields.retain(|key, _| key != "pos" && key != "digest");
        let on = fields.get("enable").is_some_and(|enable| enable != "0");
        fields.insert("enable".to_owned(), if on { "1" } else { "0" }.to_owned());
        self.check(&mut fields)?;
        self.rules.insert(0, fields);
        Ok(())
    }

    /// `PUT rules/<pos>`: with `moveto`, the rest is not looked at.
    pub fn put_rule(&mut self, pos: usize, params: &Fields, delete: &[String], digest: &str) -> Answer {
        self.same(digest)?;
        if pos >= self.rules.len() {
            return Err(format!("no rule at position {pos}"));
        }
        if let Some(moveto) = params.get("moveto") {
            let to: usize = moveto.parse().expect("a number");
            let rule = self.rules.remove(pos);
            let to = if to > pos { to - 1 } else { to };
            self.rules.insert(to.min(self.rules.len()), rule);
            return Ok(());
        }
        let mut fields = self.rules[pos].clone();
        fields.extend(params.clone());
        fields.retain(|key, _| !delete.contains(key));
        fields.entry("enable".to_owned()).or_insert_with(|| "0".to_owned());
        self.check(&mut fields)?;
        self.rules[pos] = fields;
        Ok(())
    }

    pub fn delete_rule(&mut self, pos: usize, digest: &str) -> Answer {
        self.same(digest)?;
        if pos >= self.rules.len() {
            return Err("Can't use an undefined value as an ARRAY reference".to_owned());
        }
        self.rules.remove(pos);
        Ok(())
    }

    fn same(&self, digest: &str) -> Answer {
        if digest == self.digest() {
            return Ok(());
        }
        Err("detected modified configuration - file changed by other user? Try again.".to_owned())
    }

    fn check(&self, fields: &mut Fields) -> Answer {
        if let Some(comment) = fields.get_mut("comment") {
            *comment = comment.lines().next().unwrap_or_default().to_owned();
        }
        if let Some(stray) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("{stray}: property is not defined in schema"));
        }
        if fields.get("proto").is_some_and(|proto| proto.chars().any(char::is_uppercase)) {
            return Err("proto: unknown protocol".to_owned());
        }
        for key in ["dport", "sport"] {
            let Some(list) = fields.get(key) else { continue };
            let count: usize = list.split(',').map(|item| 1 + item.matches(':').count()).sum();
            if list.contains(['-', ' ']) || count > 15 || !fields.contains_key("proto") {
                return Err(format!("{key}: invalid port list {list}"));
            }
        }
        for end in ["source", "dest"].into_iter().filter_map(|key| fields.get(key)) {
            if let Some(name) = end.strip_prefix('+').filter(|name| !name.contains('/'))
                && !self.ipsets.contains_key(name)
            {
                return Err(format!("no such ipset '{name}'"));
            }
            let families: Vec<bool> = end.split(',').map(|item| item.contains("::")).collect();
            if families.iter().any(|six| *six != families[0]) || families.len() > 15 {
                return Err(format!("source: mixed or too long list {end}"));
            }
        }
        Ok(())
    }

    pub fn create_set(&mut self, name: &str, comment: &str) -> Answer {
        if self.ipsets.contains_key(name) {
            return Err(format!("IPSet '{name}' already exists"));
        }
        let set = SeenSet { comment: Some(comment.to_owned()), ..SeenSet::default() };
        self.ipsets.insert(name.to_owned(), set);
        Ok(())
    }

    pub fn add_entry(&mut self, name: &str, cidr: &str, nomatch: bool) -> Answer {
        let cidr = cidr.strip_suffix("/32").or_else(|| cidr.strip_suffix("/128")).unwrap_or(cidr);
        if cidr.ends_with("/0") {
            return Err("zero prefix is not allowed".to_owned());
        }
        let set = self.ipsets.get_mut(name).ok_or_else(|| format!("no such IPSet '{name}'"))?;
        if set.entries.contains_key(cidr) {
            return Err(format!("address '{cidr}' already exists"));
        }
        set.entries.insert(cidr.to_owned(), nomatch);
        Ok(())
    }

    /// What the operator's read gives; with a rule, PVE tells `ipversion` where it knows it, and `errors`.
    pub fn seen(&self) -> Seen {
        let told = |(pos, fields): (usize, &Fields)| {
            let mut fields = fields.clone();
            let plain = ["source", "dest"].iter().filter_map(|key| fields.get(*key)).any(|end| !end.starts_with('+'));
            if plain {
                fields.insert("ipversion".to_owned(), "4".to_owned());
            }
            SeenRule { pos: u64::try_from(pos).expect("a position"), fields }
        };
        Seen {
            options: self.options.clone(),
            options_digest: String::new(),
            rules: self.rules.iter().enumerate().map(told).collect(),
            rules_digest: self.digest(),
            ipsets: self.ipsets.iter().map(|(name, set)| (SetName(name.clone()), set.clone())).collect(),
            aliases: BTreeMap::new(),
        }
    }

    /// One step, as the operator carries it out: a fresh read, the rule found by its content, the digest of that read.
    pub fn carry_out(&mut self, step: &Step) -> Answer {
        let fresh = self.seen();
        let digest = fresh.rules_digest.clone();
        let gone = || format!("the rule is not there: {step:?}");
        let index = |pos: Option<u64>| pos.and_then(|pos| usize::try_from(pos).ok()).ok_or_else(gone);
        match step {
            Step::CreateSet { name, comment } => self.create_set(&name.0, comment),
            Step::AddEntry { set, cidr } => self.add_entry(&set.0, cidr, false),
            Step::InsertRule { fields } => self.post_rule(fields),
            Step::MoveRule { rule, place } => {
                let moveto = place.moveto(&fresh.rules).ok_or_else(gone)?;
                let params = [("moveto".to_owned(), moveto.to_string())].into();
                self.put_rule(index(rule.find(&fresh.rules))?, &params, &[], &digest)
            }
            Step::UpdateRule { rule, set, delete } => {
                self.put_rule(index(rule.find(&fresh.rules))?, set, delete, &digest)
            }
            Step::SetOptions { set } => {
                self.options.extend(set.clone());
                Ok(())
            }
            Step::DeleteRule { rule } => self.delete_rule(index(rule.find(&fresh.rules))?, &digest),
            Step::RemoveEntry { set, cidr } => {
                let set = self.ipsets.get_mut(&set.0).ok_or_else(|| format!("no such IPSet '{set}'"))?;
                set.entries.remove(cidr).map(|_| ()).ok_or_else(|| format!("{cidr} is not there"))
            }
            Step::DeleteSet { name } => {
                self.ipsets.remove(&name.0).map(|_| ()).ok_or_else(|| format!("no such IPSet '{name}'"))
            }
        }
    }

    /// For the evaluator.
    pub fn guest(&self) -> Guest {
        Guest {
            name: "guest".to_owned(),
            interfaces: vec![interface()],
            options: self.options.clone(),
            rules: self.rules.clone(),
            ipsets: self.ipsets.iter().map(|(name, set)| (name.clone(), set.entries.clone())).collect(),
            aliases: BTreeMap::new(),
        }
    }
}

pub fn interface() -> Interface {
    Interface {
        name: "net0".to_owned(),
        firewall: true,
        addresses: vec!["10.10.40.4".parse().expect("an address")],
        more: Vec::new(),
    }
}

/// `type=in action=ACCEPT ...` as fields.
pub fn fields(text: &str) -> Fields {
    let pair = |word: &str| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.split(' ').filter_map(pair).collect()
}

mod recorded {
    use super::{Pve, fields};
    use crate::recorded::guests;

    #[test]
    fn the_model_lists_posted_rules_as_a_real_one_did() {
        for recorded in guests() {
            let mut pve = Pve::default();
            for rule in &recorded.posted {
                pve.post_rule(rule).expect("PVE took it");
            }
            let mut listed = recorded.listed.clone();
            listed.iter_mut().for_each(|rule| rule.retain(|key, _| key != "ipversion"));
            assert_eq!(pve.rules, listed, "rules of {}", recorded.name);
        }
    }

    /// Recorded: four rules, then three moves.
    #[test]
    fn the_model_moves_rules_as_a_real_one_did() {
        let mut pve = Pve::default();
        for name in ["first", "second", "third", "fourth"] {
            pve.post_rule(&fields(&format!("type=in action=DROP enable=1 pos=99 comment={name}"))).expect("taken");
        }
        let order = |pve: &Pve| pve.rules.iter().map(|rule| rule["comment"].clone()).collect::<Vec<_>>();
        assert_eq!(order(&pve), ["fourth", "third", "second", "first"], "each on top, though pos said otherwise");
        let put = |pve: &mut Pve, text: &str| {
            let digest = pve.digest();
            pve.put_rule(0, &fields(text), &[], &digest).expect("moved");
        };
        put(&mut pve, "moveto=3");
        assert_eq!(order(&pve), ["third", "second", "fourth", "first"], "before what was at 3");
        put(&mut pve, "moveto=4");
        assert_eq!(order(&pve), ["second", "fourth", "first", "third"], "last");
        put(&mut pve, "moveto=2 comment=changed");
        assert_eq!(order(&pve), ["fourth", "second", "first", "third"], "moved, and nothing else changed");
    }
}
