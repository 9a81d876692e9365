//! Sets of addresses.

use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The address families that a guest has, as far as one can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

impl Families {
    /// Both.
    pub const BOTH: Self = Self { v4: true, v6: true };

    /// Whether a network is of one of them.
    #[must_use]
    pub const fn have(self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(_) => self.v4,
            IpNet::V6(_) => self.v6,
        }
    }
}

/// A set of addresses. No network lies in another of the same set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nets {
    /// Every address.
    Every,
    /// These.
    These(List),
}

/// Single addresses, and networks of more than one: apart, for most are single.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct List {
    hosts: BTreeSet<IpNet>,
    wide: Vec<IpNet>,
}

impl List {
    /// Of any networks; what lies in another is left out.
    #[must_use]
    pub fn new(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let (hosts, wide): (BTreeSet<IpNet>, BTreeSet<IpNet>) =
            nets.into_iter().map(|net| net.trunc()).partition(is_host);
        let outer = |net: &IpNet| !wide.iter().any(|other| other != net && other.contains(net));
        let wide: Vec<IpNet> = wide.iter().copied().filter(outer).collect();
        let hosts = hosts.into_iter().filter(|host| !wide.iter().any(|net| net.contains(host))).collect();
        Self { hosts, wide }
    }

    /// All of it, in order.
    #[must_use]
    pub fn nets(&self) -> BTreeSet<IpNet> {
        self.hosts.iter().chain(&self.wide).copied().collect()
    }

    /// Whether one of its networks contains this one.
    #[must_use]
    pub fn covers(&self, net: &IpNet) -> bool {
        self.hosts.contains(net) || self.wide.iter().any(|own| own.contains(net))
    }

    fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.hosts.iter().chain(&self.wide)
    }
}

fn is_host(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

impl Nets {
    /// Of any networks.
    #[must_use]
    pub fn these(nets: impl IntoIterator<Item = IpNet>) -> Self {
        Self::These(List::new(nets))
    }

    /// Of single addresses.
    #[must_use]
    pub fn hosts<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> Self {
        Self::these(addresses.into_iter().map(|address| IpNet::from(*address)))
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Every => false,
            Self::These(list) => list.hosts.is_empty() && list.wide.is_empty(),
        }
    }

    /// Those of it that a guest of these families can meet.
    #[must_use]
    pub fn of(&self, families: Families) -> Self {
        match self {
            Self::Every => Self::Every,
            Self::These(list) if families == Families::BOTH => Self::These(list.clone()),
            Self::These(list) => {
                let keep = |net: &&IpNet| families.have(net);
                Self::These(List {
                    hosts: list.hosts.iter().filter(keep).copied().collect(),
                    wide: list.wide.iter().filter(keep).copied().collect(),
                })
            }
        }
    }

    /// Its parts, each `None` for every address: what [`Nets::cover`] is asked of.
    pub fn parts(&self) -> impl Iterator<Item = Option<&IpNet>> {
        let (every, list) = match self {
            Self::Every => (Some(None), None),
            Self::These(list) => (None, Some(list.iter().map(Some))),
        };
        every.into_iter().chain(list.into_iter().flatten())
    }

    /// Whether a part lies in it whole, in one of its networks.
    #[must_use]
    pub fn cover(&self, part: Option<&IpNet>) -> bool {
        match (self, part) {
            (Self::Every, _) => true,
            (Self::These(_), None) => false,
            (Self::These(list), Some(net)) => list.covers(net),
        }
    }

    /// Whether any address is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every, other) => !other.is_empty(),
            (own, Self::Every) => !own.is_empty(),
            (Self::These(a), Self::These(b)) => a.iter().any(|net| b.covers(net)) || b.iter().any(|net| a.covers(net)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(text: &str) -> Nets {
        Nets::these(text.split(' ').filter(|one| !one.is_empty()).map(|one| one.parse().unwrap()))
    }

    #[test]
    fn what_lies_in_another_is_left_out() {
        assert_eq!(nets("10.0.0.0/8 10.1.0.0/16 10.0.0.1/32 fd00::/8 fd00::1/128"), nets("fd00::/8 10.0.0.0/8"));
        assert_eq!(nets("10.0.0.4/32 10.0.0.5/32"), nets("10.0.0.5/32 10.0.0.4/32"), "neighbours stay two");
    }

    #[test]
    fn coverage_and_overlap() {
        let cases = [
            ("10.0.0.0/8", "10.0.0.1/32", true, true),
            ("10.0.0.1/32", "10.0.0.0/8", false, true),
            ("10.0.0.1/32", "10.0.0.2/32", false, false),
            ("10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8", false, true),
            ("10.0.0.0/8", "fd00::1/128", false, false),
        ];
        for (own, other, covers, overlaps) in cases {
            assert_eq!(nets(other).parts().all(|part| nets(own).cover(part)), covers, "{own} covers {other}");
            assert_eq!(nets(own).overlaps(&nets(other)), overlaps, "{own} overlaps {other}");
            assert_eq!(nets(other).overlaps(&nets(own)), overlaps, "{other} overlaps {own}");
        }
        assert!(Nets::Every.cover(None) && !nets("10.0.0.0/8").cover(None) && !Nets::Every.overlaps(&nets("")));
    }
}
