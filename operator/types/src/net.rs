//! Addresses.

use crate::text::text_newtype;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host's address with the prefix of its network, `10.10.40.0/16`. Only the network and the broadcast address of its
/// own prefix are refused: a host may end in .0 or .255 inside a wider network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostCidr(IpNet);

/// A text that is no host address with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostCidr {
    /// It cannot be read.
    #[error("{0:?} is not an address with a prefix, such as 10.10.40.4/16")]
    Syntax(String),
    /// It names the network.
    #[error("{0} is the network address of {1}, not a host's")]
    Network(String, IpNet),
    /// It names the broadcast address.
    #[error("{0} is the broadcast address of {1}, not a host's")]
    Broadcast(String, IpNet),
}

impl HostCidr {
    /// The address.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        self.0.addr()
    }

    /// The length of the prefix, in bits.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> IpNet {
        self.0.trunc()
    }
}

impl fmt::Display for HostCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HostCidr {
    type Err = InvalidHostCidr;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let net: IpNet = text.parse().map_err(|_| InvalidHostCidr::Syntax(text.to_owned()))?;
        // Point-to-point and single-host prefixes have neither (RFC 3021, RFC 6164).
        let narrow = net.prefix_len() + 1 >= net.max_prefix_len();
        if !narrow && net.addr() == net.network() {
            return Err(InvalidHostCidr::Network(text.to_owned(), net.trunc()));
        }
        if !narrow && net.addr().is_ipv4() && net.addr() == net.broadcast() {
            return Err(InvalidHostCidr::Broadcast(text.to_owned(), net.trunc()));
        }
        Ok(Self(net))
    }
}

/// A unicast MAC address, in capitals with colons as Proxmox VE writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr(String);

/// A text that is no unicast MAC address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a unicast MAC address such as BC:24:11:00:00:01")]
pub struct InvalidMac(String);

text_newtype!(MacAddr, InvalidMac);

impl MacAddr {
    fn check(text: &str) -> Result<(), InvalidMac> {
        let parts: Vec<Option<u8>> = text
            .split(':')
            .map(|part| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten())
            .collect();
        let unicast = matches!(parts.as_slice(), [Some(first), rest @ ..]
            if first & 1 == 0 && rest.len() == 5 && rest.iter().all(Option::is_some));
        let hex = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        if unicast && hex { Ok(()) } else { Err(InvalidMac(text.to_owned())) }
    }

    /// In capitals.
    #[must_use]
    pub fn to_pve(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_prefix_decides_what_is_a_host() {
        let cases = [
            ("10.10.40.0/16", true),
            ("10.10.41.255/16", true),
            ("10.10.40.0/24", false),
            ("10.10.255.255/16", false),
            ("10.0.0.0/31", true),
            ("10.0.0.1/32", true),
            ("fd00::/64", false),
            ("fd00::4/64", true),
            ("fd00::/127", true),
            ("10.10.40.4", false),
            ("x/16", false),
        ];
        for (text, good) in cases {
            assert_eq!(text.parse::<HostCidr>().is_ok(), good, "{text}");
        }
        let error = "10.10.40.0/24".parse::<HostCidr>().unwrap_err().to_string();
        assert_eq!(error, "10.10.40.0/24 is the network address of 10.10.40.0/24, not a host's");
    }

    #[test]
    fn a_mac_address_is_unicast_and_written_in_capitals() {
        assert_eq!(MacAddr::new("bc:24:11:00:00:01").unwrap().to_pve(), "BC:24:11:00:00:01");
        for text in ["01:00:00:00:00:00", "BC:24:11:00:00", "BC-24-11-00-00-01", "", "+c:24:11:00:00:01"] {
            assert!(MacAddr::new(text).is_err(), "{text}");
        }
    }
}
