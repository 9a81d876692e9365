//! Rules that somebody suspended: what guests hold under their names stays as it is, and nobody compares it.

use super::seen::{MARK, Seen, SeenRule};
use std::collections::BTreeSet;

/// What was seen without what belongs to the suspended rules (`namespace/name`): their rules, and the IP sets that only
/// these use.
#[must_use]
pub fn without(seen: Seen, suspended: &BTreeSet<String>) -> Seen {
    if suspended.is_empty() {
        return seen;
    }
    let (aside, rules): (Vec<SeenRule>, Vec<SeenRule>) =
        seen.rules.into_iter().partition(|rule| owner(rule).is_some_and(|owner| suspended.contains(owner)));
    let sets = |rules: &[SeenRule]| -> BTreeSet<String> {
        let ends = rules.iter().flat_map(|rule| ["source", "dest"].map(|end| rule.fields.get(end))).flatten();
        ends.filter_map(|end| end.strip_prefix('+')).map(str::to_owned).collect()
    };
    let (asides, used) = (sets(&aside), sets(&rules));
    let mut ipsets = seen.ipsets;
    ipsets.retain(|name, _| used.contains(&name.0) || !asides.contains(&name.0));
    Seen { rules, ipsets, ..seen }
}

/// `namespace/name` of `zentoria:<namespace>/<name>#<8 hex>+n`.
fn owner(rule: &SeenRule) -> Option<&str> {
    let text = rule.fields.get("comment")?.strip_prefix(MARK)?;
    Some(text.split_once('#').map_or(text, |(owner, _)| owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::guest::SetName;
    use crate::firewall::seen::SeenSet;

    fn rule(pos: u64, comment: &str, source: &str) -> SeenRule {
        let fields = [("comment", comment), ("source", source)];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        SeenRule { pos, fields }
    }

    #[test]
    fn rules_of_a_suspended_row_and_their_sets_are_not_looked_at() {
        let seen = Seen {
            rules: vec![
                rule(0, "zentoria:shop/a#01234567", "+zen-0000000a"),
                rule(1, "zentoria:shop/b#01234567+1", "+zen-0000000b"),
                rule(2, "by hand", "+zen-0000000b"),
            ],
            ipsets: ["zen-0000000a", "zen-0000000b", "zen-0000000c"]
                .map(|name| (SetName(name.to_owned()), SeenSet::default()))
                .into(),
            ..Seen::default()
        };
        let suspended = ["shop/a", "shop/b"].map(str::to_owned).into();
        let left = without(seen.clone(), &suspended);
        assert_eq!(left.rules, seen.rules[2..]);
        let names: Vec<&str> = left.ipsets.keys().map(|name| name.0.as_str()).collect();
        assert_eq!(names, ["zen-0000000b", "zen-0000000c"], "one that a person uses, and one that nobody does, stay");
    }
}
