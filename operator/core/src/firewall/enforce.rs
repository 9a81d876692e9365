//! How the firewall of a guest becomes what the matrix says, in steps of which every prefix is safe: somebody may cut the
//! power between any two of them.

mod step;

pub use step::{Place, RuleRef, Step};

use super::guest::GuestFirewall;
use super::seen::Seen;
use zentoria_api::firewall::ForeignRules;

/// What is to be done with the firewall of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// What to write, in this order. Empty: it holds what it should.
    pub steps: Vec<Step>,
    /// The same for people, sorted as the steps are: `+` is missing, `-` is too much, `~` is otherwise.
    pub differences: Vec<String>,
    /// Rules that people made, as they are, in their order.
    pub foreign: Vec<Foreign>,
}

/// A rule that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The rule for people: `in ACCEPT tcp 22 from 10.0.0.5 "by hand"`.
    pub text: String,
    /// What it opens that the matrix does not.
    pub widens: Option<String>,
}

/// Why a plan is not to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The steps from what is there to what is wished.
#[must_use]
pub fn plan(want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Enforcement {
    let _ = (want, seen, foreign);
    Enforcement::default()
}

/// Reads a plan once more, with other eyes.
///
/// # Errors
/// [`Refusal`] names the step and what is wrong with it.
pub fn guard(steps: &[Step], want: &GuestFirewall, seen: &Seen, foreign: ForeignRules) -> Result<(), Refusal> {
    let _ = (steps, want, seen, foreign);
    Ok(())
}
