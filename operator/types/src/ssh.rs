//! Other machines that are logged in to.

use serde::{Deserialize, Serialize};

/// An SSH server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SshServer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// Lines of `known_hosts`.
    pub known_hosts: Vec<String>,
}
