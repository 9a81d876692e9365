//! Conditions, the STATUS column and texts for people, all from the same place.

mod drill;
mod policy;
mod repository;
mod restore;

pub use policy::policy;
pub use repository::repository;
pub use restore::restore;

use super::schedule::Freshness;
use crate::conditions::{Conditions, Truth};
use crate::words::moment;
use jiff::Timestamp;
use zentoria_api::conditions::{FRESH, VERIFIED};

/// A finished status, and what else follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<S, R> {
    /// The status to write, where it differs from what is there.
    pub status: S,
    /// The reason of Ready.
    pub reason: R,
    /// Its message.
    pub message: String,
    /// When to look again though nothing happened: the moment at which something becomes late.
    pub look_again: Option<Timestamp>,
}

/// What is said where the operator looks away.
const PAUSED: &str = "paused: none of its Jobs is started, and what is known stays as it is";

/// The condition Fresh. Its words hold no age, so that they do not change with every look.
fn set_fresh(conditions: &mut Conditions<'_>, fresh: Freshness, promise: &str) {
    let (truth, reason, message) = match fresh {
        Freshness::Fresh { until: _ } => (Truth::True, "Fresh", format!("the newest backup is younger than {promise}")),
        Freshness::Late { since } => {
            (Truth::False, "Late", format!("no backup is younger than {promise} since {}", moment(since)))
        }
        Freshness::NoneYet { until } => {
            (Truth::Unknown, "Pending", format!("there is no backup yet; one is promised by {}", moment(until)))
        }
        Freshness::FromTheFuture => {
            let message = "the newest backup has a time in the future: a clock has jumped, and its age is not known";
            (Truth::False, "Late", message.to_owned())
        }
    };
    conditions.set(FRESH, truth, reason, &message);
}

/// When the age has to be looked at again.
const fn look_again(fresh: Freshness) -> Option<Timestamp> {
    match fresh {
        Freshness::Fresh { until } | Freshness::NoneYet { until } => Some(until),
        Freshness::Late { since: _ } | Freshness::FromTheFuture => None,
    }
}

/// What the condition Verified says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    /// It was proved, and the proof is not too old.
    Good {
        /// When it will be.
        until: Timestamp,
    },
    /// It was not proved yet.
    NotYet,
    /// The last proof failed.
    Failed(String),
    /// The last proof that succeeded is too old.
    Overdue {
        /// Since when.
        since: Timestamp,
    },
}

impl Proof {
    /// Judges an operation that proves something and runs every `gap` at the longest.
    fn of(operation: &zentoria_api::backup::OperationStatus, gap: std::time::Duration, now: Timestamp) -> Self {
        if let Some(message) = &operation.message {
            return Self::Failed(message.clone());
        }
        let Some(last) = &operation.last_success else { return Self::NotYet };
        let until = last.0.checked_add(gap.saturating_mul(2)).unwrap_or(Timestamp::MAX);
        if now < until { Self::Good { until } } else { Self::Overdue { since: until } }
    }

    fn look_again(&self) -> Option<Timestamp> {
        match self {
            Self::Good { until } => Some(*until),
            Self::NotYet | Self::Failed(_) | Self::Overdue { .. } => None,
        }
    }

    /// Sets the condition; `what` proves: `the restore test`.
    fn set(&self, conditions: &mut Conditions<'_>, what: &str, failed: &str) {
        let (truth, reason, message) = match self {
            Self::Good { .. } => (Truth::True, "Verified", format!("{what} succeeded the last time")),
            Self::NotYet => (Truth::Unknown, "NotYet", format!("{what} did not run yet")),
            Self::Failed(message) => (Truth::False, failed, message.clone()),
            Self::Overdue { since } => {
                (Truth::False, "Overdue", format!("{what} was due and did not succeed by {}", moment(*since)))
            }
        };
        conditions.set(VERIFIED, truth, reason, &message);
    }
}
