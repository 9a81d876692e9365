//! The driver of Ollama against a real Ollama that pulls from a real registry, whole and broken.
//!
//! Both come from `hack/tools/components.sh`. Where one cannot be had, its tests say so and pass, except with CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaks;
mod pulls;
mod refusals;
mod room;
mod stage;
