//! What the tests under `tests/` share: a [`Stage`] is a namespace with real servers in pods, and an operator of its own.
//!
//! `make test-pods` runs them, `make test-pods T=NAME` runs some. They need a cluster that runs pods, with the images of
//! `images/import.sh`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests: to panic is to fail the test

pub mod backups;
pub mod kubectl;
pub mod servers;
pub mod stage;

pub use stage::Stage;
