//! Generators: wishes, and firewalls that were ours once and that people laid hands on.

use crate::model::{Pve, fields};
use ipnet::IpNet;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::{Action, ForeignRules, LogLevel, Policy, Protocol};
use zentoria_core::firewall::enforce::plan;
use zentoria_core::firewall::guest::{Ends, GuestFirewall, Ipset, Options, PortRange, Rule, Service, SetName, Way};

/// A wish, and what is there.
#[derive(Clone, Debug)]
pub struct Scene {
    pub want: GuestFirewall,
    pub there: Pve,
    pub foreign: ForeignRules,
}

const NETS: [&str; 6] = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/24", "10.0.0.0/16", "10.1.0.0/16", "192.0.2.1/32"];

fn nets() -> impl Strategy<Value = BTreeSet<IpNet>> {
    btree_set(select(&NETS[..]).prop_map(|net| net.parse().unwrap()), 1..=3)
}

fn services() -> impl Strategy<Value = Service> {
    let range = |first, last| PortRange { first, last };
    prop_oneof![
        6 => select(vec![
            vec![range(80, 80)],
            vec![range(80, 81)],
            vec![range(443, 443)],
            vec![range(80, 80), range(443, 443)],
            vec![range(5432, 5432)],
        ])
        .prop_map(|ports| Service::Ports(Protocol::TCP, ports)),
        1 => Just(Service::Any),
        1 => Just(Service::Protocol(Protocol::ICMP)),
        1 => Just(Service::Ports(Protocol::UDP, vec![range(53, 53)])),
    ]
}

/// A rule without its set and owner: whether it has a set of its own, else its addresses; none is everybody.
#[derive(Clone, Debug)]
struct Draft {
    way: Way,
    action: Action,
    service: Service,
    set: bool,
    peers: Option<BTreeSet<IpNet>>,
    log: bool,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let way = prop_oneof![4 => Just(Way::In), 1 => Just(Way::Out)];
    let action = prop_oneof![5 => Just(Action::Allow), 1 => Just(Action::Drop), 1 => Just(Action::Reject)];
    (way, action, services(), any::<bool>(), prop::option::weighted(0.85, nets()), prop::bool::weighted(0.1))
        .prop_map(|(way, action, service, set, peers, log)| Draft { way, action, service, set, peers, log })
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![3 => Just(Policy::Drop), 1 => Just(Policy::Reject), 1 => Just(Policy::Accept)]
}

fn options() -> impl Strategy<Value = Options> {
    (policies(), policies(), any::<bool>()).prop_map(|(policy_in, policy_out, macfilter)| Options {
        policy_in,
        policy_out,
        ipfilter: false,
        macfilter,
        dhcp: false,
        ndp: true,
        radv: false,
        log_level_in: LogLevel::Nolog,
        log_level_out: LogLevel::Nolog,
    })
}

/// A wish out of a pool of rules: some of them, in some order, each set with entries of this time.
fn wish(pool: &[Draft]) -> impl Strategy<Value = GuestFirewall> + use<> {
    let pool = pool.to_vec();
    let chosen = proptest::sample::subsequence((0..pool.len()).collect::<Vec<_>>(), 0..=pool.len()).prop_shuffle();
    let sets = vec(nets(), pool.len());
    (chosen, sets, options()).prop_map(move |(chosen, sets, options)| {
        let mut ipsets = BTreeMap::new();
        let rule = |index: usize| {
            let draft = &pool[index];
            let owner = format!("zentoria:shop/rule-{index}");
            let peer = match (&draft.peers, draft.set) {
                (None, _) => Ends::Any,
                (Some(_), true) => {
                    let name = SetName(format!("zen-{index:08x}"));
                    let set = Ipset { comment: owner.clone(), entries: sets[index].clone() };
                    ipsets.insert(name.clone(), set);
                    Ends::Set(name)
                }
                (Some(nets), false) => Ends::Addresses(nets.clone()),
            };
            Rule {
                way: draft.way,
                action: draft.action,
                service: draft.service.clone(),
                peer,
                log: draft.log.then_some(LogLevel::Info),
                comment: format!("{owner}#{index:08x}"),
            }
        };
        let rules = chosen.iter().copied().map(rule).collect();
        GuestFirewall { options, ipsets, rules }
    })
}

/// What a person does to a firewall.
#[derive(Clone, Debug)]
enum Edit {
    Switch(usize),
    Move(usize, usize),
    Ports(usize, &'static str),
    Comment(usize),
    Delete(usize),
    Twice(usize),
    Foreign(&'static str, usize),
    ForeignOfSet(usize, usize),
    Entry(usize, &'static str, bool),
    NoEntry(usize, usize),
    NoSet(usize),
    Option(&'static str, &'static str),
    NoOption(&'static str),
}

const FOREIGN: [&str; 8] = [
    "type=in action=ACCEPT enable=1 proto=tcp dport=81",
    "type=in action=ACCEPT enable=1 proto=tcp dport=80 source=10.0.0.1 comment=by_hand",
    "type=in action=ACCEPT enable=1 macro=HTTPS",
    "type=in action=DROP enable=1 source=10.0.0.0/24",
    "type=in action=ACCEPT enable=0",
    "type=out action=REJECT enable=1 proto=tcp dport=443",
    "type=out action=ACCEPT enable=1 proto=udp dport=53",
    "type=group action=web enable=1",
];

fn edits() -> impl Strategy<Value = Edit> {
    let at = 0..12usize;
    let cidr = select(&["10.0.0.1", "10.0.0.2", "10.0.0.0/24", "10.0.0.0/16", "192.0.2.1"][..]);
    let option = select(
        &[("policy_in", "ACCEPT"), ("policy_in", "DROP"), ("policy_out", "DROP"), ("macfilter", "0"), ("enable", "0")]
            [..],
    );
    prop_oneof![
        3 => at.clone().prop_map(Edit::Switch),
        3 => (at.clone(), at.clone()).prop_map(|(from, to)| Edit::Move(from, to)),
        2 => (at.clone(), select(&["80", "81", "80,443"][..])).prop_map(|(at, ports)| Edit::Ports(at, ports)),
        1 => at.clone().prop_map(Edit::Comment),
        2 => at.clone().prop_map(Edit::Delete),
        1 => at.clone().prop_map(Edit::Twice),
        3 => (select(&FOREIGN[..]), at.clone()).prop_map(|(rule, at)| Edit::Foreign(rule, at)),
        1 => (at.clone(), at.clone()).prop_map(|(set, at)| Edit::ForeignOfSet(set, at)),
        2 => (at.clone(), cidr, any::<bool>()).prop_map(|(set, cidr, nomatch)| Edit::Entry(set, cidr, nomatch)),
        2 => (at.clone(), at.clone()).prop_map(|(set, entry)| Edit::NoEntry(set, entry)),
        1 => at.prop_map(Edit::NoSet),
        1 => option.prop_map(|(key, value)| Edit::Option(key, value)),
        1 => select(&["policy_in", "ndp", "enable"][..]).prop_map(Edit::NoOption),
    ]
}

fn laid_hands_on(mut pve: Pve, edits: &[Edit]) -> Pve {
    for edit in edits {
        let rules = pve.rules.len();
        let set = |index: usize| pve.ipsets.keys().nth(index % pve.ipsets.len().max(1)).cloned();
        match edit {
            Edit::Switch(at) if *at < rules => {
                let on = pve.rules[*at]["enable"] == "1";
                pve.rules[*at].insert("enable".to_owned(), if on { "0" } else { "1" }.to_owned());
            }
            Edit::Move(from, to) if *from < rules => {
                let rule = pve.rules.remove(*from);
                pve.rules.insert((*to).min(rules - 1), rule);
            }
            Edit::Ports(at, ports) if *at < rules && pve.rules[*at].contains_key("proto") => {
                pve.rules[*at].insert("dport".to_owned(), (*ports).to_owned());
                pve.rules[*at].insert("proto".to_owned(), "tcp".to_owned());
            }
            Edit::Comment(at) if *at < rules => {
                pve.rules[*at].insert("comment".to_owned(), "zentoria:by hand".to_owned());
            }
            Edit::Delete(at) if *at < rules => {
                pve.rules.remove(*at);
            }
            Edit::Twice(at) if *at < rules => {
                let rule = pve.rules[*at].clone();
                pve.rules.insert(0, rule);
            }
            Edit::Foreign(rule, at) => pve.rules.insert((*at).min(rules), fields(rule)),
            Edit::ForeignOfSet(index, at) => {
                if let Some(name) = set(*index) {
                    let rule = fields(&format!("type=in action=ACCEPT enable=1 proto=tcp dport=81 source=+{name}"));
                    pve.rules.insert((*at).min(rules), rule);
                }
            }
            Edit::Entry(index, cidr, nomatch) => {
                if let Some(name) = set(*index) {
                    pve.ipsets.get_mut(&name).unwrap().entries.insert((*cidr).to_owned(), *nomatch);
                }
            }
            Edit::NoEntry(index, entry) => {
                if let Some(name) = set(*index) {
                    let entries = &mut pve.ipsets.get_mut(&name).unwrap().entries;
                    let cidr = entries.keys().nth(entry % entries.len().max(1)).cloned();
                    cidr.and_then(|cidr| entries.remove(&cidr));
                }
            }
            Edit::NoSet(index) => {
                set(*index).and_then(|name| pve.ipsets.remove(&name));
            }
            Edit::Option(key, value) => {
                pve.options.insert((*key).to_owned(), (*value).to_owned());
            }
            Edit::NoOption(key) => {
                pve.options.remove(*key);
            }
            Edit::Switch(_)
            | Edit::Move(..)
            | Edit::Ports(..)
            | Edit::Comment(_)
            | Edit::Delete(_)
            | Edit::Twice(_) => {}
        }
    }
    pve
}

/// A firewall that was written for another wish (or never), and edited by hand; and what is wished now.
pub fn scenes() -> impl Strategy<Value = Scene> {
    let foreign = prop_oneof![3 => Just(ForeignRules::Keep), 1 => Just(ForeignRules::Remove)];
    vec(drafts(), 1..=6).prop_flat_map(move |pool| {
        let before = prop::option::weighted(0.85, wish(&pool));
        (wish(&pool), before, vec(edits(), 0..=5), foreign.clone()).prop_map(|(want, before, edits, foreign)| {
            let mut there = Pve::default();
            let steps = before.map(|before| plan(&before, &there.seen(), ForeignRules::Keep).steps);
            for step in steps.unwrap_or_default() {
                there.carry_out(&step).expect("a fresh firewall takes every step");
            }
            Scene { want, there: laid_hands_on(there, &edits), foreign }
        })
    })
}
