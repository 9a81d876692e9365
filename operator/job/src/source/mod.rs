//! The kinds of sources.

mod command;
mod counted;
mod directory;
mod files;
mod http;
mod postgres;
mod qdrant;
mod redis;
mod s3;
mod ssh;
mod tool;
mod vault;

use crate::contract::Source;
use crate::failure::Failure;
use crate::setup::Setup;
use command::Command;
use files::Files;
use postgres::Postgres;
use qdrant::Qdrant;
use redis::Redis;
use s3::S3;
use vault::Vault;
use zentoria_types::backup_job::SourceSpec;

/// The source that the spec describes, with its secrets read. Nothing is connected to yet.
///
/// # Errors
/// [`JobError::Setup`](zentoria_types::backup_job::JobError::Setup), when a secret is missing.
pub fn of(spec: &SourceSpec, setup: &Setup) -> Result<Box<dyn Source>, Failure> {
    match spec {
        SourceSpec::Postgres { server, user, databases, roles, ssl_mode } => {
            Ok(Box::new(Postgres::new(server, user, databases, *roles, ssl_mode, setup)?))
        }
        SourceSpec::Redis { server, user } => Ok(Box::new(Redis::new(server, user.as_deref(), setup)?)),
        SourceSpec::Qdrant { server, tls, collections } => Ok(Box::new(Qdrant::new(server, *tls, collections, setup)?)),
        SourceSpec::Vault { server, tls } => Ok(Box::new(Vault::new(server, *tls, setup)?)),
        SourceSpec::S3 { server, tls, buckets } => Ok(Box::new(S3::new(server, *tls, buckets, setup)?)),
        SourceSpec::Files { ssh, paths, exclude } => Ok(Box::new(Files::new(ssh, paths, exclude, setup)?)),
        SourceSpec::Command { ssh, command, file_name } => Ok(Box::new(Command::new(ssh, command, file_name, setup)?)),
    }
}
