//! Sets of ports of one protocol.

use super::guest::{MOST_IN_LIST, PortRange};
use std::collections::BTreeMap;
use zentoria_api::firewall::Protocol;

/// Ports of one protocol: disjoint, not adjacent, ascending. A protocol without ports has [`Ports::whole`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports(Vec<PortRange>);

/// Ports by protocol, none of them empty.
pub type Services = BTreeMap<Protocol, Ports>;

impl Ports {
    /// The whole of a protocol: what a protocol without ports has.
    #[must_use]
    pub fn whole() -> Self {
        Self(vec![PortRange { first: 0, last: u16::MAX }])
    }

    /// The ranges in their order.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a range in; it melts with those that it touches.
    pub fn insert(&mut self, range: PortRange) {
        let touches = |other: &PortRange| {
            other.first <= range.last.saturating_add(1) && range.first <= other.last.saturating_add(1)
        };
        let (touched, mut rest): (Vec<PortRange>, Vec<PortRange>) = self.0.iter().partition(|other| touches(other));
        let first = touched.iter().map(|other| other.first).min().unwrap_or(range.first).min(range.first);
        let last = touched.iter().map(|other| other.last).max().unwrap_or(range.last).max(range.last);
        rest.push(PortRange { first, last });
        rest.sort_unstable();
        self.0 = rest;
    }

    /// Whether each port of the range is in it.
    #[must_use]
    pub fn covers(&self, range: PortRange) -> bool {
        self.0.iter().any(|own| own.first <= range.first && range.last <= own.last)
    }

    /// The ports that are in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b)));
        let both = pairs.map(|(a, b)| PortRange { first: a.first.max(b.first), last: a.last.min(b.last) });
        both.filter(|range| range.first <= range.last).collect()
    }

    /// Whether any port is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|a| other.0.iter().any(|b| a.first <= b.last && b.first <= a.last))
    }

    /// The ports that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let cut =
            |left: Vec<PortRange>, hole: &PortRange| left.into_iter().flat_map(|own| around(own, *hole)).collect();
        Self(other.0.iter().fold(self.0.clone(), cut))
    }

    /// In lists that one rule of PVE takes: a range counts as two.
    #[must_use]
    pub fn lists(&self) -> Vec<Vec<PortRange>> {
        let mut lists: Vec<(usize, Vec<PortRange>)> = Vec::new();
        for range in &self.0 {
            let weight = if range.first == range.last { 1 } else { 2 };
            match lists.last_mut() {
                Some((sum, list)) if *sum + weight <= MOST_IN_LIST => {
                    *sum += weight;
                    list.push(*range);
                }
                _ => lists.push((weight, vec![*range])),
            }
        }
        lists.into_iter().map(|(_, list)| list).collect()
    }
}

impl FromIterator<PortRange> for Ports {
    fn from_iter<I: IntoIterator<Item = PortRange>>(ranges: I) -> Self {
        let mut ports = Self::default();
        ranges.into_iter().for_each(|range| ports.insert(range));
        ports
    }
}

/// What is left of a range beside a hole.
fn around(own: PortRange, hole: PortRange) -> impl Iterator<Item = PortRange> {
    let apart = hole.last < own.first || own.last < hole.first;
    let low = (own.first < hole.first).then(|| PortRange { first: own.first, last: hole.first.saturating_sub(1) });
    let high = (hole.last < own.last).then(|| PortRange { first: hole.last.saturating_add(1), last: own.last });
    let (low, high) = if apart { (Some(own), None) } else { (low, high) };
    low.into_iter().chain(high)
}

/// Whether a protocol has ports.
#[must_use]
pub const fn has_ports(protocol: Protocol) -> bool {
    match protocol {
        Protocol::TCP | Protocol::UDP | Protocol::SCTP => true,
        Protocol::ICMP | Protocol::ICMPv6 => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Ports {
        let range = |one: &str| {
            let (first, last) = one.split_once('-').unwrap_or((one, one));
            PortRange { first: first.parse().unwrap(), last: last.parse().unwrap() }
        };
        text.split(' ').filter(|one| !one.is_empty()).map(range).collect()
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let cases = [
            ("80 81", "80-81"),
            ("81 80 82-90", "80-90"),
            ("10-20 15-30", "10-30"),
            ("65535 65534", "65534-65535"),
            ("1 3", "1 3"),
            ("1 3 2", "1-3"),
            ("5-5 5", "5"),
        ];
        for (given, wanted) in cases {
            assert_eq!(ports(given), ports(wanted), "{given}");
        }
    }

    #[test]
    fn what_is_left_and_what_is_common() {
        let cases = [
            ("10-20", "12-14", "10-11 15-20", "12-14"),
            ("10-20", "1-10 20-30", "11-19", "10 20"),
            ("80", "80", "", "80"),
            ("80 443", "81", "80 443", ""),
            ("0-65535", "22", "0-21 23-65535", "22"),
        ];
        for (own, other, left, common) in cases {
            assert_eq!(ports(own).without(&ports(other)), ports(left), "{own} without {other}");
            assert_eq!(ports(own).common(&ports(other)), ports(common), "{own} and {other}");
            assert_eq!(ports(own).overlaps(&ports(other)), !common.is_empty(), "{own} and {other}");
        }
    }

    #[test]
    fn a_list_holds_fifteen_numbers_and_a_range_is_two_of_them() {
        let single: Ports = (0..16).map(|n| PortRange { first: n * 2 + 1, last: n * 2 + 1 }).collect();
        assert_eq!(single.lists().iter().map(Vec::len).collect::<Vec<_>>(), [15, 1]);
        let ranges: Ports = (0..8).map(|n| PortRange { first: n * 10 + 1, last: n * 10 + 2 }).collect();
        assert_eq!(ranges.lists().iter().map(Vec::len).collect::<Vec<_>>(), [7, 1]);
    }
}
