//! The sources of backups against real servers: PostgreSQL with pgvector, Redis, OpenBao, S3, sshd.
//!
//! The servers come from `hack/tools/components.sh`. Where one cannot be had, its tests say so and pass, except with CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cycle;
mod postgres;
mod qdrant;
mod redis;
mod s3;
mod ssh;
mod support;
mod vault;
