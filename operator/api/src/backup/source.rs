//! What is backed up.

use super::job::{PodSecret, SecretKey};
use crate::common::LocalRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is backed up. Exactly one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Databases of a PostgreSQL server, by `pg_dump`, each in one consistent snapshot.
    Postgres(PostgresSource),
    /// A Redis server: its RDB file, over the replication protocol.
    Redis(RedisSource),
    /// A Qdrant server: a snapshot of each collection.
    Qdrant(QdrantSource),
    /// A Vault or OpenBao server with integrated storage: its raft snapshot.
    Vault(VaultSource),
    /// Buckets of an S3 server.
    S3(S3Source),
    /// Files of a container, over SSH.
    Files(FilesSource),
    /// What a command in a container prints, over SSH.
    Command(CommandSource),
    /// Whole containers, by Proxmox VE's own vzdump.
    Vzdump(VzdumpSource),
}

/// Where a server is: a container of this namespace, or a host. Exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "has(self.containerRef) != has(self.host)", "message": "name the server by exactly one of containerRef and host"}]))]
pub struct Endpoint {
    /// A ZentoriaContainer of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_ref: Option<LocalRef>,
    /// A host name or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9:][A-Za-z0-9.:-]*$"))]
    pub host: Option<String>,
    /// Port. Default: the one that is usual for this kind of server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u32>,
}

/// Databases of a PostgreSQL server. Name the server itself, never a pooler: `pg_dump` changes the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSource {
    /// The server. Default port 5432.
    pub server: Endpoint,
    /// Role that connects. It needs to read everything that is backed up (`pg_read_all_data`); for `roles`, a superuser.
    #[schemars(length(min = 1, max = 63))]
    pub user: String,
    /// Its password.
    pub password_secret_ref: SecretKey,
    /// Databases. None: all that allow connections, those that come later too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    pub databases: Vec<String>,
    /// Whether roles and their passwords are backed up with them (`pg_dumpall --roles-only`).
    #[serde(default = "yes")]
    pub roles: bool,
    /// How the connection is encrypted and the server verified.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// PEM certificates of the CA, for `VerifyCa` and `VerifyFull`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
}

fn yes() -> bool {
    true
}

/// How a connection to PostgreSQL is encrypted (`sslmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SslMode {
    /// Encrypted where the server can.
    #[default]
    Prefer,
    /// Encrypted, or not at all.
    Require,
    /// And the certificate is of the CA.
    VerifyCa,
    /// And it is the server's.
    VerifyFull,
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisSource {
    /// The server. Default port 6379.
    pub server: Endpoint,
    /// User of its ACL. Default: the default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub user: Option<String>,
    /// Password, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKey>,
}

/// A Qdrant server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QdrantSource {
    /// The server. Default port 6333.
    pub server: Endpoint,
    /// Collections. None: all, those that come later too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 255)))]
    pub collections: Vec<String>,
    /// API key, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret_ref: Option<SecretKey>,
    /// Whether it speaks HTTPS.
    #[serde(default)]
    pub tls: bool,
    /// PEM certificates of the CA, for `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
}

/// A Vault or OpenBao server. The unseal keys are not in its snapshot: keep them elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultSource {
    /// The server. Default port 8200.
    pub server: Endpoint,
    /// A token that may read `sys/storage/raft/snapshot`.
    pub token_secret_ref: SecretKey,
    /// Whether it speaks HTTPS. Default true.
    #[serde(default = "yes")]
    pub tls: bool,
    /// PEM certificates of the CA, for `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
}

/// Buckets of an S3 server, such as MinIO. Never back a server up into itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Source {
    /// The server. Default port 9000.
    pub server: Endpoint,
    /// Buckets.
    #[schemars(length(min = 1, max = 64), inner(length(min = 3, max = 63)))]
    pub buckets: Vec<String>,
    /// Secret with the keys `accessKeyId` and `secretAccessKey`.
    pub credentials_secret_ref: PodSecret,
    /// Whether it speaks HTTPS.
    #[serde(default)]
    pub tls: bool,
    /// PEM certificates of the CA, for `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
}

/// Who logs in over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// User. Default root.
    #[serde(default = "root")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z_][a-z0-9_-]*$"))]
    pub user: String,
    /// Private key. Default: the namespace's own (Secret `zentoria-ssh`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<SecretKey>,
    /// Lines of `known_hosts`: the server's keys. A server with another key is refused.
    #[schemars(length(min = 1, max = 8), inner(length(min = 20, max = 2048)))]
    pub known_hosts: Vec<String>,
}

fn root() -> String {
    "root".to_owned()
}

/// Files of a container, with owner, mode and times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilesSource {
    /// The SSH server. Default port 22.
    pub server: Endpoint,
    /// Who logs in. To read everything and keep owners, root.
    pub ssh: Ssh,
    /// Absolute paths of files and directories.
    #[schemars(length(min = 1, max = 64), inner(length(min = 2, max = 1024), regex(pattern = r"^/[^\x00-\x1f]+$")))]
    pub paths: Vec<String>,
    /// Patterns (of `tar --exclude`) of what is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub exclude: Vec<String>,
}

/// A command whose standard output is the backup. An exit code other than 0 is a failed backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandSource {
    /// The SSH server. Default port 22.
    pub server: Endpoint,
    /// Who logs in.
    pub ssh: Ssh,
    /// The command line, for the login shell there. No secrets: everybody who reads this resource reads them.
    #[schemars(length(min = 1, max = 4096))]
    pub command: String,
    /// Name that the output gets in the snapshot: `workflows.json`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"))]
    pub file_name: String,
}

/// Whole containers, by vzdump.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.mode) && self.mode == 'Observe' || has(self.storage)", "message": "storage names where vzdump writes to"}
]))]
pub struct VzdumpSource {
    /// Containers of this namespace by their labels; empty: all, those that come later too.
    #[serde(default)]
    pub selector: LabelSelector,
    /// Who runs vzdump. Default `Observe`.
    #[serde(default)]
    pub mode: VzdumpMode,
    /// Storage of Proxmox VE (content `backup`). With `Observe`: the only one that is looked at; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 100))]
    pub storage: Option<String>,
}

/// Who runs vzdump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VzdumpMode {
    /// Others do: jobs of Proxmox VE, or people. Age and verification of what lies there are shown.
    #[default]
    Observe,
    /// Proxmox VE does, by a job that the operator keeps there. It runs when the operator does not. Needs `Sys.Modify` on
    /// `/`, and `timeZone` has to be that of the nodes.
    #[serde(rename = "PVEJob")]
    PveJob,
    /// The operator does, one guest after the other.
    Operator,
}
