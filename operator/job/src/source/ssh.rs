//! Commands on another machine, over SSH.

use super::tool::ToolFailure;
use crate::failure::Failure;
use crate::setup::Setup;
use tokio::process::Command;
use zentoria_ssh::{Client, Refusal};
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::SOURCE_SSH_KEY;
use zentoria_types::backup_job::{JobError, SshServer};

/// A machine, and who logs in there.
pub struct Ssh {
    client: Client,
}

impl Ssh {
    /// The machine, with the key read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`], also when there is no ssh.
    pub fn new(server: &SshServer, setup: &Setup) -> Result<Self, Failure> {
        let key = setup.source_secret(SOURCE_SSH_KEY)?;
        let known = zentoria_ssh::known_hosts(&server.known_hosts).ok_or_else(|| {
            Failure::new(
                JobError::Setup,
                "knownHosts holds a line that is no key of a host: take them from ssh-keyscan",
            )
        })?;
        // one per process: the one that streams a part writes its own while this one's may be read
        let own = |name: &str| format!("{name}-{}", std::process::id());
        let client = Client {
            program: setup.programs.find("ssh")?,
            server: server.clone(),
            known_hosts: setup.write_private("source", &own("known-hosts"), &Secret::new(known))?,
            identity: setup.write_private("source", &own("ssh-key"), &zentoria_ssh::identity(&key))?,
        };
        Ok(Self { client })
    }

    /// `user@host:port`.
    #[must_use]
    pub fn place(&self) -> String {
        zentoria_ssh::place(&self.client.server)
    }

    /// The command line, for the login shell there.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        Command::from(self.client.command(line))
    }

    /// The failure of ssh itself; `None`, when it was the command's.
    #[must_use]
    pub fn failure(&self, error: &ToolFailure) -> Option<Failure> {
        let place = self.place();
        let Some(code) = error.code else {
            return Some(Failure::new(JobError::SourceFailed, format!("{place}: {error}")));
        };
        let refusal = Refusal::read(code, &error.said)?;
        let kind = match refusal {
            Refusal::HostKey | Refusal::Login => JobError::SourceAccessDenied,
            Refusal::Unreachable => JobError::SourceUnreachable,
            Refusal::Broken => JobError::SourceFailed,
        };
        Some(Failure::new(kind, format!("{place}: {}: {}", error.said, refusal.remedy("the Jobs"))))
    }
}
