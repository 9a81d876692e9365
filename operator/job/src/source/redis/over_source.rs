//! Restores keys over a running server.
//!
//! A server takes no RDB file while it runs. So a server of our own loads it and hands its keys over; then what the
//! backup does not have is deleted. Broken off, every key is either as it was or as in the backup.

use super::scratch::Scratch;
use super::wire::{Connection, Reply};
use super::{Redis, text};
use crate::failure::Failure;
use zentoria_types::backup_job::JobError;

/// How many keys are handed over at once.
const BATCH: &[u8] = b"200";
/// How long one batch may take, in milliseconds.
const PATIENCE: &[u8] = b"60000";

/// The server of our own, for people.
const SCRATCH: &str = "the scratch place";

/// Makes the keys of the server those of the scratch server.
///
/// # Errors
/// [`JobError::TargetFailed`].
pub async fn restore(redis: &Redis, scratch: &Scratch) -> Result<(), Failure> {
    let mut from = scratch.connect().await?;
    let mut to = redis.connect().await?;
    let place = redis.place();
    functions(&mut from, &mut to, &place).await?;
    let mut databases = databases(&mut from, SCRATCH).await?;
    for database in &databases {
        select(&mut from, database, SCRATCH).await?;
        let mut scan = Scan::begin();
        while let Some(keys) = scan.next(&mut from, SCRATCH).await? {
            if !keys.is_empty() {
                hand_over(redis, &mut from, database, &keys).await?;
            }
        }
    }
    databases.extend(self::databases(&mut to, &place).await?);
    databases.sort();
    databases.dedup();
    for database in &databases {
        select(&mut from, database, SCRATCH).await?;
        select(&mut to, database, &place).await?;
        let mut scan = Scan::begin();
        while let Some(keys) = scan.next(&mut to, &place).await? {
            delete_others(&mut from, &mut to, &place, keys).await?;
        }
    }
    Ok(())
}

/// Numbers of the databases that hold keys.
async fn databases(connection: &mut Connection, place: &str) -> Result<Vec<String>, Failure> {
    let reply = connection.must(&[b"INFO", b"keyspace"], JobError::TargetFailed, place).await?;
    let listed = text(&reply);
    let number = |line: &str| Some(line.strip_prefix("db")?.split_once(':')?.0.to_owned());
    Ok(listed.lines().filter_map(number).collect())
}

async fn select(connection: &mut Connection, database: &str, place: &str) -> Result<(), Failure> {
    connection.must(&[b"SELECT", database.as_bytes()], JobError::TargetFailed, place).await.map(drop)
}

/// Goes through all keys of the selected database.
struct Scan {
    cursor: Option<Vec<u8>>,
}

impl Scan {
    fn begin() -> Self {
        Self { cursor: Some(b"0".to_vec()) }
    }

    /// Some of them, perhaps none; `None` at the end.
    async fn next(&mut self, connection: &mut Connection, place: &str) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let reply = connection.must(&[b"SCAN", &cursor, b"COUNT", BATCH], JobError::TargetFailed, place).await?;
        let Reply::List(mut answer) = reply else { return Err(strange(place)) };
        let (Some(Reply::List(keys)), Some(Reply::Value(next))) = (answer.pop(), answer.pop()) else {
            return Err(strange(place));
        };
        self.cursor = Some(next).filter(|next| next != b"0");
        let key = |reply| if let Reply::Value(key) = reply { Some(key) } else { None };
        Ok(Some(keys.into_iter().filter_map(key).collect()))
    }
}

async fn hand_over(redis: &Redis, from: &mut Connection, database: &str, keys: &[Vec<u8>]) -> Result<(), Failure> {
    let port = redis.port.to_string();
    let mut command: Vec<&[u8]> = vec![
        b"MIGRATE",
        redis.host.as_bytes(),
        port.as_bytes(),
        b"",
        database.as_bytes(),
        PATIENCE,
        b"COPY",
        b"REPLACE",
    ];
    match (&redis.user, &redis.password) {
        (Some(user), Some(password)) => command.extend([b"AUTH2", user.as_bytes(), password.expose().as_bytes()]),
        (None, Some(password)) => command.extend([b"AUTH".as_slice(), password.expose().as_bytes()]),
        (Some(_) | None, None) => {}
    }
    command.push(b"KEYS");
    command.extend(keys.iter().map(Vec::as_slice));
    // a key that expired meanwhile is no error: the answer is NOKEY then
    from.must(&command, JobError::TargetFailed, &redis.place()).await.map(drop)
}

/// Deletes those of the keys that the backup does not have.
async fn delete_others(
    from: &mut Connection,
    to: &mut Connection,
    place: &str,
    keys: Vec<Vec<u8>>,
) -> Result<(), Failure> {
    for key in keys {
        let kept = from.must(&[b"EXISTS", &key], JobError::TargetFailed, SCRATCH).await?;
        if kept == Reply::Number(0) {
            to.must(&[b"DEL", &key], JobError::TargetFailed, place).await?;
        }
    }
    Ok(())
}

/// The functions of Redis 7 and later; older ones have none.
async fn functions(from: &mut Connection, to: &mut Connection, place: &str) -> Result<(), Failure> {
    let Ok(Reply::Value(functions)) = from.ask(&[b"FUNCTION", b"DUMP"]).await else { return Ok(()) };
    to.must(&[b"FUNCTION", b"RESTORE", &functions, b"REPLACE"], JobError::TargetFailed, place).await.map(drop)
}

fn strange(place: &str) -> Failure {
    Failure::new(JobError::TargetFailed, format!("Redis at {place} answers SCAN as no Redis does"))
}
