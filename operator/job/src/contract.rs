//! What a source has to give: its parts, each as a stream of bytes, what it counts for the evidence, and how a part is
//! restored and compared.
//!
//! A backup goes like this. [`Source::parts`] names the parts. For each: [`Source::hold`] opens what has to stand still
//! while it is read (a transaction); restic starts `zentoria-job source --part NAME --token TOKEN`, which calls
//! [`Source::stream`] with what it prints on; then [`Held::facts`] counts what was dumped. What was counted, with size and
//! digest of each stream, becomes the last snapshot of the run: the evidence.

use crate::failure::Failure;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};

/// Where the bytes of a part go to.
pub type Output<'a> = &'a mut (dyn AsyncWrite + Send + Unpin);
/// Where the bytes of a part come from.
pub type Input<'a> = &'a mut (dyn AsyncRead + Send + Unpin);

/// What a part is: a tag of its snapshot (`kind=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// A database, a collection, a bucket, files, an output.
    Data,
    /// Roles of a PostgreSQL server.
    Roles,
}

/// One stream of a backup, and one snapshot of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Its name: of the database, the collection, the bucket, or what `only` of a restore calls it. Unique in a backup.
    pub name: String,
    /// Absolute path of the file in the snapshot: `/postgres/app.dump`. Always the same for the same part.
    pub path: String,
    /// What it is.
    pub kind: PartKind,
}

/// A part that stands still while it is read. Dropped, it is let go.
#[async_trait]
pub trait Held: Send {
    /// What the process that streams it is told: the name of an exported snapshot. No secret; `-` where there is nothing
    /// to tell.
    fn token(&self) -> String {
        "-".to_owned()
    }

    /// What is in the part, as it was streamed: rows, keys, digests. It is kept as evidence and given back to
    /// [`Source::restore`].
    ///
    /// # Errors
    /// The source failed.
    async fn facts(self: Box<Self>) -> Result<serde_json::Value, Failure>;
}

/// A part that needs nothing held, and has no more to tell than its size and digest, which are taken anyway.
pub struct Free;

#[async_trait]
impl Held for Free {
    async fn facts(self: Box<Self>) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::Value::Null)
    }
}

/// What was recorded of a part when it was backed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPart {
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// Id of its snapshot.
    pub snapshot: String,
    /// Bytes of the stream.
    pub bytes: u64,
    /// SHA-256 of the stream, in hex.
    pub sha256: String,
    /// What [`Held::facts`] told.
    #[serde(default)]
    pub facts: serde_json::Value,
}

/// Where a part is restored to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it is proved and thrown away: for postgres a server at this port of 127.0.0.1 (user `postgres`, no
    /// password), for everything else the directory, which is there, ours and empty.
    Scratch {
        /// Port of the scratch server.
        postgres_port: u16,
        /// A directory of the scratch place.
        directory: PathBuf,
    },
    /// A directory, which is there and was empty before the first part.
    Directory(PathBuf),
    /// Over the source.
    Source,
}

/// A kind of source. One value is one source, with its address and its secrets.
#[async_trait]
pub trait Source: Send + Sync {
    /// Whether two streams of a part in which nothing changed are the same bytes. Only then can a tier that backs up what
    /// changed (`onlyIfChanged`) leave a backup out.
    fn repeatable(&self) -> bool;

    /// The parts, in the order in which they are backed up and restored. A name that the spec asks for and that is not
    /// there is [`SourceGone`](zentoria_types::backup_job::JobError::SourceGone).
    ///
    /// # Errors
    /// The source cannot be reached, refuses, or lacks something.
    async fn parts(&self) -> Result<Vec<Part>, Failure>;

    /// Makes a part stand still.
    ///
    /// # Errors
    /// As [`Source::parts`].
    async fn hold(&self, part: &Part) -> Result<Box<dyn Held>, Failure> {
        let _ = part;
        Ok(Box::new(Free))
    }

    /// Writes the whole part, and comes back with success only when nothing of it is missing: what comes back as an error
    /// makes no snapshot. Runs in a process of its own; `token` is what [`Held::token`] told.
    ///
    /// # Errors
    /// As [`Source::parts`], and [`SourceFailed`](zentoria_types::backup_job::JobError::SourceFailed).
    async fn stream(&self, part: &Part, token: &str, out: Output<'_>) -> Result<(), Failure>;

    /// Restores a part, and says in which points what is there then differs from `stored.facts` (nothing: it is the
    /// same). Size and digest of `bytes` are compared by the caller; before [`Place::Source`] is written over they have
    /// been.
    ///
    /// # Errors
    /// The place refused, or what was read cannot be restored.
    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure>;

    /// What a person should know after a restore, though it succeeded: what an earlier one left behind.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What was compared, for people: `3 databases, 41 tables, 1204221 rows, schema equal`.
    fn compared(&self, parts: &[StoredPart]) -> String;
}
