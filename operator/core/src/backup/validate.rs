//! Specs checked against what lies around them. A refusal says which field, which value, why, and what to do.

mod pod;
mod policy;
mod problem;
mod repository;
mod restore;
pub mod secrets;
mod source;
mod vzdump;

pub use policy::policy;
pub(super) use policy::timetable;
pub use repository::{repository, upkeep};
pub use restore::restore;
