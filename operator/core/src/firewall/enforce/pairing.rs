//! Which rule that is there is which rule of the wish: by content, never by position.

use crate::firewall::seen::{Fields, SeenRule, content, enabled};
use std::collections::BTreeMap;

/// Fields that do not say what a rule matches or does.
const COSMETIC: &[&str] = &["comment", "log"];

/// What a rule matches and does, whether it is switched on or not.
fn core(fields: &Fields) -> Fields {
    let mut core = content(fields);
    core.retain(|key, _| key != "enable" && !COSMETIC.contains(&key.as_str()));
    core
}

/// For each rule that is there, the rule of the wish that it is. Of several alike, those that are so to the letter come
/// first, then those that are switched on.
pub fn pair(wish: &[Fields], seen: &[SeenRule]) -> Vec<Option<usize>> {
    let mut open: BTreeMap<Fields, Vec<usize>> = BTreeMap::new();
    for (index, fields) in wish.iter().enumerate().rev() {
        open.entry(core(fields)).or_default().push(index);
    }
    let mut pairs = vec![None; seen.len()];
    let passes: [&dyn Fn(&Fields, &Fields) -> bool; 3] =
        [&|there, wished| content(there) == *wished, &|there, _| enabled(there), &|_, _| true];
    for fits in passes {
        for (index, rule) in seen.iter().enumerate() {
            if pairs.get(index).is_some_and(Option::is_some) || !rule.ours() {
                continue;
            }
            let Some(open) = open.get_mut(&core(&rule.fields)) else { continue };
            // From the end: the first of the wish.
            let found = open
                .iter()
                .rposition(|candidate| wish.get(*candidate).is_some_and(|fields| fits(&rule.fields, fields)));
            if let (Some(found), Some(pair)) = (found, pairs.get_mut(index)) {
                *pair = Some(open.remove(found));
            }
        }
    }
    pairs
}

/// The longest row of numbers that ascends: rules that stay where they are while the others move around them.
pub fn ascending(row: &[usize]) -> Vec<usize> {
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
        found.extend(row.get(index));
        at = before.get(index).copied().flatten();
    }
    found.reverse();
    found
}
