//! All that is asked of one guest, put in order: what is decided already is not said again, and what contradicts is found.

use super::entry::{Entry, Owner};
use crate::container::want::Key;
use crate::firewall::nets::Nets;
use crate::firewall::ports::Ports;
use crate::firewall::words;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::{Action, Protocol};

/// A part of an entry that stands: one protocol of it, and who asks for it.
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    /// The entry.
    pub(super) entry: usize,
    /// The protocol.
    pub(super) protocol: Protocol,
    /// Who asks for it: the entry's owner, and those whose wish it fulfils as well.
    pub(super) owners: BTreeSet<Owner<'a>>,
}

/// What became of the entries of one guest.
#[derive(Default)]
pub(super) struct Book<'a> {
    /// The entries in their order.
    pub(super) entries: Vec<Entry<'a>>,
    /// What of them stands, in their order.
    pub(super) standing: Vec<Standing<'a>>,
    /// Rules of which a part is said already by others who want the same: rule, others.
    pub(super) said: BTreeSet<(&'a Key, Owner<'a>)>,
    /// Rules of which a part is decided otherwise by others: rule, others.
    pub(super) hidden: BTreeSet<(&'a Key, Owner<'a>)>,
    /// Rules that say the opposite of the same at one priority: rule, other, and what.
    pub(super) conflicts: BTreeMap<(&'a Key, &'a Key), String>,
}

impl<'a> Book<'a> {
    /// Of all that is asked, in any order.
    pub(super) fn new(mut entries: Vec<Entry<'a>>) -> Self {
        entries.sort_by(|a, b| {
            let of = |entry: &Entry<'a>| (entry.way, entry.rank, entry.owner);
            of(a).cmp(&of(b)).then_with(|| a.services.cmp(&b.services)).then_with(|| a.nets.cmp(&b.nets))
        });
        let mut book = Self { entries, ..Self::default() };
        for index in 0..book.entries.len() {
            book.settle(index);
        }
        book.find_conflicts();
        book
    }

    fn settle(&mut self, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let mut standing = Vec::new();
        let mut found = Vec::new();
        for (protocol, ports) in &entry.services {
            match self.deciders(entry, *protocol, ports) {
                None => {
                    let owners = BTreeSet::from([entry.owner]);
                    standing.push(Standing { entry: index, protocol: *protocol, owners });
                }
                Some(deciders) => found.push(deciders),
            }
        }
        let owner = entry.owner;
        let action = entry.action;
        self.standing.extend(standing);
        for deciders in found {
            self.decided(owner, action, &deciders);
        }
    }

    /// What stands before an entry and decides one protocol of it whole, if anything does.
    fn deciders(&self, entry: &Entry<'a>, protocol: Protocol, ports: &Ports) -> Option<BTreeSet<usize>> {
        let before: Vec<(usize, &Nets, &Ports)> = self
            .standing
            .iter()
            .enumerate()
            .filter(|(_, standing)| standing.protocol == protocol)
            .filter_map(|(place, standing)| {
                let other = self.entries.get(standing.entry).filter(|other| other.way == entry.way)?;
                let theirs = other.services.get(&protocol)?;
                theirs.overlaps(ports).then_some((place, &other.nets, theirs))
            })
            .collect();
        if before.is_empty() {
            return None;
        }
        let mut deciders = BTreeSet::new();
        for part in entry.nets.parts() {
            let mut left = ports.clone();
            for (place, nets, theirs) in &before {
                if nets.cover(part) && theirs.overlaps(&left) {
                    left = left.without(theirs);
                    deciders.insert(*place);
                }
            }
            if !left.is_empty() {
                return None;
            }
        }
        Some(deciders)
    }

    /// A part of what `owner` asks for is decided already.
    fn decided(&mut self, owner: Owner<'a>, action: Action, deciders: &BTreeSet<usize>) {
        let acts = |place: &usize| {
            let standing = self.standing.get(*place)?;
            Some((*place, self.entries.get(standing.entry)?.action, self.entries.get(standing.entry)?.owner))
        };
        let acts: Vec<(usize, Action, Owner<'a>)> = deciders.iter().filter_map(acts).collect();
        let agree = acts.iter().all(|(_, theirs, _)| *theirs == action);
        for (place, theirs, other) in acts {
            if agree && let Some(standing) = self.standing.get_mut(place) {
                standing.owners.insert(owner);
            }
            let Owner::Rule(key) = owner else { continue };
            if other == owner {
                continue;
            }
            if agree {
                self.said.insert((key, other));
            } else if theirs != action {
                self.hidden.insert((key, other));
            }
        }
    }

    /// Rules that allow and forbid the same at one priority.
    fn find_conflicts(&mut self) {
        let mut by_priority: BTreeMap<_, (Vec<&Entry<'a>>, Vec<&Entry<'a>>)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| matches!(entry.owner, Owner::Rule(_))) {
            let (allow, deny) = by_priority.entry((entry.way, entry.rank.priority)).or_default();
            match entry.action {
                Action::Allow => allow.push(entry),
                Action::Reject | Action::Drop => deny.push(entry),
            }
        }
        let mut conflicts = BTreeMap::new();
        for (allow, deny) in by_priority.values() {
            for (yes, no) in allow.iter().flat_map(|yes| deny.iter().map(move |no| (yes, no))) {
                let (Owner::Rule(one), Owner::Rule(other), Some(what)) = (yes.owner, no.owner, same(yes, no)) else {
                    continue;
                };
                conflicts.entry((one, other)).or_insert_with(|| what.clone());
                conflicts.entry((other, one)).or_insert(what);
            }
        }
        self.conflicts = conflicts;
    }
}

/// The ports that two entries have in common, where they have addresses in common too.
fn same(one: &Entry<'_>, other: &Entry<'_>) -> Option<String> {
    let both = one.services.iter().filter_map(|(protocol, ports)| {
        let common = ports.common(other.services.get(protocol)?);
        (!common.is_empty()).then(|| words::ports(*protocol, &common))
    });
    let both: Vec<String> = both.collect();
    (!both.is_empty() && one.nets.overlaps(&other.nets)).then(|| both.join(", "))
}
