//! Real servers as processes of a test, and what stands between them and their clients. They come from
//! `hack/tools/components.sh`; where one cannot be had, a test says so and passes, except with CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests: to panic is to fail the test

pub mod gguf;
pub mod http;
pub mod hub;
pub mod line;
pub mod ollama;
pub mod pki;
pub mod process;
pub mod registry;
pub mod sshd;
pub mod wait;
