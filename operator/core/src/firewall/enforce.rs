//! How the firewall of a guest becomes what the matrix says, in steps of which every prefix is safe: somebody may cut the
//! power between any two of them.
//!
//! A packet on which the firewall before and the firewall after agree is treated so after every step, so no step opens more
//! than the two together, and none shuts out what both let pass: sets, then rules, then policies, then what goes, and
//! `enable=1` at the very end. There are three exceptions, which writes one by one cannot avoid:
//! - a set `ipfilter-net<N>` that is made: until its entries are in, PVE lets the guest send only from the addresses in its
//!   configuration;
//! - a person changed rules of ours and the entries of the set that they name: less may pass for some calls, never more;
//! - a rule of somebody else reads a set of ours that ours use for the opposite (`ACCEPT` here, `DROP` there).
//!
//! Rules of ours stand in the order of the wish. Rules of others are never moved: what a person put on top stays on top.
//! With mode `Off`, and for an object that is deleted while its guest is retained, nothing is planned at all: the firewall
//! stays as it is, closed where it was closed.

mod foreign;
mod guard;
mod options;
mod pairing;
mod placing;
mod sets;
mod step;
mod words;
mod working;

pub use foreign::Foreign;
pub use guard::{Refusal, guard};
pub use step::{Place, RuleRef, Step};

use super::guest::GuestFirewall;
use super::seen::Seen;
use sets::Sets;
use working::Working;
use zentoria_api::firewall::ForeignRules;

/// What is to be done with the firewall of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// What to write, in this order. Empty: it holds what it should.
    pub steps: Vec<Step>,
    /// The same for people: `+` is missing, `-` is too much, `~` is otherwise.
    pub differences: Vec<String>,
    /// Rules that people made and that stay, as they are, in their order.
    pub foreign: Vec<Foreign>,
}

/// The steps from what is there to what is wished.
#[must_use]
pub fn plan(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Enforcement {
    let mut work = Working::new(want, seen, foreign);
    let mut sets = Sets::new(want, seen, foreign, &work);
    let differences = words::differences(want, seen, foreign, &work);
    sets.open(&mut work);
    placing::place(&mut work, &sets);
    placing::settle(&mut work, &mut sets);
    sets.resolve(&mut work);
    let differing = options::differing(&want.options, seen);
    if !differing.is_empty() {
        work.steps.push(Step::SetOptions { set: differing });
    }
    placing::remove(&mut work, &mut sets);
    sets.close(&mut work);
    if !work.in_force {
        let set = [("enable".to_owned(), "1".to_owned())].into();
        work.steps.push(Step::SetOptions { set });
    }
    let foreign = foreign::judge(want, seen, foreign, &work);
    Enforcement { steps: work.steps, differences, foreign }
}
