//! Why something failed, and what to do.

use std::time::Duration;

use zentoria_types::Bytes;

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may pass by itself.
    Retry,
    /// Somebody has to change something first.
    Stalled,
}

/// A failure. `server` is what people know it by: `Ollama at http://10.0.0.1:11434`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No connection.
    #[error(
        "{server} cannot be reached ({why}): look whether it runs, listens on that address, and a firewall lets the operator in"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// What the system said.
        why: String,
    },
    /// No answer in time.
    #[error("{server} did not answer {what} within {}s: look at its load and its log", after.as_secs())]
    TimedOut {
        /// The server.
        server: String,
        /// What it was asked.
        what: String,
        /// How long was waited.
        after: Duration,
    },
    /// A pull that no longer grows.
    #[error("the pull on {server} has not grown for {}s: look at the way from it to the registry or the hub; it is tried again", after.as_secs())]
    NoGrowth {
        /// The server.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer ended before its end.
    #[error(
        "{server} broke off {what} ({why}): look whether it was restarted; it is tried again, and goes on where it was"
    )]
    Broken {
        /// The server.
        server: String,
        /// What it was asked.
        what: String,
        /// What is known of it.
        why: String,
    },
    /// Another program answers there.
    #[error("{server} does not answer like {kind} ({why}): look at the address and the port")]
    NotThisServer {
        /// The server.
        server: String,
        /// What was expected.
        kind: &'static str,
        /// What came.
        why: String,
    },
    /// The model's name is malformed.
    #[error("{name:?} is not the name of a model ({why}): correct it")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The registry or the hub has no such model, tag, or revision.
    #[error("{source_name} has no {name}: look at its name, tag or revision; a private one needs access")]
    ModelNotFound {
        /// The registry or the hub.
        source_name: String,
        /// The model.
        name: String,
    },
    /// The server cannot reach the registry or the hub.
    #[error(
        "{server} cannot reach {source_name} ({why}): look at its name resolution, its network and the firewall's rules for its way out"
    )]
    RegistryUnreachable {
        /// The server.
        server: String,
        /// The registry or the hub.
        source_name: String,
        /// What it said.
        why: String,
    },
    /// The registry speaks plain HTTP, or its certificate is not trusted.
    #[error(
        "{server} does not trust {source_name} ({why}): give the registry a certificate that the server trusts, or set `insecure: true` for one without TLS"
    )]
    RegistryNotTls {
        /// The server.
        server: String,
        /// The registry or the hub.
        source_name: String,
        /// What it said.
        why: String,
    },
    /// The registry or the hub wants to know who asks.
    #[error(
        "{source_name} refuses {name} ({why}): give the server access to it (Ollama: its key in ~/.ollama; the hub: a token of an account that accepted the model's terms)"
    )]
    RegistryDenied {
        /// The registry or the hub.
        source_name: String,
        /// The model.
        name: String,
        /// What it said.
        why: String,
    },
    /// What came is not what was promised.
    #[error(
        "what {source_name} sent of {name} is not what its manifest promises ({why}): the server drops it and fetches it again; if it stays, the registry or a proxy holds a damaged copy"
    )]
    DigestMismatch {
        /// The registry or the hub.
        source_name: String,
        /// The model.
        name: String,
        /// What the server said.
        why: String,
    },
    /// The server's disk is full.
    #[error("{server} has no room left ({why}): make the container's disk larger, or delete models")]
    DiskFull {
        /// The server.
        server: String,
        /// What it said.
        why: String,
    },
    /// The model is larger than what is free.
    #[error("{name} has {} and {server} only {} free: make the container's disk larger, or delete models", Bytes(*total).rounded(), Bytes(*free).rounded())]
    TooBig {
        /// The server.
        server: String,
        /// The model.
        name: String,
        /// What is still to be fetched.
        total: u64,
        /// What is free.
        free: u64,
    },
    /// The model needs a newer version of the server.
    #[error("{server} is too old for {name} ({why}): update it")]
    NeedsNewerServer {
        /// The server.
        server: String,
        /// The model.
        name: String,
        /// What it said.
        why: String,
    },
    /// The server refuses the token.
    #[error("{server} refuses the operator ({status}): look at the token in the Secret")]
    Unauthorized {
        /// The server.
        server: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The server's certificate is not trusted, or it speaks no TLS.
    #[error("{server} is not trusted ({why}): compare the CA with the one that signed its certificate")]
    Tls {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// An answer without end.
    #[error("{server} sends more than {limit} bytes {what}: it is no {kind}; look at the address and the port")]
    TooMuch {
        /// The server.
        server: String,
        /// What was expected.
        kind: &'static str,
        /// What was read.
        what: String,
        /// How much is read at most.
        limit: usize,
    },
    /// A failure of the server itself that has no other name.
    #[error("{server} failed at {what} ({said}): look at its log")]
    ServerError {
        /// The server.
        server: String,
        /// What it was asked.
        what: String,
        /// The status of HTTP, or none where the error came in the midst of an answer.
        status: Option<u16>,
        /// What it said.
        said: String,
    },
    /// SSH does not get to a command.
    #[error("{place}: {why}")]
    Ssh {
        /// `user@host:port`.
        place: String,
        /// What is wrong, and what to do.
        why: String,
        /// Whether it may pass by itself.
        class: Class,
    },
    /// The machine lacks a program.
    #[error("{place} has no {program}: {remedy}")]
    ClientMissing {
        /// `user@host:port`.
        place: String,
        /// The program.
        program: String,
        /// How to get it.
        remedy: &'static str,
    },
    /// The operator lacks something of its own.
    #[error("{0}")]
    Setup(String),
    /// It was given up because it is no longer wanted.
    #[error("given up: it is no longer wanted")]
    Cancelled,
}

impl ModelError {
    /// Whether trying again may help.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NoGrowth { .. }
            | Self::Broken { .. }
            | Self::RegistryUnreachable { .. }
            | Self::DigestMismatch { .. }
            | Self::DiskFull { .. }
            | Self::TooBig { .. }
            | Self::NotThisServer { .. }
            | Self::ServerError { .. }
            | Self::ModelNotFound { .. }
            | Self::Cancelled => Class::Retry,
            Self::BadName { .. }
            | Self::RegistryNotTls { .. }
            | Self::RegistryDenied { .. }
            | Self::NeedsNewerServer { .. }
            | Self::Unauthorized { .. }
            | Self::Tls { .. }
            | Self::TooMuch { .. }
            | Self::ClientMissing { .. }
            | Self::Setup(_) => Class::Stalled,
            Self::Ssh { class, .. } => *class,
        }
    }

    /// One word for it, in conditions, events and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "Unreachable",
            Self::TimedOut { .. } => "TimedOut",
            Self::NoGrowth { .. } => "NoGrowth",
            Self::Broken { .. } => "Broken",
            Self::NotThisServer { .. } => "NotThisServer",
            Self::BadName { .. } => "BadName",
            Self::ModelNotFound { .. } => "ModelNotFound",
            Self::RegistryUnreachable { .. } => "RegistryUnreachable",
            Self::RegistryNotTls { .. } => "RegistryNotTls",
            Self::RegistryDenied { .. } => "RegistryDenied",
            Self::DigestMismatch { .. } => "DownloadDamaged",
            Self::DiskFull { .. } => "DiskFull",
            Self::TooBig { .. } => "TooBig",
            Self::NeedsNewerServer { .. } => "NeedsNewerServer",
            Self::Unauthorized { .. } => "Unauthorized",
            Self::Tls { .. } => "NotTrusted",
            Self::TooMuch { .. } => "TooMuch",
            Self::ServerError { .. } => "ServerError",
            Self::Ssh { .. } => "SshFailed",
            Self::ClientMissing { .. } => "ClientMissing",
            Self::Setup(_) => "Setup",
            Self::Cancelled => "Cancelled",
        }
    }
}
