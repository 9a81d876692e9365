//! What this identity may do.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Client;
use crate::error::PveError;
use crate::lenient::{self, Row};

/// Privileges by ACL path (`GET /access/permissions`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Path -> privilege -> whether it holds for what is below, too.
    paths: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Permissions {
    pub(crate) fn from_row(row: &Row) -> Self {
        let of_path = |value: &serde_json::Value| -> BTreeMap<String, bool> {
            let Some(privileges) = value.as_object() else { return BTreeMap::new() };
            privileges.iter().filter_map(|(name, below)| Some((name.clone(), lenient::flag(below)?))).collect()
        };
        Self { paths: row.0.iter().map(|(path, value)| (path.clone(), of_path(value))).collect() }
    }

    /// The paths that PVE named.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// The privileges on exactly this path, if PVE named it.
    #[must_use]
    pub fn on(&self, path: &str) -> Option<BTreeSet<&str>> {
        self.paths.get(path).map(|privileges| privileges.keys().map(String::as_str).collect())
    }

    /// Whether a privilege holds on a path: by the path itself, else by the nearest path above that PVE named.
    #[must_use]
    pub fn allows(&self, path: &str, privilege: &str) -> bool {
        if let Some(own) = self.paths.get(path) {
            return own.contains_key(privilege);
        }
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            let key = if parent.is_empty() { "/" } else { parent };
            if let Some(inherited) = self.paths.get(key) {
                return inherited.get(privilege).copied().unwrap_or(false);
            }
            above = parent;
        }
        false
    }
}

impl Client {
    /// All privileges of this identity. An identity without any gets an empty map, not an error.
    ///
    /// # Errors
    /// [`PveError::Unauthenticated`] for wrong credentials.
    pub async fn permissions(&self) -> Result<Permissions, PveError> {
        self.get::<Row>("/access/permissions").await.map(|row| Permissions::from_row(&row))
    }

    /// The privileges of this identity on one path, as PVE itself computes them.
    ///
    /// # Errors
    /// As [`Client::permissions`].
    pub async fn permissions_on(&self, path: &str) -> Result<Permissions, PveError> {
        let query = [("path", path.to_owned())];
        self.get_query::<Row>("/access/permissions", &query).await.map(|row| Permissions::from_row(&row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_privilege_comes_from_the_path_or_from_the_nearest_one_above() {
        let row = serde_json::json!({
            "/": {"VM.Audit": 1, "Sys.Modify": 0},
            "/vms": {"VM.Audit": 1, "VM.Allocate": 1, "VM.Clone": 0},
            "/vms/101": {"VM.Audit": 1},
            "/storage/local": {},
        });
        let permissions = Permissions::from_row(&serde_json::from_value(row).unwrap());
        let table = [
            ("/vms/160", "VM.Allocate", true),
            ("/vms/160", "VM.Clone", false),
            ("/vms", "VM.Clone", true),
            ("/vms/101", "VM.Allocate", false),
            ("/nodes/pve1", "VM.Audit", true),
            ("/nodes/pve1", "Sys.Modify", false),
            ("/", "Sys.Modify", true),
            ("/storage/local", "VM.Audit", false),
            ("/sdn/zones/localnetwork/vmbr0", "SDN.Use", false),
        ];
        for (path, privilege, want) in table {
            assert_eq!(permissions.allows(path, privilege), want, "{privilege} on {path}");
        }
    }
}
