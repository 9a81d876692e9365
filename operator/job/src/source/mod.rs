//! The kinds of sources.

mod command;
mod directory;
mod files;
mod http;
pub mod postgres;
pub mod redis;
mod ssh;
mod tool;
mod vault;

use crate::contract::Source;
use crate::failure::Failure;
use crate::setup::Setup;
use command::Command;
use files::Files;
use postgres::Postgres;
use redis::Redis;
use vault::Vault;
use zentoria_types::backup_job::{JobError, SourceSpec};

/// The source that the spec describes, with its secrets read. Nothing is connected to yet.
///
/// # Errors
/// [`JobError::Setup`], when a secret is missing.
pub fn of(spec: &SourceSpec, setup: &Setup) -> Result<Box<dyn Source>, Failure> {
    let kind = match spec {
        SourceSpec::Postgres { server, user, databases, roles, ssl_mode } => {
            return Ok(Box::new(Postgres::new(server, user, databases, *roles, ssl_mode, setup)?));
        }
        SourceSpec::Redis { server, user } => return Ok(Box::new(Redis::new(server, user.as_deref(), setup)?)),
        SourceSpec::Qdrant { .. } => "qdrant",
        SourceSpec::Vault { server, tls } => return Ok(Box::new(Vault::new(server, *tls, setup)?)),
        SourceSpec::S3 { .. } => "s3",
        SourceSpec::Files { ssh, paths, exclude } => return Ok(Box::new(Files::new(ssh, paths, exclude, setup)?)),
        SourceSpec::Command { ssh, command, file_name } => {
            return Ok(Box::new(Command::new(ssh, command, file_name, setup)?));
        }
    };
    Err(Failure::new(JobError::Setup, format!("this image cannot back up {kind}")))
}
