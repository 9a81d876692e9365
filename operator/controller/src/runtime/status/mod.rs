//! Writes the status subresource, and only when something differs.

mod conditions;
mod diff;
mod writer;

#[cfg(test)]
mod tests;

pub use conditions::{ConditionStatus, NewCondition, find_condition, set_condition};
pub use diff::merge_patch;
pub use writer::{Precondition, StatusWriter, Written};
