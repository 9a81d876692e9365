//! Claims: two containers cannot have the same VMID, address or host name. Who holds the guest wins, else the older.

use super::want::Key;
use std::fmt;
use std::net::IpAddr;
use zentoria_types::vmid::Vmid;

/// What one container claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose claim it is.
    pub key: Key,
    /// The ProxmoxCluster.
    pub cluster: String,
    /// The VMID that it has or asks for.
    pub vmid: Option<Vmid>,
    /// Static addresses, and those that the guest sets up itself.
    pub addresses: Vec<Address>,
    /// Host name, in lower case.
    pub hostname: String,
    /// Whether it holds a guest already (its status says so).
    pub holds: bool,
    /// When it was created, in seconds of the Unix epoch, then its uid: the older wins, and no two are equal.
    pub age: (i64, String),
}

/// An address where it is: the same one in another VLAN, or on another bridge, is another address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Bridge or vnet.
    pub bridge: String,
    /// VLAN tag.
    pub vlan: Option<u32>,
    /// The address.
    pub address: IpAddr,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {} on {}", self.address, self.bridge)?;
        self.vlan.map_or(Ok(()), |tag| write!(f, " VLAN {tag}"))
    }
}

impl Claim {
    fn wins_over(&self, other: &Self) -> bool {
        (!self.holds, &self.age) < (!other.holds, &other.age)
    }
}

/// The first of `others` that claims the same and wins, with what it is about.
#[must_use]
pub fn conflict<'a>(mine: &Claim, others: impl IntoIterator<Item = &'a Claim>) -> Option<String> {
    others.into_iter().filter(|other| other.key != mine.key && other.cluster == mine.cluster).find_map(|other| {
        let about = clash(mine, other)?;
        other.wins_over(mine).then(|| format!("{about} is claimed by {} already", other.key))
    })
}

fn clash(mine: &Claim, other: &Claim) -> Option<String> {
    if let Some(vmid) = mine.vmid.filter(|vmid| other.vmid == Some(*vmid)) {
        return Some(format!("vmid {vmid}"));
    }
    if let Some(address) = mine.addresses.iter().find(|address| other.addresses.contains(address)) {
        return Some(address.to_string());
    }
    let same_estate = mine.key.namespace == other.key.namespace;
    (same_estate && mine.hostname == other.hostname).then(|| format!("hostname {}", mine.hostname))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, vmid: u32, ip: &str, host: &str, holds: bool, age: i64) -> Claim {
        Claim {
            key: Key { namespace: "ns".into(), name: name.into() },
            cluster: "pve".into(),
            vmid: Some(Vmid::new(vmid).unwrap()),
            addresses: vec![Address { bridge: "vmbr0".into(), vlan: None, address: ip.parse().unwrap() }],
            hostname: host.into(),
            holds,
            age: (age, name.into()),
        }
    }

    #[test]
    fn who_holds_the_guest_wins_else_the_older() {
        let old = claim("old", 400, "10.0.0.1", "a", false, 1);
        let young = claim("young", 400, "10.0.0.2", "b", false, 2);
        assert_eq!(conflict(&old, [&young]), None);
        assert_eq!(conflict(&young, [&old]).unwrap(), "vmid 400 is claimed by ns/old already");
        let holder = Claim { holds: true, ..young };
        assert_eq!(conflict(&holder, [&old]), None);
        assert!(conflict(&old, [&holder]).is_some());
    }

    #[test]
    fn addresses_and_host_names_clash_too_but_not_across_clusters() {
        let first = claim("a", 400, "10.0.0.1", "a", false, 1);
        let same_ip = claim("b", 401, "10.0.0.1", "b", false, 2);
        let same_host = claim("c", 402, "10.0.0.3", "a", false, 2);
        assert!(conflict(&same_ip, [&first]).unwrap().starts_with("address 10.0.0.1 on vmbr0"));
        assert!(conflict(&same_host, [&first]).unwrap().starts_with("hostname a"));
        let elsewhere = Claim { cluster: "other".into(), ..same_ip };
        assert_eq!(conflict(&elsewhere, [&first]), None);
    }

    #[test]
    fn an_address_is_claimed_in_its_vlan_alone() {
        let tagged = |name: &str, vmid, tag| {
            let mut claim = claim(name, vmid, "10.0.0.1", name, false, i64::from(vmid));
            claim.addresses[0].vlan = Some(tag);
            claim
        };
        let first = tagged("a", 400, 20);
        assert_eq!(conflict(&tagged("b", 401, 30), [&first]), None);
        assert_eq!(conflict(&claim("c", 402, "10.0.0.1", "c", false, 402), [&first]), None);
        let same = conflict(&tagged("d", 403, 20), [&first]).unwrap();
        assert_eq!(same, "address 10.0.0.1 on vmbr0 VLAN 20 is claimed by ns/a already");
    }

    #[test]
    fn exactly_one_of_two_equal_claims_wins() {
        let a = claim("a", 400, "10.0.0.1", "x", false, 1);
        let b = claim("b", 400, "10.0.0.1", "x", false, 1);
        assert!(conflict(&a, [&b]).is_some() != conflict(&b, [&a]).is_some());
    }
}
