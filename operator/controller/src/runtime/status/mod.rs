//! Writes the status subresource, and only when something differs.

mod diff;
mod writer;

#[cfg(test)]
mod tests;

pub use diff::merge_patch;
pub use writer::{Precondition, StatusWriter, Written};
