//! IP sets: made and filled before the rules that name them, emptied and removed after.

use super::step::Step;
use super::working::{Item, Role, Working, at_odds};
use crate::firewall::evaluate::net;
use crate::firewall::guest::{GuestFirewall, Ipset, SetName, plain};
use crate::firewall::seen::{self, Fields, Seen, SeenSet, enabled, our_set};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::firewall::ForeignRules;

/// What is to be done with the sets.
pub struct Sets {
    /// What is to be done with each set of the wish.
    todo: BTreeMap<SetName, Todo>,
    /// Sets that are not wished and not needed.
    surplus: Vec<SetName>,
}

/// What is to be done with one set.
struct Todo {
    /// The comment, where the set is not there yet.
    create: Option<String>,
    /// Entries to add that others hold already: nothing changes by them.
    split: Vec<String>,
    /// Entries to remove that only stand in the way of what is wished: exceptions inside it.
    unblock: Vec<String>,
    add: Vec<String>,
    /// Entries to remove; exceptions last, for what they hide must be gone by then.
    remove: Vec<String>,
    /// Entries to remove that others hold too, once they are in.
    merged: Vec<String>,
    /// At which rule of the wish it is filled and emptied. None: at the beginning and at the end.
    at: Option<usize>,
    /// A rule that goes or one of somebody else would let more through with what is added, or one that comes with what is
    /// removed: it is changed by itself, between the two.
    conflict: bool,
    /// What is removed goes before the rule that comes.
    first_out: bool,
    /// A rule of somebody else lets more through with what is removed: it is removed before any rule goes.
    soon_out: bool,
    /// Rules that go shut more with what is removed: it is removed after them.
    last_out: bool,
    /// Rules that go would let more through with what is added, and the rules of the wish only shut: they go first.
    evict: bool,
    /// Nothing that counts reads it: it is brought to the wish at once.
    idle: bool,
    users: Vec<usize>,
}

impl Sets {
    pub fn new(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules, work: &Working) -> Self {
        let mine = |name: &SetName, set: &SeenSet| managed(name, set, foreign);
        let theirs = |name: &SetName| seen.ipsets.get(name).is_some_and(|set| !mine(name, set));
        let todo = want.ipsets.iter().filter(|(name, _)| !theirs(name));
        let todo = todo.map(|(name, set)| (name.clone(), Todo::new(name, set, seen.ipsets.get(name), work)));
        let named = |name: &SetName| {
            let stays = work.items.iter().filter(|item| item.role == Role::Foreign);
            stays.flat_map(|item| seen::sets(&item.fields)).any(|set| set == name.0)
        };
        let surplus = seen.ipsets.iter().filter(|(name, set)| mine(name, set));
        let surplus = surplus.map(|(name, _)| name).filter(|name| !want.ipsets.contains_key(*name) && !named(name));
        Self { todo: todo.collect(), surplus: surplus.cloned().collect() }
    }

    /// Whether a rule of the wish names a set that is filled later.
    pub fn waits(&self, wish: usize) -> bool {
        self.todo.values().any(|todo| todo.at.is_some() && todo.users.contains(&wish) && !todo.add.is_empty())
    }

    /// Whether a rule of the wish names a set from which something is removed before the rule counts.
    pub fn conflict(&self, wish: usize) -> bool {
        self.todo.values().any(|todo| todo.conflict && todo.first_out && todo.users.contains(&wish))
    }

    /// Makes the missing sets, and fills those that need not wait.
    pub fn open(&mut self, work: &mut Working) {
        for (name, todo) in &mut self.todo {
            if let Some(comment) = todo.create.take() {
                work.steps.push(Step::CreateSet { name: name.clone(), comment });
            }
            todo.split(name, work);
            if todo.idle {
                todo.empty(name, work);
            }
            if todo.at.is_none() && !todo.conflict {
                todo.fill(name, work);
            }
        }
    }

    /// Fills the sets that wait for this rule.
    pub fn fill_at(&mut self, work: &mut Working, wish: usize) {
        for (name, todo) in self.todo.iter_mut().filter(|(_, todo)| todo.at == Some(wish)) {
            todo.fill(name, work);
        }
    }

    /// Changes the sets that rules to come and rules to go read differently: what is too much goes, the rules come and go,
    /// then what is missing comes. No packet passes in between that neither of them lets pass.
    pub fn resolve(&mut self, work: &mut Working) {
        for (name, todo) in self.todo.iter_mut().filter(|(_, todo)| todo.conflict && todo.first_out) {
            todo.empty(name, work);
        }
        let users: BTreeSet<usize> =
            self.todo.values().filter(|todo| todo.conflict).flat_map(|todo| todo.users.clone()).collect();
        for wish in users {
            work.correct(wish);
        }
        for (name, todo) in self.todo.iter_mut().filter(|(_, todo)| todo.conflict) {
            evict(name, work);
            todo.fill(name, work);
        }
        for (name, todo) in self.todo.iter_mut().filter(|(_, todo)| todo.soon_out) {
            todo.empty(name, work);
        }
    }

    /// Empties the sets of this rule of what is too much.
    pub fn clear_at(&mut self, work: &mut Working, wish: usize) {
        let due = |todo: &Todo| todo.at == Some(wish) && !todo.last_out;
        for (name, todo) in self.todo.iter_mut().filter(|(_, todo)| due(todo)) {
            todo.empty(name, work);
        }
    }

    /// Removes what is still too much.
    pub fn close(&mut self, work: &mut Working) {
        for (name, todo) in &mut self.todo {
            todo.empty(name, work);
            todo.merge(name, work);
        }
        for name in std::mem::take(&mut self.surplus) {
            work.steps.push(Step::DeleteSet { name });
        }
    }
}

impl Todo {
    fn new(name: &SetName, set: &Ipset, seen: Option<&SeenSet>, work: &Working) -> Self {
        let there = seen.map(|set| &set.entries);
        let mut left = set.entries.clone();
        let (mut unblock, mut remove, mut exceptions, mut merged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (text, nomatch) in there.into_iter().flatten() {
            let parsed = net(text);
            let wished = parsed.is_some_and(|net| !nomatch && left.remove(&net));
            if wished {
                continue;
            }
            let inside = |net: IpNet| set.entries.iter().any(|wished| wished.contains(&net));
            match (nomatch, parsed.is_some_and(inside)) {
                (true, true) => unblock.push(text.clone()),
                (true, false) => exceptions.push(text.clone()),
                (false, true) => merged.push(text.clone()),
                (false, false) => remove.push(text.clone()),
            }
        }
        remove.append(&mut exceptions);
        let users = work.users(name);
        let (split, add): (Vec<IpNet>, Vec<IpNet>) = left.into_iter().partition(|net| held(*net, there));
        let [split, add] = [split, add].map(|nets| nets.iter().map(plain).collect());
        let create = seen.is_none().then(|| set.comment.clone());
        let mut todo = Self {
            create,
            split,
            unblock,
            add,
            remove,
            merged,
            at: None,
            conflict: false,
            first_out: false,
            soon_out: false,
            last_out: false,
            evict: false,
            idle: false,
            users,
        };
        todo.decide(name, work);
        todo
    }

    /// When it is to be done.
    fn decide(&mut self, name: &SetName, work: &Working) {
        let reads = |fields: &Fields| seen::sets(fields).any(|set| set == name.0);
        let counts = work.items.iter().any(|item| enabled(&item.fields) && reads(&item.fields));
        let filter = name.0.starts_with("ipfilter-");
        self.idle = !filter && (!work.in_force || !counts);
        if self.idle {
            return;
        }
        let rules = || self.users.iter().filter_map(|user| work.wish.get(*user));
        let mixed = rules().any(|rule| {
            let others = work.items.iter().map(|item| &item.fields).filter(|fields| enabled(fields));
            others.chain(&work.wish).any(|other| at_odds(rule, other))
        });
        // A rule that only moves comes and goes where its place matters.
        let moves = |user: usize| mixed && !work.kept.contains(&user);
        let alike = |fields: &Fields| !mixed && rules().any(|wish| matches_alike(wish, fields));
        let leaves = |item: &Item| match item.role {
            Role::Old => !alike(&item.fields),
            Role::Wish(user) => moves(user),
            Role::Foreign => false,
        };
        let adds = !self.add.is_empty() || !self.unblock.is_empty();
        let goes = adds && work.items.iter().any(|item| lets_more(&item.fields, name) && leaves(item));
        let foreign = |item: &Item| item.role == Role::Foreign && lets_more(&item.fields, name);
        let theirs = work.items.iter().any(foreign);
        let accepts = |user: &&usize| work.wish.get(**user).is_some_and(accepts);
        let comes = self.users.iter().filter(accepts).any(|user| !work.counts(*user) || moves(*user));
        let opens = self.users.iter().any(|user| accepts(&user));
        self.first_out = !self.remove.is_empty() && comes;
        let shuts = |item: &Item| enabled(&item.fields) && reads(&item.fields) && leaves(item);
        self.last_out = !opens && work.items.iter().any(shuts);
        self.conflict = (opens && (goes || self.first_out)) || (adds && theirs);
        self.soon_out = opens && theirs;
        self.evict = !opens && goes;
        if mixed && !self.conflict {
            // Late where it opens, early where it closes.
            self.at = self.users.iter().rfind(accepts).or(self.users.first()).copied();
        }
    }

    fn split(&mut self, name: &SetName, work: &mut Working) {
        let split = std::mem::take(&mut self.split).into_iter();
        work.steps.extend(split.map(|cidr| Step::AddEntry { set: name.clone(), cidr }));
    }

    fn merge(&mut self, name: &SetName, work: &mut Working) {
        let merged = std::mem::take(&mut self.merged).into_iter();
        work.steps.extend(merged.map(|cidr| Step::RemoveEntry { set: name.clone(), cidr }));
    }

    fn fill(&mut self, name: &SetName, work: &mut Working) {
        if self.evict {
            evict(name, work);
        }
        let unblock = std::mem::take(&mut self.unblock).into_iter();
        work.steps.extend(unblock.map(|cidr| Step::RemoveEntry { set: name.clone(), cidr }));
        let add = std::mem::take(&mut self.add).into_iter();
        work.steps.extend(add.map(|cidr| Step::AddEntry { set: name.clone(), cidr }));
    }

    fn empty(&mut self, name: &SetName, work: &mut Working) {
        let remove = std::mem::take(&mut self.remove).into_iter();
        work.steps.extend(remove.map(|cidr| Step::RemoveEntry { set: name.clone(), cidr }));
    }
}

/// Removes the rules that go and would let more through with more entries of a set.
fn evict(name: &SetName, work: &mut Working) {
    for at in (0..work.items.len()).rev() {
        if work.items.get(at).is_some_and(|item| item.role == Role::Old && lets_more(&item.fields, name)) {
            work.delete(at);
        }
    }
}

/// Whether a rule lets more through with more entries of a set.
fn lets_more(fields: &Fields, name: &SetName) -> bool {
    enabled(fields) && accepts(fields) && seen::sets(fields).any(|set| set == name.0)
}

fn accepts(fields: &Fields) -> bool {
    fields.get("action").is_some_and(|action| action == "ACCEPT")
}

/// Whether all of a network is in a set already.
fn held(wanted: IpNet, there: Option<&BTreeMap<String, bool>>) -> bool {
    let mut entries = there.into_iter().flatten().filter_map(|(text, nomatch)| Some((net(text)?, *nomatch)));
    let exception = entries.clone().any(|(net, nomatch)| nomatch && (net.contains(&wanted) || wanted.contains(&net)));
    !exception && entries.any(|(net, nomatch)| !nomatch && net.contains(&wanted))
}

/// Whether two rules match the same, whatever they are called.
fn matches_alike(one: &Fields, other: &Fields) -> bool {
    ["type", "action", "proto", "dport", "sport", "source", "dest", "iface", "macro", "icmp-type"]
        .iter()
        .all(|key| one.get(*key) == other.get(*key))
}

/// Whether a set is changed: ours, and any filter of addresses where foreign things are removed.
pub fn managed(name: &SetName, set: &SeenSet, foreign: ForeignRules) -> bool {
    our_set(name, set.comment.as_deref()) || (foreign == ForeignRules::Remove && name.0.starts_with("ipfilter-net"))
}
