//! Whether a failed call is worth another look, as one exhaustive table.

use crate::error::PveError;

/// When to look again after a failure. Looking again means: observe first, then decide anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It passes by itself, usually within seconds.
    Soon,
    /// It may pass by itself; nobody knows when.
    Slowly,
    /// A person or another observation has to change something first.
    No,
}

/// Texts of task exits that pass by themselves.
const PASSING: &[&str] = &[
    "can't lock file",
    "got timeout",
    "got lock request timeout",
    "can't acquire lock",
    "is locked (",
    "unexpected status",
    "interrupted by signal",
    "received interrupt",
    "no quorum",
    "Connection refused",
    "timed out",
];

/// Texts of task exits that stay until somebody changes something.
const LASTING: &[&str] = &[
    "does not exist",
    "already exists",
    "already used",
    "it's a template",
    "is not available",
    "not supported",
    "unsupported",
    "wrong content type",
    "too large for file format",
    "checksum mismatch",
    "cannot remove protected volume",
    "volumes of a running container",
];

impl PveError {
    /// When to look again after this failure.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transport { .. }
            | Self::Timeout { .. }
            | Self::NodeUnreachable { .. }
            | Self::Busy { .. }
            | Self::Locked { .. }
            | Self::DigestMismatch
            | Self::NoQuorum { .. } => Retry::Soon,
            Self::Payload { .. } | Self::Unexpected { .. } => Retry::Slowly,
            Self::TaskFailed { exit, .. } => retry_of_exit(exit),
            Self::Unauthenticated { .. }
            | Self::RootRefused { .. }
            | Self::Forbidden { .. }
            | Self::Absent { .. }
            | Self::Exists { .. }
            | Self::WrongState { .. }
            | Self::Rejected { .. }
            | Self::Certificate { .. }
            | Self::NotMapped { .. }
            | Self::Fenced { .. } => Retry::No,
        }
    }

    /// Whether this failure may pass by itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.retry() {
            Retry::Soon | Retry::Slowly => true,
            Retry::No => false,
        }
    }
}

fn retry_of_exit(exit: &str) -> Retry {
    if PASSING.iter().any(|text| exit.contains(text)) {
        Retry::Soon
    } else if LASTING.iter().any(|text| exit.contains(text)) {
        Retry::No
    } else {
        Retry::Slowly
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::{one_of_each, upid};

    #[test]
    fn every_kind_of_error_has_its_row_in_the_retry_table() {
        let table: Vec<(&str, Retry)> = one_of_each().iter().map(|e| (e.kind(), e.retry())).collect();
        assert_eq!(
            table,
            [
                ("transport", Retry::Soon),
                ("timeout", Retry::Soon),
                ("node_unreachable", Retry::Soon),
                ("busy", Retry::Soon),
                ("unauthenticated", Retry::No),
                ("root_refused", Retry::No),
                ("forbidden", Retry::No),
                ("absent", Retry::No),
                ("exists", Retry::No),
                ("locked", Retry::Soon),
                ("digest_mismatch", Retry::Soon),
                ("wrong_state", Retry::No),
                ("no_quorum", Retry::Soon),
                ("rejected", Retry::No),
                ("task_failed", Retry::Slowly),
                ("payload", Retry::Slowly),
                ("certificate", Retry::No),
                ("not_mapped", Retry::No),
                ("fenced", Retry::No),
                ("unexpected", Retry::Slowly),
            ]
        );
    }

    #[test]
    fn the_exit_of_a_task_decides_whether_it_is_tried_again() {
        let table = [
            ("can't lock file '/run/lock/lxc/pve-config-133.lock' - got timeout", Retry::Soon),
            ("CT is locked (backup)", Retry::Soon),
            ("unexpected status", Retry::Soon),
            ("unable to create CT 141 - volume 'local:vztmpl/none.tar.zst' does not exist", Retry::No),
            ("bridge 'vmbr77' does not exist", Retry::No),
            ("you can't start a CT if it's a template", Retry::No),
            ("snapshot feature is not available", Retry::No),
            ("cannot remove protected volume 'backup/x.tar.zst' on 'local'", Retry::No),
            ("container did not stop", Retry::Slowly),
            ("command 'mount' failed: exit code 32", Retry::Slowly),
        ];
        for (exit, want) in table {
            let error = PveError::TaskFailed { upid: upid(), exit: exit.to_owned(), log_tail: vec![] };
            assert_eq!(error.retry(), want, "{exit}");
            assert_eq!(error.is_retryable(), want != Retry::No);
        }
    }
}
