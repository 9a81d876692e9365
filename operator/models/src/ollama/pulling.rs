//! How far a pull is, by the lines that Ollama sends.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::http::shown;
use crate::{Progress, Stage};

/// Most parts of one model: those with a blob for each tensor have some thousands.
const MOST_PARTS: usize = 10_000;
/// Longest digest, in characters: those of SHA-512 have 135.
const LONGEST_DIGEST: usize = 160;

/// A line: `{"status", "digest", "total", "completed"}` or `{"error"}`.
#[derive(Deserialize)]
struct Line {
    status: Option<String>,
    digest: Option<String>,
    total: Option<u64>,
    completed: Option<u64>,
    error: Option<serde_json::Value>,
}

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing new.
    Same,
    /// More is there, or known, or the next stage has begun.
    Grown,
    /// It is done.
    Done,
    /// It failed; what Ollama says.
    Failed(String),
    /// It is none of Ollama's lines.
    Foreign(String),
    /// It has more parts than any model.
    TooMany(usize),
}

/// How far it is.
#[derive(Debug)]
pub(super) struct Pulling {
    stage: Stage,
    /// By digest: bytes in all, and there.
    parts: BTreeMap<String, (u64, u64)>,
    /// Most that was ever there: Ollama takes back what it has to fetch again.
    most: u128,
    /// Over all parts.
    total: u128,
    there: u128,
}

impl Default for Pulling {
    fn default() -> Self {
        Self { stage: Stage::Resolving, parts: BTreeMap::new(), most: 0, total: 0, there: 0 }
    }
}

impl Pulling {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let bytes = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
        Progress { stage: self.stage, completed: bytes(self.most.min(self.total)), total: bytes(self.total) }
    }

    /// Takes one line.
    pub fn take(&mut self, line: &[u8]) -> Turn {
        let parsed: Line = match serde_json::from_slice(line) {
            Ok(parsed) => parsed,
            Err(why) => return Turn::Foreign(format!("`{}`, {why}", shown(line))),
        };
        if let Some(error) = parsed.error {
            return Turn::Failed(error.as_str().map_or_else(|| error.to_string(), str::to_owned));
        }
        let Some(status) = parsed.status else {
            return Turn::Foreign(format!("`{}`, neither a status nor an error", shown(line)));
        };
        if status == "success" {
            return Turn::Done;
        }
        let before = self.progress();
        if let Some(stage) = stage(&status, parsed.digest.is_some()) {
            self.stage = stage;
        }
        if let Some(digest) = parsed.digest {
            if digest.len() > LONGEST_DIGEST {
                return Turn::Foreign(format!("`{}`, which names no digest", shown(line)));
            }
            if self.parts.len() >= MOST_PARTS && !self.parts.contains_key(&digest) {
                return Turn::TooMany(MOST_PARTS);
            }
            self.part(digest, parsed.total, parsed.completed.unwrap_or(0));
        }
        if self.progress() == before { Turn::Same } else { Turn::Grown }
    }

    fn part(&mut self, digest: String, total: Option<u64>, completed: u64) {
        let part = self.parts.entry(digest).or_default();
        let (total_before, there_before) = *part;
        let total = total.unwrap_or(total_before);
        *part = (total, completed.min(total));
        self.total = self.total - u128::from(total_before) + u128::from(total);
        self.there = self.there - u128::from(there_before) + u128::from(part.1);
        self.most = self.most.max(self.there);
    }
}

/// A status that we do not know changes nothing.
fn stage(status: &str, part: bool) -> Option<Stage> {
    if part {
        Some(Stage::Downloading)
    } else if status.starts_with("pulling manifest") {
        Some(Stage::Resolving)
    } else if status.starts_with("verifying") {
        Some(Stage::Verifying)
    } else if status.starts_with("writing") || status.starts_with("removing") {
        Some(Stage::Writing)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(digest: &str, total: u64, completed: u64) -> Vec<u8> {
        format!(r#"{{"status":"pulling {digest}","digest":"{digest}","total":{total},"completed":{completed}}}"#).into()
    }

    #[test]
    fn a_pull_adds_up_its_parts_and_never_goes_back() {
        let mut pulling = Pulling::default();
        for (line, turn, (stage, completed, total)) in [
            (br#"{"status":"pulling manifest"}"#.to_vec(), Turn::Same, (Stage::Resolving, 0, 0)),
            (line("a", 100, 0), Turn::Grown, (Stage::Downloading, 0, 100)),
            (line("a", 100, 60), Turn::Grown, (Stage::Downloading, 60, 100)),
            (line("a", 100, 60), Turn::Same, (Stage::Downloading, 60, 100)),
            (line("a", 100, 20), Turn::Same, (Stage::Downloading, 60, 100)),
            (line("a", 100, 100), Turn::Grown, (Stage::Downloading, 100, 100)),
            (line("b", 20, 10), Turn::Grown, (Stage::Downloading, 110, 120)),
            (br#"{"status":"verifying sha256 digest"}"#.to_vec(), Turn::Grown, (Stage::Verifying, 110, 120)),
            (br#"{"status":"a new one"}"#.to_vec(), Turn::Same, (Stage::Verifying, 110, 120)),
        ] {
            assert_eq!(pulling.take(&line), turn, "{}", String::from_utf8_lossy(&line));
            assert_eq!(pulling.progress(), Progress { stage, completed, total });
        }
        assert_eq!(pulling.take(br#"{"status":"success"}"#), Turn::Done);
    }

    #[test]
    fn only_the_word_success_is_success() {
        for (line, turn) in [
            (r#"{"error":"file does not exist"}"#, Turn::Failed("file does not exist".to_owned())),
            (r#"{"error":{"code":5}}"#, Turn::Failed(r#"{"code":5}"#.to_owned())),
            (r#"{"status":"success","error":"but no"}"#, Turn::Failed("but no".to_owned())),
            (r#"{"status":"successful"}"#, Turn::Same),
        ] {
            assert_eq!(Pulling::default().take(line.as_bytes()), turn, "{line}");
        }
        for line in ["{}", "[]", "<html>", "null", "{\"status\":7}", "{\"status\":\"x\",\"total\":-1}", "\u{fffd}"] {
            assert!(matches!(Pulling::default().take(line.as_bytes()), Turn::Foreign(_)), "{line}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_the_sums_hold(lines in prop::collection::vec((0_u8..4, any::<u64>(), any::<u64>()), 0..40)) {
            let mut pulling = Pulling::default();
            let mut most = 0;
            for (digest, total, completed) in lines {
                pulling.take(&line(&digest.to_string(), total, completed));
                let progress = pulling.progress();
                prop_assert!(progress.completed <= progress.total);
                prop_assert!(pulling.most >= most);
                most = pulling.most;
            }
        }

        #[test]
        fn no_line_makes_the_reader_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pulling::default().take(&line);
        }
    }
}
