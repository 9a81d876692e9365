//! Models: from a spec to a wish, from a look to what follows, and what is said of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod decisions;
mod fixture;
mod machine;
mod progress;
mod reasons;
mod refusals;
mod reports;
