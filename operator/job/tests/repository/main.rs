//! Jobs as processes, on repositories of the real restic: in a directory, on a REST server, on an S3 server.
//!
//! The servers come from `hack/tools/components.sh`. Where one cannot be had, its tests say so and pass, except with CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod copying;
mod cycle;
mod damage;
mod ending;
mod locks;
mod pod;
mod refusals;
mod retention;
mod servers;
