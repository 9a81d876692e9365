//! Ends of tasks that a caller tells apart.

use crate::error::PveError;

/// Why a task failed, where the reason decides what is done next. Read from PVE's words, so it is never complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskProblem {
    /// A volume of the guest allows no snapshots.
    SnapshotUnsupported,
    /// The guest has a snapshot of this name.
    SnapshotExists,
    /// The guest has no snapshot of this name.
    SnapshotMissing,
    /// A template, backup or disk is not there.
    VolumeMissing,
    /// The volume is protected from removal.
    VolumeProtected,
    /// What was downloaded is not what was meant.
    ChecksumMismatch,
    /// The URL gave nothing.
    DownloadFailed,
    /// The registry gave no image.
    ImagePullFailed,
    /// The guest runs, and must not for this.
    GuestRuns,
}

impl TaskProblem {
    /// The first that fits. A checksum may stand in the text of a download that failed, so it is asked before that.
    fn of_exit(exit: &str) -> Option<Self> {
        let has = |text: &str| exit.contains(text);
        let named = |before: &str, after: &str| has(before) && exit.trim_end().ends_with(after);
        if has("snapshot feature is not available") {
            Some(Self::SnapshotUnsupported)
        } else if named("snapshot name '", "' already used") {
            Some(Self::SnapshotExists)
        } else if named("snapshot '", "' does not exist") {
            Some(Self::SnapshotMissing)
        } else if named("volume '", "' does not exist") {
            Some(Self::VolumeMissing)
        } else if has("cannot remove protected volume") {
            Some(Self::VolumeProtected)
        } else if has("checksum mismatch") {
            Some(Self::ChecksumMismatch)
        } else if has("download failed") {
            Some(Self::DownloadFailed)
        } else if has("'skopeo ") {
            Some(Self::ImagePullFailed)
        } else if has("of a running container") {
            Some(Self::GuestRuns)
        } else {
            None
        }
    }
}

impl PveError {
    /// Why a task failed, if this is a failed task and its end is one that we know.
    #[must_use]
    pub fn task_problem(&self) -> Option<TaskProblem> {
        let Self::TaskFailed { exit, .. } = self else { return None };
        TaskProblem::of_exit(exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::upid;

    #[test]
    fn the_end_of_a_task_is_read_only_where_it_says_one_thing() {
        use TaskProblem as P;
        let table = [
            ("snapshot feature is not available", Some(P::SnapshotUnsupported)),
            ("snapshot name 'before' already used", Some(P::SnapshotExists)),
            ("snapshot 'nosuch' does not exist", Some(P::SnapshotMissing)),
            ("unable to create CT 141 - volume 'local:vztmpl/none.tar.zst' does not exist", Some(P::VolumeMissing)),
            ("cannot remove protected volume 'backup/vzdump-lxc-101.tar.zst' on 'local'", Some(P::VolumeProtected)),
            ("download failed: checksum mismatch: got 'a' != expect 'b'", Some(P::ChecksumMismatch)),
            ("download failed: Connecting to 127.0.0.1:9... failed: Connection refused.", Some(P::DownloadFailed)),
            (
                "command 'skopeo copy docker://127.0.0.1:9/library/x:1 oci-archive:/x.tar' failed: exit code 1",
                Some(P::ImagePullFailed),
            ),
            ("cannot move volumes of a running container", Some(P::GuestRuns)),
            ("bridge 'vmbr77' does not exist", None),
            ("job errors", None),
        ];
        for (exit, want) in table {
            let error = PveError::TaskFailed { upid: upid(), exit: exit.to_owned(), log_tail: vec![] };
            assert_eq!(error.task_problem(), want, "{exit}");
        }
        assert_eq!(PveError::DigestMismatch.task_problem(), None);
    }
}
