//! Files of another machine, as a tar archive for each path: owner, mode, times, ACLs and extended attributes are in it.

use super::directory;
use super::ssh::Ssh;
use super::tool;
use crate::contract::{Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::setup::Setup;
use async_trait::async_trait;
use std::path::Path;
use zentoria_ssh::quoted;
use zentoria_types::backup_job::{JobError, SshServer};

/// GNU tar, so that the same files make the same bytes: sorted, without the times of access and change, and without the
/// number of the process, which the name of a header has by default.
const CREATE: &str = "LC_ALL=C tar --create --file=- --absolute-names --sort=name --format=posix \
     --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --acls --xattrs";
/// Back over what is there.
const EXTRACT: &str =
    "LC_ALL=C tar --extract --file=- --absolute-names --preserve-permissions --same-owner --acls --xattrs";
/// Exit code of GNU tar when a file changed while it was read, and nothing worse happened.
const CHANGED: i32 = 1;
/// What GNU tar says then. Others end with that code for other reasons: a login shell that lets nobody in, a tar that does not
/// know the options.
const CHANGES: [&str; 3] = ["file changed as we read it", "File removed before we read it", "File shrank by"];

/// Paths of a machine.
pub struct Files {
    ssh: Ssh,
    paths: Vec<String>,
    exclude: Vec<String>,
    programs: Programs,
}

impl Files {
    /// The paths, with the key read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &SshServer, paths: &[String], exclude: &[String], setup: &Setup) -> Result<Self, Failure> {
        let (paths, exclude) = (paths.to_vec(), exclude.to_vec());
        Ok(Self { ssh: Ssh::new(server, setup)?, paths, exclude, programs: setup.programs.clone() })
    }

    fn failure(&self, path: &str, error: &tool::ToolFailure) -> Failure {
        if let Some(failure) = self.ssh.failure(error) {
            return failure;
        }
        let place = self.ssh.place();
        let said = |phrase: &str| error.said.contains(phrase);
        let (kind, remedy) = if error.said.is_empty() {
            (JobError::SourceFailed, "it ended without a word: let a user log in whose shell runs commands")
        } else if said(&format!("{path}: Cannot stat: No such file")) {
            (JobError::SourceGone, "it is not there: take it off the policy, or restore it")
        } else if said("Permission denied") {
            (JobError::SourceAccessDenied, "let root log in, or leave out what that user may not read")
        } else if said("not found") || said("unrecognized option") || said("invalid option") || said("is not supported")
        {
            (JobError::SourceFailed, "GNU tar is needed there: install it")
        } else {
            (JobError::SourceFailed, "look at the files there")
        };
        Failure::new(kind, format!("{path} of {place} (tar: {}): {remedy}", error.said))
    }

    async fn unpack(&self, at: &Path, bytes: Input<'_>) -> Result<(), Failure> {
        let failed = |why: String| Failure::new(JobError::TargetFailed, format!("{}: {why}", at.display()));
        tokio::fs::create_dir_all(at).await.map_err(|error| failed(error.to_string()))?;
        let mut command = tokio::process::Command::new(self.programs.find("tar")?);
        // below the directory, whatever the names in it are; what is there already is never overwritten
        command.env("LC_ALL", "C").args(["--extract", "--file=-", "--preserve-permissions", "--keep-old-files"]);
        command.arg("--directory").arg(at);
        tool::feed(command, bytes).await.map_err(|error| failed(error.to_string()))
    }
}

/// Whether the archive is whole, though files of it changed while they were read.
fn has_changed(error: &tool::ToolFailure) -> bool {
    error.code == Some(CHANGED) && CHANGES.iter().any(|words| error.said.contains(words))
}

#[async_trait]
impl Source for Files {
    fn repeatable(&self) -> bool {
        true
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let part = |path: &String| Part {
            name: path.clone(),
            path: format!("/files/{}.tar", directory::file_name(path.trim_matches('/'))),
            kind: PartKind::Data,
        };
        Ok(self.paths.iter().map(part).collect())
    }

    async fn stream(&self, part: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let exclude: Vec<String> = self.exclude.iter().map(|pattern| format!("--exclude={pattern}")).collect();
        let words: Vec<String> =
            exclude.iter().chain(["--".to_owned(), part.name.clone()].iter()).map(|word| quoted(word)).collect();
        match tool::print(self.ssh.command(&format!("{CREATE} {}", words.join(" "))), out).await {
            Ok(_) => Ok(()),
            // as every backup of files that are in use; tar says which, and so does the log of the Job
            Err(error) if has_changed(&error) => {
                eprintln!("{}", error.said);
                Ok(())
            }
            Err(error) => Err(self.failure(&part.name, &error)),
        }
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) | Place::Scratch { directory: at, .. } => self.unpack(at, bytes).await?,
            Place::Source => {
                tool::feed(self.ssh.command(EXTRACT), bytes).await.map_err(|error| {
                    let failure = self.ssh.failure(&error);
                    let said = failure.map_or_else(|| error.to_string(), |failure| failure.message);
                    Failure::new(
                        JobError::TargetFailed,
                        format!("{} could not be put back whole: {said}", stored.part.name),
                    )
                })?;
            }
        }
        Ok(Vec::new())
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        let paths = if parts.len() == 1 { "path" } else { "paths" };
        format!("{} {paths}, {bytes} bytes equal, and unpacked", parts.len())
    }
}
