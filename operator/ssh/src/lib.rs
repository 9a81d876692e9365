//! Commands on another machine, by the OpenSSH client, which trusts nobody but the keys that it is told.
//!
//! This crate starts nothing and writes nothing: it says how ssh is called, and what its failures mean.

use std::path::PathBuf;
use std::process::Command;
use zentoria_types::Secret;
use zentoria_types::ssh::SshServer;

/// What a server is called in our own `known_hosts`: its address may be another one than its keys were read by.
const ALIAS: &str = "zentoria-source";
/// Exit code of ssh itself.
const OWN_CODE: i32 = 255;

/// How ssh is called for one machine.
#[derive(Clone, Debug)]
pub struct Client {
    /// Path of ssh.
    pub program: PathBuf,
    /// The machine, and who logs in there.
    pub server: SshServer,
    /// File with [`known_hosts`].
    pub known_hosts: PathBuf,
    /// File with [`identity`], which nobody else may read.
    pub identity: PathBuf,
}

impl Client {
    /// The command line, for the login shell there.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-F", "none", "-T", "-x", "-a"]);
        let file = |name: &str, path: &PathBuf| format!("{name}={}", path.display());
        for option in [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "GlobalKnownHostsFile=none".to_owned(),
            file("UserKnownHostsFile", &self.known_hosts),
            file("IdentityFile", &self.identity),
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
        let SshServer { host, port, user, .. } = &self.server;
        command.args(["-p", &port.to_string(), "-l", user, "--", host, line]);
        command
    }
}

/// What ssh itself failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The machine has another key than those that are known.
    HostKey,
    /// It does not let this user in.
    Login,
    /// It cannot be reached.
    Unreachable,
    /// The connection broke; or the command itself ended with ssh's code.
    Broken,
}

impl Refusal {
    /// What ssh's code and its complaint say; `None`, when it was the command that failed.
    #[must_use]
    pub fn read(code: i32, complaint: &str) -> Option<Self> {
        let said = |phrases: &[&str]| phrases.iter().any(|phrase| complaint.contains(phrase));
        if code != OWN_CODE {
            None
        } else if said(&["Host key verification failed", "host key is known", "IDENTIFICATION HAS CHANGED"]) {
            Some(Self::HostKey)
        } else if said(&["Permission denied"]) {
            Some(Self::Login)
        } else if said(&["onnection refused", "timed out", "No route to host", "Could not resolve", "unreachable"]) {
            Some(Self::Unreachable)
        } else {
            Some(Self::Broken)
        }
    }

    /// What to do about it; `who` is to be let in by a firewall.
    #[must_use]
    pub fn remedy(self, who: &str) -> String {
        match self {
            Self::HostKey => "its host key is not in knownHosts: find out why before you take the new one".to_owned(),
            Self::Login => "put the public key into authorized_keys of that user".to_owned(),
            Self::Unreachable => format!("look whether sshd runs there and the firewall lets {who} in"),
            Self::Broken => "the connection broke, or the command itself ended with code 255".to_owned(),
        }
    }
}

/// Content of the file of known hosts; `None`, when a line is no key of a host, or there is none.
#[must_use]
pub fn known_hosts(lines: &[String]) -> Option<String> {
    let lines: Vec<String> = lines.iter().map(|line| aliased(line)).collect::<Option<_>>()?;
    (!lines.is_empty()).then(|| lines.join("\n") + "\n")
}

/// Content of the file of the key: ssh refuses one without its last line end.
#[must_use]
pub fn identity(key: &Secret) -> Secret {
    Secret::new(format!("{}\n", key.expose().trim_end()))
}

/// `user@host:port`.
#[must_use]
pub fn place(server: &SshServer) -> String {
    format!("{}@{}:{}", server.user, server.host, server.port)
}

/// A word as the shell of another machine takes it as it is.
#[must_use]
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(known_hosts(&[]), None);
        assert_eq!(known_hosts(&["h ssh-rsa AAAA".to_owned(), "nonsense".to_owned()]), None);
    }

    #[test]
    fn a_quoted_word_is_one_word() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's; $(x)"), "'it'\\''s; $(x)'");
    }

    #[test]
    fn only_the_code_of_ssh_itself_is_a_failure_of_ssh() {
        for (code, complaint, expected) in [
            (1, "Permission denied", None),
            (255, "root@h: Permission denied (publickey).", Some(Refusal::Login)),
            (255, "Host key verification failed.", Some(Refusal::HostKey)),
            (255, "ssh: connect to host h port 22: Connection refused", Some(Refusal::Unreachable)),
            (255, "", Some(Refusal::Broken)),
        ] {
            assert_eq!(Refusal::read(code, complaint), expected, "{complaint}");
        }
    }

    #[test]
    fn a_key_ends_in_one_line_end() {
        assert_eq!(identity(&Secret::new("k\n\n")).expose(), "k\n");
        assert_eq!(identity(&Secret::new("k")).expose(), "k\n");
    }
}
