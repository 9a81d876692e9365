//! The ZentoriaContainer controller: look, plan, guard, act, report.

mod deletion;
mod journal;
mod keys;
mod outcome;
mod reconcile;
mod report;

pub use keys::PublicKeys;
pub use reconcile::reconcile;
