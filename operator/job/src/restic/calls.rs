//! What restic is asked to do.

use super::{Call, PREFLIGHT, Reading, Restic, unexpected};
use crate::failure::Failure;
use crate::runs::{Listed, Summary};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::PathBuf;
use zentoria_types::backup_job::{JobError, Lock};

#[derive(Deserialize)]
struct Config {
    id: String,
}

#[derive(Deserialize)]
struct Held {
    time: jiff::Timestamp,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    hostname: String,
}

#[derive(Deserialize)]
struct Made {
    snapshot_id: String,
    #[serde(flatten)]
    summary: Summary,
}

/// A snapshot that is to be made of what a command prints.
pub struct Wish<'a> {
    /// Host that it carries.
    pub host: &'a str,
    /// Its tags, `key=value`, without commas.
    pub tags: &'a [String],
    /// Its time, seconds since 1970.
    pub time: i64,
    /// Absolute path of the one file in it.
    pub path: &'a str,
    /// What is in the file.
    pub content: Content,
}

/// What a snapshot is made of.
pub enum Content {
    /// What this command prints; when it fails, no snapshot is made. No secrets in its arguments.
    Command(Vec<OsString>),
    /// This file.
    File(PathBuf),
}

impl Restic {
    /// The id of the repository, or `None` when there is none. Takes a minute at most.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub async fn id(&self) -> Result<Option<String>, Failure> {
        let finished = self.call(["cat", "config", "--no-lock"]).within(PREFLIGHT).run().await?;
        match finished.code {
            Some(0) => {
                let config: Config =
                    serde_json::from_slice(&finished.out).map_err(|error| unexpected("cat config", error))?;
                Ok(Some(config.id))
            }
            _ => match self.failed(&finished) {
                failure if failure.error == JobError::RepositoryGone => Ok(None),
                failure => Err(self.slow(failure, finished.code)),
            },
        }
    }

    /// A look that we ended, and that has no other reason, did not get an answer in time.
    fn slow(&self, failure: Failure, code: Option<i32>) -> Failure {
        if code.is_some() || failure.error != JobError::Other {
            return failure;
        }
        Failure::new(
            JobError::RepositoryUnreachable,
            format!("the repository {} did not answer within {} seconds", self.shown(), PREFLIGHT.as_secs()),
        )
    }

    /// Makes the repository.
    ///
    /// # Errors
    /// One that is there already, too.
    pub async fn init(&self) -> Result<String, Failure> {
        let out = self.call(["init", "--repository-version", "2"]).output().await?;
        let made: Config = serde_json::from_slice(&out).map_err(|error| unexpected("init", error))?;
        Ok(made.id)
    }

    /// All snapshots.
    ///
    /// # Errors
    /// As every call.
    pub async fn snapshots(&self) -> Result<Vec<Listed>, Failure> {
        let out = self.call(["snapshots"]).waiting_for_locks().output().await?;
        // an empty repository prints `null` or `[]`
        let listed: Option<Vec<Listed>> =
            serde_json::from_slice(&out).map_err(|error| unexpected("snapshots", error))?;
        Ok(listed.unwrap_or_default())
    }

    /// A call that makes a snapshot; see [`Restic::made`].
    ///
    /// # Errors
    /// [`JobError::Setup`], when the file of its content cannot be read.
    pub fn backup(&self, wish: &Wish<'_>) -> Result<Call<'_>, Failure> {
        let time = jiff::Timestamp::from_second(wish.time).unwrap_or_default();
        let call = self
            .call(["backup", "--host", wish.host, "--stdin-filename", wish.path])
            .args(["--time".to_owned(), time.strftime("%Y-%m-%d %H:%M:%S").to_string()])
            .args(["--tag".to_owned(), wish.tags.join(",")])
            .waiting_for_locks();
        match &wish.content {
            Content::Command(command) => Ok(call.args(["--stdin-from-command", "--"]).args(command)),
            Content::File(file) => call.args(["--stdin"]).stdin(file),
        }
    }

    /// The snapshot that a [backup](Restic::backup) made, as it will be listed.
    ///
    /// # Errors
    /// When that cannot be read out of what it printed.
    pub fn made(wish: &Wish<'_>, out: &[u8]) -> Result<Listed, Failure> {
        let text = String::from_utf8_lossy(out);
        let made = text.lines().rev().find_map(|line| serde_json::from_str::<Made>(line).ok());
        let made = made.ok_or_else(|| unexpected("backup", "no id of a snapshot"))?;
        Ok(Listed {
            id: made.snapshot_id,
            time: jiff::Timestamp::from_second(wish.time).unwrap_or_default(),
            hostname: wish.host.to_owned(),
            tags: wish.tags.to_vec(),
            paths: vec![wish.path.to_owned()],
            summary: made.summary,
            original: None,
        })
    }

    /// Starts to read a file of a snapshot.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no restic.
    pub fn dump(&self, snapshot: &str, path: &str) -> Result<Reading, Failure> {
        self.call(["dump", snapshot, path]).waiting_for_locks().reading()
    }

    /// Forgets snapshots by their ids. Their room is freed by [`Restic::prune`].
    ///
    /// # Errors
    /// As every call.
    pub async fn forget(&self, ids: &[String]) -> Result<(), Failure> {
        // an argument list has an end
        for some in ids.chunks(500) {
            self.call(["forget"]).args(some).waiting_for_locks().output().await?;
        }
        Ok(())
    }

    /// Frees what no snapshot needs.
    ///
    /// # Errors
    /// As every call.
    pub async fn prune(&self) -> Result<(), Failure> {
        self.call(["prune"]).waiting_for_locks().output().await.map(|_| ())
    }

    /// Checks its structure, and reads one of so many parts of its data.
    ///
    /// # Errors
    /// [`JobError::Damaged`], with what is broken.
    pub async fn check(&self, part: u32, parts: u32) -> Result<(), Failure> {
        let subset = format!("--read-data-subset={part}/{parts}");
        self.call(["check", &subset]).waiting_for_locks().output().await.map(|_| ())
    }

    /// Bytes that its snapshots take.
    ///
    /// # Errors
    /// As every call.
    pub async fn bytes(&self) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Stats {
            total_size: u64,
        }
        let out = self.call(["stats", "--mode", "raw-data"]).waiting_for_locks().output().await?;
        let stats: Stats = serde_json::from_slice(&out).map_err(|error| unexpected("stats", error))?;
        Ok(stats.total_size)
    }

    /// Who holds its locks.
    ///
    /// # Errors
    /// As every call.
    pub async fn locks(&self) -> Result<Vec<Lock>, Failure> {
        let ids = self.call(["list", "locks", "--no-lock"]).within(PREFLIGHT).output().await?;
        let mut locks = Vec::new();
        for id in String::from_utf8_lossy(&ids).split_whitespace() {
            // one that is gone since was let go
            let finished = self.call(["cat", "lock", id, "--no-lock"]).within(PREFLIGHT).run().await?;
            if finished.code == Some(0) {
                let held: Held =
                    serde_json::from_slice(&finished.out).map_err(|error| unexpected("cat lock", error))?;
                locks.push(Lock { host: held.hostname, since: held.time.as_second(), exclusive: held.exclusive });
            }
        }
        locks.sort_by(|one, other| (one.since, &one.host).cmp(&(other.since, &other.host)));
        Ok(locks)
    }

    /// Removes the locks that nobody has renewed for half an hour.
    ///
    /// # Errors
    /// As every call.
    pub async fn unlock_stale(&self) -> Result<(), Failure> {
        self.call(["unlock"]).output().await.map(|_| ())
    }

    /// Removes all locks, whoever holds them.
    ///
    /// # Errors
    /// As every call.
    pub async fn unlock_all(&self) -> Result<(), Failure> {
        self.call(["unlock", "--remove-all"]).output().await.map(|_| ())
    }
}
