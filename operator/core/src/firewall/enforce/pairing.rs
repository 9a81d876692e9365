//! Which rule that is there is which rule of the wish: by content, never by position.

use crate::firewall::seen::{Fields, SeenRule, content, enabled};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that do not say what a rule matches or does.
const COSMETIC: &[&str] = &["comment", "log"];

/// What a rule matches and does, whether it is switched on or not.
fn core(fields: &Fields) -> Fields {
    let mut core = content(fields);
    core.retain(|key, _| key != "enable" && !COSMETIC.contains(&key.as_str()));
    core
}

/// What is there, by the wish.
pub struct Pairs {
    /// For each rule that is there, the rule of the wish that it is.
    pub of: Vec<Option<usize>>,
    /// The rules of the wish that are there and stay where they are, while the others come to their places around them.
    pub kept: BTreeSet<usize>,
}

/// Pairs what is there with the wish. Of several alike, those that need not move come first, then those that are so to the
/// letter, then those that are switched on.
pub fn pair(wish: &[Fields], seen: &[SeenRule]) -> Pairs {
    let mut wished: BTreeMap<Fields, Vec<usize>> = BTreeMap::new();
    for (index, fields) in wish.iter().enumerate() {
        wished.entry(core(fields)).or_default().push(index);
    }
    let cores: Vec<Option<Fields>> = seen.iter().map(|rule| rule.ours().then(|| core(&rule.fields))).collect();
    let rules = || seen.iter().zip(&cores);
    let candidates: Vec<Option<usize>> =
        rules().map(|(rule, core)| candidate(rule, wished.get(core.as_ref()?)?, wish)).collect();
    let row: Vec<(usize, usize)> =
        candidates.iter().enumerate().filter_map(|(at, wish)| Some((at, (*wish)?))).collect();
    let stays = ascending(&row.iter().map(|(_, wish)| *wish).collect::<Vec<_>>());
    let mut of = vec![None; seen.len()];
    let mut kept = BTreeSet::new();
    for (at, wish) in stays.into_iter().filter_map(|index| row.get(index)) {
        kept.insert(*wish);
        if let Some(pair) = of.get_mut(*at) {
            *pair = Some(*wish);
        }
    }
    for (fields, wishes) in &mut wished {
        wishes.retain(|index| !kept.contains(index));
        if wishes.is_empty() {
            continue;
        }
        let alike = rules().zip(&mut of).filter(|((_, core), pair)| pair.is_none() && core.as_ref() == Some(fields));
        claim(wishes, wish, alike.map(|((rule, _), pair)| (rule, pair)).collect());
    }
    Pairs { of, kept }
}

/// The rule of the wish that a rule may be: the same to the letter, or else the first of those that match the same.
fn candidate(rule: &SeenRule, alike: &[usize], wish: &[Fields]) -> Option<usize> {
    let content = content(&rule.fields);
    let same = |index: &&usize| wish.get(**index) == Some(&content);
    alike.iter().find(same).or(alike.first()).copied()
}

/// Whether a rule that is there and one of the wish fit.
type Fits = fn(&Fields, &Fields) -> bool;

/// Gives rules of the wish that match the same, and have none yet, those that are there and match so.
fn claim(wishes: &mut Vec<usize>, wish: &[Fields], mut alike: Vec<(&SeenRule, &mut Option<usize>)>) {
    let fits: [Fits; 3] = [|there, wished| content(there) == *wished, |there, _| enabled(there), |_, _| true];
    for fits in fits {
        for (rule, pair) in alike.iter_mut().filter(|(_, pair)| pair.is_none()) {
            let fits = |index: &usize| wish.get(*index).is_some_and(|wished| fits(&rule.fields, wished));
            **pair = wishes.iter().position(fits).map(|found| wishes.remove(found));
        }
    }
}

/// The longest row of numbers that ascends, by where they stand.
fn ascending(row: &[usize]) -> Vec<usize> {
    // For each length, where the row of that length with the lowest end ends; and before each, its predecessor.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(row.len());
    for (at, number) in row.iter().enumerate() {
        let length = ends.partition_point(|end| row.get(*end).is_some_and(|other| other < number));
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut at = ends.last().copied();
    let mut found = Vec::with_capacity(ends.len());
    while let Some(index) = at {
        found.push(index);
        at = before.get(index).copied().flatten();
    }
    found.reverse();
    found
}
