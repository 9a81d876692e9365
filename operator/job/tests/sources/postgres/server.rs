//! Real PostgreSQL servers.

use rustix::process::Signal;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use zentoria_test_servers::process::{
    NOBODY, Process, as_nobody, component, directory, free_port, is_root, readable_by_nobody,
};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::{Server, SourceSpec};

/// Password of `postgres` on a source.
pub const PASSWORD: &str = "pa:ss\\w'ord";

/// A cluster of its own.
pub struct Postgres {
    pub port: u16,
    pub dir: TempDir,
    process: Option<Process>,
    bin: PathBuf,
}

/// Directory of the programs of a version.
pub fn programs(version: &'static str) -> Option<PathBuf> {
    component(version).map(|bin| readable_by_nobody(&bin))
}

impl Postgres {
    /// A source: `postgres` has a password. `settings` are more lines of its configuration.
    pub async fn source(version: &'static str, settings: &[&str]) -> Option<Self> {
        Self::start(version, "scram-sha-256", settings).await
    }

    /// A scratch server, as the sidecar of a Job is.
    pub async fn scratch(version: &'static str) -> Option<Self> {
        Self::start(version, "trust", &[]).await
    }

    async fn start(version: &'static str, auth: &str, settings: &[&str]) -> Option<Self> {
        let bin = programs(version)?;
        let dir = directory();
        let data = dir.path().join("data");
        let password = dir.path().join("pw");
        std::fs::write(&password, PASSWORD).expect("the password");
        let made = as_nobody(&bin.join("initdb"))
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth", auth, "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { port: 0, dir, process: None, bin };
        server.run(settings).await;
        Some(server)
    }

    async fn run(&mut self, settings: &[&str]) {
        for _ in 0..5 {
            self.port = free_port();
            let mut command = as_nobody(&self.bin.join("postgres"));
            command.arg("-D").arg(self.dir.path().join("data")).args(["-p", &self.port.to_string()]);
            command.arg("-c").arg(format!("unix_socket_directories={}", self.dir.path().display()));
            for setting in ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB"].iter().chain(settings) {
                command.args(["-c", setting]);
            }
            // SIGQUIT: it ends its own processes, and writes nothing more
            let mut process = Process::start(&mut command, &self.dir.path().join("log"), Signal::QUIT);
            let up = until("PostgreSQL to start", async || {
                if process.ended() {
                    return Some(false);
                }
                self.try_client("postgres").await.map(|_| true)
            })
            .await;
            if up {
                self.process = Some(process);
                return;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Starts it again, with TLS.
    pub async fn encrypt(&mut self, certificate: &str, key: &str) {
        self.process = None;
        let data = self.dir.path().join("data");
        std::fs::write(data.join("server.crt"), certificate).expect("the certificate");
        let path = data.join("server.key");
        std::fs::write(&path, key).expect("the key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("its owner");
        }
        self.run(&["ssl=on"]).await;
    }

    /// Directory of its programs.
    pub fn bin(&self) -> PathBuf {
        self.bin.clone()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    async fn try_client(&self, database: &str) -> Option<Client> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("postgres").password(PASSWORD).dbname(database);
        let (client, connection) = config.connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// A connection of the test's own.
    pub async fn client(&self, database: &str) -> Client {
        self.try_client(database).await.expect("a connection")
    }

    /// Runs statements.
    pub async fn run_sql(&self, database: &str, statements: &str) {
        self.client(database).await.batch_execute(statements).await.expect(statements);
    }

    /// One number.
    pub async fn number(&self, database: &str, query: &str) -> i64 {
        self.client(database).await.query_one(query, &[]).await.expect(query).get(0)
    }

    /// It as a source.
    pub fn spec(&self, databases: &[&str]) -> SourceSpec {
        self.spec_with("postgres", databases, true, "prefer")
    }

    /// It as a source, with everything that can be chosen.
    pub fn spec_with(&self, user: &str, databases: &[&str], roles: bool, ssl_mode: &str) -> SourceSpec {
        SourceSpec::Postgres {
            server: Server { host: "127.0.0.1".into(), port: self.port },
            user: user.into(),
            databases: databases.iter().map(|name| (*name).to_owned()).collect(),
            roles,
            ssl_mode: ssl_mode.into(),
        }
    }
}
