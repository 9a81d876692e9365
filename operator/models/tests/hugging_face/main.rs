//! The driver of the Hugging Face client against a real sshd, the real client, and a stub of the hub with a tiny Whisper model
//! that the real faster-whisper then loads.
//!
//! All come from `hack/tools/components.sh`. Where one cannot be had, its tests say so and pass, except with CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod pulls;
mod refusals;
mod stage;
