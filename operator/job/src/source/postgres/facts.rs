//! What is recorded of a database when it is dumped, and compared when it is restored.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseFacts {
    /// Major version of the server.
    pub major: u32,
    /// Encoding: `UTF8`.
    pub encoding: String,
    /// Collation: `en_US.UTF-8`.
    pub collate: String,
    /// Character classes.
    pub ctype: String,
    /// Tables (with rows of their own) by `schema.name`.
    pub tables: BTreeMap<String, TableFacts>,
    /// Large objects.
    pub large_objects: u64,
    /// Everything else, by kind and name (`index public.t_pkey`), with its definition.
    pub schema: BTreeMap<String, String>,
}

/// The rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableFacts {
    /// How many, exactly.
    pub rows: u64,
    /// Sum of the hashes of all rows: the same for the same rows in any order.
    pub contents: String,
}

/// Roles of a server, with what they may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFacts {
    /// By name: attributes and memberships.
    pub roles: BTreeMap<String, String>,
}

/// Beginning of the key of an owner in [`DatabaseFacts::schema`].
pub const OWNER: &str = "owner of ";

/// Kinds of which another major version may word the definition differently: only that they are there is compared then.
const WORDED: &[&str] = &["view ", "constraint ", "index ", "trigger ", "default ", "policy ", "function "];

impl DatabaseFacts {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }

    /// In which points `found` is not the same. Owners are compared only where roles were restored too.
    #[must_use]
    pub fn differences(&self, found: &Self, owners: bool) -> Vec<String> {
        let mut all = Vec::new();
        for (name, table) in &self.tables {
            match found.tables.get(name) {
                None => all.push(format!("table {name}: missing, recorded with {} rows", table.rows)),
                Some(now) if now.rows != table.rows => {
                    all.push(format!("table {name}: {} rows, recorded {}", now.rows, table.rows));
                }
                Some(now) if now.contents != table.contents => {
                    all.push(format!("table {name}: {} rows as recorded, but not the same contents", now.rows));
                }
                Some(_) => {}
            }
        }
        all.extend(
            found
                .tables
                .keys()
                .filter(|name| !self.tables.contains_key(*name))
                .map(|name| format!("table {name}: not recorded")),
        );
        if self.large_objects != found.large_objects {
            all.push(format!("large objects: {}, recorded {}", found.large_objects, self.large_objects));
        }
        all.extend(self.schema_differences(found, owners));
        if !all.is_empty() && self.major != found.major {
            all.push(format!(
                "the server that it was restored into is version {}, the source was {}: a test with version {} tells whether that is the reason",
                found.major, self.major, self.major
            ));
        }
        all
    }

    fn schema_differences(&self, found: &Self, owners: bool) -> Vec<String> {
        let mut all = Vec::new();
        let compared = |key: &str| owners || !key.starts_with(OWNER);
        let worded = |key: &str| self.major != found.major && WORDED.iter().any(|kind| key.starts_with(kind));
        for (key, definition) in self.schema.iter().filter(|(key, _)| compared(key)) {
            match found.schema.get(key) {
                None => all.push(format!("{key}: missing")),
                Some(now) if now != definition && !worded(key) => {
                    all.push(format!("{key}: {now}, recorded {definition}"))
                }
                Some(_) => {}
            }
        }
        let added = found.schema.keys().filter(|key| compared(key) && !self.schema.contains_key(*key));
        all.extend(added.map(|key| format!("{key}: not recorded")));
        all
    }
}

impl RoleFacts {
    /// Which recorded roles are missing or may something else. Others may be there.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let differs = |(name, role): (&String, &String)| match found.roles.get(name) {
            None => Some(format!("role {name}: missing")),
            Some(now) if now != role => Some(format!("role {name}: {now}, recorded {role}")),
            Some(_) => None,
        };
        self.roles.iter().filter_map(differs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseFacts, RoleFacts, TableFacts};

    fn database() -> DatabaseFacts {
        DatabaseFacts {
            major: 16,
            encoding: "UTF8".into(),
            collate: "C".into(),
            ctype: "C".into(),
            tables: [("public.t".to_owned(), TableFacts { rows: 3, contents: "42".into() })].into(),
            large_objects: 0,
            schema: [
                ("column public.t.id".to_owned(), "bigint".to_owned()),
                ("view public.v".to_owned(), "SELECT 1".to_owned()),
                ("owner of table public.t".to_owned(), "alice".to_owned()),
            ]
            .into(),
        }
    }

    type Change = fn(&mut DatabaseFacts);

    #[test]
    fn whatever_is_not_as_recorded_is_said() {
        let cases: &[(Change, &str)] = &[
            (|found| found.tables.clear(), "table public.t: missing, recorded with 3 rows"),
            (|found| found.tables.values_mut().for_each(|t| t.rows = 2), "table public.t: 2 rows, recorded 3"),
            (
                |found| found.tables.values_mut().for_each(|t| t.contents = "7".into()),
                "table public.t: 3 rows as recorded, but not the same contents",
            ),
            (
                |found| drop(found.tables.insert("public.u".into(), TableFacts::default())),
                "table public.u: not recorded",
            ),
            (|found| found.large_objects = 1, "large objects: 1, recorded 0"),
            (|found| drop(found.schema.remove("column public.t.id")), "column public.t.id: missing"),
            (
                |found| drop(found.schema.insert("column public.t.id".into(), "integer".into())),
                "column public.t.id: integer, recorded bigint",
            ),
            (
                |found| drop(found.schema.insert("index public.i".into(), "btree".into())),
                "index public.i: not recorded",
            ),
        ];
        for (change, expected) in cases {
            let mut found = database();
            change(&mut found);
            assert_eq!(database().differences(&found, true), [*expected]);
        }
        assert_eq!(database().differences(&database(), true), Vec::<String>::new());
    }

    #[test]
    fn owners_count_only_where_roles_were_restored() {
        let mut found = database();
        found.schema.insert("owner of table public.t".into(), "postgres".into());
        assert_eq!(database().differences(&found, true).len(), 1);
        assert_eq!(database().differences(&found, false), Vec::<String>::new());
    }

    #[test]
    fn another_major_version_may_word_a_view_differently_but_not_a_column() {
        let mut found = database();
        found.major = 18;
        found.schema.insert("view public.v".into(), "SELECT 1 AS one".into());
        assert_eq!(database().differences(&found, true), Vec::<String>::new());
        found.schema.insert("column public.t.id".into(), "integer".into());
        assert_eq!(database().differences(&found, true).len(), 2, "the column, and a word on the versions");
    }

    #[test]
    fn a_server_may_have_more_roles_than_were_recorded() {
        let facts = |roles: &[(&str, &str)]| RoleFacts {
            roles: roles.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect(),
        };
        let recorded = facts(&[("alice", "login")]);
        assert_eq!(recorded.differences(&facts(&[("alice", "login"), ("postgres", "super")])), Vec::<String>::new());
        assert_eq!(recorded.differences(&facts(&[])), ["role alice: missing"]);
        assert_eq!(recorded.differences(&facts(&[("alice", "")])), ["role alice: , recorded login"]);
    }
}
