//! The ZentoriaContainer controller: look, plan, guard, act, report.

mod deletion;
mod journal;
mod outcome;
mod reconcile;
mod report;

pub use reconcile::reconcile;
