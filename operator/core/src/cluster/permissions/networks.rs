//! `SDN.Use`, which every interface needs.
//!
//! Proxmox VE asks for it on `/sdn/zones/{zone}/{bridge}`, or, of an interface in VLANs, on each
//! `/sdn/zones/{zone}/{bridge}/{tag}` in its place. A bridge of a node is in zone `localnetwork`; a virtual network has a
//! zone of its own. What is granted on a bridge is passed on to its VLANs.

use super::super::access::vlans;
use super::{Permissions, holds};
use crate::container::want::Interface;
use std::collections::BTreeMap;
use zentoria_api::cluster::Allow;

/// The zone of each virtual network, as far as it may be seen (`SDN.Audit`).
pub type Zones = BTreeMap<String, String>;

const PRIVILEGE: &str = "SDN.Use";

fn path_of(bridge: &str, held: &Permissions, zones: &Zones) -> String {
    // A virtual network that may be used and not be seen is still named by a path of ours.
    let granted = || held.keys().find(|path| path.starts_with("/sdn/zones/") && path.ends_with(&format!("/{bridge}")));
    match zones.get(bridge) {
        Some(zone) => format!("/sdn/zones/{zone}/{bridge}"),
        None => granted().cloned().unwrap_or_else(|| format!("/sdn/zones/localnetwork/{bridge}")),
    }
}

/// What the interfaces of a new guest need and the credentials do not hold.
pub(super) fn missing_for_interfaces(interfaces: &[Interface], held: &Permissions, zones: &Zones) -> Vec<String> {
    let mut missing = Vec::new();
    for interface in interfaces {
        let Some(bridge) = interface.bridge() else { continue };
        let bridge = path_of(bridge, held, zones);
        let tags = interface.vlans.iter().map(|tag| format!("{bridge}/{tag}"));
        let paths: Vec<String> = if interface.vlans.is_empty() { vec![bridge.clone()] } else { tags.collect() };
        missing.extend(paths.into_iter().filter(|path| !holds(held, path, PRIVILEGE)));
    }
    missing.into_iter().map(|path| format!("{path}: {PRIVILEGE}")).collect()
}

/// What is missing of what one entry of `access` allows. Who grants single VLANs of a bridge is asked for the others
/// alone; an interface without a tag is then told when it comes.
pub(super) fn missing(allow: &Allow, held: &Permissions, zones: &Zones) -> Vec<String> {
    let tags: Vec<(u32, u32)> = allow.vlans.iter().filter_map(|range| vlans(range).ok()).collect();
    let mut missing = Vec::new();
    for bridge in &allow.bridges {
        let path = path_of(bridge, held, zones);
        let all: Vec<u32> = tags.iter().flat_map(|(first, last)| *first..=*last).collect();
        let lacks = |tag: &u32| !holds(held, &format!("{path}/{tag}"), PRIVILEGE);
        let without: Vec<u32> = all.iter().copied().filter(lacks).collect();
        if without.len() == all.len() && !holds(held, &path, PRIVILEGE) {
            missing.push(format!("{path}: {PRIVILEGE}"));
        } else {
            missing.extend(runs(&without).into_iter().map(|run| format!("{path}/{run}: {PRIVILEGE}")));
        }
    }
    missing
}

/// `100-199` for a hundred tags.
fn runs(tags: &[u32]) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for tag in tags {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *tag => *last = *tag,
            Some(_) | None => runs.push((*tag, *tag)),
        }
    }
    runs.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::want::Keys;
    use zentoria_api::cluster::VlanRangeField;

    fn held(list: &[(&str, bool)]) -> Permissions {
        let set = |has: bool| if has { [PRIVILEGE.to_owned()].into() } else { Default::default() };
        list.iter().map(|(path, has)| ((*path).to_owned(), set(*has))).collect()
    }

    fn allow(vlans: &[&str]) -> Allow {
        Allow {
            bridges: vec!["vmbr0".into(), "tenants".into()],
            vlans: vlans.iter().map(|range| VlanRangeField((*range).into())).collect(),
            ..Allow::default()
        }
    }

    #[test]
    fn what_is_missing_is_named_by_bridge_or_by_vlan() {
        type Case = (&'static [&'static str], &'static [(&'static str, bool)], &'static [&'static str]);
        const ONE: (&str, bool) = ("/sdn/zones/blue", true);
        const ALL: (&str, bool) = ("/sdn/zones", true);
        let cases: [Case; 7] = [
            (&[], &[ALL], &[]),
            (&["10-12"], &[ALL], &[]),
            (&[], &[ONE], &["/sdn/zones/localnetwork/vmbr0: SDN.Use"]),
            (&["10-12"], &[ONE], &["/sdn/zones/localnetwork/vmbr0: SDN.Use"]),
            (
                &["10-12", "20"],
                &[ONE, ("/sdn/zones/localnetwork/vmbr0/11", true)],
                &[
                    "/sdn/zones/localnetwork/vmbr0/10: SDN.Use",
                    "/sdn/zones/localnetwork/vmbr0/12: SDN.Use",
                    "/sdn/zones/localnetwork/vmbr0/20: SDN.Use",
                ],
            ),
            (
                &["10-12"],
                &[ONE, ("/sdn/zones/localnetwork/vmbr0/10", true)],
                &["/sdn/zones/localnetwork/vmbr0/11-12: SDN.Use"],
            ),
            (
                &["10-12"],
                &[ALL, ("/sdn/zones/localnetwork/vmbr0/12", false)],
                &["/sdn/zones/localnetwork/vmbr0/12: SDN.Use"],
            ),
        ];
        let zones = Zones::from([("tenants".to_owned(), "blue".to_owned())]);
        for (vlans, paths, expected) in cases {
            assert_eq!(missing(&allow(vlans), &held(paths), &zones), expected, "{vlans:?} {paths:?}");
        }
    }

    #[test]
    fn an_interface_needs_its_bridge_or_each_of_its_vlans() {
        let interface = |bridge: &str, vlans: &[u32]| Interface {
            keys: Keys([("bridge", Some(bridge.to_owned()))].into()),
            vlans: vlans.to_vec(),
            ..Interface::default()
        };
        let held = held(&[("/sdn/zones/localnetwork/vmbr0/20", true), ("/sdn/zones/red/office", true)]);
        let zones = Zones::from([("tenants".to_owned(), "blue".to_owned())]);
        let cases: [(Interface, &[&str]); 5] = [
            (interface("vmbr0", &[]), &["/sdn/zones/localnetwork/vmbr0: SDN.Use"]),
            (interface("vmbr0", &[20]), &[]),
            (interface("vmbr0", &[20, 30]), &["/sdn/zones/localnetwork/vmbr0/30: SDN.Use"]),
            (interface("tenants", &[]), &["/sdn/zones/blue/tenants: SDN.Use"]),
            (interface("office", &[5]), &[]),
        ];
        for (interface, expected) in cases {
            assert_eq!(
                missing_for_interfaces(std::slice::from_ref(&interface), &held, &zones),
                expected,
                "{interface:?}"
            );
        }
    }
}
