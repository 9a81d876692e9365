//! VMIDs.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::str::FromStr;

/// The number of a guest, unique in a Proxmox VE cluster, virtual machines included: 100 to 999999999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Vmid(u32);

/// A number that is no VMID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a VMID: it must be a number from 100 to 999999999")]
pub struct InvalidVmid(String);

impl Vmid {
    /// The lowest.
    pub const MIN: u32 = 100;
    /// The highest.
    pub const MAX: u32 = 999_999_999;

    /// Checks the range.
    ///
    /// # Errors
    /// Below 100 (reserved by Proxmox VE) or above 999999999.
    pub fn new(number: u32) -> Result<Self, InvalidVmid> {
        if (Self::MIN..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(InvalidVmid(number.to_string())) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Vmid {
    type Err = InvalidVmid;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.and_then(|number| Self::new(number).ok()).ok_or_else(|| InvalidVmid(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Vmid {
    /// Proxmox VE writes a VMID as a number in one place and as a string in another.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Vmid;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a VMID")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vmid, E> {
                let number = u32::try_from(number).map_err(E::custom)?;
                Vmid::new(number).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vmid, E> {
                let number = u64::try_from(number).map_err(E::custom)?;
                self.visit_u64(number)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vmid, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A range of VMIDs, both ends in it: `400-499`, or a single `405`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmidRange {
    start: Vmid,
    end: Vmid,
}

/// A text that is no range of VMIDs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of VMIDs such as 400-499 or 405")]
pub struct InvalidVmidRange(String);

impl VmidRange {
    /// Whether it holds the VMID.
    #[must_use]
    pub fn contains(&self, vmid: Vmid) -> bool {
        (self.start..=self.end).contains(&vmid)
    }

    /// Its VMIDs in order.
    pub fn iter(&self) -> impl Iterator<Item = Vmid> + use<> {
        (self.start.0..=self.end.0).map(Vmid)
    }
}

impl fmt::Display for VmidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end { self.start.fmt(f) } else { write!(f, "{}-{}", self.start, self.end) }
    }
}

impl FromStr for VmidRange {
    type Err = InvalidVmidRange;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once('-').unwrap_or((text, text));
        match (start.trim().parse(), end.trim().parse()) {
            (Ok(start), Ok(end)) if start <= end => Ok(Self { start, end }),
            _ => Err(InvalidVmidRange(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vmid_lies_between_100_and_999999999() {
        for (text, good) in [("100", true), ("99", false), ("999999999", true), ("1000000000", false), ("+100", false)]
        {
            assert_eq!(text.parse::<Vmid>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_vmid_is_read_from_number_and_string() {
        for json in ["101", "\"101\""] {
            assert_eq!(serde_json::from_str::<Vmid>(json).unwrap().get(), 101);
        }
        assert!(serde_json::from_str::<Vmid>("50").is_err());
        assert!(serde_json::from_str::<Vmid>("-5").is_err());
    }

    #[test]
    fn a_range_holds_both_its_ends() {
        let range: VmidRange = "400-402".parse().unwrap();
        assert_eq!(range.iter().map(Vmid::get).collect::<Vec<_>>(), [400, 401, 402]);
        assert_eq!(range.to_string(), "400-402");
        assert_eq!("405".parse::<VmidRange>().unwrap().to_string(), "405");
        assert!("402-400".parse::<VmidRange>().is_err());
        assert!("a-b".parse::<VmidRange>().is_err());
    }
}
