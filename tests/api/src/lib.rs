//! What the tests under `tests/` share: a [`World`] is an operator of its own on a PVE double of its own, beside others
//! on one real API server. A test says what it does and what it waits for; nothing here sleeps to wait.
//!
//! `make test-api` runs them, `make test-api T=NAME` runs some. By hand: `hack/tools/test-api.sh [NAME]`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests: to panic is to fail the test

pub mod account;
pub mod builders;
pub mod cli;
pub mod diagnose;
pub mod estate;
pub mod http;
pub mod kcm;
pub mod kubernetes;
pub mod operator;
pub mod person;
pub mod process;
pub mod proxy;
pub mod pve;
pub mod wait;
pub mod world;

pub use builders::{container, interface, size};
pub use wait::eventually;
pub use world::World;

use std::path::PathBuf;

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
