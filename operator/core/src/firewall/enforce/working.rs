//! The rules as they will be after the steps so far.

use super::pairing;
use super::step::{Place, RuleRef, Step};
use crate::firewall::guest::{GuestFirewall, Rule, SetName};
use crate::firewall::seen::{Fields, Seen, content, enabled, sets};
use std::collections::BTreeSet;
use zentoria_api::firewall::ForeignRules;

/// Whose a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This one of the wish.
    Wish(usize),
    /// It goes.
    Old,
    /// Somebody else's, and it stays.
    Foreign,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Item {
    pub fields: Fields,
    pub role: Role,
}

/// The rules in their order, and the steps that brought them there.
pub struct Working {
    pub wish: Vec<Fields>,
    pub items: Vec<Item>,
    /// Rules of the wish that stay where they are.
    pub kept: BTreeSet<usize>,
    /// Whether the guest's firewall is switched on: every step counts at once.
    pub in_force: bool,
    pub steps: Vec<Step>,
}

impl Working {
    pub fn new(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Self {
        let wish: Vec<Fields> = want.rules.iter().map(Rule::fields).collect();
        let pairs = pairing::pair(&wish, &seen.rules);
        let role = |pair: Option<usize>, ours| match pair {
            Some(index) => Role::Wish(index),
            None if ours || foreign == ForeignRules::Remove => Role::Old,
            None => Role::Foreign,
        };
        let items = seen.rules.iter().zip(pairs.of).map(|(rule, pair)| {
            let ours = rule.ours();
            Item { fields: content(&rule.fields), role: role(pair, ours) }
        });
        Self {
            items: items.collect(),
            kept: pairs.kept,
            in_force: seen.options.get("enable").is_some_and(|text| text != "0"),
            steps: Vec::new(),
            wish,
        }
    }

    /// Where a rule of the wish is.
    pub fn find(&self, wish: usize) -> Option<usize> {
        self.items.iter().position(|item| item.role == Role::Wish(wish))
    }

    /// Whether a rule of the wish is there and switched on.
    pub fn counts(&self, wish: usize) -> bool {
        self.items.iter().any(|item| item.role == Role::Wish(wish) && enabled(&item.fields))
    }

    /// Which rules of the wish name a set.
    pub fn users(&self, set: &SetName) -> Vec<usize> {
        let uses = |fields: &Fields| sets(fields).any(|name| name == set.0);
        self.wish.iter().enumerate().filter(|(_, fields)| uses(fields)).map(|(index, _)| index).collect()
    }

    fn reference(&self, at: usize) -> Option<RuleRef> {
        let fields = self.items.get(at)?.fields.clone();
        let nth = self.items.iter().take(at).filter(|item| item.fields == fields).count();
        Some(RuleRef { fields, nth })
    }

    /// Adds a rule of the wish on top.
    pub fn insert(&mut self, wish: usize, on: bool) {
        let Some(mut fields) = self.wish.get(wish).cloned() else { return };
        if !on {
            fields.insert("enable".to_owned(), "0".to_owned());
        }
        self.steps.push(Step::InsertRule { fields: fields.clone() });
        self.items.insert(0, Item { fields, role: Role::Wish(wish) });
    }

    /// Moves a rule directly before or after another; both by where they are now.
    pub fn move_beside(&mut self, from: usize, beside: Beside) {
        let place = match beside {
            Beside::Above(at) => self.reference(at).map(Place::Before),
            Beside::Below(at) => self.reference(at).map(Place::After),
        };
        let (Some(rule), Some(place)) = (self.reference(from), place) else { return };
        let to = beside.index();
        if from >= self.items.len() || to == from || to == from + 1 {
            return;
        }
        self.steps.push(Step::MoveRule { rule, place });
        let item = self.items.remove(from);
        self.items.insert(if to > from { to - 1 } else { to }, item);
    }

    /// Makes a rule what the wish says of it, where it differs.
    pub fn correct(&mut self, wish: usize) {
        let (Some(at), Some(fields)) = (self.find(wish), self.wish.get(wish).cloned()) else { return };
        let (Some(rule), Some(item)) = (self.reference(at), self.items.get_mut(at)) else { return };
        if item.fields == fields {
            return;
        }
        let differs = |(key, value): &(&String, &String)| item.fields.get(*key) != Some(*value);
        let set: Fields = fields.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
        let delete = item.fields.keys().filter(|key| !fields.contains_key(*key)).cloned().collect();
        item.fields = fields;
        self.steps.push(Step::UpdateRule { rule, set, delete });
    }

    /// Removes a rule.
    pub fn delete(&mut self, at: usize) {
        if let Some(rule) = self.reference(at) {
            self.items.remove(at);
            self.steps.push(Step::DeleteRule { rule });
        }
    }
}

/// A place among the rules as they are now.
#[derive(Clone, Copy, Debug)]
pub enum Beside {
    /// Directly above this one.
    Above(usize),
    /// Directly below this one.
    Below(usize),
}

impl Beside {
    /// What stands from here on stands below the place.
    pub const fn index(self) -> usize {
        match self {
            Self::Above(at) => at,
            Self::Below(at) => at + 1,
        }
    }
}

/// Whether two rules can decide of the same packet differently: of one way, and not of the same action.
pub fn at_odds(one: &Fields, other: &Fields) -> bool {
    let text = |fields: &Fields, key: &str| fields.get(key).cloned().unwrap_or_default();
    let (one_kind, other_kind) = (text(one, "type"), text(other, "type"));
    // A security group holds rules of both ways, and nobody knows which.
    let group = one_kind == "group" || other_kind == "group";
    group || (one_kind == other_kind && text(one, "action") != text(other, "action"))
}
