//! `version`.

use crate::Answer;

/// The version of this program.
#[must_use]
pub fn run() -> Answer {
    let revision = option_env!("ZENTORIA_REVISION").map(|revision| format!(" ({revision})")).unwrap_or_default();
    Answer::done(format!("kubectl-zentoria {}{revision}\n", env!("CARGO_PKG_VERSION")))
}
