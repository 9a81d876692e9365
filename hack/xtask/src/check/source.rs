//! Rust source without what the rules do not apply to.

/// The lines of production code with their numbers: no comments, and nothing from a `#[cfg(test)]` module on (by
/// convention it is the last thing in a file).
pub fn production(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .windows(2)
        .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'))
        .unwrap_or(lines.len());
    lines.into_iter().enumerate().take(end).map(|(index, line)| (index + 1, code(line)))
}

/// The line without its comment. A comment starts a line or follows a space, so that a URL is none.
fn code(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.find(" // ").map_or(line, |at| &line[..at])
}

/// Whether a file holds tests alone.
pub fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "benches")
}

/// Whether `what` stands in `line` as words of their own: `rand::` is not in `operand::`.
pub fn names(line: &str, what: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(what).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + what.len()..].chars().next();
        let open = !what.starts_with(is_word) || !before.is_some_and(is_word);
        let closed = !what.ends_with(is_word) || !after.is_some_and(is_word);
        open && closed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_comments_are_no_production_code() {
        let text = "use a; // not b\n// c\nlet url = \"https://d\";\n#[cfg(test)]\nmod tests {\n    use e;\n}\n";
        let lines: Vec<(usize, &str)> = production(text).collect();
        assert_eq!(lines, [(1, "use a;"), (2, ""), (3, "let url = \"https://d\";")]);
    }

    #[test]
    fn a_word_inside_another_is_not_that_word() {
        assert!(names("use rand::Rng;", "rand::"));
        assert!(!names("operand::x", "rand::"));
        assert!(names("want.vmid == 4", ".vmid"));
        assert!(!names("want.vmids", ".vmid"));
    }
}
