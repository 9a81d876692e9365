//! What a command on another machine prints.

use super::directory;
use super::ssh::Ssh;
use super::tool;
use crate::contract::{Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::setup::Setup;
use async_trait::async_trait;
use zentoria_types::backup_job::{JobError, SshServer};

/// A command, and the file that its output is kept as.
pub struct Command {
    ssh: Ssh,
    line: String,
    file_name: String,
}

impl Command {
    /// The command, with the key read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &SshServer, line: &str, file_name: &str, setup: &Setup) -> Result<Self, Failure> {
        Ok(Self { ssh: Ssh::new(server, setup)?, line: line.to_owned(), file_name: file_name.to_owned() })
    }
}

#[async_trait]
impl Source for Command {
    fn repeatable(&self) -> bool {
        true
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let path = format!("/command/{}", directory::file_name(&self.file_name));
        Ok(vec![Part { name: self.file_name.clone(), path, kind: PartKind::Data }])
    }

    async fn stream(&self, _: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let printed = tool::print(self.ssh.command(&self.line), out).await.map_err(|error| {
            self.ssh.failure(&error).unwrap_or_else(|| {
                let said = if error.said.is_empty() { "it said nothing" } else { &error.said };
                let code = error.code.unwrap_or_default();
                Failure::new(
                    JobError::SourceFailed,
                    format!("the command on {} ended with code {code}: {said}", self.ssh.place()),
                )
            })
        })?;
        if printed == 0 {
            return Err(Failure::new(
                JobError::SourceFailed,
                format!("the command on {} printed nothing: that is no backup", self.ssh.place()),
            ));
        }
        Ok(())
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) | Place::Scratch { directory: at, .. } => {
                directory::write(at, &stored.part, bytes).await?;
                Ok(Vec::new())
            }
            Place::Source => Err(Failure::new(
                JobError::TargetFailed,
                "the output of a command cannot be put back by itself: restore it into a directory, and feed it to the program that it is of",
            )),
        }
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        format!("{bytes} bytes equal")
    }
}
