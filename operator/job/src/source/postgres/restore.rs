//! Restores: into the scratch server, and over the source.

use super::facts::{DatabaseFacts, RoleFacts};
use super::login::{Login, failed, identifier, literal};
use super::{connection, count, maintenance, major, programs, roles as role_dump};
use crate::contract::Input;
use crate::failure::Failure;
use crate::source::tool;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use zentoria_types::backup_job::JobError;

/// How long the scratch server may take to come up: it starts with the Job, and makes its files first.
const SCRATCH_START: Duration = Duration::from_secs(180);
/// How long the sessions of a database may take to end.
const SESSIONS_END: Duration = Duration::from_secs(60);
/// How often is looked again.
const AGAIN: Duration = Duration::from_millis(250);
/// The database of the scratch server that is restored into, one after the other.
const TEST: &str = "zentoria_restore_test";
/// How the statement begins by which `pg_restore` makes a database.
const CREATE: &str = "CREATE DATABASE ";
/// How long a name may be, in bytes.
const NAME: usize = 63;

/// Waits for the scratch server.
///
/// # Errors
/// [`JobError::TargetFailed`].
pub async fn scratch_is_up(login: &Login) -> Result<(), Failure> {
    let deadline = Instant::now() + SCRATCH_START;
    loop {
        match login.connect("postgres").await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.error == JobError::SourceUnreachable && Instant::now() < deadline => {
                sleep(AGAIN).await;
            }
            Err(failure) => return Err(on_target(failure).during("the scratch server")),
        }
    }
}

/// Restores roles that the server does not have, and compares those.
///
/// # Errors
/// [`JobError::TargetFailed`].
pub async fn roles(login: &Login, recorded: &RoleFacts, bytes: Input<'_>) -> Result<Vec<String>, Failure> {
    let mut dump = String::new();
    bytes.read_to_string(&mut dump).await.map_err(|error| {
        Failure::new(JobError::TargetFailed, format!("the roles could not be read from the backup: {error}"))
    })?;
    let (client, _) = maintenance(login, None).await.map_err(on_target)?;
    let kept = role_dump::restore(&client, &dump).await?;
    let mut recorded = recorded.clone();
    recorded.roles.retain(|name, _| !kept.contains(name));
    let found = count::roles(&client).await.map_err(|error| target("the restored roles cannot be read", &error))?;
    Ok(recorded.differences(&found))
}

/// Restores a database into the scratch server, compares it, and drops it.
///
/// # Errors
/// [`JobError::TargetFailed`].
pub async fn into_scratch(
    login: &Login,
    recorded: &DatabaseFacts,
    bytes: Input<'_>,
    owners: bool,
) -> Result<Vec<String>, Failure> {
    let (client, _) = maintenance(login, None).await.map_err(on_target)?;
    drop_database(&client, TEST).await?;
    create_test(&client, recorded).await?;
    let mut command = programs::command("pg_restore", major(&client).await?, login).await?;
    command.args(["--exit-on-error", "--no-password", "--no-tablespaces", "--no-subscriptions"]);
    if !owners {
        command.args(["--no-owner", "--no-privileges"]);
    }
    command.arg(format!("--dbname={}", connection(TEST)));
    tool::feed(command, bytes).await.map_err(|error| {
        let extension = error.said.contains("extension");
        let remedy = if extension { ": use an image for the restore test that has the extension" } else { "" };
        Failure::new(JobError::TargetFailed, format!("the scratch server took not all of it: {error}{remedy}"))
    })?;
    let found = counted(login, TEST).await?;
    drop_database(&client, TEST).await?;
    Ok(recorded.differences(&found, owners))
}

/// As like the source's as the scratch server can: it may not have the locale.
async fn create_test(client: &Client, recorded: &DatabaseFacts) -> Result<(), Failure> {
    let like_source = (recorded.collate.as_str(), recorded.ctype.as_str());
    let mut refused = None;
    for (collate, ctype) in [like_source, ("C", "C.UTF-8"), ("C", "C")] {
        let made = client
            .batch_execute(&format!(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
                identifier(TEST),
                literal(&recorded.encoding),
                literal(collate),
                literal(ctype)
            ))
            .await;
        match made {
            Ok(()) => return Ok(()),
            Err(error) => refused = Some(target("no database could be made on the scratch server", &error)),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::new(JobError::TargetFailed, "no database could be made")))
}

/// A database that stands aside.
struct Aside {
    name: String,
    /// Whether it took connections before: it comes back as it was.
    was_open: bool,
}

/// Restores a database over the source. What is there, closed or not, steps aside under another name until the restored one
/// is compared: then it is dropped; or, when anything failed or differs, it comes back. A Job that is killed in between
/// leaves it under that name (`app_before_1800000000`, which takes no connections); the next restore does not touch it, and
/// tells of it ([`left_behind`]).
///
/// # Errors
/// [`JobError::TargetFailed`], and those of a connection.
pub async fn over_source(
    login: &Login,
    name: &str,
    recorded: &DatabaseFacts,
    bytes: Input<'_>,
) -> Result<Vec<String>, Failure> {
    let (client, from) = maintenance(login, Some(name)).await?;
    let aside = match is_open(&client, name).await? {
        Some(was_open) => Some(step_aside(&client, name, was_open).await?),
        None => None,
    };
    let left = match &aside {
        Some(Aside { was_open: false, .. }) => {
            format!("`{name}` was left as it was: closed, until ALTER DATABASE ... WITH ALLOW_CONNECTIONS true")
        }
        Some(Aside { was_open: true, .. }) | None => format!("`{name}` was left as it was"),
    };
    let mut is_made = false;
    let restored = created(login, &client, &from, name, recorded, bytes, &mut is_made).await;
    let good = restored.as_ref().is_ok_and(Vec::is_empty);
    match aside {
        Some(aside) if good => drop_database(&client, &aside.name).await?,
        Some(aside) => come_back(&client, name, &aside).await?,
        // what somebody else has made meanwhile is not ours to drop
        None if good || !is_made => {}
        None => drop_database(&client, name).await?,
    }
    restored.map_err(|failure| failure.during(left))
}

/// Whether a database takes connections; `None`: there is none of that name. One that takes none holds data all the same: a
/// person has closed it, or a Job that was killed while it stepped aside or came back.
async fn is_open(client: &Client, name: &str) -> Result<Option<bool>, Failure> {
    let asked = async {
        let row = client
            .query_opt("SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = $1::text", &[&name])
            .await?;
        row.map(|row| row.try_get(0)).transpose()
    };
    asked.await.map_err(|error| target(&format!("whether there is a database `{name}`"), &error))
}

/// The databases that restores of this one have put aside and that were neither dropped nor brought back.
///
/// # Errors
/// [`JobError::TargetFailed`], and those of a connection.
pub async fn left_behind(login: &Login, name: &str) -> Result<Vec<String>, Failure> {
    let (client, _) = maintenance(login, Some(name)).await?;
    let listed = async {
        let rows = client.query("SELECT datname::text FROM pg_catalog.pg_database ORDER BY 1", &[]).await?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, tokio_postgres::Error>>()
    };
    let mut all = listed.await.map_err(|error| target("the databases cannot be listed", &error))?;
    all.retain(|there| is_aside(there, name));
    Ok(all)
}

/// Whether a database has a name that [`step_aside`] gives.
fn is_aside(there: &str, name: &str) -> bool {
    let Some((beginning, when)) = there.rsplit_once("_before_") else { return false };
    let is_cut = there.len() + char::MAX.len_utf8() > NAME && !beginning.is_empty() && name.starts_with(beginning);
    !when.is_empty() && when.bytes().all(|byte| byte.is_ascii_digit()) && (beginning == name || is_cut)
}

/// `is_made` tells whether it has made the database, though what it restored into it may be wrong.
async fn created(
    login: &Login,
    client: &Client,
    from: &str,
    name: &str,
    recorded: &DatabaseFacts,
    bytes: Input<'_>,
    is_made: &mut bool,
) -> Result<Vec<String>, Failure> {
    let mut command = programs::command("pg_restore", major(client).await?, login).await?;
    // `--create` makes it by the name, owner, rights and settings that it had
    command.args(["--create", "--exit-on-error", "--no-password", &format!("--dbname={}", connection(from))]);
    let fed = tool::feed(command, bytes).await;
    // it ends at the first statement that is refused, and says which
    *is_made = fed.as_ref().err().is_none_or(|error| !error.said.contains(CREATE));
    fed.map_err(|error| {
        Failure::new(JobError::TargetFailed, format!("{}: {error}; a superuser can restore everything", login.place()))
    })?;
    Ok(recorded.differences(&counted(login, name).await?, true))
}

/// Ends the sessions of a database and gives it another name, under which nobody can connect.
async fn step_aside(client: &Client, name: &str, was_open: bool) -> Result<Aside, Failure> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let ending = format!("_before_{now}");
    let mut aside = name.to_owned();
    while aside.len() + ending.len() > NAME {
        aside.pop();
    }
    aside.push_str(&ending);
    execute(client, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", identifier(name))).await?;
    let deadline = Instant::now() + SESSIONS_END;
    loop {
        execute(
            client,
            &format!(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {}",
                literal(name)
            ),
        )
        .await?;
        let rename = format!("ALTER DATABASE {} RENAME TO {}", identifier(name), identifier(&aside));
        match execute(client, &rename).await {
            Ok(()) => return Ok(Aside { name: aside, was_open }),
            Err(_) if Instant::now() < deadline => sleep(AGAIN).await,
            Err(failure) if was_open => {
                let opened = allow(client, name).await;
                return Err(opened.err().unwrap_or(failure));
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Takes the place of what was restored again.
async fn come_back(client: &Client, name: &str, aside: &Aside) -> Result<(), Failure> {
    let Aside { name: aside, was_open } = aside;
    let back = async {
        drop_database(client, name).await?;
        execute(client, &format!("ALTER DATABASE {} RENAME TO {}", identifier(aside), identifier(name))).await?;
        if *was_open { allow(client, name).await } else { Ok(()) }
    };
    back.await.map_err(|failure| {
        failure.during(format!("the restore failed, and `{name}` could not come back: it is there as `{aside}`"))
    })
}

async fn allow(client: &Client, name: &str) -> Result<(), Failure> {
    execute(client, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", identifier(name))).await
}

async fn drop_database(client: &Client, name: &str) -> Result<(), Failure> {
    execute(client, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name))).await
}

async fn execute(client: &Client, statement: &str) -> Result<(), Failure> {
    client.batch_execute(statement).await.map_err(|error| target(statement, &error))
}

async fn counted(login: &Login, name: &str) -> Result<DatabaseFacts, Failure> {
    let client = login.connect(name).await.map_err(on_target)?;
    let counting = async {
        client.batch_execute(count::SESSION).await?;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        count::database(&client).await
    };
    counting.await.map_err(|error| target("what was restored could not be counted", &error))
}

fn target(what: &str, error: &tokio_postgres::Error) -> Failure {
    failed(JobError::TargetFailed, what, error)
}

/// The failure of a connection, as one of the target.
fn on_target(failure: Failure) -> Failure {
    Failure { error: JobError::TargetFailed, ..failure }
}

#[cfg(test)]
mod tests {
    use super::is_aside;

    #[test]
    fn what_was_put_aside_is_known_by_its_name() {
        let long = "x".repeat(63);
        for (there, name, expected) in [
            ("app_before_1800000000", "app", true),
            ("app_before_lunch", "app", false),
            ("app_before_", "app", false),
            ("app", "app", false),
            ("apples_before_1800000000", "app", false),
            ("ap_before_1800000000", "app", false),
            (&format!("{}_before_1800000000", "x".repeat(45)), &long, true),
            ("x_before_1800000000", &long, false),
        ] {
            assert_eq!(is_aside(there, name), expected, "{there} of {name}");
        }
    }
}
