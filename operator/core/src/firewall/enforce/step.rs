//! One write.

use crate::firewall::guest::SetName;
use crate::firewall::seen::{Fields, SeenRule, content};
use std::collections::BTreeMap;

/// One write to the firewall of a guest: one call each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `POST ipset`: an empty set.
    CreateSet {
        /// Its name.
        name: SetName,
        /// Its comment.
        comment: String,
    },
    /// `POST ipset/<set>`: one entry.
    AddEntry {
        /// The set.
        set: SetName,
        /// The entry as PVE writes it.
        cidr: String,
    },
    /// `POST rules`: the rule comes to position 0 (PVE ignores `pos` and `digest` there).
    InsertRule {
        /// Its fields, `enable` among them: `0` where it must not count before it stands in its place.
        fields: Fields,
    },
    /// `PUT rules/<pos>` with `moveto` and nothing else (PVE ignores the rest).
    MoveRule {
        /// The rule.
        rule: RuleRef,
        /// Where to.
        place: Place,
    },
    /// `PUT rules/<pos>`.
    UpdateRule {
        /// The rule as it is.
        rule: RuleRef,
        /// Fields with their new values.
        set: Fields,
        /// Fields that go.
        delete: Vec<String>,
    },
    /// `PUT options`.
    SetOptions {
        /// Options with their new values.
        set: BTreeMap<String, String>,
    },
    /// `DELETE rules/<pos>`.
    DeleteRule {
        /// The rule.
        rule: RuleRef,
    },
    /// `DELETE ipset/<set>/<entry>`.
    RemoveEntry {
        /// The set.
        set: SetName,
        /// The entry as PVE writes it.
        cidr: String,
    },
    /// `DELETE ipset/<set>?force=1`: with all its entries at once.
    DeleteSet {
        /// The set.
        name: SetName,
    },
}

/// A rule by its content: positions change with every write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// Its content ([`content`]) at the time of the step.
    pub fields: Fields,
    /// Which of several with the same fields, from the top, from 0.
    pub nth: usize,
}

/// Where a rule is moved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Directly above this one.
    Before(RuleRef),
    /// Directly below this one.
    After(RuleRef),
}

impl Step {
    /// Whether this is a write after which fewer connections may pass than before, so that what must answer is worth a
    /// look: `enable=1`, or a policy other than `ACCEPT`.
    #[must_use]
    pub fn closes(&self) -> bool {
        match self {
            Self::SetOptions { set } => {
                let strict = |key: &str| set.get(key).is_some_and(|policy| policy != "ACCEPT");
                strict("policy_in") || strict("policy_out") || set.get("enable").is_some_and(|text| text == "1")
            }
            Self::CreateSet { .. }
            | Self::AddEntry { .. }
            | Self::InsertRule { .. }
            | Self::MoveRule { .. }
            | Self::UpdateRule { .. }
            | Self::DeleteRule { .. }
            | Self::RemoveEntry { .. }
            | Self::DeleteSet { .. } => false,
        }
    }
}

impl RuleRef {
    /// The position of the rule in a fresh list; none when it is not there any more.
    #[must_use]
    pub fn find(&self, rules: &[SeenRule]) -> Option<u64> {
        rules.iter().filter(|rule| content(&rule.fields) == self.fields).nth(self.nth).map(|rule| rule.pos)
    }
}

impl Place {
    /// The value of `moveto` in a fresh list: PVE puts the rule before what is at that position now, and last where it is
    /// the number of the rules. None when the neighbour is not there any more.
    #[must_use]
    pub fn moveto(&self, rules: &[SeenRule]) -> Option<u64> {
        match self {
            Self::Before(neighbour) => neighbour.find(rules),
            Self::After(neighbour) => neighbour.find(rules).map(|pos| pos + 1),
        }
    }
}
