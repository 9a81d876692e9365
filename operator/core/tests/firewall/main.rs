//! The firewall matrix: the compiler, the steps of the enforcement, and the evaluator that judges both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod compile;
mod enforce;
mod enforce_foreign;
mod enforce_guard;
mod enforce_properties;
mod evaluate;
mod model;
mod names;
mod recorded;
mod strategies;
mod verdicts;
