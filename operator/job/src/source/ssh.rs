//! Commands on another machine, by the OpenSSH client, which trusts nobody but the keys that it is told.

use super::tool::ToolFailure;
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use std::path::PathBuf;
use tokio::process::Command;
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::SOURCE_SSH_KEY;
use zentoria_types::backup_job::{JobError, SshServer};

/// What the server is called in our own `known_hosts`: its address may be another one than its keys were read by.
const ALIAS: &str = "zentoria-source";
/// Exit code of ssh itself.
const OWN_CODE: i32 = 255;

/// A machine, and who logs in there.
pub struct Ssh {
    host: String,
    port: u16,
    user: String,
    known_hosts: PathBuf,
    key: PathBuf,
    programs: Programs,
}

impl Ssh {
    /// The machine, with the key read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &SshServer, setup: &Setup) -> Result<Self, Failure> {
        let key = setup.source_secret(SOURCE_SSH_KEY)?;
        let lines: Option<Vec<String>> = server.known_hosts.iter().map(|line| aliased(line)).collect();
        let lines = lines.filter(|lines| !lines.is_empty()).ok_or_else(|| {
            Failure::new(
                JobError::Setup,
                "knownHosts holds a line that is no key of a host: take them from ssh-keyscan",
            )
        })?;
        // one per process: the one that streams a part writes its own while this one's may be read
        let own = |name: &str| format!("{name}-{}", std::process::id());
        let known = Secret::new(lines.join("\n") + "\n");
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            user: server.user.clone(),
            known_hosts: setup.write_private("source", &own("known-hosts"), &known)?,
            // ssh refuses a key without its last line end, and one that others may read
            key: setup.write_private("source", &own("ssh-key"), &Secret::new(format!("{}\n", key.expose())))?,
            programs: setup.programs.clone(),
        })
    }

    /// `user@host:port`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port)
    }

    /// The command line, for the login shell there.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no ssh.
    pub fn command(&self, line: &str) -> Result<Command, Failure> {
        let mut command = Command::new(self.programs.find("ssh")?);
        command.args(["-F", "none", "-T", "-x", "-a"]);
        let file = |name: &str, path: &PathBuf| format!("{name}={}", path.display());
        for option in [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "GlobalKnownHostsFile=none".to_owned(),
            file("UserKnownHostsFile", &self.known_hosts),
            file("IdentityFile", &self.key),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            format!("HostKeyAlias={ALIAS}"),
            "CheckHostIP=no".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "ControlPath=none".to_owned(),
            "ConnectTimeout=30".to_owned(),
            "ServerAliveInterval=30".to_owned(),
            "ServerAliveCountMax=4".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.args(["-p", &self.port.to_string(), "-l", &self.user, "--", &self.host, line]);
        Ok(command)
    }

    /// The failure of ssh itself; `None`, when it was the command's.
    #[must_use]
    pub fn failure(&self, error: &ToolFailure) -> Option<Failure> {
        let place = self.place();
        let said = |phrases: &[&str]| phrases.iter().any(|phrase| error.said.contains(phrase));
        if error.code != Some(OWN_CODE) {
            return error.code.is_none().then(|| Failure::new(JobError::SourceFailed, format!("{place}: {error}")));
        }
        let (kind, remedy) =
            if said(&["Host key verification failed", "host key is known", "IDENTIFICATION HAS CHANGED"]) {
                (
                    JobError::SourceAccessDenied,
                    "its host key is not in knownHosts: find out why before you take the new one",
                )
            } else if said(&["Permission denied"]) {
                (JobError::SourceAccessDenied, "put the public key into authorized_keys of that user")
            } else if said(&["onnection refused", "timed out", "No route to host", "Could not resolve", "unreachable"])
            {
                (JobError::SourceUnreachable, "look whether sshd runs there and the firewall lets the Jobs in")
            } else {
                (JobError::SourceFailed, "the connection broke, or the command itself ended with code 255")
            };
        Some(Failure::new(kind, format!("{place}: {}: {remedy}", error.said)))
    }
}

/// A line of `known_hosts` with the name that we call the host by.
fn aliased(line: &str) -> Option<String> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let marker = words.first().is_some_and(|word| word.starts_with('@'));
    let at = usize::from(marker);
    let is_type = |word: &&str| ["ssh-", "ecdsa-", "sk-"].iter().any(|beginning| word.starts_with(beginning));
    match (words.get(at).is_some_and(is_type), words.get(at + 1).is_some_and(is_type)) {
        (true, _) => words.insert(at, ALIAS),
        (false, true) => *words.get_mut(at)? = ALIAS,
        (false, false) => return None,
    }
    // the key itself
    words.get(at + 2)?;
    Some(words.join(" "))
}

/// A word as the shell of another machine takes it as it is.
#[must_use]
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::{aliased, quoted};

    #[test]
    fn a_host_is_known_by_its_keys_whatever_it_was_called() {
        for (line, expected) in [
            ("10.1.2.3 ssh-ed25519 AAAA root@x", Some("zentoria-source ssh-ed25519 AAAA root@x")),
            ("|1|abc=|def= ecdsa-sha2-nistp256 AAAA", Some("zentoria-source ecdsa-sha2-nistp256 AAAA")),
            ("[h]:2222,h ssh-rsa AAAA", Some("zentoria-source ssh-rsa AAAA")),
            ("ssh-ed25519 AAAA", Some("zentoria-source ssh-ed25519 AAAA")),
            ("@cert-authority *.x ssh-ed25519 AAAA", Some("@cert-authority zentoria-source ssh-ed25519 AAAA")),
            ("host ssh-ed25519", None),
            ("# comment", None),
            ("", None),
        ] {
            assert_eq!(aliased(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_quoted_word_is_one_word() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's; $(x)"), "'it'\\''s; $(x)'");
    }
}
