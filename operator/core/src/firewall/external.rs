//! What is outside the estate: the matrix's Internet.

use ipnet::IpNet;

/// The addresses outside of `networks`, of both families, as the fewest networks, none with prefix 0, which no IP set of
/// PVE takes. Link-local IPv6 addresses (`fe80::/10`) are never outside: they exist on the guests' own bridge alone, and
/// each guest there has one, whatever the networks say.
#[must_use]
pub fn complement(networks: &[IpNet]) -> Vec<IpNet> {
    let own: Vec<IpNet> = networks.iter().copied().chain(LINK_LOCAL.parse().ok()).collect();
    let mut outside = Vec::new();
    for half in HALVES {
        if let Ok(half) = half.parse() {
            without(half, &own, &mut outside);
        }
    }
    outside.sort_unstable();
    outside
}

const LINK_LOCAL: &str = "fe80::/10";
const HALVES: [&str; 4] = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"];

fn without(net: IpNet, own: &[IpNet], outside: &mut Vec<IpNet>) {
    if own.iter().any(|other| other.contains(&net)) {
        return;
    }
    let inside: Vec<IpNet> = own.iter().copied().filter(|other| net.contains(other)).collect();
    match net.subnets(net.prefix_len() + 1) {
        Ok(halves) if !inside.is_empty() => halves.for_each(|half| without(half, &inside, outside)),
        _ => outside.push(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn outside(networks: &str) -> Vec<String> {
        let networks: Vec<IpNet> =
            networks.split(' ').filter(|one| !one.is_empty()).map(|n| n.parse().unwrap()).collect();
        complement(&networks).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_nothing_it_is_everything_in_halves_but_link_local() {
        let all = outside("");
        assert_eq!(all[..2], ["0.0.0.0/1", "128.0.0.0/1"]);
        assert!(all.contains(&"::/1".to_owned()) && !all.iter().any(|net| net.ends_with("/0")), "{all:?}");
    }

    #[test]
    fn the_halves_of_a_network_are_cut_as_little_as_possible() {
        let v4: Vec<String> = outside("10.0.0.0/8 2000::/3").into_iter().filter(|net| !net.contains(':')).collect();
        assert_eq!(
            v4,
            [
                "0.0.0.0/5",
                "8.0.0.0/7",
                "11.0.0.0/8",
                "12.0.0.0/6",
                "16.0.0.0/4",
                "32.0.0.0/3",
                "64.0.0.0/2",
                "128.0.0.0/1"
            ]
        );
    }

    #[test]
    fn an_address_is_either_inside_or_outside() {
        let networks: Vec<IpNet> =
            ["10.10.0.0/16", "10.10.40.0/24", "192.168.0.0/16", "fd00::/8", "0.0.0.0/32", "ffff::/16"]
                .map(|net| net.parse().unwrap())
                .to_vec();
        let outside = complement(&networks);
        let addresses = [
            "10.10.40.1",
            "10.10.0.0",
            "10.10.255.255",
            "10.11.0.0",
            "10.9.255.255",
            "8.8.8.8",
            "0.0.0.0",
            "0.0.0.1",
            "255.255.255.255",
            "192.167.255.255",
            "192.168.1.1",
            "fd00::1",
            "fc00::1",
            "2001:db8::1",
            "::1",
            "ffff::1",
            "fffe::1",
        ];
        for text in addresses {
            let address: IpAddr = text.parse().unwrap();
            let inside = networks.iter().any(|net| net.contains(&address));
            let found = outside.iter().filter(|net| net.contains(&address)).count();
            assert_eq!(found, usize::from(!inside), "{text}");
        }
        assert!(!outside.iter().any(|net| net.contains(&"fe80::1".parse::<IpAddr>().unwrap())));
    }
}
