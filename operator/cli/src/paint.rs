//! Colours, on a terminal alone.

use std::io::IsTerminal;

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// On a terminal.
    On,
    /// In files and pipes, and where `NO_COLOR` says so.
    Off,
}

impl Paint {
    /// As standard output and `NO_COLOR` (<https://no-color.org>) have it.
    #[must_use]
    pub fn stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if std::io::stdout().is_terminal() && !plain && !dumb { Self::On } else { Self::Off }
    }

    /// What is well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is not.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What needs a look.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    /// A heading.
    #[must_use]
    pub fn head(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is beside the point.
    #[must_use]
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::On if !text.is_empty() => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::On | Self::Off => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_used_only_where_they_are_on() {
        assert_eq!(Paint::Off.good("yes"), "yes");
        assert_eq!(Paint::On.good("yes"), "\u{1b}[32myes\u{1b}[0m");
        assert_eq!(Paint::On.bad(""), "");
    }
}
