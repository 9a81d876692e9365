//! New rules get in, and rules come to their places, while every packet on which the firewall before and the firewall after
//! agree is treated so all the time.
//!
//! PVE inserts on top, so a rule of another place is moved there by a second write, and at the top it stands above rules
//! that it must not overrule. And while several rules are missing, one that is in may overrule what a missing one would have
//! decided. Where neither can happen, because the rules in question all do the same, a rule is inserted switched on.
//! Otherwise it is inserted switched off, moved, and switched on when all above it count: from the top to the bottom.
//! Rules that go are removed after that, from the bottom to the top.

use super::sets::Sets;
use super::working::{Beside, Role, Working, at_odds};
use crate::firewall::seen::{Fields, enabled};

/// Brings every rule of the wish in and to its place, from the last to the first.
pub fn place(work: &mut Working, sets: &Sets) {
    for wish in (0..work.wish.len()).rev() {
        if work.kept.contains(&wish) {
            continue;
        }
        let goal = goal(work, wish);
        match work.find(wish) {
            None => insert(work, sets, wish, goal),
            Some(at) if passes_alike(work, at, goal) => {
                if let Some(goal) = goal {
                    work.move_beside(at, goal);
                }
            }
            Some(at) => {
                // Another one like it comes to the new place, and this one goes later.
                if let Some(item) = work.items.get_mut(at) {
                    item.role = Role::Old;
                }
                insert(work, sets, wish, goal);
            }
        }
    }
}

/// Where a rule of the wish belongs: directly above the next of ours; the last one below the lowest that stays. None: on
/// top, for nothing of ours is there.
fn goal(work: &Working, wish: usize) -> Option<Beside> {
    let next = work.find(wish + 1).filter(|_| wish + 1 < work.wish.len());
    let lowest = || work.kept.last().and_then(|kept| work.find(*kept));
    next.map(Beside::Above).or_else(|| lowest().map(Beside::Below))
}

fn insert(work: &mut Working, sets: &Sets, wish: usize, goal: Option<Beside>) {
    let on = !work.in_force || at_once(work, sets, wish, goal);
    work.insert(wish, on);
    // Everything is one further down now.
    match goal {
        Some(Beside::Above(at)) => work.move_beside(0, Beside::Above(at + 1)),
        Some(Beside::Below(at)) => work.move_beside(0, Beside::Below(at + 1)),
        None => {}
    }
}

/// Whether a rule may count from its insertion on.
fn at_once(work: &Working, sets: &Sets, wish: usize, goal: Option<Beside>) -> bool {
    let Some(fields) = work.wish.get(wish) else { return false };
    let above = goal.map_or(0, Beside::index);
    let overrules = |other: &Fields| enabled(other) && at_odds(fields, other);
    let pending = |index: usize| !work.counts(index) || !work.kept.contains(&index) || sets.waits(index);
    let waits = |(index, other): (usize, &Fields)| pending(index) && at_odds(fields, other);
    !work.items.iter().take(above).any(|item| overrules(&item.fields))
        && !work.wish.iter().enumerate().take(wish).any(waits)
        && !sets.waits(wish)
        && !sets.conflict(wish)
}

/// Whether all that a move passes does the same as the rule that moves, or the rule does not count.
fn passes_alike(work: &Working, at: usize, goal: Option<Beside>) -> bool {
    let (Some(item), Some(goal)) = (work.items.get(at), goal) else { return true };
    if !work.in_force || !enabled(&item.fields) {
        return true;
    }
    let to = goal.index();
    let (from, until) = if to > at { (at + 1, to) } else { (to, at) };
    let between = work.items.get(from..until).unwrap_or_default();
    !between.iter().any(|other| enabled(&other.fields) && at_odds(&item.fields, &other.fields))
}

/// Fills the sets that had to wait, switches on what is not, and corrects what is only worded otherwise: from the top to the
/// bottom.
pub fn settle(work: &mut Working, sets: &mut Sets) {
    for wish in 0..work.wish.len() {
        sets.fill_at(work, wish);
        if !sets.conflict(wish) || work.counts(wish) {
            work.correct(wish);
        }
    }
}

/// Removes what is not wished, from the bottom to the top.
pub fn remove(work: &mut Working, sets: &mut Sets) {
    for at in (0..work.items.len()).rev() {
        match work.items.get(at).map(|item| item.role) {
            Some(Role::Old) => work.delete(at),
            Some(Role::Wish(wish)) => sets.clear_at(work, wish),
            Some(Role::Foreign) | None => {}
        }
    }
}
