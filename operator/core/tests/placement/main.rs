//! Where a new container is put: tables for every choice and every refusal, and properties over generated clusters.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod choice;
mod fixture;
mod leaving;
mod ledger;
mod properties;
mod refusals;
mod speed;
mod strategies;
