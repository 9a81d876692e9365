//! All rules, all containers and the derived needs become the firewall of each guest, and a report on each rule. The same
//! input gives the same bytes, in whatever order it comes.

use super::estate::Estate;
use super::guest::{GuestFirewall, Ipset, Options, SetName};
use crate::container::want::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_api::conditions::{FirewallReason, RuleReason};
use zentoria_api::firewall::{FirewallMode, LogLevel, Policy};

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
        let _ = slots;
        self.wish.clone()
    }
}

/// Compiles the matrix.
#[must_use]
pub fn compile(estate: &Estate) -> Compiled {
    let guest = |mode| CompiledGuest {
        mode,
        wish: Ok(GuestFirewall {
            options: Options {
                policy_in: Policy::Drop,
                policy_out: Policy::Accept,
                ipfilter: false,
                macfilter: false,
                dhcp: false,
                ndp: false,
                radv: false,
                log_level_in: LogLevel::Nolog,
                log_level_out: LogLevel::Nolog,
            },
            ipsets: BTreeMap::<SetName, Ipset>::new(),
            rules: Vec::new(),
        }),
        interfaces: BTreeMap::new(),
        probe_ports: vec![22],
        owners: BTreeMap::new(),
        suspended: BTreeSet::new(),
    };
    let guests = estate.containers.iter().map(|(key, container)| (key.clone(), guest(container.mode))).collect();
    Compiled { guests, rules: BTreeMap::new(), notes: Vec::new() }
}
