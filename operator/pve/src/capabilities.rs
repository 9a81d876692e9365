//! What a node's PVE can do: by what its API says of itself where a cheap read tells, else by its version.
//!
//! | capability | how it is known |
//! |---|---|
//! | OCI images | `GET /nodes/{node}/query-oci-repo-tags` without its reference: 501 where there is no such call; 400 (the reference is missing) or 403 (no `Sys.AccessNetwork`) where there is. No registry is asked. |
//! | HA rules | `GET /cluster/ha/rules`: 501 where there is no such call; 200 or 403 where there is |
//! | `entrypoint`, `env` of a container | version 9.1: only a write would tell, by 400 "not defined in schema" ([`PveError::unknown_parameters`]) |
//! | `host-managed` of an interface | version 9.1, for the same reason |

use std::fmt;
use std::str::FromStr;

use zentoria_types::NodeName;

use crate::client::Client;
use crate::cluster::Version;
use crate::decode::Call;
use crate::error::PveError;
use crate::lenient::Row;

/// A version of PVE, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PveVersion {
    /// `9` of `9.2.11`.
    pub major: u32,
    /// `2` of `9.2.11`.
    pub minor: u32,
    /// `11` of `9.2.11`.
    pub patch: u32,
}

/// A text that begins with no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of Proxmox VE, such as 9.2.11")]
pub struct InvalidVersion(String);

impl PveVersion {
    /// The release that brought OCI images, `entrypoint`, `env` and `host-managed`.
    pub const WITH_OCI: Self = Self { major: 9, minor: 1, patch: 0 };
    /// The release that put rules in the place of HA groups.
    pub const WITH_HA_RULES: Self = Self { major: 9, minor: 0, patch: 0 };
}

impl FromStr for PveVersion {
    type Err = InvalidVersion;

    /// Reads `9.2.11`, `9.2`, `8.4.1-1`, `9.0.0~11`: a preview counts as its release, a missing number as 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || InvalidVersion(text.to_owned());
        let plain = text.trim().split(['~', '-', '+', ' ']).next().unwrap_or_default();
        let mut numbers = plain.split('.').map(str::parse::<u32>);
        let mut next = || numbers.next().unwrap_or(Ok(0)).map_err(|_| error());
        Ok(Self { major: next()?, minor: next()?, patch: next()? })
    }
}

impl fmt::Display for PveVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    /// The version as numbers; none when PVE writes it in a way that we do not know.
    #[must_use]
    pub fn number(&self) -> Option<PveVersion> {
        self.version.parse().ok()
    }
}

/// What one node's PVE can do. While a cluster is upgraded its nodes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The node's version; none when it cannot be read, and then nothing that hangs on it is held to be there.
    pub version: Option<PveVersion>,
    /// OCI images can be pulled from registries and containers created from them.
    pub oci_images: bool,
    /// Containers have the options `entrypoint` and `env`.
    pub entrypoint_env: bool,
    /// An interface can be `host-managed`.
    pub host_managed_net: bool,
    /// High availability has rules; else it has groups.
    pub ha_rules: bool,
}

impl Capabilities {
    /// What a version can do, for when there is nothing to ask (files alone, a node that is away).
    #[must_use]
    pub fn of_version(version: Option<PveVersion>) -> Self {
        let since = |first| version.is_some_and(|version| version >= first);
        Self {
            version,
            oci_images: since(PveVersion::WITH_OCI),
            entrypoint_env: since(PveVersion::WITH_OCI),
            host_managed_net: since(PveVersion::WITH_OCI),
            ha_rules: since(PveVersion::WITH_HA_RULES),
        }
    }
}

impl Client {
    /// What a node can do: three reads. They change with an upgrade alone, so ask when a version changed.
    ///
    /// # Errors
    /// [`PveError`] when the node cannot be asked; what a token may not see is no error.
    pub async fn capabilities(&self, node: &NodeName) -> Result<Capabilities, PveError> {
        let version = self.node_version(node).await?.number();
        let by_version = Capabilities::of_version(version);
        let oci_images = self.has_call(&format!("/nodes/{node}/query-oci-repo-tags")).await?;
        let ha_rules = self.has_call("/cluster/ha/rules").await?;
        Ok(Capabilities { oci_images, ha_rules, ..by_version })
    }

    /// The version of one node (`GET /nodes/{node}/version`, for every identity). [`Client::version`] is that of the
    /// node that answers.
    ///
    /// # Errors
    /// [`PveError::NodeUnreachable`] when the node is away.
    pub async fn node_version(&self, node: &NodeName) -> Result<Version, PveError> {
        let path = format!("/nodes/{node}/version");
        let row: Row = self.get(&path).await?;
        Version::from_row(Call { method: "GET", path: &path }, &row)
    }

    /// Whether PVE has a call: a refusal of our parameters or rights says so as well as an answer does.
    async fn has_call(&self, path: &str) -> Result<bool, PveError> {
        match self.get::<serde_json::Value>(path).await {
            Ok(_) | Err(PveError::Rejected { .. } | PveError::Forbidden { .. }) => Ok(true),
            Err(error) if error.is_not_implemented() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::server::{Server, failed, ok};
    use crate::tests::support::recorded;
    use proptest::prelude::*;

    fn version(text: &str) -> PveVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_and_ordered_as_pve_writes_them() {
        let table = [
            ("8.4.1", (8, 4, 1)),
            ("8.4.14-1", (8, 4, 14)),
            ("9.0.0~11", (9, 0, 0)),
            ("9.0.10", (9, 0, 10)),
            ("9.1", (9, 1, 0)),
            ("9.2.11", (9, 2, 11)),
            (" 10 ", (10, 0, 0)),
        ];
        for (text, (major, minor, patch)) in table {
            assert_eq!(version(text), PveVersion { major, minor, patch }, "{text}");
        }
        assert!(table.is_sorted_by_key(|(text, _)| version(text)));
        assert_eq!(version("9.2").to_string(), "9.2.0");
        for text in ["", "nine", "9.x", "-1", "v9.1"] {
            assert!(text.parse::<PveVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_decides_what_nothing_else_tells() {
        let of = |text: &str| Capabilities::of_version(Some(version(text)));
        let table = [("8.4.1", false, false), ("9.0.11", false, true), ("9.1.0", true, true), ("9.2.11", true, true)];
        for (text, oci, rules) in table {
            let can = of(text);
            let read = (can.oci_images, can.entrypoint_env, can.host_managed_net, can.ha_rules);
            assert_eq!(read, (oci, oci, oci, rules), "{text}");
        }
        assert!(!Capabilities::of_version(None).ha_rules);
    }

    /// A node of this version whose calls about images and rules answer so.
    async fn node(version: &'static str, images: u16, rules: u16) -> Server {
        Server::start(move |seen| {
            let about = |status: u16| if status == 200 { ok("[]") } else { failed(status, "x") };
            match seen.target.trim_start_matches("/api2/json") {
                "/nodes/pve1/version" => ok(&format!("{{\"version\":\"{version}\"}}")),
                "/nodes/pve1/query-oci-repo-tags" => about(images),
                "/cluster/ha/rules" => about(rules),
                other => panic!("{other} was not to be asked"),
            }
        })
        .await
    }

    #[tokio::test]
    async fn what_the_api_says_of_itself_goes_before_the_version() {
        let name: NodeName = "pve1".parse().unwrap();
        let table = [
            ("8.4.1", 501, 501, (false, false)),
            ("9.0.0~11", 501, 200, (false, true)),
            ("9.2.11", 400, 403, (true, true)),
            ("9.2.11", 403, 200, (true, true)),
            ("9.2.11", 501, 501, (false, false)),
        ];
        for (version, images, rules, want) in table {
            let server = node(version, images, rules).await;
            let can = server.client().capabilities(&name).await.unwrap();
            assert_eq!((can.oci_images, can.ha_rules), want, "{version} {images} {rules}");
            assert_eq!(can.version, version.parse().ok());
        }
        let strange = node("next", 400, 200).await.client().capabilities(&name).await.unwrap();
        assert_eq!((strange.version, strange.oci_images, strange.entrypoint_env), (None, true, false));
    }

    #[tokio::test]
    async fn a_failure_is_not_taken_for_a_missing_call() {
        let server = node("9.2.11", 500, 200).await;
        let error = server.client().capabilities(&"pve1".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), "unexpected");
    }

    #[test]
    fn a_missing_reference_and_a_missing_privilege_prove_that_the_call_is_there() {
        let kind = |name: &str| recorded(name).decode::<serde_json::Value>().unwrap_err().kind();
        assert_eq!(kind("oci:query-oci-repo-tags-no-reference"), "rejected");
        assert_eq!(kind("oci:query-oci-repo-tags-token"), "forbidden");
        assert!(recorded("http-errors:unknown-path").decode::<serde_json::Value>().unwrap_err().is_not_implemented());
    }

    #[test]
    fn an_option_that_this_pve_does_not_know_is_named() {
        let error = recorded("clone:clone-extra-param").decode::<serde_json::Value>().unwrap_err();
        assert_eq!(error.unknown_parameters().collect::<Vec<_>>(), ["memory"]);
        let error = recorded("clone:clone-bad-hostname").decode::<serde_json::Value>().unwrap_err();
        assert_eq!(error.unknown_parameters().count(), 0);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[0-9.~-]{0,20}") {
            let _ = text.parse::<PveVersion>();
        }

        #[test]
        fn a_version_round_trips(major: u32, minor: u32, patch: u32) {
            let version = PveVersion { major, minor, patch };
            prop_assert_eq!(version.to_string().parse(), Ok(version));
        }
    }
}
