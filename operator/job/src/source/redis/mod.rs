//! A Redis server: its RDB file.

mod over_source;
mod rdb;
mod scratch;
mod wire;

use crate::contract::{Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use crate::source::directory;
use async_trait::async_trait;
use scratch::Scratch;
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

    async fn stream(&self, _: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let mut connection = self.connect().await?;
        rdb::read(&mut connection, &self.place(), out).await
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) => {
                directory::write(at, &stored.part, bytes).await?;
            }
            Place::Scratch { directory, .. } => {
                self.loaded(stored, bytes, directory).await?;
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
        format!("{bytes} bytes equal, and loaded by a Redis server")
    }
}

/// A value as text.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Value(value) => String::from_utf8_lossy(value).into_owned(),
        Reply::Word(word) | Reply::Refused(word) => word.clone(),
        Reply::Number(_) | Reply::Nothing | Reply::List(_) => String::new(),
    }
}
