//! Files that are derived from the code: written by `gen`, compared by `gen --check`.

pub mod crds;
mod install;
mod reference;

use crate::tree::{TaskError, Tree};

/// One derived file.
pub struct Artifact {
    /// Where it lies, from the root of the workspace.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Artifact {
    fn new(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), text }
    }
}

/// A value as YAML, ending in a newline.
fn yaml<T: serde::Serialize>(path: &str, value: &T) -> Result<String, TaskError> {
    let text = serde_saphyr::to_string(value)
        .map_err(|error| TaskError::Yaml { path: path.into(), message: error.to_string() })?;
    Ok(format!("{}\n", text.trim_end()))
}

/// Every derived file.
pub fn all() -> Result<Vec<Artifact>, TaskError> {
    let mut artifacts = crds::artifacts()?;
    artifacts.extend(reference::artifacts()?);
    artifacts.extend(install::artifacts()?);
    artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(artifacts)
}

/// Writes every derived file that is not what the code says.
pub fn write() -> Result<(), TaskError> {
    let tree = Tree::find()?;
    let artifacts = all()?;
    for name in drifted(&tree, &artifacts)? {
        if let Some(artifact) = artifacts.iter().find(|a| a.path == name) {
            tree.write(&artifact.path, &artifact.text)?;
            println!("wrote {name}");
        }
    }
    Ok(())
}

/// Fails and names the derived files that are not what the code says.
pub fn verify() -> Result<(), TaskError> {
    let drifted = drifted(&Tree::find()?, &all()?)?;
    if drifted.is_empty() {
        return Ok(());
    }
    Err(TaskError::Findings(format!("not what the code says, run `xtask gen`: {}", drifted.join(", "))))
}

/// Names of the files that are missing or differ.
pub fn drifted(tree: &Tree, artifacts: &[Artifact]) -> Result<Vec<String>, TaskError> {
    let mut names = Vec::new();
    for artifact in artifacts {
        if tree.read_if_there(&artifact.path)?.as_deref() != Some(artifact.text.as_str()) {
            names.push(artifact.path.clone());
        }
    }
    Ok(names)
}
