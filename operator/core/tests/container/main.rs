//! The decisions about one container: properties over generated worlds, mutants that must be found, and golden plans.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod changes;
mod deletion;
mod fixture;
mod golden;
mod granted;
mod model;
mod mounts;
mod mutants;
mod placing;
mod preflight;
mod properties;
mod protection;
mod strategies;
mod wish;
