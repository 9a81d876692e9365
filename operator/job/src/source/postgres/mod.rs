//! Databases of a PostgreSQL server, and its roles.
//!
//! A database is dumped by `pg_dump` with the snapshot of a transaction that we hold, and counted in that transaction: what
//! is recorded is exactly what is in the dump. The dump is not compressed: restic does that, and finds again what did not
//! change.

mod count;
mod facts;
mod hold;
mod login;
mod programs;
mod restore;
mod roles;
mod tls;

use crate::contract::{Held, Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::source::directory;
use crate::source::tool;
use async_trait::async_trait;
use facts::{DatabaseFacts, RoleFacts};
use login::{Login, failed};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio_postgres::Client;
use zentoria_types::backup_job::{JobError, Server};

/// Name of the part with the roles. It has a character that names of databases have only by malice.
const ROLES: &str = "roles/";
/// How long `pg_dump` waits for a table that somebody changes, in milliseconds.
const LOCK_WAIT: &str = "--lock-wait-timeout=600000";

/// A PostgreSQL server.
pub struct Postgres {
    login: Login,
    databases: Vec<String>,
    roles: bool,
    /// Whether the scratch server has got the roles, so that owners and rights can be restored too.
    scratch_has_roles: AtomicBool,
    /// What restores that were ended before their end have left on the server.
    left_behind: Mutex<Vec<String>>,
}

impl Postgres {
    /// The server, with the password read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(
        server: &Server,
        user: &str,
        databases: &[String],
        roles: bool,
        ssl_mode: &str,
        setup: &Setup,
    ) -> Result<Self, Failure> {
        let login = Login::to_source(server, user, ssl_mode, setup)?;
        let scratch_has_roles = AtomicBool::new(false);
        Ok(Self { login, databases: databases.to_vec(), roles, scratch_has_roles, left_behind: Mutex::default() })
    }

    fn part(name: &str) -> Part {
        let path = format!("/postgres/{}.dump", directory::file_name(name));
        Part { name: name.to_owned(), path, kind: PartKind::Data }
    }

    async fn dump_roles(&self, out: Output<'_>) -> Result<(), Failure> {
        let (client, database) = maintenance(&self.login, None).await?;
        let mut command = programs::command("pg_dumpall", major(&client).await?, &self.login).await?;
        command.args(["--roles-only", "--no-password", &format!("--database={database}")]);
        tool::print(command, out).await.map(drop).map_err(|error| {
            let refused = error.said.contains("permission denied");
            let remedy = if refused {
                ": only a superuser reads the passwords of roles; use one, or set roles to false"
            } else {
                ""
            };
            let kind = if refused { JobError::SourceAccessDenied } else { JobError::SourceFailed };
            Failure::new(kind, format!("the roles of {}: {error}{remedy}", self.login.place()))
        })
    }

    async fn dump_database(&self, name: &str, snapshot: &str, out: Output<'_>) -> Result<(), Failure> {
        let client = self.login.connect(name).await?;
        let mut command = programs::command("pg_dump", major(&client).await?, &self.login).await?;
        drop(client);
        command.args(["--format=custom", "--compress=0", "--no-password", LOCK_WAIT]);
        command.arg(format!("--snapshot={snapshot}")).arg(format!("--dbname={}", connection(name)));
        tool::print(command, out).await.map(drop).map_err(|error| {
            let refused = error.said.contains("permission denied") || error.said.contains("row-level security");
            let remedy = if refused {
                ": the role needs pg_read_all_data, and BYPASSRLS where tables have row security"
            } else {
                ""
            };
            let kind = if refused { JobError::SourceAccessDenied } else { JobError::SourceFailed };
            Failure::new(kind, format!("the database `{name}` of {}: {error}{remedy}", self.login.place()))
        })
    }
}

#[async_trait]
impl Source for Postgres {
    fn repeatable(&self) -> bool {
        // a dump says when it was made
        false
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let (client, _) = maintenance(&self.login, None).await?;
        let there = databases(&client).await?;
        let mut parts = Vec::new();
        if self.roles {
            let path = "/postgres/roles.sql".to_owned();
            parts.push(Part { name: ROLES.to_owned(), path, kind: PartKind::Roles });
        }
        if let Some(gone) = self.databases.iter().find(|name| !there.contains(name)) {
            return Err(Failure::new(
                JobError::SourceGone,
                format!(
                    "the database `{gone}` does not exist on {} (or takes no connections): take it off the policy, or restore it",
                    self.login.place()
                ),
            ));
        }
        let wanted = if self.databases.is_empty() { &there } else { &self.databases };
        parts.extend(wanted.iter().map(|name| Self::part(name)));
        Ok(parts)
    }

    async fn hold(&self, part: &Part) -> Result<Box<dyn Held>, Failure> {
        match part.kind {
            PartKind::Data => Ok(Box::new(hold::database(&self.login, &part.name).await?)),
            PartKind::Roles => {
                let (client, _) = maintenance(&self.login, None).await?;
                let facts = count::roles(&client).await.map_err(|error| {
                    failed(JobError::SourceFailed, format!("the roles of {}", self.login.place()), &error)
                })?;
                Ok(Box::new(hold::Roles(facts)))
            }
        }
    }

    async fn stream(&self, part: &Part, token: &str, out: Output<'_>) -> Result<(), Failure> {
        match part.kind {
            PartKind::Data => self.dump_database(&part.name, token, out).await,
            PartKind::Roles => self.dump_roles(out).await,
        }
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match (place, stored.part.kind) {
            (Place::Directory(at), PartKind::Data | PartKind::Roles) => {
                directory::write(at, &stored.part, bytes).await?;
                Ok(Vec::new())
            }
            (Place::Scratch { postgres_port, .. }, PartKind::Roles) => {
                let login = self.login.to_scratch(*postgres_port);
                restore::scratch_is_up(&login).await?;
                let differences = restore::roles(&login, &recorded(stored)?, bytes).await?;
                self.scratch_has_roles.store(true, Ordering::Relaxed);
                Ok(differences)
            }
            (Place::Scratch { postgres_port, .. }, PartKind::Data) => {
                let login = self.login.to_scratch(*postgres_port);
                restore::scratch_is_up(&login).await?;
                let owners = self.scratch_has_roles.load(Ordering::Relaxed);
                restore::into_scratch(&login, &recorded(stored)?, bytes, owners).await
            }
            (Place::Source, PartKind::Roles) => restore::roles(&self.login, &recorded(stored)?, bytes).await,
            (Place::Source, PartKind::Data) => {
                let name = &stored.part.name;
                let left = restore::left_behind(&self.login, name).await?;
                self.left_behind.lock().unwrap_or_else(PoisonError::into_inner).extend(left);
                restore::over_source(&self.login, name, &recorded(stored)?, bytes).await
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let left = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner);
        let said = |name: &String| {
            format!(
                "the database `{name}` on {} was put aside by an earlier restore that was ended before its end, and is left \
                 as it is: look into it (ALTER DATABASE ... WITH ALLOW_CONNECTIONS true), then rename it back or drop it",
                self.login.place()
            )
        };
        left.iter().map(said).collect()
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let mut said = Vec::new();
        let all: Vec<DatabaseFacts> = parts
            .iter()
            .filter(|stored| stored.part.kind == PartKind::Data)
            .filter_map(|stored| recorded(stored).ok())
            .collect();
        let tables: usize = all.iter().map(|facts| facts.tables.len()).sum();
        let rows: u64 = all.iter().map(DatabaseFacts::rows).sum();
        let many = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        said.push(many(all.len(), "database"));
        said.push(many(tables, "table"));
        said.push(format!("{rows} rows, contents and schema equal"));
        let roles = parts.iter().filter(|stored| stored.part.kind == PartKind::Roles);
        let count: Option<usize> =
            roles.filter_map(|stored| recorded(stored).ok()).map(|facts: RoleFacts| facts.roles.len()).next();
        said.extend(count.map(|count| many(count, "role")));
        said.join(", ")
    }
}

/// What was recorded of a part.
fn recorded<T: serde::de::DeserializeOwned>(stored: &StoredPart) -> Result<T, Failure> {
    serde_json::from_value(stored.facts.clone()).map_err(|error| {
        Failure::new(JobError::Damaged, format!("what was recorded of {} cannot be read: {error}", stored.part.path))
    })
}

/// A connection to a database that is there whatever is restored, and its name.
async fn maintenance(login: &Login, not: Option<&str>) -> Result<(Client, String), Failure> {
    let mut refused = None;
    for name in ["postgres", "template1"].into_iter().filter(|name| Some(*name) != not) {
        match login.connect(name).await {
            Ok(client) => return Ok((client, name.to_owned())),
            Err(failure) if failure.error == JobError::SourceGone => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::new(JobError::SourceGone, "there is neither `postgres` nor `template1`")))
}

/// Databases that allow connections and are no templates.
async fn databases(client: &Client) -> Result<Vec<String>, Failure> {
    let listed = async {
        let rows = client
            .query(
                "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, tokio_postgres::Error>>()
    };
    listed.await.map_err(|error| failed(JobError::SourceFailed, "the databases cannot be listed", &error))
}

/// Major version of the server.
async fn major(client: &Client) -> Result<u32, Failure> {
    let asked = async {
        let row = client
            .query_one("SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000", &[])
            .await?;
        row.try_get::<_, i32>(0)
    };
    let major = asked.await.map_err(|error| failed(JobError::SourceFailed, "the version of the server", &error))?;
    Ok(u32::try_from(major).unwrap_or_default())
}

/// A database as libpq takes it: a bare name with `=` in it would be read as more than a name.
fn connection(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}
