//! `completion`.

use crate::Answer;
use crate::options::{Cli, Completion};
use clap::CommandFactory;

/// The completions of this program for a shell. kubectl asks a program `kubectl_complete-zentoria` for those of a plugin;
/// what is printed here completes `kubectl-zentoria`.
#[must_use]
pub fn run(what: &Completion) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(
        what.shell,
        &mut Cli::command().bin_name("kubectl-zentoria"),
        "kubectl-zentoria",
        &mut script,
    );
    Answer::done(String::from_utf8_lossy(&script))
}
