//! Real servers that repositories lie on.

use crate::pod::Pod;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use zentoria_test_servers::process::{Process, component, free_port};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::Location;

/// A server with a directory of its own.
pub struct Server {
    pub port: u16,
    pub dir: TempDir,
    /// Certificate, when it speaks HTTPS.
    pub ca: Option<PathBuf>,
    process: Option<Process>,
}

/// Key of the S3 servers.
pub const S3_KEY: &str = "zentoria-key-id";
/// User of the REST servers.
pub const REST_USER: &str = "zentoria";
/// Its password: one that a URL cannot hold as it is.
pub const REST_PASSWORD: &str = "p@ss:w/rd%20#?";

impl Server {
    /// A REST server with HTTPS, for one user. `more` are more arguments.
    pub async fn rest(more: &[&str]) -> Option<Self> {
        let program = component("rest-server")?;
        let dir = directory();
        let (certificate, key) = certificate(dir.path());
        // user and bcrypt or SHA-1 of the password, as Apache's htpasswd writes it
        std::fs::write(dir.path().join("htpasswd"), format!("{REST_USER}:{{SHA}}{}\n", sha1(REST_PASSWORD)))
            .expect("htpasswd");
        let server = Self::started(dir, Some(certificate.clone()), |dir, port| {
            let mut command = Command::new(&program);
            command.arg("--path").arg(dir.join("data")).arg("--listen").arg(format!("127.0.0.1:{port}"));
            command.arg("--htpasswd-file").arg(dir.join("htpasswd"));
            command.arg("--tls").arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(&key).args(more);
            command
        });
        Some(server.await)
    }

    /// An S3 server with the bucket `backups` and this secret key.
    pub async fn s3(secret: &str) -> Option<Self> {
        let program = component("rclone")?;
        let dir = directory();
        std::fs::create_dir_all(dir.path().join("data/backups")).expect("a bucket");
        let keys = format!("{S3_KEY},{secret}");
        let server = Self::started(dir, None, |dir, port| {
            let mut command = Command::new(&program);
            command.args(["serve", "s3", "--auth-key", &keys, "--addr"]).arg(format!("127.0.0.1:{port}"));
            command.arg(dir.join("data")).env("HOME", dir).env("RCLONE_CONFIG", dir.join("rclone.conf"));
            command
        });
        Some(server.await)
    }

    /// Starts it until it listens; on another port when somebody else was quicker.
    async fn started(dir: TempDir, ca: Option<PathBuf>, command: impl Fn(&Path, u16) -> Command) -> Self {
        let mut server = Self { port: 0, dir, ca, process: None };
        until("a server that listens", async || {
            let alive = server.process.as_mut().is_some_and(|process| !process.ended());
            if !alive {
                server.port = free_port();
                let log = server.dir.path().join("log");
                let mut command = command(server.dir.path(), server.port);
                server.process = Some(Process::start(&mut command, &log, Signal::TERM));
            }
            std::net::TcpStream::connect(("127.0.0.1", server.port)).ok().map(|_| ())
        })
        .await;
        server
    }

    /// Where a repository on this REST server is.
    pub fn rest_location(&self, name: &str) -> Location {
        Location::Rest(format!("https://127.0.0.1:{}/{name}/", self.port))
    }

    /// Where a repository on this S3 server is.
    pub fn s3_location(&self, bucket: &str, prefix: &str) -> Location {
        Location::S3 {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region: Some("us-east-1".to_owned()),
        }
    }

    /// A pod with a repository of this name on this REST server.
    pub fn rest_pod(&self, name: &str) -> Option<Pod> {
        Some(rest_secrets(self, Pod::new()?.at(self.rest_location(name)), "repository"))
    }

    /// A pod with a repository on this S3 server.
    pub fn s3_pod(&self, bucket: &str, prefix: &str, secret: &str) -> Option<Pod> {
        Some(s3_secrets(Pod::new()?.at(self.s3_location(bucket, prefix)), "repository", secret))
    }
}

/// With the secrets of a REST server, for the repository or the `copy`.
pub fn rest_secrets(server: &Server, pod: Pod, of: &str) -> Pod {
    let ca = std::fs::read_to_string(server.ca.as_ref().expect("a CA")).expect("the CA");
    pod.with_secret(&format!("{of}/credentials/username"), REST_USER)
        .with_secret(&format!("{of}/credentials/password"), REST_PASSWORD)
        .with_secret(&format!("{of}/ca.crt"), &ca)
}

/// With the secrets of an S3 server, for the repository or the `copy`.
pub fn s3_secrets(pod: Pod, of: &str, secret: &str) -> Pod {
    pod.with_secret(&format!("{of}/credentials/accessKeyId"), S3_KEY)
        .with_secret(&format!("{of}/credentials/secretAccessKey"), secret)
}

fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("zs").tempdir_in("/tmp").expect("a directory");
    std::fs::create_dir(dir.path().join("data")).expect("its data");
    dir
}

/// A certificate for 127.0.0.1 that is its own CA.
fn certificate(dir: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (dir.join("tls.crt"), dir.join("tls.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=backups", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

/// SHA-1 in base64, by openssl: htpasswd asks for it, nothing else here does.
fn sha1(text: &str) -> String {
    let script = r#"printf %s "$1" | openssl dgst -sha1 -binary | openssl base64 -A"#;
    let output = Command::new("sh").args(["-c", script, "sh", text]).output().expect("openssl runs");
    String::from_utf8(output.stdout).expect("base64")
}
