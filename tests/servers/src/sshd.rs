//! A real sshd.

use crate::process::{Process, component, directory, free_port, is_root};
use crate::wait::until;
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpStream;
use zentoria_types::backup_job::SshServer;

/// Gives sshd the user and the directory that it wants when it runs as root, for itself alone.
const AS_ROOT: &str = "set -e; mount -t tmpfs none /run; mkdir -m 755 /run/sshd; cp /etc/passwd $1/passwd; \
     echo 'sshd:x:64999:65534::/run/sshd:/usr/sbin/nologin' >> $1/passwd; mount --bind $1/passwd /etc/passwd; \
     exec $2 -D -e -f $1/config";

/// The server, and a key that logs in.
pub struct Sshd {
    /// Where it listens, on loopback.
    pub port: u16,
    /// Its files.
    pub dir: TempDir,
    /// The private key that logs in.
    pub key: String,
    host_key: String,
    _process: Process,
}

/// Makes a key pair; gives back the public one.
pub fn keygen(path: &Path) -> String {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path).status();
    assert!(made.expect("ssh-keygen runs").success());
    std::fs::read_to_string(path.with_extension("pub")).expect("the public key").trim().to_owned()
}

impl Sshd {
    /// Starts one; `None`, said loudly, where it cannot be had.
    pub async fn start() -> Option<Self> {
        let sshd = component("sshd")?;
        let dir = tempfile::Builder::new().prefix("zs").tempdir_in("/tmp").expect("a directory");
        let host_key = keygen(&dir.path().join("host"));
        let login = keygen(&dir.path().join("login"));
        std::fs::write(dir.path().join("authorized"), login).expect("authorized keys");
        for _ in 0..5 {
            let port = free_port();
            let at = dir.path().display();
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/authorized\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n"
            );
            std::fs::write(dir.path().join("config"), config).expect("its configuration");
            let mut command = if is_root() {
                let mut command = Command::new("unshare");
                command
                    .args(["--mount", "--propagation", "private", "sh", "-c", AS_ROOT, "sh"])
                    .arg(dir.path())
                    .arg(&sshd);
                command
            } else {
                let mut command = Command::new(&sshd);
                command.args(["-D", "-e", "-f"]).arg(dir.path().join("config"));
                command
            };
            let mut process = Process::start(&mut command, &dir.path().join("log"), Signal::TERM);
            let up = until("sshd to start", async || {
                if process.ended() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true)
            })
            .await;
            if up {
                let key = std::fs::read_to_string(dir.path().join("login")).expect("the key");
                return Some(Self { port, dir, key, host_key, _process: process });
            }
        }
        panic!("sshd does not start: {}", std::fs::read_to_string(dir.path().join("log")).unwrap_or_default());
    }

    /// It, for a spec. It is known by another name than its address.
    pub fn server(&self) -> SshServer {
        SshServer {
            host: "127.0.0.1".into(),
            port: self.port,
            user: whoami(),
            known_hosts: vec![format!("somewhere.example {}", self.host_key)],
        }
    }

    /// With a key that it does not have.
    pub fn server_with_wrong_key(&self) -> SshServer {
        let other = directory();
        let key = keygen(&other.path().join("k"));
        SshServer { known_hosts: vec![format!("somewhere.example {key}")], ..self.server() }
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
