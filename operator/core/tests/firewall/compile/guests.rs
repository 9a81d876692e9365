//! Options, interfaces and derived rules of a guest.

use super::fixture::{World, container, key};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::FirewallReason;
use zentoria_api::firewall::{FirewallMode, LogLevel, Policy};
use zentoria_core::firewall::estate::is_adopted;

const ADOPTED: &str = "{status: {created: {origin: Adopted, intentAt: '2026-06-01T12:00:00Z'}}}";

/// The same, with a filter that the spec asks for.
const ASKED: &str =
    "{spec: {firewall: {ipFilter: true}}, status: {created: {origin: Adopted, intentAt: '2026-06-01T12:00:00Z'}}}";
const TAKEN_BACK: &str = "{status: {created: {origin: TakenBack, intentAt: '2026-06-01T12:00:00Z'}}}";

const MAYBE_ADOPTED: &str =
    "{spec: {adoption: IfExists}, status: {created: {origin: TakenBack, intentAt: '2026-06-01T12:00:00Z'}}}";

#[test]
fn options_follow_from_the_interfaces() {
    // addresses, what else, (ipfilter, macfilter, dhcp, ndp)
    let cases = [
        ("10.10.40.9/16", "", (true, true, false, false)),
        ("10.10.40.9/16 fd00::9/64", "", (true, true, false, true)),
        ("fd00::9/64", "", (true, true, false, true)),
        ("dhcp", "", (false, false, true, false)),
        ("10.10.40.9/16 auto", "", (false, false, false, true)),
        ("manual", "", (false, false, true, false)),
        ("10.10.40.9/16", "{spec: {firewall: {ipFilter: false}}}", (false, true, false, false)),
        ("dhcp", "{spec: {firewall: {macFilter: true}}}", (false, true, true, false)),
        // What the spec does not name of an adopted guest stays as it is, and may be a lease.
        ("10.10.40.9/16", ADOPTED, (false, false, true, true)),
        ("10.10.40.9/16", MAYBE_ADOPTED, (false, false, true, true)),
        // A guest of ours is that also for a control plane that was rebuilt.
        ("10.10.40.9/16", TAKEN_BACK, (true, true, false, false)),
        ("10.10.40.9/16", ASKED, (true, false, true, true)),
        ("10.10.40.9/16", "{spec: {network: {interfaces: []}}}", (false, false, true, true)),
    ];
    for (addresses, patch, (ipfilter, macfilter, dhcp, ndp)) in cases {
        let world = World::small().with(container("x", addresses, "", patch));
        let options = world.firewall("x").options;
        let found = (options.ipfilter, options.macfilter, options.dhcp, options.ndp);
        assert_eq!(found, (ipfilter, macfilter, dhcp, ndp), "{addresses} {patch}");
        assert!(!options.radv);
    }
}

#[test]
fn one_interface_with_a_lease_switches_the_filters_off_for_all() {
    let patch = "{spec: {network: {interfaces: [{name: eth0, ipv4: {address: 10.10.40.9/16}}, {name: eth1, ipv4: {address: dhcp}}]}}}";
    let world = World::small().with(container("x", "10.10.40.9/16", "", patch));
    let options = world.firewall("x").options;
    assert!(!options.ipfilter && !options.macfilter && options.dhcp);
    let asked = world.change("x", "{spec: {firewall: {ipFilter: true}}}");
    let (reason, why) = asked.compiled().guests[&key("x")].wish.clone().unwrap_err();
    assert!(reason == FirewallReason::InvalidSpec && why.contains("spec.firewall.ipFilter"), "{why}");
}

#[test]
fn policies_and_logs_are_those_of_the_spec_and_default_to_deny_in_and_allow_out() {
    let world = World::small();
    let options = world.firewall("db").options;
    assert_eq!((options.policy_in, options.policy_out), (Policy::Drop, Policy::Accept));
    assert_eq!((options.log_level_in, options.log_level_out), (LogLevel::Nolog, LogLevel::Nolog));
    let said = "{spec: {firewall: {inbound: Reject, outbound: Drop, logInbound: info, logOutbound: warning}}}";
    let options = world.change("db", said).firewall("db").options;
    assert_eq!((options.policy_in, options.policy_out), (Policy::Reject, Policy::Drop));
    assert_eq!((options.log_level_in, options.log_level_out), (LogLevel::Info, LogLevel::Warning));
}

#[test]
fn extra_addresses_are_let_through_the_filter_where_the_interface_is() {
    let patch = "{spec: {network: {interfaces: [
        {name: eth0, ipv4: {address: 10.10.40.9/16}, extraAddresses: [10.10.40.200, 'fd00::200']},
        {name: eth1, ipv4: {address: 10.20.40.9/16}, firewall: false}]}}}";
    let world = World::small().with(container("x", "", "", patch));
    let sets = |firewall: &zentoria_core::firewall::guest::GuestFirewall| {
        let shown = firewall
            .ipsets
            .iter()
            .map(|(name, set)| (name.0.clone(), set.entries.iter().map(ToString::to_string).collect()));
        shown.collect::<BTreeMap<String, BTreeSet<String>>>()
    };
    let entries = BTreeSet::from(["10.10.40.200/32".to_owned(), "fd00::200/128".to_owned()]);
    assert_eq!(sets(&world.firewall("x")), BTreeMap::from([("ipfilter-net0".into(), entries.clone())]));
    let guest = &world.compiled().guests[&key("x")];
    let moved = guest.wish_at(&BTreeMap::from([("eth0".into(), 3)])).unwrap();
    assert_eq!(sets(&moved), BTreeMap::from([("ipfilter-net3".into(), entries)]));
    assert!(guest.interfaces["eth0"].filtered && !guest.interfaces["eth1"].filtered);
    // They are sources of what the container may reach, too.
    let world = world.rule("r", "{from: [{container: x}], to: [{container: db}], ports: [{port: 5432}]}");
    assert_eq!(world.rules("db"), ["in ACCEPT tcp 5432 10.10.40.9,10.10.40.200,10.20.40.9"]);
    // Without the filter there is no set, for the set alone would switch it on.
    let off = world.change("x", "{spec: {firewall: {ipFilter: false}}}");
    assert!(off.firewall("x").ipsets.is_empty());
}

#[test]
fn the_mode_is_that_of_the_spec_and_nothing_is_enforced_where_nothing_may_be_written() {
    let cases = [
        ("", "", FirewallMode::Enforce),
        (ADOPTED, "", FirewallMode::Observe),
        (TAKEN_BACK, "", FirewallMode::Enforce),
        (MAYBE_ADOPTED, "", FirewallMode::Observe),
        ("{spec: {firewall: {mode: 'Off'}}}", "", FirewallMode::Off),
        ("{spec: {mode: Observe}}", "", FirewallMode::Observe),
        ("{spec: {template: true}}", "", FirewallMode::Off),
        ("", "{spec: {mode: Observe}}", FirewallMode::Observe),
        ("{spec: {firewall: {mode: 'Off'}}}", "{spec: {mode: Observe}}", FirewallMode::Off),
    ];
    for (patch, cluster, mode) in cases {
        let world = World::small().with(container("x", "10.10.40.9/16", "", patch)).cluster(cluster);
        assert_eq!(world.compiled().guests[&key("x")].mode, mode, "{patch} {cluster}");
    }
    let adopted = World::small().with(container("x", "10.10.40.9/16", "", ADOPTED));
    let enforced = adopted.change("x", "{spec: {firewall: {mode: Enforce}}}");
    assert_eq!(enforced.compiled().guests[&key("x")].mode, FirewallMode::Enforce);
}

#[test]
fn what_was_compiled_before_an_adoption_was_finished_is_told_from_what_is_compiled_after_it() {
    let before = container("x", "10.10.40.9/16", "", "{spec: {adoption: IfExists}}");
    let compiled = World::small().with(before.clone()).compiled().guests.remove(&key("x")).unwrap();
    assert_eq!((compiled.mode, compiled.adopted, is_adopted(&before)), (FirewallMode::Enforce, false, false));
    for patch in [ADOPTED, MAYBE_ADOPTED] {
        let after = container("x", "10.10.40.9/16", "", patch);
        assert_ne!(compiled.adopted, is_adopted(&after), "its rules are not for this guest: {patch}");
        let compiled = World::small().with(after.clone()).compiled().guests.remove(&key("x")).unwrap();
        assert_eq!(compiled.adopted, is_adopted(&after), "{patch}");
    }
    let made = container("x", "10.10.40.9/16", "", TAKEN_BACK);
    assert_eq!(compiled.adopted, is_adopted(&made), "one that is made is not looked at anew for it");
}

#[test]
fn the_control_plane_reaches_ssh_and_the_services_before_any_rule() {
    let world = World::small()
        .with(container("dns", "10.10.40.9/16 fd00::9/64", "dns:53/UDP dns-tcp:53 web:8000-8002", ""))
        .cluster("{spec: {controlPlaneCIDRs: [10.10.0.10, 10.10.1.0/24, 'fd00:1::/64']}}")
        .rule("no", "{from: [{any: {}}], to: [{all: {}}], ports: [{port: 22}], action: Drop, priority: 0}");
    let first = |name: &str, count: usize| {
        let firewall = world.firewall(name);
        firewall.rules[..count].iter().map(|rule| super::fixture::shown(rule, &firewall)).collect::<Vec<_>>()
    };
    assert_eq!(first("db", 2), ["in ACCEPT tcp 22,5432,6432 10.10.0.10,10.10.1.0/24", "in DROP tcp 22"]);
    assert_eq!(
        first("dns", 3),
        [
            "in ACCEPT tcp 22,53,8000:8002 {10.10.0.10 10.10.1.0/24 fd00:1::/64}",
            "in ACCEPT udp 53 {10.10.0.10 10.10.1.0/24 fd00:1::/64}",
            "in DROP tcp 22"
        ]
    );
    assert_eq!(world.firewall("dns").ipsets.len(), 1, "one set for both");
    assert_eq!(world.compiled().guests[&key("dns")].probe_ports, [22, 53, 8000, 8001, 8002]);
    let comment = &world.firewall("db").rules[0].comment;
    assert!(comment.starts_with("zentoria:derived/control-plane#"), "{comment}");
}

#[test]
fn without_a_known_control_plane_nothing_is_enforced_and_observing_still_shows() {
    for networks in ["[]", "[10.10.0.1/16]"] {
        let world = World::small().cluster(&format!("{{spec: {{controlPlaneCIDRs: {networks}}}}}"));
        let (reason, why) = world.compiled().guests[&key("db")].wish.clone().unwrap_err();
        assert!(reason == FirewallReason::ControlPlaneUnknown && why.contains("controlPlaneCIDRs"), "{why}");
        let observed = world.change("db", "{spec: {firewall: {mode: Observe}}}");
        assert!(observed.compiled().guests[&key("db")].wish.is_ok());
    }
}

#[test]
fn a_control_plane_network_with_containers_in_it_is_pointed_out() {
    let world = World::small().cluster("{spec: {controlPlaneCIDRs: [10.10.0.0/16]}}");
    let notes = world.compiled().notes;
    assert!(
        notes.len() == 1 && notes[0].contains("10.10.0.0/16 contains") && notes[0].contains("zentoria/db"),
        "{notes:?}"
    );
    assert!(World::small().compiled().notes.is_empty());
}

#[test]
fn more_rules_than_the_file_holds_are_refused_for_that_guest_alone() {
    let mut world = World::small().with(container("six", "fd00::6/64", "", ""));
    for n in 0..1000 {
        let sources: Vec<String> =
            (1..=15).map(|m| format!("{{cidr: 'fdff:ffff:ffff:{n:x}:ffff:ffff:ffff:{m:x}'}}")).collect();
        let spec = format!("{{from: [{}], to: [{{container: six}}], ports: [{{port: 80}}]}}", sources.join(", "));
        world = world.rule(&format!("r{n}"), &spec);
    }
    let guests = world.compiled().guests;
    assert!(
        matches!(&guests[&key("six")].wish, Err((FirewallReason::TooManyRules, why)) if why.contains("1000 rules"))
    );
    assert!(guests[&key("web")].wish.is_ok());
}
