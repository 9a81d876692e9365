//! The manifests that come with the operator: read strictly, and compared with the inventory of the estate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod backups;
mod bad;
mod documents;
mod estate;
mod estates;
mod matrix;
mod models;
mod samples;
