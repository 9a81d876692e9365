//! What a Job of backups is told, and what it leaves behind: the contract between the operator and `zentoria-job`.
//!
//! The [`JobSpec`] is JSON in a ConfigMap and holds no secret. Secrets are files under one directory, by the names in
//! [`secrets`]. The [`Outcome`] is the termination message of the pod's container: JSON of at most 4096 bytes.
//! Times are seconds since 1970 (UTC).

pub use crate::ssh::SshServer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of the files that hold secrets, relative to the directory of secrets.
pub mod secrets {
    /// Password of the repository.
    pub const REPOSITORY_PASSWORD: &str = "repository/password";
    /// Directory with `username` and `password` (REST) or `accessKeyId` and `secretAccessKey` (S3) of the repository.
    pub const REPOSITORY_CREDENTIALS: &str = "repository/credentials";
    /// CA of the repository's server.
    pub const REPOSITORY_CA: &str = "repository/ca.crt";
    /// The same three of the repository that a copy goes to.
    pub const COPY_PASSWORD: &str = "copy/password";
    /// See [`COPY_PASSWORD`].
    pub const COPY_CREDENTIALS: &str = "copy/credentials";
    /// See [`COPY_PASSWORD`].
    pub const COPY_CA: &str = "copy/ca.crt";
    /// Password, token or API key of the source.
    pub const SOURCE_PASSWORD: &str = "source/password";
    /// Directory with `accessKeyId` and `secretAccessKey` of an S3 source.
    pub const SOURCE_CREDENTIALS: &str = "source/credentials";
    /// CA of the source's server.
    pub const SOURCE_CA: &str = "source/ca.crt";
    /// Private SSH key.
    pub const SOURCE_SSH_KEY: &str = "source/ssh-key";
}

/// The tier of the backup that is taken before a restore over the source. No rule names it: such backups are kept until a
/// person forgets them. It holds what was to be restored over, so only its id asks for it, never "the newest".
pub const SECURING_TIER: &str = "before-restore";

/// What one Job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSpec {
    /// Namespace of the object that it belongs to.
    pub namespace: String,
    /// Where the repository is.
    pub repository: Location,
    /// The id that the repository must have; `None` only for [`Operation::Init`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// How long a lock of somebody else is waited for, in seconds.
    pub retry_lock_seconds: u64,
    /// How long is waited before it begins, in seconds: so that Jobs of one schedule do not start at once.
    #[serde(default)]
    pub delay_seconds: u64,
    /// What is done.
    pub operation: Operation,
}

/// Where a repository is, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Location {
    /// A directory of the pod.
    Path(String),
    /// URL of a REST server, with the repository's path.
    Rest(String),
    /// A bucket.
    S3 {
        /// URL of the server.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// Where in it; may be empty.
        prefix: String,
        /// Region, where the server asks for one.
        region: Option<String>,
    },
}

/// What is done with the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Operation {
    /// Makes the repository where there is none, and tells its id. One with another id than the expected is refused.
    Init,
    /// Backs the source up.
    Backup {
        /// Whose.
        policy: String,
        /// Which tier: a tag.
        tier: String,
        /// What.
        source: SourceSpec,
        /// No snapshot where nothing changed.
        only_if_changed: bool,
    },
    /// Lists what the repository holds: the newest snapshot of each policy and tier, counts, size.
    Inspect,
    /// Checks that it is whole, and reads one part of its data: part `floor(now / period) mod parts`.
    Check {
        /// In how many parts the data is divided.
        parts: u32,
        /// Seconds from one check to the next.
        period_seconds: u64,
    },
    /// Forgets what nothing keeps any longer, and frees its room.
    Maintain {
        /// What is kept. Snapshots of no rule are kept.
        keep: Vec<KeepRule>,
    },
    /// Removes all locks. Only where each of them is held by one of these hosts, which are proved to be gone.
    Unlock {
        /// Names of pods.
        hosts: Vec<String>,
    },
    /// Copies all snapshots to another repository.
    Copy {
        /// Where to.
        to: Location,
        /// The id that it must have.
        to_id: String,
    },
    /// Restores a backup of a policy.
    Restore {
        /// Whose.
        policy: String,
        /// Which.
        snapshot: SnapshotWish,
        /// What it is a backup of: how it is read, and where [`RestoreInto::Source`] goes.
        source: SourceSpec,
        /// Where to.
        into: RestoreInto,
        /// Only these databases, collections, buckets or paths; empty: all.
        only: Vec<String>,
        /// Whether what the source names now was backed up right before it is written over: then nothing else is.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secured: bool,
    },
}

/// How long the snapshots of one tier of one policy are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepRule {
    /// Whose.
    pub policy: String,
    /// Of which tier.
    pub tier: String,
    /// As restic's `--keep-within` takes it: `7d`, `1y6m`. `None`: for ever. The newest is kept in any case.
    pub within: Option<String>,
}

/// Which backup is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SnapshotWish {
    /// The newest; none of [`SECURING_TIER`].
    Latest,
    /// One by its id, or the beginning of it.
    Id(String),
    /// The newest that was made then or before; none of [`SECURING_TIER`].
    Before(i64),
}

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum RestoreInto {
    /// A scratch place: for postgres the server in the same pod at this port of 127.0.0.1 (user `postgres`, no password),
    /// for everything else a directory. What is restored is compared with what was recorded when the backup was made.
    Scratch {
        /// Port of the scratch server.
        postgres_port: u16,
    },
    /// An empty directory of the pod.
    Directory(String),
    /// Over the source itself.
    Source,
}

/// A source, with addresses in place of references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SourceSpec {
    /// PostgreSQL.
    Postgres {
        /// Host and port.
        server: Server,
        /// Role that connects.
        user: String,
        /// Databases; empty: all that allow connections and are no templates.
        databases: Vec<String>,
        /// Whether roles are backed up.
        roles: bool,
        /// `prefer`, `require`, `verify-ca`, `verify-full`.
        ssl_mode: String,
    },
    /// Redis.
    Redis {
        /// Host and port.
        server: Server,
        /// User of its ACL.
        user: Option<String>,
    },
    /// Qdrant.
    Qdrant {
        /// Host and port.
        server: Server,
        /// Whether it speaks HTTPS.
        tls: bool,
        /// Collections; empty: all.
        collections: Vec<String>,
    },
    /// Vault or OpenBao.
    Vault {
        /// Host and port.
        server: Server,
        /// Whether it speaks HTTPS.
        tls: bool,
    },
    /// S3.
    S3 {
        /// Host and port.
        server: Server,
        /// Whether it speaks HTTPS.
        tls: bool,
        /// Buckets.
        buckets: Vec<String>,
    },
    /// Files over SSH.
    Files {
        /// Host, port, user, keys of the host.
        ssh: SshServer,
        /// Absolute paths.
        paths: Vec<String>,
        /// Patterns of what is left out.
        exclude: Vec<String>,
    },
    /// Standard output of a command over SSH.
    Command {
        /// Host, port, user, keys of the host.
        ssh: SshServer,
        /// The command line.
        command: String,
        /// Name of the output in the snapshot.
        file_name: String,
    },
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Why a run failed: what the operator decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JobError {
    /// The server of the repository cannot be reached.
    RepositoryUnreachable,
    /// There is no repository where there was one.
    RepositoryGone,
    /// Another repository lies there.
    RepositorySwapped,
    /// The password does not open it.
    WrongPassword,
    /// The server of the repository refuses the credentials.
    RepositoryAccessDenied,
    /// Somebody else holds its lock; see [`Outcome::locks`].
    Locked,
    /// Its place is full.
    StorageFull,
    /// Data of it cannot be read.
    Damaged,
    /// The source cannot be reached.
    SourceUnreachable,
    /// The source refuses user or password, or its certificate or host key is not the expected.
    SourceAccessDenied,
    /// A database, collection, bucket or path does not exist.
    SourceGone,
    /// The source broke off: a dump, a stream, a command failed.
    SourceFailed,
    /// There is no such snapshot.
    SnapshotNotFound,
    /// What was restored is not what was backed up.
    Mismatch,
    /// The target of the restore refused, or is not empty.
    TargetFailed,
    /// A file of the Job's own is missing or cannot be read: a Secret without its key.
    Setup,
    /// It was told to end, by its deadline or a person.
    Cancelled,
    /// Anything else.
    Other,
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Why it failed; `None`: it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// The error for people: what, where, what to do; without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The repository's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// When it began.
    pub started: i64,
    /// Seconds that it took.
    pub seconds: u64,
    /// The backup that was made or restored; absent where nothing had changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How many snapshots the repository holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<u64>,
    /// Bytes that the repository takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_bytes: Option<u64>,
    /// The part that a check read, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// The newest backup of each `policy/tier`, told by [`Operation::Inspect`]; as many as fit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub newest: BTreeMap<String, Snapshot>,
    /// What a restore into a scratch place proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Locks that it met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Lock>,
    /// What a person should know, though it succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A backup: all snapshots of the repository that one run made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Id of its first part.
    pub id: String,
    /// When it was begun.
    pub time: i64,
    /// Bytes of the source.
    pub bytes: u64,
    /// Bytes that were new in the repository.
    pub added: u64,
    /// Files in it.
    pub files: u64,
    /// How many parts.
    pub parts: u32,
}

/// What a restore proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What was compared, for people: `3 databases, 41 tables, 1204221 rows, schema equal`.
    pub compared: String,
    /// Seconds from the beginning of the restore to the last comparison.
    pub seconds: u64,
}

/// A lock of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Host that holds it: the name of a pod.
    pub host: String,
    /// Since when.
    pub since: i64,
    /// Whether nobody else may read or write.
    pub exclusive: bool,
}
