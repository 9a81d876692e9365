//! Paths and hosts that exist on one machine only.

use crate::tree::{TaskError, Tree};

/// Directories of people and of build machines.
const PRIVATE: [&str; 4] = ["home", "root", "Users", "work"];

/// Paths inside a guest or a node, which are no paths of a developer's machine.
const OF_GUESTS: [&str; 1] = [".ssh"];

/// One line per place.
pub fn findings(tree: &Tree) -> Result<Vec<String>, TaskError> {
    let mut found = Vec::new();
    for path in tree.files("")? {
        let Ok(text) = tree.read(&path) else { continue }; // not text
        for (index, line) in text.lines().enumerate() {
            if let Some(what) = private_path(line).or_else(|| private_registry(&path, line)) {
                found.push(format!("{path}:{}: {what}", index + 1));
            }
        }
    }
    Ok(found)
}

fn private_path(line: &str) -> Option<String> {
    PRIVATE.iter().find_map(|name| {
        let dir = format!("/{name}/");
        line.match_indices(&dir)
            .any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let rest = &line[at + dir.len()..];
                let absolute = !before.is_some_and(|c| c.is_alphanumeric() || "._-/})$*".contains(c));
                let named = rest.starts_with(|c: char| c.is_alphanumeric() || c == '.');
                absolute && named && !OF_GUESTS.iter().any(|path| rest.starts_with(path))
            })
            .then(|| format!("a path below {dir}"))
    })
}

/// A lock file takes every crate from crates.io.
fn private_registry(path: &str, line: &str) -> Option<String> {
    let registry = line.strip_prefix("source = \"").filter(|_| path.ends_with("Cargo.lock"))?;
    (!registry.starts_with("registry+https://github.com/rust-lang/crates.io-index"))
        .then(|| "a crate that is not from crates.io".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        for name in PRIVATE {
            assert!(private_path(&format!("see \"/{name}/somebody/file\"")).is_some(), "{name}");
        }
    }

    #[test]
    fn paths_of_guests_urls_and_relative_paths_are_not() {
        for line in ["/root/.ssh/authorized_keys", "https://host/work/1", "./work/x", "$DIR/home/x", "/rooted/x"] {
            assert_eq!(private_path(line), None, "{line}");
        }
    }

    #[test]
    fn another_registry_in_the_lock_file_is_found() {
        assert!(private_registry("Cargo.lock", "source = \"registry+https://mirror.example/index\"").is_some());
        let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(private_registry("Cargo.lock", usual), None);
    }
}
