//! Words that several forms of the answer share.

use std::net::IpAddr;

/// Text that came from a user, for a terminal: control characters would move the cursor.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// An owner of rules for people: `rule zentoria/backend-to-db`, `derived: control-plane`.
#[must_use]
pub fn firewall_of(owner: &str) -> String {
    match owner.strip_prefix("derived/") {
        Some(cause) => format!("derived: {cause}"),
        None => format!("rule {owner}"),
    }
}

/// An owner for a column: without its namespace where that is the guest's own; derived ones in brackets.
#[must_use]
pub fn owner_short(owner: &str, namespace: &str) -> String {
    match (owner.strip_prefix("derived/"), owner.split_once('/')) {
        (Some(cause), _) => format!("({cause})"),
        (None, Some((of, name))) if of == namespace => name.to_owned(),
        (None, _) => owner.to_owned(),
    }
}

/// Addresses, joined.
#[must_use]
pub fn addresses<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> String {
    addresses.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_rules_or_derived() {
        assert_eq!(firewall_of("zentoria/a"), "rule zentoria/a");
        assert_eq!(firewall_of("derived/control-plane"), "derived: control-plane");
        assert_eq!(owner_short("zentoria/a", "zentoria"), "a");
        assert_eq!(owner_short("shop/a", "zentoria"), "shop/a");
        assert_eq!(owner_short("derived/control-plane", "zentoria"), "(control-plane)");
    }

    #[test]
    fn no_text_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a?[2Jb?");
    }
}
