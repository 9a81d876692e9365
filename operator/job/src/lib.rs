//! What the Jobs of backups run: one operation on one restic repository, told by files, answered by one [`Outcome`].
//!
//! `zentoria-job run` reads the [`JobSpec`] and the Secrets' files, does it with restic, and writes the outcome where
//! Kubernetes takes the termination message from. restic itself starts `zentoria-job source` for each part of a source
//! and stores what that prints; so a source that breaks off makes no snapshot.
//!
//! [`Outcome`]: zentoria_types::backup_job::Outcome
//! [`JobSpec`]: zentoria_types::backup_job::JobSpec

pub mod cancel;
pub mod cli;
pub mod contract;
pub mod evidence;
pub mod failure;
pub mod operation;
pub mod outcome;
mod pipe;
pub mod programs;
pub mod restic;
pub mod retention;
pub mod runs;
pub mod setup;
pub mod source;
pub mod stream;
