//! Rules of the source tree. Every finding is one line that says what and where.

mod layers;
mod length;
mod paths;
mod source;
mod wiring;

use crate::generate;
use crate::tree::{TaskError, Tree};

/// Runs every check and prints what it finds. Long files are only reported.
pub fn run() -> Result<(), TaskError> {
    let tree = Tree::find()?;
    for warning in length::report(&tree)? {
        println!("warning: {warning}");
    }
    let mut findings: Vec<String> = generate::drifted(&tree, &generate::all()?)?
        .into_iter()
        .map(|path| format!("{path}: not what the code says, run `xtask gen`"))
        .collect();
    findings.extend(layers::findings(&tree)?);
    findings.extend(wiring::findings(&tree)?);
    findings.extend(paths::findings(&tree)?);
    for finding in &findings {
        println!("error: {finding}");
    }
    if findings.is_empty() {
        println!("derived files, layers, fields and paths are in order");
        return Ok(());
    }
    Err(TaskError::Findings(format!("{} findings", findings.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_files_are_what_the_code_says() {
        let drifted = generate::drifted(&Tree::find().unwrap(), &generate::all().unwrap()).unwrap();
        assert!(drifted.is_empty(), "run `cargo run -p xtask -- gen`: {drifted:?}");
    }

    #[test]
    fn a_changed_derived_file_is_found() {
        let mut artifacts = generate::all().unwrap();
        let first = artifacts.first_mut().unwrap();
        first.text.push_str("# by hand\n");
        let path = first.path.clone();
        assert_eq!(generate::drifted(&Tree::find().unwrap(), &artifacts).unwrap(), [path]);
    }

    #[test]
    fn this_tree_keeps_the_layers() {
        let findings = layers::findings(&Tree::find().unwrap()).unwrap();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn this_tree_names_no_private_path() {
        let findings = paths::findings(&Tree::find().unwrap()).unwrap();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
