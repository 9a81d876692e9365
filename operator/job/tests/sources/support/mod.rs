//! What the tests of all sources use.

pub mod job;
pub mod process;
pub mod wait;
