//! What is wrong with a rule, gathered while it is compiled.

use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// Fields that cannot work. Nothing of an `Allow` is compiled then.
    pub(super) invalid: Vec<String>,
    /// Who does not exist: name, and why.
    missing: BTreeMap<String, String>,
    /// Containers without any address that is known.
    pub(super) unresolved: BTreeSet<String>,
    /// Fields that match nobody.
    pub(super) nobody: Vec<String>,
    /// What else a person should know.
    pub(super) notes: BTreeSet<String>,
    /// Ports that a target does not declare: which targets, by ports.
    pub(super) undeclared: BTreeMap<String, BTreeSet<String>>,
    /// Services that a target does not declare: which targets, by field and service.
    pub(super) unserved: BTreeMap<(String, String), BTreeSet<String>>,
    /// Services that some target does declare.
    pub(super) served: BTreeSet<String>,
    /// Targets that declare nothing though the rule speaks of what they declare.
    pub(super) bare: BTreeSet<String>,
    /// Pairs that share no address family: `fd00::/8 and zentoria-db`.
    pub(super) strangers: BTreeSet<String>,
}

impl Trouble {
    /// Somebody who does not exist.
    pub(super) fn missing(&mut self, field: &str, name: &str, why: String) {
        self.missing.entry(name.to_owned()).or_insert_with(|| format!("{field}: {name} {why}"));
    }

    /// Who does not exist: names, and why.
    pub(super) fn absent(&self) -> &BTreeMap<String, String> {
        &self.missing
    }
}
