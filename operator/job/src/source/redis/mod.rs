//! A Redis server: its RDB file, in which the keys of each database are counted.

mod keys;
mod over_source;
mod rdb;
mod scratch;
mod steps;
mod wire;

use crate::contract::{Held, Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use crate::source::counted::Counted;
use crate::source::directory;
use async_trait::async_trait;
use keys::{Databases, Keys};
use scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::{Connection, Reply};
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;
use zentoria_types::backup_job::{JobError, Server};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// A Redis server.
pub struct Redis {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<Secret>,
    programs: Programs,
    /// Room for a server of our own.
    room: PathBuf,
    counted: Counted,
}

impl Redis {
    /// The server, with the password read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &Server, user: Option<&str>, setup: &Setup) -> Result<Self, Failure> {
        let password = setup.secrets.read(SOURCE_PASSWORD)?;
        if user.is_some() && password.is_none() && setup.reaches_source() {
            return Err(Failure::new(
                JobError::Setup,
                format!("the secret `{SOURCE_PASSWORD}` is missing: a user of Redis logs in with a password"),
            ));
        }
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            user: user.map(str::to_owned),
            password,
            programs: setup.programs.clone(),
            room: setup.private_dir("redis")?,
            counted: Counted::of(setup)?,
        })
    }

    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A connection that is logged in.
    async fn connect(&self) -> Result<Connection, Failure> {
        let place = self.place();
        let unreachable = |why: String| {
            Failure::new(
                JobError::SourceUnreachable,
                format!(
                    "Redis at {place} cannot be reached ({why}): look whether it runs, listens there, and the firewall lets the Jobs in"
                ),
            )
        };
        let stream = timeout(CONNECT, TcpStream::connect((self.host.as_str(), self.port)))
            .await
            .map_err(|_| unreachable("no answer".to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        let mut connection = Connection::over(stream);
        if let Some(password) = &self.password {
            let mut command: Vec<&[u8]> = vec![b"AUTH"];
            command.extend(self.user.as_ref().map(|user| user.as_bytes()));
            command.push(password.expose().as_bytes());
            self.allowed(connection.ask(&command).await)?;
        }
        self.allowed(connection.ask(&[b"PING"]).await)?;
        Ok(connection)
    }

    fn allowed(&self, reply: std::io::Result<Reply>) -> Result<(), Failure> {
        let place = self.place();
        match reply {
            Ok(Reply::Refused(why)) if why.starts_with("LOADING") || why.starts_with("BUSY") => {
                Err(Failure::new(JobError::SourceUnreachable, format!("Redis at {place} does not serve now: {why}")))
            }
            Ok(Reply::Refused(why)) => Err(Failure::new(
                JobError::SourceAccessDenied,
                format!("Redis at {place} refuses the login ({why}): look at user and password"),
            )),
            Ok(Reply::Word(_) | Reply::Number(_) | Reply::Value(_) | Reply::Nothing | Reply::List(_)) => Ok(()),
            Err(error) => Err(Failure::new(JobError::SourceUnreachable, format!("Redis at {place}: {error}"))),
        }
    }

    /// A server of our own that has loaded the backup.
    async fn loaded(&self, stored: &StoredPart, bytes: Input<'_>, room: &Path) -> Result<Scratch, Failure> {
        let part = Part { path: format!("/{}", scratch::FILE), ..stored.part.clone() };
        directory::write(room, &part, bytes).await?;
        Scratch::start(&self.programs, room).await
    }
}

#[async_trait]
impl Source for Redis {
    fn repeatable(&self) -> bool {
        // an RDB file says when it was made
        false
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        self.connect().await?;
        Ok(vec![Part { name: "redis".to_owned(), path: "/redis/dump.rdb".to_owned(), kind: PartKind::Data }])
    }

    async fn hold(&self, _: &Part) -> Result<Box<dyn Held>, Failure> {
        self.counted.held()
    }

    async fn stream(&self, _: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let mut connection = self.connect().await?;
        let databases = rdb::read(&mut connection, &self.place(), out).await?;
        self.counted.tell(&serde_json::json!(Facts { databases }))
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) => {
                directory::write(at, &stored.part, bytes).await?;
            }
            Place::Scratch { directory, .. } => {
                let scratch = self.loaded(stored, bytes, directory).await?;
                let found = keyspace(&mut scratch.connect().await?).await?;
                return Ok(facts(stored).databases.map(|stored| differences(&stored, &found)).unwrap_or_default());
            }
            Place::Source => {
                let scratch = self.loaded(stored, bytes, &self.room).await?;
                over_source::restore(self, &scratch).await?;
            }
        }
        Ok(Vec::new())
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        let databases: Vec<Databases> = parts.iter().filter_map(|stored| facts(stored).databases).collect();
        let keys: u64 = databases.iter().flat_map(Databases::values).map(|keys| keys.lasting + keys.passing).sum();
        let counted = databases.iter().map(Databases::len).sum::<usize>();
        let said = match (databases.len(), counted) {
            (0, _) => String::new(),
            (_, 1) => format!(", {keys} keys in 1 database"),
            (_, many) => format!(", {keys} keys in {many} databases"),
        };
        format!("{bytes} bytes equal, and loaded by a Redis server{said}")
    }
}

/// What is kept as evidence.
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    /// Keys of the file; nothing, where it holds what cannot be counted.
    #[serde(default)]
    databases: Option<Databases>,
}

/// Those of a part; of one that an older version made, nothing.
fn facts(stored: &StoredPart) -> Facts {
    serde_json::from_value(stored.facts.clone()).unwrap_or_default()
}

/// How many keys each database of our own server has.
async fn keyspace(connection: &mut Connection) -> Result<BTreeMap<u64, u64>, Failure> {
    let reply = connection.must(&[b"INFO", b"keyspace"], JobError::TargetFailed, "the scratch place").await?;
    let line = |line: &str| {
        let (database, rest) = line.strip_prefix("db")?.split_once(":keys=")?;
        Some((database.parse().ok()?, rest.split(',').next()?.parse().ok()?))
    };
    Ok(text(&reply).lines().filter_map(line).collect())
}

/// In which databases there are not the keys that were backed up. Those that expire may be there or not.
fn differences(stored: &Databases, found: &BTreeMap<u64, u64>) -> Vec<String> {
    let numbers: BTreeSet<u64> = stored.keys().chain(found.keys()).copied().collect();
    let differs = |number: &u64| {
        let Keys { lasting, passing } = stored.get(number).copied().unwrap_or_default();
        let found = found.get(number).copied().unwrap_or_default();
        (!(lasting..=lasting + passing).contains(&found)).then(|| {
            format!("database {number} has {found} keys, and {lasting} and {passing} that expire were backed up")
        })
    };
    numbers.iter().filter_map(differs).collect()
}

/// A value as text.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Value(value) => String::from_utf8_lossy(value).into_owned(),
        Reply::Word(word) | Reply::Refused(word) => word.clone(),
        Reply::Number(_) | Reply::Nothing | Reply::List(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Databases, Keys, differences};
    use std::collections::BTreeMap;

    #[test]
    fn keys_that_expire_may_be_gone_and_no_others() {
        let stored = Databases::from([(0, Keys { lasting: 4, passing: 2 }), (5, Keys { lasting: 0, passing: 1 })]);
        for (found, wrong) in [
            (vec![(0, 6), (5, 1)], 0),
            (vec![(0, 4)], 0),
            (vec![(0, 3), (5, 1)], 1),
            (vec![(0, 7), (5, 1)], 1),
            (vec![(0, 5), (6, 1)], 1),
            (vec![], 1),
        ] {
            let found: BTreeMap<u64, u64> = found.into_iter().collect();
            assert_eq!(differences(&stored, &found).len(), wrong, "{found:?}");
        }
    }
}
