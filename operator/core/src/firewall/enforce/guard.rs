//! Reads the steps once more, with other eyes: it knows nothing of why a step is there, and carries each out on paper.

use super::step::{Place, RuleRef, Step};
use crate::firewall::evaluate::net;
use crate::firewall::guest::{GuestFirewall, Rule, SetName};
use crate::firewall::seen::{Fields, Seen, content, enabled, our_set, ours};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::ForeignRules;

/// Why a plan is not to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan of the firewall is not carried out: step {number}, {step}: {why}")]
pub struct Refusal {
    /// Which step, from 1.
    pub number: usize,
    /// The step.
    pub step: String,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a plan once more. Refused are: a write to what is not ours without `Remove`, anything that is not in the wish, and
/// whatever closes the guest (`enable=1`, a stricter policy, the end of a rule that lets something in) while a rule of the
/// wish that opens it is not there with all its addresses.
///
/// # Errors
/// [`Refusal`] names the step and what is wrong with it.
pub fn guard(steps: &[Step], want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Result<(), Refusal> {
    let mut paper = Paper::new(want, seen, foreign);
    for (index, step) in steps.iter().enumerate() {
        paper.carry_out(step).map_err(|why| Refusal { number: index + 1, step: format!("{step:?}"), why })?;
    }
    Ok(())
}

/// The firewall on paper.
struct Paper<'a> {
    want: &'a GuestFirewall,
    wished: Vec<Fields>,
    remove: bool,
    options: BTreeMap<String, String>,
    rules: Vec<Fields>,
    sets: BTreeMap<SetName, Held>,
}

/// A set on paper.
struct Held {
    comment: Option<String>,
    entries: BTreeMap<String, bool>,
}

impl<'a> Paper<'a> {
    fn new(want: &'a GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Self {
        let held =
            |set: &crate::firewall::seen::SeenSet| Held { comment: set.comment.clone(), entries: set.entries.clone() };
        Self {
            want,
            wished: want.rules.iter().map(Rule::fields).collect(),
            remove: foreign == ForeignRules::Remove,
            options: seen.options.clone(),
            rules: seen.rules.iter().map(|rule| content(&rule.fields)).collect(),
            sets: seen.ipsets.iter().map(|(name, set)| (name.clone(), held(set))).collect(),
        }
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::CreateSet { name, comment } => self.create(name, comment),
            Step::AddEntry { set, cidr } => self.add(set, cidr),
            Step::InsertRule { fields } => {
                self.check_wished(fields)?;
                self.rules.insert(0, fields.clone());
                Ok(())
            }
            Step::MoveRule { rule, place } => self.shift(rule, place),
            Step::UpdateRule { rule, set, delete } => self.update(rule, set, delete),
            Step::SetOptions { set } => self.set_options(set),
            Step::DeleteRule { rule } => self.delete(rule),
            Step::RemoveEntry { set, cidr } => self.take(set, cidr),
            Step::DeleteSet { name } => self.drop_set(name),
        }
    }

    fn mine(&self, name: &SetName) -> Result<(), String> {
        let comment = self.sets.get(name).and_then(|set| set.comment.as_deref());
        let filter = self.remove && name.0.starts_with("ipfilter-net");
        if our_set(name, comment) || filter { Ok(()) } else { Err(format!("the IP set {name} is not ours")) }
    }

    fn create(&mut self, name: &SetName, comment: &str) -> Result<(), String> {
        if !self.want.ipsets.contains_key(name) || self.sets.contains_key(name) {
            return Err(format!("the IP set {name} is not wished, or is there"));
        }
        let held = Held { comment: Some(comment.to_owned()), entries: BTreeMap::new() };
        self.sets.insert(name.clone(), held);
        self.mine(name)
    }

    fn add(&mut self, name: &SetName, cidr: &str) -> Result<(), String> {
        self.mine(name)?;
        let wished = self.want.ipsets.get(name).zip(net(cidr)).is_some_and(|(set, net)| set.entries.contains(&net));
        if !wished {
            return Err(format!("{cidr} is not to be in the IP set {name}"));
        }
        let set = self.sets.get_mut(name).ok_or_else(|| format!("there is no IP set {name}"))?;
        match set.entries.insert(cidr.to_owned(), false) {
            None => Ok(()),
            Some(_) => Err(format!("{cidr} is in the IP set {name}")),
        }
    }

    fn take(&mut self, name: &SetName, cidr: &str) -> Result<(), String> {
        self.mine(name)?;
        let wished = self.want.ipsets.get(name);
        let set = self.sets.get_mut(name).ok_or_else(|| format!("there is no IP set {name}"))?;
        let nomatch = set.entries.remove(cidr).ok_or_else(|| format!("{cidr} is not in the IP set {name}"))?;
        let parsed = net(cidr);
        // The same address may stand there in two spellings.
        let still = set.entries.iter().any(|(text, not)| !not && net(text) == parsed);
        let needed = wished.zip(parsed).is_some_and(|(set, net)| set.entries.contains(&net));
        if needed && !nomatch && !still { Err(format!("{cidr} belongs into the IP set {name}")) } else { Ok(()) }
    }

    fn drop_set(&mut self, name: &SetName) -> Result<(), String> {
        self.mine(name)?;
        let used = self.rules.iter().any(|rule| crate::firewall::seen::sets(rule).any(|set| set == name.0));
        if used || self.want.ipsets.contains_key(name) {
            return Err(format!("the IP set {name} is needed"));
        }
        self.sets.remove(name).map(|_| ()).ok_or_else(|| format!("there is no IP set {name}"))
    }

    /// A rule of the wish, switched on or not, whose set is there: PVE refuses it otherwise.
    fn check_wished(&self, fields: &Fields) -> Result<(), String> {
        let mut on = fields.clone();
        on.insert("enable".to_owned(), "1".to_owned());
        if !ours(fields) || !self.wished.contains(&on) {
            return Err("no rule of the matrix says so".to_owned());
        }
        match crate::firewall::seen::sets(fields).find(|name| !self.sets.contains_key(&SetName((*name).to_owned()))) {
            Some(name) => Err(format!("there is no IP set {name}")),
            None => Ok(()),
        }
    }

    fn find(&self, rule: &RuleRef) -> Result<usize, String> {
        let alike = self.rules.iter().enumerate().filter(|(_, fields)| **fields == rule.fields);
        let mut alike = alike.map(|(index, _)| index);
        alike.nth(rule.nth).ok_or_else(|| "there is no such rule".to_owned())
    }

    fn shift(&mut self, rule: &RuleRef, place: &Place) -> Result<(), String> {
        if !ours(&rule.fields) {
            return Err("a rule that is not ours is not moved".to_owned());
        }
        let from = self.find(rule)?;
        let to = match place {
            Place::Before(neighbour) => self.find(neighbour)?,
            Place::After(neighbour) => self.find(neighbour)? + 1,
        };
        let fields = self.rules.remove(from);
        self.rules.insert(if to > from { to - 1 } else { to }, fields);
        Ok(())
    }

    fn update(&mut self, rule: &RuleRef, set: &Fields, delete: &[String]) -> Result<(), String> {
        if !ours(&rule.fields) {
            return Err("a rule that is not ours is not changed".to_owned());
        }
        let at = self.find(rule)?;
        let mut fields = rule.fields.clone();
        fields.retain(|key, _| !delete.contains(key));
        fields.extend(set.clone());
        self.check_wished(&fields)?;
        if let Some(there) = self.rules.get_mut(at) {
            *there = fields;
        }
        Ok(())
    }

    fn delete(&mut self, rule: &RuleRef) -> Result<(), String> {
        if !ours(&rule.fields) && !self.remove {
            return Err("a rule that is not ours is not removed".to_owned());
        }
        let at = self.find(rule)?;
        let fields = self.rules.remove(at);
        let accepts = fields.get("action").is_some_and(|action| action == "ACCEPT");
        let needed = self.in_force() && enabled(&fields) && accepts && !self.contrary(&fields);
        if needed { self.check_open(false) } else { Ok(()) }
    }

    /// Whether a rule lets through what rules of the wish with the same IP set only shut: no rule of the wish stands for it,
    /// and it goes before that set grows.
    fn contrary(&self, fields: &Fields) -> bool {
        crate::firewall::seen::sets(fields).any(|name| {
            let mut readers =
                self.wished.iter().filter(|wish| crate::firewall::seen::sets(wish).any(|set| set == name)).peekable();
            readers.peek().is_some() && readers.all(|wish| wish.get("action").is_some_and(|action| action != "ACCEPT"))
        })
    }

    fn in_force(&self) -> bool {
        self.options.get("enable").is_some_and(|text| text != "0")
    }

    fn set_options(&mut self, set: &BTreeMap<String, String>) -> Result<(), String> {
        let wished = self.want.options.fields();
        let stray = set.iter().find(|(key, value)| match key.as_str() {
            "enable" => *value != "1",
            _ => wished.get(*key) != Some(*value),
        });
        if let Some((key, value)) = stray {
            return Err(format!("{key}={value} is not wished"));
        }
        self.options.extend(set.clone());
        if self.in_force() { self.check_open(true) } else { Ok(()) }
    }

    /// Every rule of the wish that lets something through is there and counts, its set with it; `full`: with all addresses.
    fn check_open(&self, full: bool) -> Result<(), String> {
        let there: BTreeSet<&Fields> = self.rules.iter().collect();
        let opens = |fields: &&Fields| fields.get("action").is_some_and(|action| action == "ACCEPT");
        for fields in self.wished.iter().filter(opens) {
            let name = fields.get("comment").map_or("", String::as_str);
            if !there.contains(fields) {
                return Err(format!("the rule {name} that opens the guest is not there"));
            }
            for set in crate::firewall::seen::sets(fields) {
                let held = self.sets.get(&SetName(set.to_owned()));
                let held = held.ok_or_else(|| format!("the IP set {set} of the rule {name} is not there"))?;
                let nets: BTreeSet<_> =
                    held.entries.iter().filter(|(_, not)| !**not).filter_map(|(text, _)| net(text)).collect();
                let wished = self.want.ipsets.get(&SetName(set.to_owned()));
                let lacks = wished.and_then(|wished| wished.entries.iter().find(|entry| !nets.contains(*entry)));
                if let Some(entry) = lacks.filter(|_| full) {
                    return Err(format!("{entry} is not in the IP set {set} of the rule {name}"));
                }
            }
        }
        Ok(())
    }
}
