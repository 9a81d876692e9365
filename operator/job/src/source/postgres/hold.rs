//! A database that stands still: one transaction whose snapshot `pg_dump` reads with, in which everything is counted.

use super::facts::DatabaseFacts;
use super::login::{Login, failed};
use super::{count, facts::RoleFacts};
use crate::contract::Held;
use crate::failure::Failure;
use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use zentoria_types::backup_job::JobError;

/// A transaction whose snapshot was exported, in which a task counts.
pub struct Database {
    name: String,
    snapshot: String,
    counting: Counting,
}

/// Ends the task, and with it the connection, when it is dropped.
struct Counting(JoinHandle<(Client, Result<DatabaseFacts, tokio_postgres::Error>)>);

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens the transaction and begins to count.
///
/// # Errors
/// As [`Login::connect`], and [`JobError::SourceFailed`].
pub async fn database(login: &Login, name: &str) -> Result<Database, Failure> {
    let client = login.connect(name).await?;
    let begun = async {
        client.batch_execute(count::SESSION).await?;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let snapshot = client.query_one("SELECT pg_export_snapshot()", &[]).await?.try_get::<_, String>(0)?;
        // what fails while it is counted must not end the snapshot: pg_dump says better what may not be read
        client.batch_execute("SAVEPOINT counting").await?;
        Ok(snapshot)
    };
    let snapshot = begun.await.map_err(|error| failed(JobError::SourceFailed, format!("database `{name}`"), &error))?;
    let counting = Counting(tokio::spawn(async move {
        let facts = count::database(&client).await;
        // the client comes back with them, or with the error: with its end the snapshot would be gone before pg_dump has
        // taken it
        (client, facts)
    }));
    Ok(Database { name: name.to_owned(), snapshot, counting })
}

#[async_trait]
impl Held for Database {
    fn token(&self) -> String {
        self.snapshot.clone()
    }

    async fn facts(mut self: Box<Self>) -> Result<serde_json::Value, Failure> {
        let name = &self.name;
        let counted = (&mut self.counting.0).await.map_err(|error| {
            Failure::new(JobError::Other, format!("database `{name}`: counting broke off: {error}"))
        })?;
        let facts = counted.1.map_err(|error| {
            failed(JobError::SourceFailed, format!("database `{name}`: its rows could not be counted"), &error)
        })?;
        json(&facts)
    }
}

/// The roles, counted before they are dumped.
pub struct Roles(pub RoleFacts);

#[async_trait]
impl Held for Roles {
    async fn facts(self: Box<Self>) -> Result<serde_json::Value, Failure> {
        json(&self.0)
    }
}

fn json(facts: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(facts).map_err(|error| Failure::new(JobError::Other, error.to_string()))
}
