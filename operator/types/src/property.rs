//! Property strings: `name=eth0,bridge=vmbr0`, Proxmox VE's form for options with parts.

use std::fmt;

/// Key and value pairs in order. One part, the first usually, may have no key (`local-zfs:8,mountopt=discard`).
/// Everything is kept: unknown keys, their order, empty values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyString {
    parts: Vec<(Option<String>, String)>,
}

/// A text that is no property string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a property string: {why}")]
pub struct InvalidProperty {
    text: String,
    why: &'static str,
}

impl PropertyString {
    /// Reads one. The empty text is the empty property string.
    ///
    /// # Errors
    /// An empty part (`a=1,,b=2`), an empty key (`=1`), or a key twice.
    pub fn parse(text: &str) -> Result<Self, InvalidProperty> {
        let error = |why| InvalidProperty { text: text.to_owned(), why };
        let mut parts: Vec<(Option<String>, String)> = Vec::new();
        if text.is_empty() {
            return Ok(Self { parts });
        }
        for part in text.split(',') {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (Some(key.to_owned()), value.to_owned()),
                None => (None, part.to_owned()),
            };
            if part.is_empty() {
                return Err(error("a part is empty"));
            }
            if key.as_deref() == Some("") {
                return Err(error("a key is empty"));
            }
            if parts.iter().any(|(seen, _)| *seen == key) {
                return Err(error("a key stands twice"));
            }
            parts.push((key, value));
        }
        Ok(Self { parts })
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parts.iter().find(|(have, _)| have.as_deref() == Some(key)).map(|(_, value)| value.as_str())
    }

    /// The part without a key.
    #[must_use]
    pub fn keyless(&self) -> Option<&str> {
        self.parts.iter().find(|(key, _)| key.is_none()).map(|(_, value)| value.as_str())
    }

    /// Sets a key, in its place where it is there, else at the end.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.parts.iter_mut().find(|(have, _)| have.as_deref() == Some(key)) {
            Some((_, have)) => value.clone_into(have),
            None => self.parts.push((Some(key.to_owned()), value.to_owned())),
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.parts.retain(|(have, _)| have.as_deref() != Some(key));
    }

    /// Whether both say the same, in whatever order: Proxmox VE gives keys back in its own.
    #[must_use]
    pub fn says_same(&self, other: &Self) -> bool {
        let sorted = |parts: &[(Option<String>, String)]| {
            let mut parts = parts.to_vec();
            parts.sort();
            parts
        };
        sorted(&self.parts) == sorted(&other.parts)
    }
}

impl fmt::Display for PropertyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match key {
                Some(key) => write!(f, "{key}={value}")?,
                None => f.write_str(value)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn recorded_property_strings_round_trip_to_the_byte() {
        let recorded = [
            "name=eth0,bridge=vmbr0,firewall=1,gw=10.10.40.1,hwaddr=BC:24:11:05:04:62,ip=10.10.40.102/22,type=veth",
            "local-dir:102/vm-102-disk-0.raw,size=256M",
            "local-zfs:subvol-400-disk-0,mountoptions=noatime;discard,size=40G",
            "nesting=1",
            "nesting=1,keyctl=1,mount=nfs;cifs",
            "order=2,up=10,down=20",
            "2",
            "",
        ];
        for text in recorded {
            assert_eq!(PropertyString::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_key_is_changed_in_its_place_and_the_rest_stays() {
        let mut net = PropertyString::parse("name=eth0,bridge=vmbr0,future=x,ip=dhcp").unwrap();
        net.set("bridge", "vmbr1");
        net.set("tag", "5");
        net.remove("ip");
        assert_eq!(net.to_string(), "name=eth0,bridge=vmbr1,future=x,tag=5");
        assert_eq!(net.get("future"), Some("x"));
    }

    #[test]
    fn order_makes_no_difference_to_what_it_says() {
        let parse = |text| PropertyString::parse(text).unwrap();
        assert!(parse("a=1,b=2").says_same(&parse("b=2,a=1")));
        assert!(!parse("a=1").says_same(&parse("a=2")));
        assert_eq!(parse("fast:8,size=8G").keyless(), Some("fast:8"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["a=1,,b=2", "=1", "a=1,a=2", ","] {
            assert!(PropertyString::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(text in "[ -~]{0,60}") {
            if let Ok(parsed) = PropertyString::parse(&text) {
                prop_assert_eq!(parsed.to_string(), text);
            }
        }
    }
}
