//! Names of nodes, storages, bridges, hosts and snapshots, by Proxmox VE's own rules.

use crate::text::text_newtype;

/// A name that Proxmox VE would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {what}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn require(good: bool, what: &'static str, text: &str, rule: &'static str) -> Result<(), InvalidName> {
    if good { Ok(()) } else { Err(InvalidName { what, text: text.to_owned(), rule }) }
}

fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    !text.is_empty() && text.len() <= 63 && inner && !text.starts_with('-') && !text.ends_with('-')
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);
text_newtype!(NodeName, InvalidName);

impl NodeName {
    fn check(text: &str) -> Result<(), InvalidName> {
        require(is_label(text), "node name", text, "one DNS label")
    }
}

/// A storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageName(String);
text_newtype!(StorageName, InvalidName);

impl StorageName {
    fn check(text: &str) -> Result<(), InvalidName> {
        let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let last = text.ends_with(|c: char| c.is_ascii_alphanumeric());
        let good = (2..=100).contains(&text.len()) && inner && first && last;
        require(good, "storage name", text, "2 to 100 letters, digits, - _ and ., a letter first")
    }
}

/// A bridge (or vnet) of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeName(String);
text_newtype!(BridgeName, InvalidName);

impl BridgeName {
    fn check(text: &str) -> Result<(), InvalidName> {
        let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        require((1..=15).contains(&text.len()) && inner, "bridge name", text, "1 to 15 letters, digits, - _ and .")
    }
}

/// The host name of a guest: one or more DNS labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(String);
text_newtype!(Hostname, InvalidName);

impl Hostname {
    fn check(text: &str) -> Result<(), InvalidName> {
        let good = text.len() <= 253 && text.split('.').all(is_label);
        require(good, "host name", text, "DNS labels of letters, digits and -, separated by dots")
    }
}

/// A snapshot of a guest. PVE calls the guest itself `current`, and a guest that runs on may not be named so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName(String);
text_newtype!(SnapshotName, InvalidName);

impl SnapshotName {
    fn check(text: &str) -> Result<(), InvalidName> {
        let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let good = (2..=40).contains(&text.len()) && inner && first && text != "current";
        require(good, "snapshot name", text, "2 to 40 letters, digits, - and _, a letter first, and not current")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_proxmox_ve() {
        assert!(NodeName::new("pve1").is_ok() && NodeName::new("../etc").is_err() && NodeName::new("").is_err());
        assert!(
            StorageName::new("local-zfs").is_ok() && StorageName::new("1x").is_err() && StorageName::new("a").is_err()
        );
        assert!(BridgeName::new("vmbr0").is_ok() && BridgeName::new("a,b").is_err());
        assert!(
            Hostname::new("web.example.test").is_ok() && Hostname::new("a_b").is_err() && Hostname::new("-a").is_err()
        );
        for (name, good) in [("before-1_x", true), ("current", false), ("1a", false), ("a", false), ("a/b", false)] {
            assert_eq!(SnapshotName::new(name).is_ok(), good, "{name}");
        }
        assert!(SnapshotName::new("a".repeat(40)).is_ok() && SnapshotName::new("a".repeat(41)).is_err());
    }
}
