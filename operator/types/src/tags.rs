//! Tags of a guest.

use std::collections::BTreeSet;
use std::fmt;

/// Tags as Proxmox VE keeps them: lower case, sorted, each once, separated by `;`. Without tags it may say `" "`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeSet<String>);

impl Tags {
    /// Reads tags separated by `;`, `,` or blanks. Every text has a reading.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split([';', ',', ' ', '\n', '\t']).collect()
    }

    /// Adds one; false where it was there.
    pub fn insert(&mut self, tag: &str) -> bool {
        let tag = tag.trim().to_ascii_lowercase();
        !tag.is_empty() && self.0.insert(tag)
    }

    /// Whether it has the tag.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        self.0.contains(tag)
    }
}

impl<'a> FromIterator<&'a str> for Tags {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tags: I) -> Self {
        let mut all = Self::default();
        for tag in tags {
            all.insert(tag);
        }
        all
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<&str> = self.0.iter().map(String::as_str).collect();
        f.write_str(&list.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_case_and_repetition_make_no_difference() {
        assert_eq!(Tags::parse("Web;prod;web").to_string(), "prod;web");
        assert_eq!(Tags::parse("a, b c"), Tags::parse("c;b;a"));
        assert_eq!(Tags::parse(" "), Tags::default());
    }

    proptest! {
        #[test]
        fn tags_round_trip(text in "\\PC*") {
            let tags = Tags::parse(&text);
            prop_assert_eq!(Tags::parse(&tags.to_string()), tags);
        }
    }
}
