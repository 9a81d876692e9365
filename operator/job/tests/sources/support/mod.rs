//! What the tests of all sources use.

pub mod job;
