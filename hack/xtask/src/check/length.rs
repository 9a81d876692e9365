//! Files that are too long to read in one go. A question for the review, not a failure.

use super::source;
use crate::tree::{TaskError, Tree};

/// Lines of production code, comments included.
const LIMIT: usize = 400;

/// One line per file over the limit.
pub fn report(tree: &Tree) -> Result<Vec<String>, TaskError> {
    let mut found = Vec::new();
    for path in tree.files("")? {
        if path.ends_with(".rs") && !source::is_test_file(&path) {
            found.extend(warning(&path, &tree.read(&path)?));
        }
    }
    Ok(found)
}

fn warning(path: &str, text: &str) -> Option<String> {
    let lines = source::production(text).count();
    (lines > LIMIT).then(|| format!("{path}: {lines} lines without tests, more than {LIMIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_file_is_reported_and_its_tests_do_not_count() {
        assert_eq!(warning("a.rs", &"x\n".repeat(400)), None);
        assert!(warning("a.rs", &"x\n".repeat(401)).is_some());
        assert_eq!(warning("a.rs", &format!("x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "y\n".repeat(500))), None);
    }
}
