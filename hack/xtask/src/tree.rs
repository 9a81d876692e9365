//! The source tree: where it is, and how to read it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The current directory is not inside the workspace.
    #[error("no Cargo.toml with a [workspace] here or above: run this inside the repository")]
    NoWorkspace,
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file, from the root of the workspace.
        path: String,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// A value could not be written as YAML.
    #[error("{path}: {message}")]
    Yaml {
        /// The file that it was for.
        path: String,
        /// What the YAML library says.
        message: String,
    },
    /// Something is not as it has to be; the lines were printed.
    #[error("{0}")]
    Findings(String),
}

/// Directories that hold no source: history, build output, what demo and tests leave behind.
const SKIPPED: [&str; 6] = [".git", ".demo", ".venv", "__pycache__", "node_modules", "target"];

/// The workspace's root directory.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The workspace that holds the current directory.
    pub fn find() -> Result<Self, TaskError> {
        let here = std::env::current_dir().map_err(|source| TaskError::File { path: ".".into(), source })?;
        here.ancestors()
            .find(|dir| std::fs::read_to_string(dir.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]")))
            .map(|root| Self { root: root.to_owned() })
            .ok_or(TaskError::NoWorkspace)
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> Result<String, TaskError> {
        std::fs::read_to_string(self.root.join(path)).map_err(|source| TaskError::File { path: path.into(), source })
    }

    /// The text of a file, or none where there is no such file.
    pub fn read_if_there(&self, path: &str) -> Result<Option<String>, TaskError> {
        match std::fs::read_to_string(self.root.join(path)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TaskError::File { path: path.into(), source }),
        }
    }

    /// Writes a file and the directories above it.
    pub fn write(&self, path: &str, text: &str) -> Result<(), TaskError> {
        let target = self.root.join(path);
        let made = target.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&target, text))
            .map_err(|source| TaskError::File { path: path.into(), source })
    }

    /// Every file below a directory, from the root of the workspace, sorted; empty where the directory does
    /// not exist.
    pub fn files(&self, under: &str) -> Result<Vec<String>, TaskError> {
        let mut found = Vec::new();
        let start = if under.is_empty() { self.root.clone() } else { self.root.join(under) };
        self.walk(&start, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, dir: &Path, found: &mut Vec<String>) -> Result<(), TaskError> {
        let at = |source| TaskError::File { path: self.name_of(dir), source };
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(error)),
        };
        for entry in entries {
            let entry = entry.map_err(at)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let kind = entry.file_type().map_err(at)?;
            if kind.is_dir() {
                self.walk(&entry.path(), found)?;
            } else if kind.is_file() {
                found.push(self.name_of(&entry.path()));
            }
        }
        Ok(())
    }

    fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}
