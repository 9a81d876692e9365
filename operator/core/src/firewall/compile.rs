//! All rules, all containers and the derived needs become the firewall of each guest, and a report on each rule. The same
//! input gives the same bytes, in whatever order it comes.
//!
//! Each rule is worked out by itself into entries for guests (`flows`), to which come the derived ones (`derived`). The
//! entries of a guest are put in order, and what an earlier one decides already is left out (`book`); what stands is
//! written as rules and IP sets (`write`). What a rule asks for and another says already makes that other's comment
//! count one more owner (`+1`), so that the rule of PVE stays until the last of them is gone.

mod book;
mod derived;
mod entry;
mod flows;
mod peers;
mod report;
mod trouble;
mod write;

use super::estate::{Container, Estate};
use super::guest::{GuestFirewall, Ipset, SetName};
use crate::container::want::Key;
use book::Book;
use entry::{Entry, Owner};
use ipnet::IpNet;
use report::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use write::Written;
use zentoria_api::conditions::{FirewallReason, RuleReason};
use zentoria_api::firewall::FirewallMode;

/// What the whole matrix comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The firewall of each container of the estate.
    pub guests: BTreeMap<Key, CompiledGuest>,
    /// What became of each rule.
    pub rules: BTreeMap<Key, RuleReport>,
    /// What a person should know of the ProxmoxCluster's own fields: networks that cannot be read, a control plane's
    /// network that containers live in.
    pub notes: Vec<String>,
}

/// What the firewall of one guest shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledGuest {
    /// Whether it counted as adopted when this was compiled ([`crate::firewall::estate::is_adopted`]). Who enforces this holds it against what the
    /// container says then: an adoption may just have been finished.
    pub adopted: bool,
    /// What is done with it.
    pub mode: FirewallMode,
    /// What it shall hold, or why it cannot be said: then nothing is written. Its `ipfilter-netN` sets count the
    /// interfaces as the spec does; [`CompiledGuest::wish_at`] has them where a guest's interfaces really are.
    pub wish: Result<GuestFirewall, (FirewallReason, String)>,
    /// The interfaces by their name inside the guest.
    pub interfaces: BTreeMap<String, InterfaceWish>,
    /// TCP ports that the control plane may reach, for the probe that a guest still answers: SSH first.
    pub probe_ports: Vec<u16>,
    /// Who asked for a rule, by the rule's comment: `zentoria/db-from-backend`, `derived/control-plane`.
    pub owners: BTreeMap<String, BTreeSet<String>>,
    /// Rules that are suspended, `namespace/name`: what the guest holds under their names stays as it is.
    pub suspended: BTreeSet<String>,
}

/// What firewalls wish of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceWish {
    /// Whether it shall pass through the firewall (`firewall=1`): false where the spec says so.
    pub filtered: bool,
    /// Its place in the spec: the `N` of `netN` where nobody moved it.
    pub index: usize,
    /// Addresses that it may use beside those that PVE configures.
    pub extra: BTreeSet<IpAddr>,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReport {
    /// Whom it comes from, for people.
    pub from: String,
    /// Whom it opens, for people.
    pub to: String,
    /// At which ports, for people.
    pub ports: String,
    /// The guests that hold rules for it; those whose firewall is `Off` are not among them.
    pub guests: BTreeSet<Key>,
    /// How many rules of PVE it takes, over all guests.
    pub rules: u32,
    /// Peers that have no address yet, or do not exist.
    pub unresolved: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// Whether all that it is for is on other ProxmoxClusters: then the report of one of those counts.
    pub elsewhere: bool,
    /// `Ok`: nothing is wrong with it (`Enforced`, `ObserveOnly`, `Paused`, `Shadowed`). `Err`: what is, and what to do;
    /// what could be resolved of it is compiled all the same, unless it is `InvalidSpec`.
    pub verdict: Result<RuleReason, (RuleReason, String)>,
}

impl CompiledGuest {
    /// The wish for a guest whose interfaces are in these slots, by their name inside it: `eth0` in `net1`. An interface
    /// that is not among them is taken to be where the spec counts it.
    ///
    /// # Errors
    /// Those of `wish`.
    pub fn wish_at(&self, slots: &BTreeMap<String, u32>) -> Result<GuestFirewall, (FirewallReason, String)> {
        let mut firewall = self.wish.clone()?;
        firewall.ipsets.retain(|name, _| !name.0.starts_with(IPFILTER));
        if firewall.options.ipfilter {
            firewall.ipsets.extend(ipfilters(&self.interfaces, slots));
        }
        Ok(firewall)
    }
}

const IPFILTER: &str = "ipfilter-net";

/// The addresses that the interfaces may use beside those that PVE configures; it adds the configured ones itself.
fn ipfilters(interfaces: &BTreeMap<String, InterfaceWish>, slots: &BTreeMap<String, u32>) -> BTreeMap<SetName, Ipset> {
    let with_more = interfaces.iter().filter(|(_, interface)| !interface.extra.is_empty());
    let set = |(name, interface): (&String, &InterfaceWish)| {
        let slot = slots.get(name).map_or_else(|| interface.index.to_string(), ToString::to_string);
        let entries = interface.extra.iter().map(|address| IpNet::from(*address)).collect();
        let comment = format!("zentoria:derived/extra-addresses of {name}");
        (SetName(format!("{IPFILTER}{slot}")), Ipset { comment, entries })
    };
    with_more.map(set).collect()
}

/// Compiles the matrix.
#[must_use]
pub fn compile(estate: &Estate) -> Compiled {
    let mut outcomes: BTreeMap<&Key, Outcome<'_>> = BTreeMap::new();
    let mut asked: BTreeMap<&Key, Vec<Entry<'_>>> = BTreeMap::new();
    for (key, entry) in derived::entries(estate) {
        asked.entry(key).or_default().push(entry);
    }
    for (key, row) in &estate.rules {
        let outcome = outcomes.entry(key).or_default();
        let Some(wish) = &row.wish else { continue };
        let flows = flows::of(estate, key, wish, &mut outcome.trouble);
        outcome.asked = !flows.entries.is_empty();
        outcome.elsewhere = flows.elsewhere;
        for (guest, entry) in flows.entries {
            asked.entry(guest).or_default().push(entry);
        }
    }
    let mut suspended: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (key, _) in estate.rules.iter().filter(|(_, row)| row.suspended) {
        suspended.entry(&key.namespace).or_default().insert(key.to_string());
    }
    let mut guests = BTreeMap::new();
    for (key, container) in &estate.containers {
        let book = Book::new(asked.remove(key).unwrap_or_default());
        let mut guest = guest(estate, (key, container), &book, &mut outcomes);
        guest.suspended = suspended.get(key.namespace.as_str()).cloned().unwrap_or_default();
        guests.insert(key.clone(), guest);
    }
    let reports = estate.rules.iter().filter_map(|(key, row)| {
        let outcome = outcomes.remove(key)?;
        Some((key.clone(), outcome.report(key, row)))
    });
    let rules = reports.collect();
    let notes = estate.notes.iter().cloned().chain(derived::notes(estate)).collect();
    Compiled { guests, rules, notes }
}

/// One guest, and what its book says of rules.
fn guest<'a>(
    estate: &'a Estate,
    (key, container): (&'a Key, &'a Container),
    book: &Book<'a>,
    outcomes: &mut BTreeMap<&'a Key, Outcome<'a>>,
) -> CompiledGuest {
    for (rule, other) in &book.said {
        outcomes.entry(rule).or_default().said.insert(*other);
    }
    for (rule, other) in &book.hidden {
        outcomes.entry(rule).or_default().hidden.insert(*other);
    }
    for ((rule, other), what) in &book.conflicts {
        outcomes.entry(rule).or_default().conflicts.entry(other).or_insert_with(|| what.clone());
    }
    let written = container.options.clone().map(|options| write::write(options, book));
    let mut owners = BTreeMap::new();
    for standing in &book.standing {
        let first = book.entries.get(standing.entry).map(|entry| entry.owner);
        for owner in &standing.owners {
            let Owner::Rule(rule) = owner else { continue };
            let outcome = outcomes.entry(rule).or_default();
            outcome.guests.insert(key, container.mode);
            outcome.own += u32::from(first == Some(*owner));
        }
    }
    if let Ok(Written { firewall, owners: of_rules }) = &written {
        for (rule, who) in firewall.rules.iter().zip(of_rules) {
            owners.insert(rule.comment.clone(), who.iter().map(ToString::to_string).collect());
            for owner in who {
                if let Owner::Rule(rule) = owner
                    && container.mode != FirewallMode::Off
                {
                    outcomes.entry(rule).or_default().rules += 1;
                }
            }
        }
    }
    CompiledGuest {
        adopted: container.adopted,
        mode: container.mode,
        wish: wish(estate, container, written),
        interfaces: container.interfaces.clone(),
        probe_ports: derived::probe_ports(estate, container),
        owners,
        suspended: BTreeSet::new(),
    }
}

fn wish(
    estate: &Estate,
    container: &Container,
    written: Result<Written<'_>, String>,
) -> Result<GuestFirewall, (FirewallReason, String)> {
    let written = written.map_err(|why| (FirewallReason::InvalidSpec, why))?;
    if container.mode == FirewallMode::Enforce && estate.control_plane.is_empty() {
        let text = format!(
            "ProxmoxCluster {} names no spec.controlPlaneCIDRs that can be read: without them the firewall would lock the \
             operator out of its guests. Name the addresses or networks from which it reaches them",
            estate.cluster
        );
        return Err((FirewallReason::ControlPlaneUnknown, text));
    }
    if let Some(bytes) = written.too_large() {
        let count = written.firewall.rules.len();
        let text = format!(
            "{count} rules take about {} KiB, more than the cluster's file system holds for one guest: name zones, \
             selectors or networks instead of single containers",
            bytes / 1024
        );
        return Err((FirewallReason::TooManyRules, text));
    }
    let mut firewall = written.firewall;
    if firewall.options.ipfilter {
        firewall.ipsets.extend(ipfilters(&container.interfaces, &BTreeMap::new()));
    }
    Ok(firewall)
}
