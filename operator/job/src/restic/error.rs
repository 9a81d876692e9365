//! What restic's exit codes and its words mean.

use crate::failure::Failure;
use zentoria_types::backup_job::JobError;

/// How a call of restic ended, other than well.
pub struct Ended<'a> {
    /// Its exit code; `None` when a signal ended it, or we did after a time limit.
    pub code: Option<i32>,
    /// What it said on standard error, a message a line.
    pub said: &'a [String],
    /// What people call the repository.
    pub repository: &'a str,
    /// The scratch place: when that is full, the repository is not.
    pub scratch: &'a str,
}

/// What it means. First the codes, which are a promise of restic's; then the words, which are not, in which a cause
/// hides behind code 1.
#[must_use]
pub fn cause(ended: &Ended<'_>) -> JobError {
    match ended.code {
        Some(10) => JobError::RepositoryGone,
        Some(11) => JobError::Locked,
        Some(12) => JobError::WrongPassword,
        Some(_) | None => of_words(&ended.said.join("\n"), ended.scratch),
    }
}

const FULL: &[&str] = &[
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "507 insufficient storage",
    "413 request entity too large",
    "xminiostoragefull",
    "storage backend has reached its minimum free",
    "quotaexceeded",
    "quota exceeded",
];
const DENIED: &[&str] = &[
    "401 unauthorized",
    "403 forbidden",
    "access denied",
    "accessdenied",
    "access key id you provided does not exist",
    "invalidaccesskeyid",
    "signature we calculated does not match",
    "permission denied",
    "read-only file system",
];
const GONE: &[&str] = &["specified bucket does not exist", "nosuchbucket", "repository does not exist"];
const NO_SNAPSHOT: &[&str] = &["failed to find snapshot", "no snapshot found", "not found in snapshot"];
const DAMAGED: &[&str] = &[
    "ciphertext verification failed",
    "hash mismatch",
    "repository contains errors",
    "unexpected pack id",
    "invalid data returned",
    "not found in repository",
    "not found in index",
    "no such file or directory",
    "specified key does not exist",
    "unexpected eof",
    "wrong length",
    "404 not found",
];
const UNREACHABLE: &[&str] = &[
    "connection refused",
    "connection reset",
    "no such host",
    "no route to host",
    "network is unreachable",
    "i/o timeout",
    "tls handshake timeout",
    "deadline exceeded",
    "x509:",
    "certificate",
    "server gave http response to https client",
    "500 internal server error",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway timeout",
    "server closed",
    "dial tcp",
    ": eof",
];

fn of_words(said: &str, scratch: &str) -> JobError {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(FULL) {
        // restic packs in its temporary directory, which is ours
        return if said.contains(&scratch.to_lowercase()) { JobError::Setup } else { JobError::StorageFull };
    }
    for (words, error) in [
        (GONE, JobError::RepositoryGone),
        (DENIED, JobError::RepositoryAccessDenied),
        (UNREACHABLE, JobError::RepositoryUnreachable),
        (NO_SNAPSHOT, JobError::SnapshotNotFound),
        (DAMAGED, JobError::Damaged),
    ] {
        if has(words) {
            return error;
        }
    }
    JobError::Other
}

/// The failure for people.
#[must_use]
pub fn failure(ended: &Ended<'_>) -> Failure {
    let error = cause(ended);
    let detail = detail(ended);
    let at = ended.repository;
    let message = match error {
        JobError::RepositoryUnreachable => {
            format!(
                "the repository {at} cannot be reached: {detail}. Check its address, the network and that its server runs"
            )
        }
        JobError::RepositoryGone => format!(
            "there is no repository at {at} any more ({detail}). Nothing was made in its place: bring it back, or delete the \
             BackupRepository and make a new one"
        ),
        JobError::WrongPassword => {
            format!("the password does not open the repository {at}: put the right one into its Secret")
        }
        JobError::RepositoryAccessDenied => {
            format!("the server of the repository {at} refuses the credentials or the access: {detail}")
        }
        JobError::Locked => format!("the repository {at} is locked by somebody else: {detail}"),
        JobError::StorageFull => {
            format!("the place of the repository {at} is full: {detail}. Make room there, or keep less")
        }
        JobError::Damaged => format!(
            "the repository {at} is damaged: {detail}. Stop writing to it and follow restic's guide to troubleshooting \
             (restic repair); its other snapshots may be whole"
        ),
        JobError::SnapshotNotFound => format!("the repository {at} has no such snapshot: {detail}"),
        JobError::Setup => {
            format!("the pod's own room is full: {detail}. Give it more with `job.scratch`")
        }
        JobError::RepositorySwapped
        | JobError::SourceUnreachable
        | JobError::SourceAccessDenied
        | JobError::SourceGone
        | JobError::SourceFailed
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Cancelled
        | JobError::Other => format!("restic failed on the repository {at}: {detail}"),
    };
    Failure::new(error, message)
}

/// The line that says most: the last that is not a mere consequence, without what every line has.
fn detail(ended: &Ended<'_>) -> String {
    let told = ended.said.iter().rev().find(|line| !line.contains("context canceled") && !line.starts_with("signal "));
    let Some(line) = told else {
        return match ended.code {
            Some(code) => format!("exit code {code}"),
            None => "it was ended by a signal".to_owned(),
        };
    };
    // "Load(<config/>) returned error, retrying after 1.2s: what it is about"
    let after = line.split_once("retrying after ").and_then(|(_, rest)| rest.split_once(": ")).map(|(_, why)| why);
    let mut text = after.unwrap_or(line);
    while let Some(rest) = text.strip_prefix("Fatal: ") {
        text = rest;
    }
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = flat.chars().take(400).collect();
    if cut.len() < flat.len() {
        cut.push('…');
    }
    cut
}

/// Whether what restic says while it tries again is about something that no patience mends: credentials, or a bucket that
/// does not exist. It tries for 15 minutes all the same.
#[must_use]
pub fn is_hopeless(said: &str) -> bool {
    said.contains("retrying after")
        && matches!(of_words(said, "\0"), JobError::RepositoryAccessDenied | JobError::RepositoryGone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended<'a>(code: Option<i32>, said: &'a [String]) -> Ended<'a> {
        Ended { code, said, repository: "rest:http://backup/a/", scratch: "/scratch" }
    }

    fn cause_of(code: i32, said: &str) -> JobError {
        cause(&ended(Some(code), &[said.to_owned()]))
    }

    #[test]
    fn what_restic_really_says_has_its_cause() {
        for (code, said, error) in [
            (
                10,
                "Fatal: repository does not exist: unable to open config file: stat /r/config: no such file or directory\nIs there a repository at the following location?\n/r",
                JobError::RepositoryGone,
            ),
            (
                11,
                "unable to create lock in backend: repository is already locked by PID 31161 on vm by root (UID 0, GID 0)",
                JobError::Locked,
            ),
            (12, "Fatal: wrong password or no key found", JobError::WrongPassword),
            (
                1,
                "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized",
                JobError::RepositoryAccessDenied,
            ),
            (
                1,
                "Fatal: Fatal: create repository at s3:http://s3/backups failed: client.BucketExists: The request signature we calculated does not match the signature you provided. Check your key and signing method.",
                JobError::RepositoryAccessDenied,
            ),
            (
                130,
                "Stat(<config/>) returned error, retrying after 1.3s: Stat: The specified bucket does not exist",
                JobError::RepositoryGone,
            ),
            (
                130,
                "Stat(<config/>) returned error, retrying after 988ms: Stat: Get \"http://127.0.0.1:1/backups/?location=\": dial tcp 127.0.0.1:1: connect: connection refused",
                JobError::RepositoryUnreachable,
            ),
            (
                130,
                "Stat(<config/>) returned error, retrying after 573ms: Head \"http://backup/a/config\": dial tcp: lookup backup on 10.0.0.53:53: no such host",
                JobError::RepositoryUnreachable,
            ),
            (
                1,
                "Fatal: unable to save snapshot: Write: write /scratch/tmp/restic-temp-pack-1: no space left on device",
                JobError::Setup,
            ),
            (
                1,
                "Fatal: unable to save snapshot: Save(<data/1>): write /repository/data/1: no space left on device",
                JobError::StorageFull,
            ),
            (
                1,
                "pack 832e contains 2 errors: [blob ec30: decrypting blob <data/ec30> from pack 832e failed: ciphertext verification failed unexpected pack id b1a3]",
                JobError::Damaged,
            ),
            (
                1,
                "Fatal: failed to find snapshot: no matching ID found for prefix \"deadbeef\"",
                JobError::SnapshotNotFound,
            ),
            (1, "Fatal: something new", JobError::Other),
        ] {
            assert_eq!(cause_of(code, said), error, "{said}");
        }
    }

    #[test]
    fn the_message_tells_the_reason_and_not_its_wrapping() {
        let said = [
            "Stat(<config/>) returned error, retrying after 1.7s: Stat: connect: connection refused".to_owned(),
            "signal terminated received, cleaning up ".to_owned(),
            "Fatal: unable to open config file: context canceled\nrest:http://backup/a/".to_owned(),
        ];
        assert_eq!(
            failure(&ended(None, &said)).message,
            "the repository rest:http://backup/a/ cannot be reached: Stat: connect: connection refused. Check its address, \
             the network and that its server runs"
        );
        assert!(failure(&ended(Some(12), &[])).message.contains("Secret"));
    }

    #[test]
    fn only_what_patience_does_not_mend_is_hopeless() {
        assert!(is_hopeless("Stat(<config/>) returned error, retrying after 1s: Stat: Access Denied."));
        assert!(!is_hopeless("Stat(<config/>) returned error, retrying after 1s: Stat: connection refused"));
        assert!(!is_hopeless("Fatal: Access Denied."));
    }
}
