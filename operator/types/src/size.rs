//! Sizes in bytes, as Kubernetes and as Proxmox VE write them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size")]
pub struct InvalidSize(String);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

impl Bytes {
    /// Mebibytes.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// Reads a Kubernetes quantity of whole bytes: `16Gi`, `512Mi`, `1G`, `4096`.
    ///
    /// # Errors
    /// For what is not a whole, non-negative number with a unit of Kubernetes.
    pub fn parse_quantity(text: &str) -> Result<Self, InvalidSize> {
        const UNITS: [(&str, u64); 9] = [
            ("Ki", KIB),
            ("Mi", MIB),
            ("Gi", GIB),
            ("Ti", TIB),
            ("k", 1_000),
            ("M", 1_000_000),
            ("G", 1_000_000_000),
            ("T", 1_000_000_000_000),
            ("", 1),
        ];
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let number = number.parse::<u64>().ok();
        match (number, factor) {
            (Some(number), Some(factor)) => {
                number.checked_mul(factor).map(Self).ok_or_else(|| InvalidSize(text.to_owned()))
            }
            _ => Err(InvalidSize(text.to_owned())),
        }
    }

    /// Reads a disk size of Proxmox VE: `40G`, `256M`, `0.5G`, or plain bytes. Its units are powers of 1024.
    ///
    /// # Errors
    /// For what is not a non-negative number with one of K, M, G, T.
    pub fn parse_pve(text: &str) -> Result<Self, InvalidSize> {
        let error = || InvalidSize(text.to_owned());
        let (number, factor) = match text.as_bytes().last() {
            Some(b'K') => (&text[..text.len() - 1], KIB),
            Some(b'M') => (&text[..text.len() - 1], MIB),
            Some(b'G') => (&text[..text.len() - 1], GIB),
            Some(b'T') => (&text[..text.len() - 1], TIB),
            Some(_) => (text, 1),
            None => return Err(error()),
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(error);
        }
        let decimal = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value = number.parse::<f64>().ok().filter(|_| decimal).ok_or_else(error)?;
        let bytes = (value * factor as f64).round();
        if bytes < 1.8e19 { Ok(Self(bytes as u64)) } else { Err(error()) }
    }

    /// As Proxmox VE writes a disk size: the largest unit that divides it.
    #[must_use]
    pub fn to_pve(self) -> String {
        self.with_unit([(TIB, "T"), (GIB, "G"), (MIB, "M"), (KIB, "K")])
    }

    /// Whole MiB, where it is that.
    #[must_use]
    pub const fn as_mib_exact(self) -> Option<u64> {
        if self.0.is_multiple_of(MIB) { Some(self.0 / MIB) } else { None }
    }

    /// Whole GiB, where it is that.
    #[must_use]
    pub const fn as_gib_exact(self) -> Option<u64> {
        if self.0.is_multiple_of(GIB) { Some(self.0 / GIB) } else { None }
    }

    /// Cut to a tenth of its unit, for people: `1.4 GiB`.
    #[must_use]
    pub fn rounded(self) -> String {
        let units = [(1024 * TIB, "PiB"), (TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
        match units.into_iter().find(|(scale, _)| self.0 >= *scale) {
            None => format!("{} B", self.0),
            Some((scale, unit)) => {
                let tenths = u128::from(self.0) * 10 / u128::from(scale);
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            }
        }
    }

    fn with_unit(self, units: [(u64, &str); 4]) -> String {
        let found = units.iter().find(|(size, _)| self.0 > 0 && self.0.is_multiple_of(*size));
        found.map_or_else(|| self.0.to_string(), |(size, name)| format!("{}{name}", self.0 / size))
    }
}

impl fmt::Display for Bytes {
    /// As a Kubernetes quantity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_unit([(TIB, "Ti"), (GIB, "Gi"), (MIB, "Mi"), (KIB, "Ki")]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_of_kubernetes() {
        let cases = [("16Gi", Some(16 * GIB)), ("512Mi", Some(512 * MIB)), ("1G", Some(1_000_000_000)), ("7", Some(7))];
        let bad = ["", "Gi", "-1Gi", "1.5Gi", "1X", "99999999999999999999", "20000000Ti"].map(|text| (text, None));
        for (text, bytes) in cases.into_iter().chain(bad) {
            assert_eq!(Bytes::parse_quantity(text).ok().map(|b| b.0), bytes, "{text}");
        }
    }

    #[test]
    fn disk_sizes_of_proxmox_ve() {
        for (text, bytes) in [("40G", 40 * GIB), ("256M", 256 * MIB), ("0.5G", 512 * MIB), ("1T", TIB), ("4096", 4096)]
        {
            assert_eq!(Bytes::parse_pve(text).unwrap().0, bytes, "{text}");
        }
        for text in ["", "G", "-1G", "1e3G", "infG", "x"] {
            assert!(Bytes::parse_pve(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_writings_round_trip(bytes in 0..u64::MAX) {
            let size = Bytes(bytes);
            prop_assert_eq!(Bytes::parse_quantity(&size.to_string()).unwrap(), size);
            prop_assert_eq!(Bytes::parse_pve(&size.to_pve()).unwrap(), size);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = Bytes::parse_quantity(&text);
            let _ = Bytes::parse_pve(&text);
        }
    }
}
