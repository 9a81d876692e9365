//! The rules of one guest in one direction: PVE's chains `veth<vmid>i<n>-IN` and `-OUT`.

use super::address::{self, Scope};
use super::config::{Datacenter, Guest, Interface, Packet, Verdict};
use super::tri::Tri;
use super::{rule, standard};
use crate::firewall::guest::Way;
use crate::firewall::seen::Fields;

/// What a chain says of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub verdict: Verdict,
    /// Which of the guest's rules decided; none: a filter, an option or the policy.
    pub rule: Option<usize>,
}

/// What a guest's firewall does with a packet that comes in or goes out at an interface.
#[must_use]
pub fn decide(
    datacenter: Option<&Datacenter>,
    guest: &Guest,
    interface: &Interface,
    way: Way,
    packet: &Packet,
) -> Decision {
    let by = |verdict| Decision { verdict, rule: None };
    if datacenter.is_some_and(|datacenter| !datacenter.enabled) {
        return by(Verdict::Accept("the datacenter's firewall is off".to_owned()));
    }
    if !interface.firewall {
        return by(Verdict::Accept(format!("{} of {} has firewall=0", interface.name, guest.name)));
    }
    if !flag(guest, "enable", false) {
        return by(Verdict::Accept(format!("the firewall of {} is off", guest.name)));
    }
    let scope = Scope { guest: Some(guest), datacenter };
    if let Some(verdict) = filters(guest, interface, way, packet, scope) {
        return by(verdict);
    }
    let mut unsure: Option<(Verdict, usize)> = None;
    for (index, fields) in guest.rules.iter().enumerate() {
        if !counts(fields, interface) {
            continue;
        }
        match apply(fields, way, packet, scope) {
            Step::Passes => {}
            Step::Decides(verdict) => return settle(unsure, Decision { verdict, rule: Some(index) }),
            Step::Perhaps(verdict, why) => {
                // What comes later may say the same.
                let why = Verdict::Unknown(format!("{}: {why}", verdict.why()));
                match &unsure {
                    None => unsure = Some((verdict, index)),
                    Some((before, _)) if before.same(&verdict) => {}
                    Some(_) => return Decision { verdict: why, rule: Some(index) },
                }
            }
        }
    }
    let policy = policy(guest, way, packet);
    settle(unsure, by(policy))
}

/// What one rule does.
enum Step {
    Passes,
    Decides(Verdict),
    /// This, if it matches, which cannot be said.
    Perhaps(Verdict, String),
}

fn settle(unsure: Option<(Verdict, usize)>, decision: Decision) -> Decision {
    match unsure {
        Some((verdict, rule)) if !verdict.same(&decision.verdict) => Decision {
            verdict: Verdict::Unknown(format!("it cannot be said whether {} matches", verdict.why())),
            rule: Some(rule),
        },
        Some(_) | None => decision,
    }
}

/// An option that is 0 or 1.
fn flag(guest: &Guest, name: &str, default: bool) -> bool {
    guest.options.get(name).map_or(default, |text| text != "0")
}

/// Whether PVE uses the rule at this interface.
fn counts(fields: &Fields, interface: &Interface) -> bool {
    fields.get("enable").is_some_and(|enable| enable != "0")
        && !fields.contains_key("errors")
        && fields.get("iface").is_none_or(|iface| iface == &interface.name)
}

/// What stands above the rules: DHCP, the filter of own addresses, router advertisements, neighbour discovery.
fn filters(guest: &Guest, interface: &Interface, way: Way, packet: &Packet, scope: Scope<'_>) -> Option<Verdict> {
    if let Some(datacenter) = scope.datacenter
        && way == Way::In
        && let Some(entries) = datacenter.ipsets.get("blacklist")
        && address::contains(entries, packet.source, Scope { guest: None, ..scope }) == Tri::Yes
    {
        return Some(Verdict::Drop("IP set blacklist of the datacenter".to_owned()));
    }
    // PVE takes DHCP and neighbour discovery for allowed where nobody wrote otherwise.
    if flag(guest, "dhcp", true) && standard::dhcp(way, packet) {
        return Some(Verdict::Accept("option dhcp".to_owned()));
    }
    if way == Way::Out {
        if standard::router_advertisement(packet) && !flag(guest, "radv", false) {
            return Some(Verdict::Drop("option radv".to_owned()));
        }
        if let Some(verdict) = ipfilter(guest, interface, packet, scope) {
            return Some(verdict);
        }
    }
    let advertises = way == Way::In || flag(guest, "radv", false);
    if flag(guest, "ndp", true) && standard::neighbour_discovery(packet, advertises) {
        return Some(Verdict::Accept("option ndp".to_owned()));
    }
    None
}

/// The filter of own addresses: on by the option, or as soon as its set is there. PVE adds what the interface is
/// configured with.
fn ipfilter(guest: &Guest, interface: &Interface, packet: &Packet, scope: Scope<'_>) -> Option<Verdict> {
    let name = format!("ipfilter-{}", interface.name);
    let entries = guest.ipsets.get(&name);
    if entries.is_none() && !flag(guest, "ipfilter", false) {
        return None;
    }
    if interface.addresses.contains(&packet.source) {
        return None;
    }
    match entries.map_or(Tri::No, |entries| address::contains(entries, packet.source, scope)) {
        Tri::Yes => None,
        Tri::No => Some(Verdict::Drop(format!("{name}: {} is no address of {}", packet.source, guest.name))),
        Tri::Unknown(why) => Some(Verdict::Unknown(format!("{name}: {why}"))),
    }
}

fn apply(fields: &Fields, way: Way, packet: &Packet, scope: Scope<'_>) -> Step {
    let kind = fields.get("type").map_or("", String::as_str);
    let action = fields.get("action").map_or("", String::as_str);
    match (kind, way) {
        ("in", Way::In) | ("out", Way::Out) => match rule::matches(fields, packet, scope) {
            Tri::No => Step::Passes,
            Tri::Yes => Step::Decides(standard::action(action, packet, name(fields))),
            Tri::Unknown(why) => Step::Perhaps(standard::action(action, packet, name(fields)), why),
        },
        ("group", _) => group(action, way, packet, scope),
        _ => Step::Passes,
    }
}

/// A security group: its rules of this way, and back where none matches.
fn group(name: &str, way: Way, packet: &Packet, scope: Scope<'_>) -> Step {
    let Some(datacenter) = scope.datacenter else {
        let why = format!("security group {name}");
        return Step::Decides(Verdict::Unknown(why));
    };
    // A group that does not exist is an empty one.
    let rules = datacenter.groups.get(name).map_or(&[][..], Vec::as_slice);
    let kind = match way {
        Way::In => "in",
        Way::Out => "out",
    };
    let scope = Scope { guest: None, ..scope };
    for fields in rules {
        let counts = fields.get("type").is_some_and(|text| text == kind)
            && fields.get("enable").is_some_and(|enable| enable != "0")
            && !fields.contains_key("errors");
        if !counts {
            continue;
        }
        let action = fields.get("action").map_or("", String::as_str);
        let verdict = || standard::action(action, packet, format!("group {name}"));
        match rule::matches(fields, packet, scope) {
            Tri::No => {}
            Tri::Yes => return Step::Decides(verdict()),
            Tri::Unknown(why) => return Step::Decides(Verdict::Unknown(format!("group {name}: {why}"))),
        }
    }
    Step::Passes
}

/// A rule for people: its comment, or what it does.
fn name(fields: &Fields) -> String {
    let text = |key: &str| fields.get(key).map_or("", String::as_str);
    match fields.get("comment") {
        Some(comment) => format!("rule {comment}"),
        None => format!("rule {} {}", text("type"), text("action")),
    }
}

fn policy(guest: &Guest, way: Way, packet: &Packet) -> Verdict {
    let (option, default) = match way {
        Way::In => ("policy_in", "DROP"),
        Way::Out => ("policy_out", "ACCEPT"),
    };
    let policy = guest.options.get(option).map_or(default, String::as_str);
    standard::policy(policy, packet, format!("{option} {policy}"))
}
