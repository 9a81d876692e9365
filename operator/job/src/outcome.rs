//! What a run leaves behind: the termination message of its container.

use crate::failure::Failure;
use std::io::Write;
use std::path::Path;
use zentoria_types::backup_job::Outcome;

/// What Kubernetes keeps of a termination message.
pub const MOST: usize = 4096;

/// The outcome with the failure in it.
pub fn put_failure(outcome: &mut Outcome, failure: Failure) {
    let Failure { error, message, locks } = failure;
    outcome.error = Some(error);
    outcome.message = Some(message);
    outcome.locks.extend(locks);
}

/// As JSON of at most [`MOST`] bytes: what can be had otherwise goes first, the error last.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let mut outcome = outcome.clone();
    loop {
        let text = serde_json::to_string(&outcome).unwrap_or_default();
        if text.len() <= MOST || !shorten(&mut outcome, text.len() - MOST) {
            return text;
        }
    }
}

/// Takes something away; false: there is nothing more to take.
fn shorten(outcome: &mut Outcome, excess: usize) -> bool {
    if outcome.newest.pop_last().is_some() {
        return true;
    }
    if outcome.warnings.len() > 1 || outcome.warnings.first().is_some_and(|warning| cut_is_of_no_use(warning)) {
        outcome.warnings.pop();
        return true;
    }
    if outcome.locks.len() > 4 {
        outcome.locks.pop();
        return true;
    }
    if let Some(warning) = outcome.warnings.first_mut() {
        *warning = cut(warning, excess);
        return true;
    }
    match &mut outcome.message {
        Some(message) if !cut_is_of_no_use(message) => {
            *message = cut(message, excess);
            true
        }
        Some(_) | None => false,
    }
}

fn cut_is_of_no_use(text: &str) -> bool {
    text.len() < 64
}

/// Shorter by at least `excess` bytes, as far as something is left.
fn cut(text: &str, excess: usize) -> String {
    let wish = text.len().saturating_sub(excess + '…'.len_utf8()).max(32);
    let end = (0..=wish).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Writes it where Kubernetes reads it, and to standard output for who reads the log.
///
/// # Errors
/// When the file cannot be written.
pub fn write(outcome: &Outcome, path: &Path) -> std::io::Result<()> {
    let text = text(outcome);
    println!("{text}");
    // not renamed into place: it is a file that the kubelet mounted
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zentoria_types::backup_job::{JobError, Lock, Snapshot};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever it holds, it fits, it can be read, and the error is in it.
        #[test]
        fn every_outcome_fits(
            message in "\\PC{0,6000}",
            warnings in proptest::collection::vec("\\PC{0,500}", 0..20),
            locks in 0usize..60,
            newest in 0usize..60,
        ) {
            let lock = Lock { host: "backup-db-hourly-29012345-abcde".to_owned(), since: 1_767_323_045, exclusive: true };
            let outcome = Outcome {
                error: Some(JobError::Locked),
                message: Some(message),
                warnings,
                locks: vec![lock; locks],
                newest: (0..newest).map(|n| (format!("policy-{n}/daily"), Snapshot::default())).collect(),
                ..Outcome::default()
            };
            let text = text(&outcome);
            prop_assert!(text.len() <= MOST, "{} bytes", text.len());
            let read: Outcome = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.error, Some(JobError::Locked));
        }
    }

    #[test]
    fn what_fits_is_not_touched() {
        let outcome = Outcome { warnings: vec!["a".to_owned(), "b".to_owned()], ..Outcome::default() };
        assert_eq!(serde_json::from_str::<Outcome>(&text(&outcome)).unwrap(), outcome);
    }
}
