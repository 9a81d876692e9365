//! What is said of a rule.

use super::RuleReport;
use super::entry::Owner;
use super::trouble::Trouble;
use crate::container::want::Key;
use crate::firewall::estate::Row;
use crate::firewall::words::some;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::RuleReason;
use zentoria_api::firewall::{Action, FirewallMode};

/// What was seen of a rule over all guests.
#[derive(Default)]
pub(super) struct Outcome<'a> {
    /// What is wrong with it.
    pub(super) trouble: Trouble,
    /// Whether it asked anything of any guest.
    pub(super) asked: bool,
    /// Guests that hold rules for it, and what is done with their firewalls.
    pub(super) guests: BTreeMap<&'a Key, FirewallMode>,
    /// How many rules of PVE it takes.
    pub(super) rules: u32,
    /// How many of them are its own, and not only another's that serves it as well.
    pub(super) own: u32,
    /// Those who say the same already.
    pub(super) said: BTreeSet<Owner<'a>>,
    /// Those who decide otherwise before it.
    pub(super) hidden: BTreeSet<Owner<'a>>,
    /// Those who say the opposite at the same priority, and of which ports.
    pub(super) conflicts: BTreeMap<&'a Key, String>,
    /// Whether it is for other ProxmoxClusters alone.
    pub(super) elsewhere: bool,
}

impl Outcome<'_> {
    /// The report.
    pub(super) fn report(mut self, key: &Key, row: &Row) -> RuleReport {
        self.note();
        let off: Vec<&str> = self.of_mode(FirewallMode::Off);
        if !off.is_empty() {
            let text = format!("not in force at {}: firewall.mode is Off there", some(off));
            self.trouble.notes.insert(text);
        }
        let verdict = self.verdict(key, row);
        let names = self.trouble.absent().keys().chain(&self.trouble.unresolved);
        let held = self.guests.iter().filter(|(_, mode)| **mode != FirewallMode::Off);
        RuleReport {
            from: row.words.from.clone(),
            to: row.words.to.clone(),
            ports: row.words.ports.clone(),
            guests: held.map(|(key, _)| (*key).clone()).collect(),
            rules: self.rules,
            unresolved: names.cloned().collect::<BTreeSet<String>>().into_iter().collect(),
            notes: self.trouble.notes.into_iter().collect(),
            elsewhere: self.elsewhere,
            verdict,
        }
    }

    fn of_mode(&self, wanted: FirewallMode) -> Vec<&str> {
        self.guests.iter().filter(|(_, mode)| **mode == wanted).map(|(key, _)| key.name.as_str()).collect()
    }

    /// What is worth knowing though nothing is wrong.
    fn note(&mut self) {
        let Trouble { undeclared, unserved, served, bare, notes, nobody, .. } = &mut self.trouble;
        for (ports, targets) in std::mem::take(undeclared) {
            notes.insert(format!("{} no service at {ports}: nothing may listen there", declare(&targets)));
        }
        for ((field, service), targets) in unserved.iter().filter(|((_, service), _)| served.contains(service)) {
            notes.insert(format!("{field}: {} no service {service}: the rule does nothing there", declare(targets)));
        }
        if !bare.is_empty() {
            notes.insert(format!("{} no services: the rule does nothing there", declare(bare)));
        }
        for field in nobody {
            notes.insert(format!("{field} matches no container"));
        }
        let shown = |owners: &BTreeSet<Owner<'_>>| some(owners.iter().map(|owner| rule_word(*owner)));
        if !self.said.is_empty() && self.own == 0 && self.hidden.is_empty() {
            notes.insert(format!("says nothing that {} does not say already", shown(&self.said)));
        }
        if !self.hidden.is_empty() {
            let part = if self.rules == 0 { "all" } else { "a part" };
            notes.insert(format!("{part} of what it matches is decided before by {}", shown(&self.hidden)));
        }
    }

    fn verdict(&self, key: &Key, row: &Row) -> Result<RuleReason, (RuleReason, String)> {
        if row.suspended {
            return Ok(RuleReason::Paused);
        }
        let done = match row.action {
            Action::Drop | Action::Reject => "nothing is refused for it",
            Action::Allow => "nothing is opened for it",
        };
        let invalid: Vec<&str> = row.problems.iter().chain(&self.trouble.invalid).map(String::as_str).collect();
        if !invalid.is_empty() {
            let whole = row.wish.is_none() || row.action == Action::Allow;
            let done = if whole { done } else { "the rest of the rule is in force" };
            return Err((RuleReason::InvalidSpec, format!("{}; {done}", invalid.join("; "))));
        }
        if !self.trouble.absent().is_empty() {
            return Err((RuleReason::NotFound, format!("{}; {done}", some(self.trouble.absent().values()))));
        }
        let nowhere = |((_, service), _): &(&(String, String), _)| !self.trouble.served.contains(service);
        if let Some(((field, service), targets)) = self.trouble.unserved.iter().find(nowhere) {
            let targets = declare(targets);
            let text = format!(
                "{field}: {targets} no service {service}; {done}. Correct the name, or add it to spec.services"
            );
            return Err((RuleReason::NotFound, text));
        }
        if let Some(why) = self.conflict(key, row) {
            return Err((RuleReason::Conflict, why));
        }
        if !self.trouble.unresolved.is_empty() {
            let text = format!(
                "{} has no address that is known yet; {done} before the guest reports one, or has a static one",
                some(&self.trouble.unresolved)
            );
            return Err((RuleReason::Unresolved, text));
        }
        if !self.asked && !self.elsewhere {
            let why = if self.trouble.notes.is_empty() {
                "it matches no containers, or only the one that it comes from".to_owned()
            } else {
                some(&self.trouble.notes)
            };
            return Err((RuleReason::MatchesNothing, format!("{why}; {done}")));
        }
        if self.rules == 0 && !self.hidden.is_empty() {
            return Ok(RuleReason::Shadowed);
        }
        let observed = self.guests.values().any(|mode| *mode == FirewallMode::Observe);
        Ok(if observed { RuleReason::ObserveOnly } else { RuleReason::Enforced })
    }
}

impl Outcome<'_> {
    /// What contradicts the rule, if anything does.
    fn conflict(&self, key: &Key, row: &Row) -> Option<String> {
        let (other, what) = self.conflicts.iter().next()?;
        let priority = row.wish.as_ref()?.priority;
        let more = match self.conflicts.len() {
            0 | 1 => String::new(),
            more => format!(" (so do {} others)", more - 1),
        };
        Some(format!(
            "rule {other} says the opposite of rule {key} of the same flows ({what}) at the same priority, \
             {priority}{more}: the one that refuses wins. Give one of them another priority, or remove it"
        ))
    }
}

/// `zentoria-db declares`, `zentoria-db, zentoria-redis declare`.
fn declare(targets: &BTreeSet<String>) -> String {
    format!("{} {}", some(targets), if targets.len() == 1 { "declares" } else { "declare" })
}

fn rule_word(owner: Owner<'_>) -> String {
    match owner {
        Owner::Derived(_) => format!("{owner} (derived)"),
        Owner::Rule(_) => format!("rule {owner}"),
    }
}
