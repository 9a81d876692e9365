//! Text for a terminal: aligned columns, and lines that break between words.

/// The width that pages are made for.
pub const WIDTH: usize = 100;

/// Rows in columns, two spaces apart; the last column is as long as it is. Every row is indented by `indent`.
#[must_use]
pub fn columns(indent: usize, rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < row.len() {
                line.push_str(&" ".repeat(widths[column].saturating_sub(length(cell)) + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

/// A cell of at most so many characters.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

/// Text broken between words, each line indented; the first by `first`, the others by `rest`.
#[must_use]
pub fn wrap(first: usize, rest: usize, text: &str) -> String {
    let mut page = String::new();
    let mut line = " ".repeat(first);
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && length(&line) + 1 + length(word) > WIDTH {
            page.push_str(&line);
            page.push('\n');
            line = " ".repeat(rest);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if !empty {
        page.push_str(&line);
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let text = columns(2, &[row(&["NAME", "AGE"]), row(&["zentoria-db", "1h"]), row(&["x", ""])]);
        assert_eq!(text, "  NAME         AGE\n  zentoria-db  1h\n  x\n");
    }

    #[test]
    fn lines_break_between_words() {
        let text = wrap(2, 4, &"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.starts_with("  word") && text.lines().nth(1).unwrap().starts_with("    word"));
        assert_eq!(wrap(0, 0, ""), "");
        assert_eq!(cut("abcdefgh", 6), "abc...");
    }
}
