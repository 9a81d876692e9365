//! The programs of PostgreSQL: of which version.
//!
//! `pg_dump` reads servers of its own major version and older ones; an older `pg_restore` knows less, and a newer one sets
//! what an older server does not know. So the oldest that is not older than the server is taken.

use super::login::Login;
use crate::failure::Failure;
use crate::source::tool;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use zentoria_types::backup_job::JobError;

/// The program for a server of this major version, with the login in its environment.
///
/// # Errors
/// [`JobError::Setup`], when there is none, or all are older than the server.
pub async fn command(name: &str, server_major: u32, login: &Login) -> Result<Command, Failure> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for path in login.programs.all(name) {
        if let Some(major) = major_of(&path).await {
            found.push((major, path));
        }
    }
    found.sort_by_key(|(major, _)| *major);
    let newest = found.last().map(|(major, _)| *major);
    let Some((_, path)) = found.into_iter().find(|(major, _)| *major >= server_major) else {
        let has = newest.map_or_else(|| "holds none".to_owned(), |major| format!("holds none newer than {major}"));
        return Err(Failure::new(
            JobError::Setup,
            format!(
                "{name} for PostgreSQL {server_major} (the server at {}) is needed, and the image of the Jobs {has}: use an image with it",
                login.place()
            ),
        ));
    };
    let mut command = Command::new(path);
    command.envs(login.environment());
    Ok(command)
}

async fn major_of(program: &Path) -> Option<u32> {
    let mut command = Command::new(program);
    command.arg("--version");
    parse_major(&tool::ask(command).await.ok()?)
}

/// Of `pg_dump (PostgreSQL) 16.14 (Debian 16.14-1.pgdg12+1)`, and of `18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let after = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn the_major_version_is_read_from_what_the_program_says() {
        for (said, major) in [
            ("pg_dump (PostgreSQL) 16.14", Some(16)),
            ("pg_dump (PostgreSQL) 16.14 (Debian 16.14-1.pgdg12+1)\n", Some(16)),
            ("pg_restore (PostgreSQL) 18beta1", Some(18)),
            ("something else 16.1", None),
            ("", None),
        ] {
            assert_eq!(parse_major(said), major, "{said}");
        }
    }
}
