//! Connections to a PostgreSQL server: our own, and the same for the programs of PostgreSQL.

use super::tls::{self, SslMode};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::{SOURCE_CA, SOURCE_PASSWORD};
use zentoria_types::backup_job::{JobError, Server};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// A server, and who logs in there.
#[derive(Clone, Debug)]
pub struct Login {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Where the programs are that log in too.
    pub programs: Programs,
    password: Option<Secret>,
    passfile: Option<PathBuf>,
    ssl: SslMode,
    ca: Option<PathBuf>,
}

impl Login {
    /// To the source. Writes the password file that the programs of PostgreSQL read.
    ///
    /// # Errors
    /// [`JobError::Setup`], when the password or, where it is needed, the CA is missing.
    pub fn to_source(server: &Server, user: &str, ssl_mode: &str, setup: &Setup) -> Result<Self, Failure> {
        let ssl = SslMode::parse(ssl_mode)?;
        let password = setup.source_secret(SOURCE_PASSWORD)?;
        let line = Secret::new(format!("*:*:*:*:{}\n", password.expose().replace('\\', "\\\\").replace(':', "\\:")));
        // one per process, because the one that streams a part writes its own while this one's may be read
        let passfile = setup.write_private("source", &format!("pgpass-{}", std::process::id()), &line)?;
        let ca = setup.secrets.path_if_there(SOURCE_CA);
        if setup.reaches_source() {
            tls::config(ssl, ca.as_deref())?;
        }
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            user: user.to_owned(),
            programs: setup.programs.clone(),
            password: Some(password),
            passfile: Some(passfile),
            ssl,
            ca,
        })
    }

    /// To the scratch server of the same pod, with the programs of this login.
    #[must_use]
    pub fn to_scratch(&self, port: u16) -> Self {
        Self {
            programs: self.programs.clone(),
            host: "127.0.0.1".to_owned(),
            port,
            user: "postgres".to_owned(),
            password: None,
            passfile: None,
            ssl: SslMode::Disable,
            ca: None,
        }
    }

    /// `host:port`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the programs of PostgreSQL read from their environment. The password is not in it, but the path of its file.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut all: Vec<(&'static str, OsString)> = vec![
            ("PGHOST", self.host.clone().into()),
            ("PGPORT", self.port.to_string().into()),
            ("PGUSER", self.user.clone().into()),
            ("PGSSLMODE", self.ssl.name().into()),
            ("PGGSSENCMODE", "disable".into()),
            ("PGCONNECT_TIMEOUT", CONNECT.as_secs().to_string().into()),
            ("PGAPPNAME", "zentoria-job".into()),
            ("PGPASSFILE", self.passfile.clone().unwrap_or_else(|| "/dev/null".into()).into()),
        ];
        if let Some(ca) = self.ca.as_ref().filter(|_| self.ssl.verifies()) {
            all.push(("PGSSLROOTCERT", ca.clone().into()));
        }
        all
    }

    /// Connects to a database.
    ///
    /// # Errors
    /// [`JobError::SourceUnreachable`], [`JobError::SourceAccessDenied`], [`JobError::SourceGone`] (there is no such
    /// database).
    pub async fn connect(&self, database: &str) -> Result<Client, Failure> {
        let mut config = Config::new();
        config.host(&self.host).port(self.port).user(&self.user).dbname(database);
        config.connect_timeout(CONNECT).application_name("zentoria-job").keepalives_idle(Duration::from_secs(60));
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        config.ssl_mode(match self.ssl {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        });
        let tls = MakeRustlsConnect::new(tls::config(self.ssl, self.ca.as_deref())?);
        // the time limit of the client is for the TCP connection alone; a server that is overloaded may take one and
        // never answer
        let connected = tokio::time::timeout(CONNECT * 2, config.connect(tls)).await.map_err(|_| {
            Failure::new(
                JobError::SourceUnreachable,
                format!("PostgreSQL at {} does not answer within {} s", self.place(), CONNECT.as_secs() * 2),
            )
        })?;
        let (client, connection) = connected.map_err(|error| self.refused(database, &error))?;
        // ends with the client; how it ended is told to the client's calls
        tokio::spawn(connection);
        Ok(client)
    }

    fn refused(&self, database: &str, error: &Error) -> Failure {
        let (place, user) = (self.place(), &self.user);
        let said = said(error);
        let Some(db) = error.as_db_error() else {
            let (kind, remedy) = if error.to_string().contains("TLS") {
                (JobError::SourceAccessDenied, "compare sslMode and caSecretRef with what the server offers")
            } else {
                (JobError::SourceUnreachable, "look whether it runs, listens there, and the firewall lets the Jobs in")
            };
            return Failure::new(kind, format!("PostgreSQL at {place} cannot be reached ({said}): {remedy}"));
        };
        let code = db.code();
        if *code == SqlState::INVALID_CATALOG_NAME {
            return Failure::new(
                JobError::SourceGone,
                format!("the database `{database}` does not exist on {place}: take it off the policy, or restore it"),
            );
        }
        if code.code().starts_with("28") || *code == SqlState::INSUFFICIENT_PRIVILEGE {
            return Failure::new(
                JobError::SourceAccessDenied,
                format!(
                    "PostgreSQL at {place} refuses `{user}` for the database `{database}` ({said}): look at the password, pg_hba.conf and the right to connect"
                ),
            );
        }
        Failure::new(JobError::SourceUnreachable, format!("PostgreSQL at {place} takes no connection now ({said})"))
    }
}

/// A call on an open connection that failed.
#[must_use]
pub fn failed(kind: JobError, what: impl std::fmt::Display, error: &Error) -> Failure {
    let kind = match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE && kind == JobError::SourceFailed => {
            JobError::SourceAccessDenied
        }
        _ => kind,
    };
    Failure::new(kind, format!("{what}: {}", said(error)))
}

/// What the server said, or what broke.
#[must_use]
pub fn said(error: &Error) -> String {
    use std::error::Error as _;
    if let Some(db) = error.as_db_error() {
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail}", db.message());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A name as SQL has it.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as SQL has it, for servers with standard_conforming_strings (all that are supported).
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
